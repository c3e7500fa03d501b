package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// way is a bot's way to Telegram.
type way struct {
	mu     sync.Mutex
	answer string // empty: it is cut
	loses  bool   // the next request
}

func (w *way) set(answer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer, w.loses = answer, false
}

// lose has the next request fail.
func (w *way) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loses = true
}

// take is the answer to a request.
func (w *way) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loses {
		w.loses = false
		return ""
	}
	return w.answer
}

func (w *way) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(300 * time.Millisecond)
	answer := w.take()
	if answer == "" {
		return nil, errors.New("network is down")
	}
	r := httptest.NewRecorder()
	_, _ = r.WriteString(answer)
	return r.Result(), nil
}

// standing notes whether a replica stands back.
type standing struct {
	relay.Alone
	mu   sync.Mutex
	said []bool
}

func (s *standing) StandBack(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, why != nil)
}

// since is what was said since it was asked last.
func (s *standing) since() []bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.said
	s.said = nil
	return said
}

// A replica stands back when none of its bots reaches Telegram, and not because Telegram refuses one.
func TestStandBack(t *testing.T) {
	const (
		well    = `{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Relay","username":"relay_bot"}}`
		refused = `{"ok":false,"error_code":401,"description":"Unauthorized"}`
		gateway = `<html>`
		cut     = ""
	)
	synctest.Test(t, func(t *testing.T) {
		leases := &standing{}
		d := &Daemon{leases: leases}
		var ways [2]*way
		var running sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for i := range ways {
			ways[i] = &way{answer: well}
			client, err := telegram.New(telegram.Options{Token: secret.New("1:token-for-tests"), APIURL: "http://telegram.test", Transport: ways[i]})
			if err != nil {
				t.Fatal(err)
			}
			d.bots = append(d.bots, &bot{Daemon: d, client: client})
		}
		running.Go(func() { _ = d.standBack(ctx) })
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if said := leases.since(); said != nil {
			t.Errorf("before there was an answer it says %v", said)
		}
		for _, b := range d.bots {
			running.Go(func() { _ = b.client.Watch(ctx) })
		}
		for _, step := range []struct {
			name          string
			first, second string
			want          []bool
		}{
			{"all is well", well, well, nil},
			{"one is cut off", cut, well, nil},
			{"both are", cut, cut, []bool{true}},
			{"still", cut, gateway, nil},
			{"one is back", gateway, well, []bool{false}},
			{"one is refused", cut, refused, nil},
			{"both are refused", refused, refused, nil},
			{"cut off again", cut, gateway, []bool{true}},
			{"all is well again", well, well, []bool{false}},
			{"a probe gets lost", well, well, nil},
		} {
			ways[0].set(step.first)
			ways[1].set(step.second)
			if step.name == "a probe gets lost" {
				ways[0].lose()
				ways[1].lose()
			}
			time.Sleep(30 * time.Second)
			synctest.Wait()
			said := leases.since()
			if len(said) != len(step.want) || len(said) == 1 && said[0] != step.want[0] {
				t.Errorf("%s: it says %v, want %v", step.name, said, step.want)
			}
		}
		cancel()
		running.Wait()
	})
}
