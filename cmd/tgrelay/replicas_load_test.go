package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// waited is something that began and came about.
type waited struct{ began, came time.Time }

func (w waited) long() time.Duration { return w.came.Sub(w.began) }

// senders post to the relays of a fleet as programs do that know of all of them: what is not answered with 202 by one is posted to another, with the
// same key. Each chat's messages are numbers, one after the other.
type senders struct {
	f       *fleet
	client  *http.Client
	chats   []int64
	stop    chan struct{}
	running sync.WaitGroup
	total   atomic.Int64 // messages accepted
	strange atomic.Int64 // answers that nobody expects

	mu       sync.Mutex
	posts    [][]waited // of each chat: from the first request to the 202
	welcomes []waited   // from a link that is opened to the bot's answer
}

// impatience is how long a caller waits for an answer before it asks another relay.
const impatience = 5 * time.Second

// drained waits until nothing waits for the bot's rates.
func (s *senders) drained() {
	s.f.t.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		m := s.f.alive()
		if m.metric(`tgrelay_outbox_deliveries{state="queued"}`)+m.metric(`tgrelay_outbox_deliveries{state="sending"}`) == 0 {
			return
		}
		if time.Now().After(end) {
			s.f.t.Errorf("something still waits\n%s", s.f.logs())
			return
		}
	}
}

// newSenders connects so many people and groups as recipients r0, r1 …
func newSenders(f *fleet, people, groups int) *senders {
	s := &senders{f: f, stop: make(chan struct{}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	f.t.Cleanup(s.end)
	w := f.members()[0]
	for i := range people {
		s.chats = append(s.chats, w.connect(fmt.Sprintf("Ada%d", i), fmt.Sprintf("r%d", i)))
	}
	owner := f.sim.User("Owner")
	for i := range groups {
		group := f.sim.Supergroup(fmt.Sprintf("Group %d", i), owner)
		if err := owner.OpenInGroup(w.link(fmt.Sprintf(`{"recipient":"r%d","target":"group"}`, people+i)), group); err != nil {
			f.t.Fatal(err)
		}
		w.messages(group.ID(), 1)
		s.chats = append(s.chats, group.ID())
	}
	s.posts = make([][]waited, len(s.chats))
	w.allSent() // the welcomes
	return s
}

// flood posts so many messages to each person, as fast as they are taken.
func (s *senders) flood(each int) {
	var all sync.WaitGroup
	for chat, id := range s.chats {
		if id < 0 {
			continue // a group would take minutes
		}
		all.Go(func() {
			for range each {
				s.post(chat)
			}
		})
	}
	all.Wait()
}

// begin posts a message to each chat at intervals, until end; to groups as often as they may get some.
func (s *senders) begin(every time.Duration) {
	for chat, id := range s.chats {
		every := every
		if id < 0 {
			every = max(every, 4*time.Second)
		}
		s.running.Go(func() {
			time.Sleep(rand.N(every))
			s.repeat(every, func(int) { s.post(chat) })
		})
	}
}

// newcomers has somebody new open a link at intervals, until end.
func (s *senders) newcomers(every time.Duration) {
	s.running.Go(func() {
		s.repeat(every, func(n int) { s.running.Go(func() { s.welcome(fmt.Sprintf("Guest%d", n)) }) })
	})
}

func (s *senders) repeat(every time.Duration, do func(n int)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
			do(n)
		case <-s.stop:
			return
		}
	}
}

// end lets the senders finish what they have begun.
func (s *senders) end() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.running.Wait()
	s.client.CloseIdleConnections()
}

// post posts a chat's next message until it is taken. No two of a chat are posted at once.
func (s *senders) post(chat int) {
	s.mu.Lock()
	n := len(s.posts[chat])
	s.mu.Unlock()
	began := time.Now()
	if s.insist("/api/v1/messages", fmt.Sprintf(`{"to":"r%d","text":"%d"}`, chat, n), fmt.Sprintf("%d.%d", chat, n), http.StatusAccepted) == nil {
		return
	}
	s.total.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts[chat] = append(s.posts[chat], waited{began, time.Now()})
}

// welcome has somebody open a link, and waits for the answer.
func (s *senders) welcome(name string) {
	var made struct{ URL string }
	answer := s.insist("/api/v1/links", fmt.Sprintf(`{"recipient":%q}`, name), "", http.StatusCreated)
	if answer == nil || json.Unmarshal(answer, &made) != nil {
		return
	}
	guest, began := s.f.sim.User(name), time.Now()
	if err := guest.Open(made.URL); err != nil {
		s.f.t.Error(err)
	}
	ctx, cancel := context.WithTimeout(s.f.t.Context(), patience)
	defer cancel()
	if _, err := s.f.sim.Wait(ctx, guest.ID, func(m []simulator.Message) bool { return len(simulator.FromBot(m)) > 0 }); err != nil {
		stored, _ := s.f.server.Exec(fmt.Sprintf("SELECT * FROM deliveries WHERE chat_id = %d", guest.ID))
		updates, _ := s.f.server.Exec("SELECT * FROM updates WHERE claimed > 0")
		s.f.t.Errorf("%s opened a link, and was not welcomed: %v\nits deliveries: %s\nupdates that are worked through: %s\n%s", name, err, stored, updates, s.f.logs())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.welcomes = append(s.welcomes, waited{began, time.Now()})
}

// insist asks one relay after the other until one answers as wanted, and returns that answer; nil: none did in a reasonable time.
func (s *senders) insist(path, body, key string, want int) []byte {
	relays := s.f.members()
	at := rand.IntN(len(relays))
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); at++ {
		status, answer, err := s.ask(relays[at%len(relays)].relay+path, body, key)
		switch {
		case err == nil && status == want:
			return answer
		case err == nil && status != http.StatusServiceUnavailable && s.strange.Add(1) < 20:
			s.f.t.Errorf("%s %s: %d %s", path, body, status, answer)
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.f.t.Errorf("%s %s: nobody takes it", path, body)
	return nil
}

func (s *senders) ask(url, body, key string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), impatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}
