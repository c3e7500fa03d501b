// Package events tells an application what happens: signed HTTP callbacks by the Standard Webhooks specification
// (https://www.standardwebhooks.com).
//
// It promises that an event is told until the application answers with 2xx, for three days; and that those of a recipient come one after
// the other. One that was answered may come again after a crash: its webhook-id says so. Everything is in the storage; here is only
// who is being told, and how long to leave an application alone that does not answer.
package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	together   = 16               // events that are told at once, of different recipients
	timeout    = 15 * time.Second // for the application to answer, as the specification advises
	maxAnswer  = 64 << 10         // bytes of an answer that are read
	lookAgain  = 5 * time.Second  // for what was postponed
	keepTime   = 5 * time.Second  // for noting that an event was told, at the end of the daemon too
	longestGap = time.Hour        // between two attempts at an event that is refused
	longestNap = 5 * time.Minute  // after which an application that cannot be reached is tried again
)

// Target is the application.
type Target struct {
	URL string // empty: nobody is told
	Key []byte // of the signatures
}

// Options are what a Sender needs.
type Options struct {
	Events     relay.Events
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Transport  http.RoundTripper // nil: http.DefaultTransport
	// Answered is told of the application's answer to an event, at most 64 KiB; Missed that an event was not taken at the first attempt. Both may be nil.
	Answered func(ctx context.Context, e relay.Event, body []byte)
	Missed   func(ctx context.Context, e relay.Event)
}

// Sender tells of events.
type Sender struct {
	o      Options
	target atomic.Pointer[Target]
	http   *http.Client
	signal chan struct{}
	told   *prometheus.CounterVec
	failed int // times in a row that the application was found to be down
}

// New returns a Sender that tells nobody before SetTarget.
func New(o Options) *Sender {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Answered == nil {
		o.Answered = func(context.Context, relay.Event, []byte) {}
	}
	if o.Missed == nil {
		o.Missed = func(context.Context, relay.Event) {}
	}
	s := &Sender{o: o, signal: make(chan struct{}, 1)}
	// A redirect is no answer: the application is where the configuration says.
	s.http = &http.Client{Transport: o.Transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.target.Store(&Target{})
	s.told = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tgrelay_events_total", Help: "Attempts to tell the application of events, by result: told, refused, unreachable, or given_up after three days.",
	}, []string{"result"})
	for _, result := range []string{told, refused, unreachable, givenUp} {
		s.told.WithLabelValues(result)
	}
	o.Registerer.MustRegister(s.told)
	return s
}

// What became of an attempt.
const (
	told        = "told"
	refused     = "refused"
	unreachable = "unreachable"
	givenUp     = "given_up"
)

// SetTarget says who is told from now on.
func (s *Sender) SetTarget(t Target) {
	s.target.Store(&t)
	s.Wake()
}

// Wanted reports whether anybody is told.
func (s *Sender) Wanted() bool { return s.target.Load().URL != "" }

// Wake says that there is something to tell. It never blocks.
func (s *Sender) Wake() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// Run tells until ctx ends.
func (s *Sender) Run(ctx context.Context) error {
	for {
		next := lookAgain
		if s.Wanted() {
			next = s.round(ctx)
		}
		timer := time.NewTimer(next)
		wake := s.signal
		if s.failed > 0 {
			wake = nil // an application that is down is left alone, whatever happens
		}
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// round tells what is due, and returns when to look again.
func (s *Sender) round(ctx context.Context) time.Duration {
	limit := together
	if s.failed > 0 {
		limit = 1
	}
	due, err := s.o.Events.DueEvents(ctx, time.Now(), limit)
	if err != nil {
		if ctx.Err() == nil {
			s.o.Log.Warn("events cannot be read; they are told later", "error", err)
		}
		return lookAgain
	}
	if len(due) == 0 {
		return lookAgain
	}
	results := make([]result, len(due))
	var running sync.WaitGroup
	for i, e := range due {
		running.Go(func() { results[i] = s.tell(ctx, e) })
	}
	running.Wait()
	return s.judge(results)
}

// result is what became of an attempt at an event.
type result struct {
	label string
	// down says that the application is. That it breaks once more at an event at which it broke before says so of the event only.
	down bool
}

// judge decides how long to leave the application alone: the longer, the more often all that was told found it down.
func (s *Sender) judge(results []result) time.Duration {
	down := false
	for _, r := range results {
		if r.label != unreachable {
			s.failed = 0
			return 0
		}
		down = down || r.down
	}
	if down {
		s.failed++
	}
	if s.failed == 0 {
		return 0
	}
	return min(time.Second<<min(s.failed-1, 10), longestNap)
}

// tell makes one attempt.
func (s *Sender) tell(ctx context.Context, e relay.Event) result {
	if time.Since(e.At) > relay.EventAge {
		s.o.Log.Error("an event is given up: the application did not take it for three days", "event", e.ID, "type", e.Type, "recipient", e.Recipient)
		s.end(ctx, e)
		return s.count(givenUp)
	}
	body, status, err := s.post(ctx, e)
	switch {
	case err != nil || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		if ctx.Err() == nil {
			s.o.Log.Warn("the application cannot be told of an event; it is tried again", "event", e.ID, "type", e.Type, "recipient", e.Recipient, "status", status, "error", withoutURL(err))
			s.postpone(ctx, e, longestNap)
		}
		r := s.count(unreachable)
		r.down = err != nil || e.Attempts == 0
		return r
	case status < 200 || status > 299:
		s.o.Log.Warn("the application refuses an event; it is told again", "event", e.ID, "type", e.Type, "recipient", e.Recipient, "status", status, "attempt", e.Attempts+1)
		s.postpone(ctx, e, longestGap)
		return s.count(refused)
	}
	// The application has done its part: an end of ours meanwhile must not make it hear the same again.
	kept, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	s.o.Answered(kept, e, body)
	s.end(kept, e)
	return s.count(told)
}

func (s *Sender) count(label string) result {
	s.told.WithLabelValues(label).Inc()
	return result{label: label}
}

func (s *Sender) end(ctx context.Context, e relay.Event) {
	if err := s.o.Events.EndEvent(ctx, e.ID); err != nil {
		s.o.Log.Warn("that an event was told cannot be noted; it is told again", "event", e.ID, "error", err)
	}
}

// postpone lets an event wait: 5 s, 10 s, 20 s and so on, at most as said.
func (s *Sender) postpone(ctx context.Context, e relay.Event, most time.Duration) {
	by := min(5*time.Second<<min(e.Attempts, 20), most)
	if e.Attempts == 0 {
		s.o.Missed(ctx, e)
	}
	if err := s.o.Events.PostponeEvent(ctx, e.ID, time.Now().Add(by)); err != nil {
		s.o.Log.Warn("that an event was not told cannot be noted", "event", e.ID, "error", err)
	}
}

// payload is the body, as the specification has it.
type payload struct {
	Type      relay.EventType `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

func (s *Sender) post(ctx context.Context, e relay.Event) (answer []byte, status int, err error) {
	target := s.target.Load()
	body, err := json.Marshal(payload{e.Type, e.At.UTC(), e.Data})
	if err != nil {
		return nil, 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.URL, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "tgrelay")
	r.Header.Set("Webhook-Id", e.ID.String())
	r.Header.Set("Webhook-Timestamp", now)
	r.Header.Set("Webhook-Signature", Sign(target.Key, e.ID.String(), now, body))
	response, err := s.http.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return answer, response.StatusCode, err
}

// withoutURL is an error without the address that it is about: it may hold a secret.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// Sign is the value of the header webhook-signature: HMAC-SHA256 over ID, Unix time and body, with dots between them.
func Sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
