package telegram_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

type offsets struct {
	mu     sync.Mutex
	value  int64
	errors int // how many writes are still to fail
}

func (o *offsets) Offset(context.Context, string) (int64, error) { return o.value, nil }

func (o *offsets) SetOffset(_ context.Context, _ string, offset int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.errors > 0 {
		o.errors--
		return errors.New("disk full")
	}
	o.value = offset
	return nil
}

// poll runs a poller for a while of virtual time and returns what it logged.
func poll(t *testing.T, api *botAPI, kept *offsets, handle func(context.Context, telegram.Update) error, while time.Duration) string {
	t.Helper()
	c, log, _ := newClient(t, "http://telegram.test", api)
	logger, b := newLog()
	p := telegram.Poller{Client: c, Updates: kept, Handle: handle, Log: logger}
	ctx, cancel := context.WithTimeout(t.Context(), while)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	synctest.Wait()
	return log.String() + b.String()
}

const noWebhook = `{"ok":true,"result":{"url":""}}`

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &botAPI{on: map[string]func(map[string]any) string{
			"getWebhookInfo": answers(`{"ok":true,"result":{"url":"https://old.example"}}`),
			"getUpdates": answers(`{"ok":true,"result":[
				{"update_id":10,"message":{"message_id":1,"chat":{"id":5,"type":"private"},"text":"one"}},
				{"update_id":11,"message":"odd"},
				{"update_id":12,"something_new":{}},
				{"update_id":14,"message":{"message_id":2,"chat":{"id":5,"type":"private"},"text":"panic"}},
				{"update_id":15,"message":{"message_id":3,"chat":{"id":5,"type":"private"},"text":"two"}}]}`, "wait"),
		}}
		kept := &offsets{value: 9, errors: 2}
		failures := 2
		var mu sync.Mutex
		var got, others []string
		log := poll(t, api, kept, func(_ context.Context, u telegram.Update) error {
			mu.Lock()
			defer mu.Unlock()
			if u.Message == nil {
				others = append(others, u.Kind())
				return nil
			}
			if u.Message.Text == "panic" {
				panic("oh no")
			}
			if failures > 0 {
				failures--
				return errors.New("not now")
			}
			got = append(got, u.Message.Text)
			return nil
		}, time.Minute)
		if d := cmp.Diff([]string{"one", "two"}, got); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"other"}, others); d != "" {
			t.Error(d)
		}
		if kept.value != 16 {
			t.Errorf("offset %d", kept.value)
		}
		polls := api.of("getUpdates")
		if polls[0].params["offset"] != 9. || polls[1].params["offset"] != 16. || polls[0].params["timeout"] != 50. {
			t.Errorf("asked %v", polls)
		}
		if len(api.of("deleteWebhook")) != 1 {
			t.Errorf("called %s", api.made())
		}
		for _, part := range []string{"oh no", "update_id=14", "update_id=11", "not now", "disk full", "can handle an update again"} {
			if !strings.Contains(log, part) {
				t.Errorf("the log lacks %q:\n%s", part, log)
			}
		}
	})
}

func TestPollWaitsOutAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &botAPI{on: map[string]func(map[string]any) string{
			"getWebhookInfo": answers("", "", noWebhook),
			"getUpdates":     answers("", "", "", "", "", "", "", "", `{"ok":true,"result":[]}`, `{"ok":true,"result":[{"update_id":3}]}`, "wait"),
		}}
		kept := &offsets{}
		log := poll(t, api, kept, func(context.Context, telegram.Update) error { return nil }, 5*time.Minute)
		if kept.value != 4 {
			t.Errorf("offset %d after the outage", kept.value)
		}
		if n := strings.Count(log, "cannot get updates"); n != 1 {
			t.Errorf("the outage was logged %d times:\n%s", n, log)
		}
		polls := api.of("getUpdates")
		if first, after, then := polls[0].params["timeout"], polls[8].params["timeout"], polls[9].params["timeout"]; first != 50. || after != nil && after != 0. || then != 50. {
			t.Errorf("asked for updates within %v s, %v while it did not work, and %v when it did", first, after, then)
		}
		for i, c := range polls[1:9] {
			want := min(time.Second<<i, 10*time.Second)
			if wait := c.at.Sub(polls[i].at); wait > want || wait < want*4/5 {
				t.Errorf("wait %d: %s, want up to %s", i, wait, want)
			}
		}
	})
}

func TestPollConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &botAPI{on: map[string]func(map[string]any) string{
			"getWebhookInfo": answers(noWebhook, `{"ok":true,"result":{"url":"https://other.example"}}`, noWebhook),
			"getUpdates":     answers(`{"ok":false,"error_code":409,"description":"Conflict: can't use getUpdates method while webhook is active"}`, "wait"),
		}}
		log := poll(t, api, &offsets{}, func(context.Context, telegram.Update) error { return nil }, 30*time.Second)
		if got := api.made(); got != "getWebhookInfo getUpdates getWebhookInfo deleteWebhook getUpdates" {
			t.Errorf("called %s", got)
		}
		if !strings.Contains(log, "another program uses this bot's token") {
			t.Error(log)
		}
	})
}

// A chat whose update cannot be handled now holds up no other chat of the same answer, and nothing of the answer is confirmed.
func TestPollHandlesChatsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		update := func(id, chat int) string {
			return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"chat":{"id":%d,"type":"private"},"text":"x"}}`, id, id, chat)
		}
		var all []string
		for i := range 100 {
			all = append(all, update(10+i, i%50))
		}
		api := &botAPI{on: map[string]func(map[string]any) string{
			"getWebhookInfo": answers(noWebhook),
			"getUpdates":     answers(`{"ok":true,"result":[`+strings.Join(all, ",")+`]}`, "wait"),
		}}
		kept := &offsets{value: 10}
		var mu sync.Mutex
		last, handled := map[int64]int64{}, 0
		poll(t, api, kept, func(_ context.Context, u telegram.Update) error {
			mu.Lock()
			defer mu.Unlock()
			chat := u.Message.Chat.ID
			if chat == 7 {
				return errors.New("not now")
			}
			if u.UpdateID < last[chat] {
				t.Errorf("in chat %d update %d comes after %d", chat, u.UpdateID, last[chat])
			}
			last[chat] = u.UpdateID
			handled++
			return nil
		}, time.Minute)
		if handled != 98 || kept.value != 10 {
			t.Errorf("%d handled, offset %d", handled, kept.value)
		}
	})
}

// At the end an update that is being handled is finished, and the offset stored if there was no other; the next one is left to the next run. What takes
// too long is broken off.
func TestPollFinishesWhatIsUnderWay(t *testing.T) {
	for name, test := range map[string]struct {
		updates string
		takes   time.Duration
		offset  int64
		handled []int64
	}{
		"the only one": {`{"update_id":10,"message":{"message_id":1,"chat":{"id":5,"type":"private"},"text":"one"}}`, 3 * time.Second, 11, []int64{10}},
		"the first of two": {`{"update_id":10,"message":{"message_id":1,"chat":{"id":5,"type":"private"},"text":"one"}},
			{"update_id":11,"message":{"message_id":2,"chat":{"id":5,"type":"private"},"text":"two"}}`, 3 * time.Second, 9, []int64{10}},
		"one that takes long": {`{"update_id":10,"message":{"message_id":1,"chat":{"id":5,"type":"private"},"text":"one"}}`, time.Minute, 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &botAPI{on: map[string]func(map[string]any) string{
					"getWebhookInfo": answers(noWebhook), "getUpdates": answers(`{"ok":true,"result":[`+test.updates+`]}`, "wait"),
				}}
				kept := &offsets{value: 9}
				var handled []int64
				began := time.Now()
				poll(t, api, kept, func(ctx context.Context, u telegram.Update) error {
					select {
					case <-time.After(test.takes):
						handled = append(handled, u.UpdateID)
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}, time.Second)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %s to end", took)
				}
				if kept.value != test.offset || !slices.Equal(handled, test.handled) {
					t.Errorf("handled were %v, and the offset is %d; want %v and %d", handled, kept.value, test.handled, test.offset)
				}
			})
		})
	}
}
