package delivery_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// shelf is an outbox that costs next to nothing.
type shelf struct {
	relay.Outbox
	mu    sync.Mutex
	chats map[int64][]relay.Job
	left  atomic.Int64
	done  chan struct{} // closed when nothing is left
}

func (s *shelf) Lanes(context.Context, string, time.Time) ([]int64, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var chats []int64
	for chat := range s.chats {
		chats = append(chats, chat)
	}
	return chats, time.Time{}, nil
}

func (s *shelf) Heads(_ context.Context, _ string, chatID int64, _ time.Time, limit int) ([]relay.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := s.chats[chatID]
	n := min(limit, len(jobs))
	s.chats[chatID] = jobs[n:] // the engine keeps what it was given: nothing here asks twice
	return jobs[:n], nil
}

func (s *shelf) Sending(relay.ID) {}

func (s *shelf) Finish(_ context.Context, o relay.Outcome) error {
	if o.State == relay.Sent && s.left.Add(-1) == 0 {
		close(s.done)
	}
	return nil
}

func (s *shelf) Expire(context.Context, time.Time, int) ([]relay.Delivery, error) { return nil, nil }

// BenchmarkEngine delivers with open rates to a Telegram that answers at once: what is left is the engine and the client.
func BenchmarkEngine(b *testing.B) {
	for name, chats := range map[string]int64{"1 chat": 1, "1000 chats": 1000} {
		b.Run(name, func(b *testing.B) { benchmark(b, chats) })
	}
}

func benchmark(b *testing.B, chats int64) {
	s := &shelf{chats: map[int64][]relay.Job{}, done: make(chan struct{})}
	for i := range int64(b.N) {
		j := relay.Job{Content: relay.Content{Text: markup.Text{Text: "a message of an ordinary length, as alerts have it"}}}
		j.ID, j.ChatID, j.Seq, j.State = relay.NewID(), i%chats+1, i, relay.Queued
		s.chats[j.ChatID] = append(s.chats[j.ChatID], j)
	}
	s.left.Store(int64(b.N))
	var transport http.RoundTripper = &bot{}
	client, err := telegram.New(telegram.Options{Token: secret.New("1:token-for-tests"), APIURL: "http://telegram.test", Transport: transport})
	if err != nil {
		b.Fatal(err)
	}
	engine := delivery.New(delivery.Options{Outbox: s, Client: client, Rates: delivery.Rates{Concurrency: 32}})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	b.ResetTimer()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	<-s.done
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
