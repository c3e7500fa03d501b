package delivery_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
)

// calls are the methods that were called, with what they brought or changed.
func (h *house) calls() []string {
	var calls []string
	for _, r := range h.bot.asked() {
		call := r.method
		if r.MessageID != 0 {
			call += fmt.Sprintf(" %d", r.MessageID)
		}
		if len(r.media) > 0 {
			call += " " + strings.Join(r.media, " ")
		}
		if text := r.Text + r.Caption; text != "" {
			call += fmt.Sprintf(": %.120s", text)
		}
		calls = append(calls, call)
	}
	return calls
}

func pictures(addresses ...string) []relay.Media {
	var all []relay.Media
	for _, a := range addresses {
		all = append(all, relay.Media{Kind: relay.Photo, URL: a, Illustration: true})
	}
	return all
}

const (
	outside = "https://example.org/a.png"
	inside  = "http://127.0.0.1/b.png" // neither Telegram nor, as these tests are set, we may have it
)

func TestAlbums(t *testing.T) {
	const noRight = "Bad Request: not enough rights to send photos to the chat"
	for name, row := range map[string]struct {
		album   []relay.Media
		refusal string // of the first album
		want    []string
	}{
		"all":          {pictures(outside, outside), "", []string{"sendMediaGroup " + outside + " " + outside + ": two"}},
		"at most ten":  {pictures(slices.Repeat([]string{outside}, 11)...), "", []string{"sendMediaGroup" + strings.Repeat(" "+outside, 10) + ": two"}},
		"one is left":  {pictures(outside, inside), "", []string{"sendPhoto " + outside + ": two\n" + inside}},
		"none is left": {pictures(inside, inside+"?2"), "", []string{"sendMessage: two\n" + inside + "\n" + inside + "?2"}},
		"no right":     {pictures(outside, outside), noRight, []string{"sendMediaGroup " + outside + " " + outside + ": two", "sendMessage: two\n" + outside}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t)
			h.bot.other = func(request) (status, string) {
				if row.refusal == "" {
					return 0, ""
				}
				return refusal(400, row.refusal)
			}
			j := h.outbox.add(5, "two", func(j *relay.Job) {
				j.Content.Album, j.Key, j.OnUpdate, j.Live = row.album, "k", relay.Reply, []int64{7}
			})
			h.run(t)
			after(time.Minute)
			if d := cmp.Diff(row.want, h.calls()); d != "" || j.State != relay.Sent {
				t.Errorf("%s: %s %s", name, j.State, d)
			}
			if r := h.bot.asked()[0]; r.ReplyTo == nil || r.ReplyTo.MessageID != 7 {
				t.Errorf("%s: answers %+v", name, r.ReplyTo)
			}
			if o := h.outbox.finished[len(h.outbox.finished)-1]; !slices.Equal(o.Live, []int64{7}) || len(o.TelegramMessageIDs) != max(1, len(h.bot.sent[0].media)) {
				t.Errorf("%s: %+v", name, o)
			}
		})
	}
}

// An album that answers nothing does not become what later updates change.
func TestAlbumIsNoLiveMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.outbox.add(5, "two", func(j *relay.Job) { j.Content.Album, j.Key, j.OnUpdate = pictures(outside, outside), "k", relay.Reply })
		h.outbox.add(5, "update", func(j *relay.Job) { j.Key, j.OnUpdate = "k", relay.Edit })
		h.run(t)
		after(time.Minute)
		if d := cmp.Diff([]string{"sendMediaGroup " + outside + " " + outside + ": two", "sendMessage: update"}, h.calls()); d != "" {
			t.Error(d)
		}
	})
}

func TestAlbumIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		j := h.outbox.add(5, "three", func(j *relay.Job) {
			j.Content.Album, j.TelegramMessageIDs = pictures(outside, outside, outside), []int64{1, 2, 3} // the crash came before it was noted as sent
		})
		h.run(t)
		after(time.Minute)
		if j.State != relay.Sent || len(h.bot.asked()) != 0 || len(j.TelegramMessageIDs) != 3 {
			t.Errorf("%+v after %v", j.Delivery, h.calls())
		}
	})
}

func TestAlbumCountsTowardsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.outbox.add(5, "three", func(j *relay.Job) { j.Content.Album = pictures(outside, outside, outside) })
		h.outbox.add(5, "after")
		h.run(t)
		after(time.Minute)
		if gap := h.bot.sent[1].at.Sub(h.bot.sent[0].at); gap != 3*time.Second {
			t.Errorf("the next message came after %s", gap)
		}
	})
}

// A live message with a file is changed as what it is.
func TestCaptionsAreEdited(t *testing.T) {
	const (
		noCaption = "Bad Request: there is no caption in the message to edit"
		noText    = "Bad Request: there is no text in the message to edit"
		gone      = "Bad Request: message to edit not found"
	)
	buttons := json.RawMessage(`{"inline_keyboard":[[{"text":"x","callback_data":"y"}]]}`)
	long := strings.TrimSpace(strings.Repeat("word ", 300))
	illustrated := func(j *relay.Job) { j.Content.Media = &pictures(outside)[0] }
	another := func(j *relay.Job) { j.Content.Media = &relay.Media{Kind: relay.Photo, URL: outside} }
	for name, row := range map[string]struct {
		text     string
		edit     func(*relay.Job)
		refusals map[string]string // by method
		want     []string
	}{
		"a caption":               {"new", illustrated, nil, []string{"editMessageCaption 7: new"}},
		"a text after all":        {"new", illustrated, map[string]string{"editMessageCaption": noCaption}, []string{"editMessageCaption 7: new", "editMessageText 7: new\n" + outside}},
		"a text with the address": {"new " + outside, illustrated, map[string]string{"editMessageCaption": noCaption}, []string{"editMessageCaption 7: new " + outside, "editMessageText 7: new " + outside}},
		"gone":                    {"new", illustrated, map[string]string{"editMessageCaption": gone}, []string{"editMessageCaption 7: new", "sendPhoto " + outside + ": new", "deleteMessage 7"}},
		"outgrown":                {long, illustrated, nil, []string{"editMessageCaption 7: " + long[:120], "sendMessage: " + long[:120]}},
		"another file":            {"new", another, nil, []string{"editMessageMedia 7"}},
		"a file not spoken of":    {"new", nil, map[string]string{"editMessageText": noText}, []string{"editMessageText 7: new", "editMessageCaption 7: new"}},
		"no room in a caption":    {long, nil, map[string]string{"editMessageText": noText}, []string{"editMessageText 7: " + long[:120], "sendMessage: " + long[:120], "deleteMessage 7"}},
		"neither":                 {"new", nil, map[string]string{"editMessageText": noText, "editMessageCaption": noCaption}, []string{"editMessageText 7: new", "editMessageCaption 7: new", "sendMessage: new", "deleteMessage 7"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := open(t)
			h.bot.other = func(r request) (status, string) {
				if text := row.refusals[r.method]; text != "" {
					return refusal(400, text)
				}
				return 0, ""
			}
			j := h.outbox.add(5, row.text, func(j *relay.Job) {
				j.Content.ReplyMarkup, j.Key, j.OnUpdate, j.Live = buttons, "k", relay.Edit, []int64{7}
				if row.edit != nil {
					row.edit(j)
				}
			})
			h.run(t)
			after(time.Minute)
			if d := cmp.Diff(row.want, h.calls()); d != "" || j.State != relay.Sent {
				t.Errorf("%s: %+v %s", name, j.Delivery, d)
			}
			asked := slices.DeleteFunc(h.bot.asked(), func(r request) bool { return r.method == "deleteMessage" })
			if last := asked[len(asked)-1]; string(last.ReplyMarkup) != string(buttons) {
				t.Errorf("%s: the buttons are %s", name, last.ReplyMarkup)
			}
		})
	}
}

// A restart between the parts after an album sends none of them again.
func TestPartsAfterAnAlbum(t *testing.T) {
	text := strings.Repeat("long ", 2000)
	calls := func(arrived ...int64) (n int) {
		synctest.Test(t, func(t *testing.T) {
			h := open(t)
			j := h.outbox.add(5, text, func(j *relay.Job) {
				j.Content.Album, j.TelegramMessageIDs = pictures(outside, outside, outside), arrived
			})
			h.run(t)
			after(time.Minute)
			if j.State != relay.Sent {
				t.Errorf("%+v", j.Delivery)
			}
			n = len(h.bot.asked())
		})
		return n
	}
	all := calls()
	for left := 1; left < all; left++ {
		arrived := []int64{1, 2, 3, 4, 5, 6, 7}[:3+all-1-left]
		if n := calls(arrived...); n != left {
			t.Errorf("with %d of its %d requests left there were %d", left, all, n)
		}
	}
}
