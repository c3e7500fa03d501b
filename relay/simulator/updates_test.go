package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

type update struct {
	ID      int64 `json:"update_id"`
	Message *struct {
		Text string
		Chat struct{ ID int64 }
	}
	MyChatMember *struct {
		New struct{ Status string } `json:"new_chat_member"`
	} `json:"my_chat_member"`
	CallbackQuery *struct{ ID, Data string } `json:"callback_query"`
}

func (b *bot) updates(arguments object) []update {
	b.t.Helper()
	var updates []update
	b.ok("getUpdates", arguments, &updates)
	return updates
}

func write(t testing.TB, u *simulator.User, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := u.Write(u.ID, text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOffsets(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.sim.User("Ada")
	write(t, ada, "1", "2", "3", "4")
	all := b.updates(nil)
	if len(all) != 4 || all[0].Message.Text != "1" || all[3].ID != all[0].ID+3 || all[0].ID < 2_000_001 {
		t.Fatalf("%+v", all)
	}
	if got := b.updates(object{"limit": 2}); len(got) != 2 {
		t.Errorf("limit: %d", len(got))
	}
	if got := b.updates(object{"limit": -5}); len(got) != 1 {
		t.Errorf("a limit below its range: %d", len(got))
	}
	if got := b.updates(object{"offset": all[3].ID + 1000}); len(got) != 4 {
		t.Errorf("an offset far ahead: %d", len(got))
	}
	if got := b.updates(object{"offset": all[1].ID}); len(got) != 3 || got[0].ID != all[1].ID {
		t.Errorf("confirming the first: %+v", got)
	}
	if got := b.updates(nil); len(got) != 3 {
		t.Errorf("confirmed updates came again: %d", len(got))
	}
	if got := b.updates(object{"offset": -1}); len(got) != 1 || got[0].ID != all[3].ID {
		t.Errorf("only the last: %+v", got)
	}
	if got := b.updates(object{"offset": all[3].ID + 1}); len(got) != 0 {
		t.Errorf("all confirmed: %+v", got)
	}
}

// remote calls over the in-memory transport, as a client in a bubble does.
func remote(ctx context.Context, sim *simulator.Server, method, query string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://telegram/bot"+sim.Token()+"/"+method+"?"+query, nil)
	if err != nil {
		return answer{}, err
	}
	response, err := sim.Transport().RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	var a answer
	a.status, a.header = response.StatusCode, response.Header
	return a, json.NewDecoder(response.Body).Decode(&a)
}

func TestPollsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, simulator.Options{})
		ada := b.sim.User("Ada")
		start := time.Now()
		if a, err := remote(t.Context(), b.sim, "getUpdates", "timeout=3600"); err != nil || string(a.Result) != "[]" || time.Since(start) != 50*time.Second {
			t.Errorf("an empty poll: %s, %v after %s; want [] after 50 s", a.Result, err, time.Since(start))
		}
		answers := make(chan answer, 2)
		poll := func() {
			a, err := remote(t.Context(), b.sim, "getUpdates", "timeout=30")
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}
		go poll()
		synctest.Wait()
		go poll()
		if a := <-answers; a.ErrorCode != 409 || !strings.Contains(a.Description, "terminated by other getUpdates request") {
			t.Errorf("the older of two: %+v", a)
		}
		time.Sleep(time.Second)
		write(t, ada, "wake up")
		if a := <-answers; !strings.Contains(string(a.Result), "wake up") {
			t.Errorf("the newer: %+v", a)
		}
		b.updates(object{"offset": -1})
		last := b.updates(nil)[0].ID
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := remote(ctx, b.sim, "getUpdates", fmt.Sprintf("timeout=30&offset=%d", last+1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a poll that its caller gives up: %v", err)
		}
	})
}

func TestUpdatesGrowOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, simulator.Options{})
		ada := b.ada()
		var m struct {
			ID int64 `json:"message_id"`
		}
		b.ok("sendMessage", object{"chat_id": ada.ID, "text": "x", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Go", "callback_data": "go"}}}}}, &m)
		if _, err := ada.Press(ada.ID, m.ID, "Go"); err != nil {
			t.Fatal(err)
		}
		if got := b.updates(nil); len(got) != 2 || got[1].CallbackQuery.Data != "go" {
			t.Fatalf("%+v", got)
		}
		time.Sleep(151 * time.Second)
		if got := b.updates(nil); len(got) != 1 {
			t.Errorf("after 151 s: %+v", got)
		}
		time.Sleep(24 * time.Hour)
		if got := b.updates(nil); len(got) != 0 {
			t.Errorf("after a day: %+v", got)
		}
	})
}

func TestAllowedUpdatesAreRemembered(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	b.updates(object{"allowed_updates": []string{"my_chat_member"}, "offset": -1})
	before := len(b.updates(nil))
	write(t, ada, "not wanted")
	ada.Block()
	got := b.updates(nil)
	if len(got) != before+1 || got[before].MyChatMember == nil || got[before].MyChatMember.New.Status != "kicked" {
		t.Errorf("%+v", got)
	}
	b.updates(object{"allowed_updates": []string{}})
	ada.Unblock()
	write(t, ada, "wanted again")
	if got := b.updates(nil); got[len(got)-1].Message == nil {
		t.Errorf("an empty list is the default set: %+v", got)
	}
}

// hook takes webhook requests and answers them as told.
type hook struct {
	mu     sync.Mutex
	status func(text string) (int, string) // status, Retry-After
	got    []string
	at     []time.Time
	secret []string
}

func (h *hook) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	var u update
	if err := json.Unmarshal(body, &u); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got, h.at = append(h.got, u.Message.Text), append(h.at, time.Now())
	h.secret = append(h.secret, r.Header.Get("X-Telegram-Bot-Api-Secret-Token"))
	w := httptest.NewRecorder()
	status, retry := h.status(u.Message.Text)
	if retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	w.WriteHeader(status)
	return w.Result(), nil
}

func (h *hook) texts() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.got, " ")
}

func TestWebhookOrderAndRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 3
		h := &hook{status: func(text string) (int, string) {
			if text == "a1" && failures > 0 {
				failures--
				return http.StatusInternalServerError, ""
			}
			if text == "a2" && failures == 0 {
				failures--
				return http.StatusServiceUnavailable, "7"
			}
			return http.StatusOK, ""
		}}
		b := newBot(t, simulator.Options{Transport: h})
		b.ok("setWebhook", object{"url": "http://relay/telegram", "secret_token": "s3cret"}, nil)
		start := time.Now()
		write(t, b.sim.User("Ada"), "a1", "a2")
		write(t, b.sim.User("Bob"), "b1")
		synctest.Wait()
		time.Sleep(time.Second)
		if got := h.texts(); strings.Contains(got, "a2") || !strings.Contains(got, "b1") {
			t.Errorf("at first: %s; Ada's second waits for her first, Bob's does not", got)
		}
		time.Sleep(time.Minute)
		var ada []string
		h.mu.Lock()
		for i, text := range h.got {
			if text != "b1" {
				ada = append(ada, fmt.Sprintf("%s@%.0f", text, h.at[i].Sub(start).Seconds()))
			}
			if h.secret[i] != "s3cret" {
				t.Errorf("secret %q", h.secret[i])
			}
		}
		h.mu.Unlock()
		if got := strings.Join(ada, " "); got != "a1@0 a1@0 a1@2 a1@6 a2@6 a2@13" {
			t.Errorf("Ada's: %s", got)
		}
		var info struct {
			URL     string
			Pending int    `json:"pending_update_count"`
			Error   string `json:"last_error_message"`
		}
		b.ok("getWebhookInfo", nil, &info)
		if info.URL != "http://relay/telegram" || info.Pending != 0 || info.Error != "Wrong response from the webhook: 503 Service Unavailable" {
			t.Errorf("%+v", info)
		}
		b.ok("deleteWebhook", nil, nil)
	})
}

func TestSetWebhookRefusals(t *testing.T) {
	b := newBot(t, simulator.Options{Strict: true})
	for _, c := range []struct {
		arguments   object
		description string
	}{
		{object{"url": "relay"}, "Bad Request: invalid webhook URL specified"},
		{object{"url": "http://relay.example.org/x"}, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"},
		{object{"url": "https://relay.example.org:9786/x"}, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"},
		{object{"url": "https://relay.example.org/x", "secret_token": "a b"}, "Bad Request: secret token contains unallowed characters"},
		{object{"url": "https://relay.example.org/x", "secret_token": strings.Repeat("a", 257)}, "Bad Request: secret token is too long"},
		{object{"url": "https://relay.example.org/x"}, "Webhook was set"},
		{object{"url": "https://relay.example.org/x"}, "Webhook is already set"},
	} {
		if a := b.call("setWebhook", c.arguments); a.Description != c.description {
			t.Errorf("%v: %q, want %q", c.arguments, a.Description, c.description)
		}
	}
	if a := b.call("getUpdates", nil); a.ErrorCode != 409 || !strings.Contains(a.Description, "while webhook is active") {
		t.Errorf("getUpdates with a webhook: %+v", a)
	}
	for _, want := range []string{"Webhook was deleted", "Webhook is already deleted"} {
		if a := b.call("deleteWebhook", nil); a.Description != want {
			t.Errorf("%q, want %q", a.Description, want)
		}
	}
}
