package simulator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply is a webhook's answer.
func reply(status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)),
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// A call in the answer to an update is carried out, but for those whose result matters.
func TestCallsInTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const message = `"chat_id":1001,"text":"by JSON"`
		answers := []*http.Response{
			reply(200, "application/json", `{"method":"sendMessage",`+message+`}`),
			reply(201, "application/x-www-form-urlencoded", "method=SENDmessage&chat_id=1001&text=by+form"),
			reply(500, "application/json", `{"method":"sendMessage",`+message+`}`),
			reply(200, "application/json", `{"method":"deleteWebhook"}`),
			reply(200, "application/json", `{"method":"getMe"}`),
			reply(200, "text/html", `<html>`),
		}
		b := newBot(t, simulator.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			next := answers[0]
			answers = answers[1:]
			return next, nil
		})})
		b.ok("setWebhook", object{"url": "http://relay/"}, nil)
		ada := b.sim.User("Ada")
		write(t, ada, "1", "2", "3", "4", "5")
		time.Sleep(time.Minute)
		got := simulator.FromBot(b.sim.Messages(ada.ID))
		if len(got) != 2 || got[0].Text != "by JSON" || got[1].Text != "by form" || len(answers) != 0 {
			t.Errorf("%+v; %d answers left", got, len(answers))
		}
		var methods []string
		for _, c := range b.sim.Calls() {
			methods = append(methods, c.Method)
		}
		if got := strings.Join(methods, " "); got != "setwebhook sendmessage sendmessage" {
			t.Errorf("calls %s", got)
		}
		b.ok("deleteWebhook", nil, nil)
	})
}

// What getWebhookInfo says of failures: redirects are not followed, and too late is a failure.
func TestWebhookFailures(t *testing.T) {
	for want, answer := range map[string]roundTrip{
		"Wrong response from the webhook: 302 Found": func(*http.Request) (*http.Response, error) {
			r := reply(302, "", "")
			r.Header.Set("Location", "http://elsewhere/")
			return r, nil
		},
		"Can't connect to the webhook": func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"Read timeout expired": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBot(t, simulator.Options{Transport: answer})
			b.ok("setWebhook", object{"url": "http://relay/"}, nil)
			write(t, b.sim.User("Ada"), "x")
			time.Sleep(61 * time.Second)
			var info struct {
				Pending int    `json:"pending_update_count"`
				Error   string `json:"last_error_message"`
				At      int64  `json:"last_error_date"`
			}
			b.ok("getWebhookInfo", nil, &info)
			if info.Error != want || info.Pending != 1 || info.At == 0 {
				t.Errorf("%+v, want %q", info, want)
			}
			b.ok("deleteWebhook", nil, nil)
		})
	}
}

// An update that was dropped is not tried again, and one that grew old neither.
func TestWebhookDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		b := newBot(t, simulator.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			tries.Add(1)
			return reply(500, "", ""), nil
		})})
		b.ok("setWebhook", object{"url": "http://relay/"}, nil)
		write(t, b.sim.User("Ada"), "x")
		time.Sleep(10 * time.Second)
		b.ok("setWebhook", object{"url": "http://relay/", "drop_pending_updates": true}, nil)
		before := tries.Load()
		time.Sleep(time.Hour)
		if more := tries.Load() - before; more != 0 || before < 3 {
			t.Errorf("%d tries, then %d more of what was dropped", before, more)
		}
		write(t, b.sim.User("Ada"), "y")
		time.Sleep(25 * time.Hour)
		before = tries.Load()
		time.Sleep(time.Hour)
		if tries.Load() != before {
			t.Error("an update of yesterday is still tried")
		}
		b.ok("deleteWebhook", nil, nil)
	})
}

// A webhook that is 410 Gone for 23 hours is removed.
func TestWebhookIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, simulator.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return reply(http.StatusGone, "", ""), nil
		})})
		b.ok("setWebhook", object{"url": "http://relay/"}, nil)
		write(t, b.sim.User("Ada"), "x")
		var info struct{ URL string }
		time.Sleep(22*time.Hour + 50*time.Minute)
		if b.ok("getWebhookInfo", nil, &info); info.URL == "" {
			t.Error("removed early")
		}
		time.Sleep(20 * time.Minute)
		if b.ok("getWebhookInfo", nil, &info); info.URL != "" {
			t.Error("still there")
		}
		if got := b.updates(nil); len(got) != 1 {
			t.Errorf("%d updates left to poll for, want 1", len(got))
		}
	})
}

// As many updates are under way as max_connections allows.
func TestWebhookConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived, release := make(chan struct{}, 10), make(chan struct{})
		b := newBot(t, simulator.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			arrived <- struct{}{}
			<-release
			return reply(200, "", ""), nil
		})})
		b.ok("setWebhook", object{"url": "http://relay/", "max_connections": 2}, nil)
		for _, name := range []string{"Ada", "Bob", "Cay"} {
			write(t, b.sim.User(name), "x")
		}
		synctest.Wait()
		if len(arrived) != 2 {
			t.Errorf("%d at once, want 2", len(arrived))
		}
		close(release)
		synctest.Wait()
		if len(arrived) != 3 {
			t.Errorf("%d in all, want 3", len(arrived))
		}
		b.ok("deleteWebhook", nil, nil)
	})
}
