package events_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/events"
)

// queue keeps events in memory by the rules of relay.Events.
type queue struct {
	relay.Events
	mu  sync.Mutex
	all []relay.Event
	not map[relay.ID]time.Time
}

func (q *queue) DueEvents(_ context.Context, now time.Time, limit int) ([]relay.Event, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var due []relay.Event
	seen := map[string]bool{}
	for _, e := range q.all {
		if !seen[e.Recipient] && !now.Before(q.not[e.ID]) && len(due) < limit {
			due = append(due, e)
		}
		seen[e.Recipient] = true
	}
	return due, nil
}

func (q *queue) EndEvent(ctx context.Context, id relay.ID) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = slices.DeleteFunc(q.all, func(e relay.Event) bool { return e.ID == id })
	return nil
}

func (q *queue) PostponeEvent(_ context.Context, id relay.ID, until time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.not[id] = until
	for i := range q.all {
		if q.all[i].ID == id {
			q.all[i].Attempts++
		}
	}
	return nil
}

// application answers what the test says and notes who was told when.
type application struct {
	mu     sync.Mutex
	told   []string
	answer func(attempt int, body string) (status int, err error)
}

func (a *application) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, string(body))
	status, err := a.answer(len(a.told), string(body))
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Header: http.Header{}, Request: r}, nil
}

type line struct {
	recipient string
	n         int
}

// run tells of events for some time, and returns how many attempts there were and what is left.
func run(t *testing.T, span time.Duration, answer func(int, string) (int, error), lines ...line) (a *application, left int, log string) {
	t.Helper()
	a = &application{answer: answer}
	q := &queue{not: map[relay.ID]time.Time{}}
	for _, l := range lines {
		q.all = append(q.all, relay.Event{ID: relay.NewID(), Type: relay.MessageSent, Recipient: l.recipient, At: time.Now(), Data: fmt.Appendf(nil, `{"n":%d}`, l.n)})
	}
	var text strings.Builder
	s := events.New(events.Options{Events: q, Log: slog.New(slog.NewTextHandler(&text, nil)), Registerer: prometheus.NewRegistry(), Transport: a})
	s.SetTarget(events.Target{URL: "https://app.example.org/hook?key=SECRET", Key: []byte("key")})
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return a, len(q.all), text.String()
}

func TestToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, left, _ := run(t, time.Second, func(int, string) (int, error) { return 204, nil }, line{"a", 1}, line{"a", 2}, line{"b", 3}, line{"a", 4})
		told := strings.Join(a.told, "")
		if len(a.told) != 4 || left != 0 || !(strings.Index(told, `{"n":1}`) < strings.Index(told, `{"n":2}`) && strings.Index(told, `{"n":2}`) < strings.Index(told, `{"n":4}`)) {
			t.Errorf("told %q, %d left", a.told, left)
		}
	})
}

// What the application took while the daemon ends is not told again at the next start.
func TestToldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, left, log := run(t, time.Second, func(int, string) (int, error) {
			time.Sleep(2 * time.Second)
			return 204, nil
		}, line{"a", 1})
		if left != 0 || log != "" {
			t.Errorf("%d left, %s", left, log)
		}
	})
}

// What is refused holds up its own recipient only, and is told again at growing intervals.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, left, _ := run(t, time.Minute, func(_ int, body string) (int, error) {
			if strings.Contains(body, `{"n":1}`) {
				return 400, nil
			}
			return 200, nil
		}, line{"a", 1}, line{"a", 2}, line{"b", 3})
		if left != 2 || len(a.told) != 5 { // b's, and a's first at 0, 5, 15 and 35 s
			t.Errorf("%d attempts, %d left", len(a.told), left)
		}
	})
}

// One who cannot be reached is left alone for longer and longer, and hears everything afterwards.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []line
		for i := range 50 {
			lines = append(lines, line{fmt.Sprintf("r%d", i), i})
		}
		began := time.Now()
		down := 0
		_, left, log := run(t, 2*time.Hour, func(int, string) (int, error) {
			if time.Since(began) < time.Hour {
				down++
				return 0, errors.New("connection refused")
			}
			return 200, nil
		}, lines...)
		if left != 0 || down > 50 {
			t.Errorf("%d tries while it was down, %d left", down, left)
		}
		if strings.Contains(log, "SECRET") {
			t.Errorf("the log holds the address: %s", log)
		}
	})
}

// An event at which the application breaks holds up its own recipient only, even if it is alone for a while; and it is not told again and
// again while others are.
func TestBrokenEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, broken := time.Now(), 0
		q := &queue{not: map[relay.ID]time.Time{}}
		add := func(recipient string) {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.all = append(q.all, relay.Event{ID: relay.NewID(), Type: relay.MessageSent, Recipient: recipient, At: time.Now(), Data: []byte(fmt.Sprintf(`{"to":%q}`, recipient))})
		}
		var late []string
		a := &application{answer: func(_ int, body string) (int, error) {
			if strings.Contains(body, `"bad"`) {
				broken++
				return 500, nil
			}
			return 200, nil
		}}
		s := events.New(events.Options{Events: q, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Transport: a})
		s.SetTarget(events.Target{URL: "https://app.example.org/hook", Key: []byte("key")})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		add("bad")
		for i := range 100 {
			time.Sleep(time.Minute)
			add(fmt.Sprintf("good%d", i))
			s.Wake()
			time.Sleep(5*time.Minute + time.Second)
			q.mu.Lock()
			if len(q.all) != 1 {
				late = append(late, time.Since(began).String())
			}
			q.mu.Unlock()
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(late) > 0 || broken > 200 {
			t.Errorf("late at %v; the broken one was told %d times", late, broken)
		}
	})
}

func TestGivenUpAfterThreeDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, left, log := run(t, 80*time.Hour, func(int, string) (int, error) { return 503, nil }, line{"a", 1}, line{"a", 2})
		if left != 0 || strings.Count(log, "given up") != 2 {
			t.Errorf("%d left", left)
		}
	})
}

// A sender's real request has the signature that its library made, and so has the example of the specification's libraries.
func TestSign(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	if got := events.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%q", got)
	}
	body, err := os.ReadFile("testdata/standard-webhooks-user.json")
	if err != nil {
		t.Fatal(err)
	}
	headers, err := os.ReadFile("testdata/standard-webhooks-user.headers")
	if err != nil {
		t.Fatal(err)
	}
	h := map[string]string{}
	for line := range strings.Lines(string(headers)) {
		name, value, _ := strings.Cut(line, ": ")
		h[name] = strings.TrimSpace(value)
	}
	if got := events.Sign([]byte("corpus-test-secret"), h["webhook-id"], h["webhook-timestamp"], body); got != h["webhook-signature"] {
		t.Errorf("%q, want %q", got, h["webhook-signature"])
	}
}
