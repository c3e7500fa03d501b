package trouble_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
	"github.com/tgrelay/tgrelay/relay/trouble"
)

// house is a storage, and what goes wrong around it.
type house struct {
	*testing.T
	db   *store.DB
	door *intake.Door
	seen int // messages for the fallback
	stop func()

	mu      sync.Mutex
	healthy error
	written error
	space   trouble.Space
	refuse  error // what is accepted
}

// doorstep is the storage as the door sees it.
type doorstep struct {
	relay.Outbox
	house *house
}

func (d doorstep) Accept(ctx context.Context, messages ...*relay.Message) error {
	if err := get(d.house, &d.house.refuse); err != nil {
		return err
	}
	return d.Outbox.Accept(ctx, messages...)
}

func (h *house) telegram(err error)   { h.set(func() { h.healthy = err }) }
func (h *house) disk(s trouble.Space) { h.set(func() { h.space = s }) }

func (h *house) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func get[T any](h *house, field *T) T {
	h.mu.Lock()
	defer h.mu.Unlock()
	return *field
}

var plenty = trouble.Space{Free: 50 << 30, Total: 100 << 30}

// inHouse runs a test from 00:00 UTC on 1 January 2000 on, by a clock of its own.
func inHouse(t *testing.T, test func(h *house)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := &house{T: t, space: plenty}
		var err error
		log := slog.New(slog.DiscardHandler)
		if h.db, err = store.Open(t.Context(), store.Options{URL: "sqlite:" + dir + "/relay.db", Log: log}); err != nil {
			t.Fatal(err)
		}
		h.door = intake.New(intake.Options{Outbox: doorstep{h.db, h}, Directory: h.db, Log: log, Registerer: prometheus.NewRegistry()}, &intake.Rules{MaxAge: 24 * time.Hour, Fallback: "admin"})
		h.bind("admin", 1)
		h.bind("alice", 2)
		h.start()
		test(h)
		h.stop()
		if err := h.db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (h *house) bind(recipient string, chat int64) {
	h.Helper()
	if err := h.db.Bind(h.Context(), recipient, relay.Chat{ChatID: chat, Type: "private", State: relay.Active}, time.Now()); err != nil {
		h.Fatal(err)
	}
}

func (h *house) start() {
	h.Helper()
	patience := func() time.Duration { return 10 * time.Minute }
	healthy := func() error { return get(h, &h.healthy) }
	outbox := trouble.Outbox{Outbox: h.db, Directory: h.db, Fallback: func() string { return "admin" }, After: patience, Healthy: healthy}
	w := trouble.New(trouble.Options{
		Every: func() time.Duration { return 30 * time.Second }, Updates: h.db, Door: h.door, Log: slog.New(slog.DiscardHandler), Kinds: []trouble.Kind{
			outbox.Kind(), trouble.Refused("", healthy), trouble.Unreachable("", healthy, patience),
			trouble.Storage(func(context.Context) error { return get(h, &h.written) }),
			trouble.Disk("/srv", func(string) (trouble.Space, error) { return get(h, &h.space), nil }),
		},
	})
	ctx, cancel := context.WithCancel(h.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.Error(err)
		}
	}
}

// restart ends it with a break and begins anew.
func (h *house) restart() {
	h.stop()
	time.Sleep(time.Minute)
	h.start()
}

// pass lets time pass, and then what is due at its end be done.
func (h *house) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// told checks the first lines of what the fallback was told since it was asked last. A bell says that it makes a sound.
func (h *house) told(want ...string) {
	h.Helper()
	if diff := cmp.Diff(want, h.news()); diff != "" {
		h.Errorf("told (-want +got):\n%s", diff)
	}
}

// news are the first lines of what the fallback was told since they were asked for last.
func (h *house) news() (got []string) {
	h.Helper()
	page, err := h.db.Deliveries(h.Context(), relay.DeliveryQuery{Recipient: "admin"})
	if err != nil {
		h.Fatal(err)
	}
	for i := len(page.Items) - h.seen - 1; i >= 0; i-- {
		m, err := h.db.Message(h.Context(), page.Items[i].MessageID)
		if err != nil {
			h.Fatal(err)
		}
		line, _, _ := strings.Cut(m.Content.Text.Text, "\n")
		if !m.Content.DisableNotification {
			line = "🔔 " + line
		}
		got = append(got, line)
		if page.Items[i].Priority != relay.High {
			h.Errorf("priority %s", page.Items[i].Priority)
		}
	}
	h.seen = len(page.Items)
	return got
}

var (
	errRefused = &telegram.Error{Method: "getMe", Code: 401, Description: "Unauthorized", Reason: telegram.BadToken}
	errAway    = &telegram.Error{Method: "getMe", Reason: telegram.NotSent, Err: errors.New("no route to host")}
	errFull    = &relay.Error{Code: relay.CodeStorageUnavailable, Detail: "the disk of the storage is full: free some space"}
)

func TestTokenRefused(t *testing.T) {
	inHouse(t, func(h *house) {
		h.telegram(errRefused)
		h.pass(time.Hour)
		h.telegram(errAway) // nothing is known of the token now
		h.pass(5 * time.Minute)
		h.restart() // as one does to give it another token
		h.pass(time.Minute)
		h.told()
		h.telegram(nil)
		h.pass(time.Minute)
		h.told("🔔 ⚠️ Telegram refused the bot from 1 Jan 00:00 UTC on, for 1h7m: getMe: 401: Unauthorized: the bot token is wrong or revoked (or api_url leads elsewhere): get the token from @BotFather and put it into [telegram]")
		h.pass(time.Hour)
		h.told()
	})
}

func TestTelegramOutOfReach(t *testing.T) {
	inHouse(t, func(h *house) {
		h.telegram(errAway)
		h.pass(9 * time.Minute)
		h.telegram(nil)
		h.pass(time.Minute)
		h.told() // too short to be told
		h.telegram(errAway)
		h.pass(3 * time.Hour)
		h.told()
		h.telegram(nil)
		h.pass(time.Minute)
		h.told("🔔 ⚠️ Telegram could not be reached from 1 Jan 00:10 UTC on, for 3h: getMe: no route to host: cannot reach the Bot API: check the network, api_url and proxy_url")
	})
}

func TestStorage(t *testing.T) {
	inHouse(t, func(h *house) {
		h.set(func() { h.written = errFull })
		h.pass(7 * time.Minute)
		h.told()
		h.set(func() { h.written = nil })
		h.pass(time.Minute)
		h.told("🔔 ⚠️ The storage took no writes from 1 Jan 00:00 UTC on, for 7m: the disk of the storage is full: free some space")
	})
}

// What each of several daemons sees for itself is told by one of them, each time.
func TestStorageSeenByEach(t *testing.T) {
	inHouse(t, func(h *house) {
		h.stop()
		ctx, cancel := context.WithCancel(h.Context())
		var running sync.WaitGroup
		for range 3 {
			w := trouble.New(trouble.Options{
				Kinds: []trouble.Kind{trouble.Storage(func(context.Context) error { return get(h, &h.written) })}, Each: true,
				Every: func() time.Duration { return 30 * time.Second }, Updates: h.db, Door: h.door, Log: slog.New(slog.DiscardHandler),
			})
			running.Go(func() {
				if err := w.Run(ctx); err != nil {
					h.Error(err)
				}
			})
			time.Sleep(7 * time.Second)
		}
		for _, d := range []time.Duration{7 * time.Minute, 45 * time.Second} {
			h.set(func() { h.written = errFull })
			h.pass(d)
			h.told()
			h.set(func() { h.written = nil })
			h.pass(time.Minute)
			if got := h.news(); len(got) != 1 || !strings.HasPrefix(got[0], "🔔 ⚠️ The storage took no writes from ") {
				h.Errorf("after %s: %q", d, got)
			}
		}
		cancel()
		running.Wait()
		h.start()
	})
}

func TestDisk(t *testing.T) {
	inHouse(t, func(h *house) {
		h.disk(trouble.Space{Free: 101 << 20, Total: plenty.Total})
		h.pass(time.Minute)
		h.told()
		h.disk(trouble.Space{Free: 99 << 20, Total: plenty.Total})
		h.pass(time.Minute)
		h.told("🔔 💾 The disk of the storage is nearly full: 99 MiB of 102400 are free at /srv.")
		h.restart()
		h.disk(trouble.Space{Free: 110 << 20, Total: plenty.Total}) // not enough for being over
		h.pass(time.Hour)
		h.told()
		h.disk(plenty)
		h.pass(time.Minute)
		h.told("✅ The disk of the storage has room again, after 1h2m.")
		h.disk(trouble.Space{Free: 60 << 20, Total: 500 << 20}) // a small one
		h.pass(time.Minute)
		h.disk(trouble.Space{}) // as some file systems say that do not know
		h.pass(time.Minute)
		h.told()
	})
}

// send accepts a message and leaves it in the outbox: nobody delivers.
func (h *house) send(to string, chat int64, sendAt time.Time) relay.ID {
	h.Helper()
	now := time.Now().UTC()
	m := &relay.Message{ID: relay.NewID(), CreatedAt: now, SendAt: sendAt, ExpiresAt: now.Add(100 * time.Hour)}
	m.Content.Text.Text = "hello"
	m.Deliveries = []relay.Delivery{{ID: relay.NewID(), MessageID: m.ID, Recipient: to, ChatID: chat, State: relay.Queued, CreatedAt: now, SendAt: sendAt, ExpiresAt: m.ExpiresAt}}
	if err := h.db.Accept(h.Context(), m); err != nil {
		h.Fatal(err)
	}
	return m.Deliveries[0].ID
}

func (h *house) finish(id relay.ID, o relay.Outcome) {
	h.Helper()
	o.Delivery, o.At = id, time.Now()
	if err := h.db.Finish(h.Context(), o); err != nil {
		h.Fatal(err)
	}
}

func TestMessagesThatWait(t *testing.T) {
	inHouse(t, func(h *house) {
		h.send("alice", 2, time.Now().Add(48*time.Hour)) // as it was wished
		h.send("admin", 1, time.Time{})                  // nothing could be told where this waits
		h.seen = 1
		h.pass(time.Hour)
		h.told()
		first := h.send("alice", 2, time.Time{})
		h.finish(first, relay.Outcome{State: relay.Queued, Attempts: 1, LastError: "Bad Request: not enough rights", NotBefore: time.Now().Add(9 * time.Minute)})
		h.pass(9 * time.Minute)
		h.told()
		h.pass(3 * time.Minute)
		h.told("🔔 ⏳ Messages wait too long: one for alice has waited for 11m (Bad Request: not enough rights); 3 wait in all.")
		h.pass(time.Hour)
		h.restart()
		h.pass(time.Hour)
		h.told()
		h.finish(first, relay.Outcome{State: relay.Sent, TelegramMessageIDs: []int64{1}})
		h.pass(time.Minute)
		h.told("✅ No message waits too long any more, after 2h4m.")
	})
}

// What has piled up during an outage, or was held until its recipient had a chat, has not waited for that long in vain.
func TestMessagesThatCouldNotBeSent(t *testing.T) {
	for name, test := range map[string]func(h *house){
		"Telegram was away": func(h *house) {
			h.send("alice", 2, time.Time{})
			h.telegram(errAway)
			h.pass(time.Hour)
			h.telegram(nil)
			h.pass(5 * time.Minute)
			h.told("🔔 ⚠️ Telegram could not be reached from 1 Jan 00:00 UTC on, for 1h: getMe: no route to host: cannot reach the Bot API: check the network, api_url and proxy_url")
			h.pass(7 * time.Minute)
			h.told("🔔 ⏳ Messages wait too long: one for alice has waited for 11m; 2 wait in all.")
		},
		"connected a while ago": func(h *house) {
			h.send("new", 3, time.Time{})
			h.pass(9 * time.Minute)
			h.bind("new", 3)
			h.pass(9 * time.Minute)
			h.told()
			h.pass(3 * time.Minute)
			h.told("🔔 ⏳ Messages wait too long: one for new has waited for 11m; 1 wait in all.")
		},
		"the bot's own answer": func(h *house) {
			h.send("", 3, time.Time{})
			h.pass(12 * time.Minute)
			h.told("🔔 ⏳ Messages wait too long: one for chat 3 has waited for 11m; 1 wait in all.")
		},
	} {
		t.Run(name, func(t *testing.T) { inHouse(t, test) })
	}
}

// What the storage does not take is told when it does.
func TestNothingIsForgotten(t *testing.T) {
	inHouse(t, func(h *house) {
		h.set(func() { h.refuse = errFull })
		h.disk(trouble.Space{Free: 1 << 20, Total: plenty.Total})
		h.pass(time.Hour)
		h.told()
		h.set(func() { h.refuse = nil })
		h.pass(time.Minute)
		h.told("🔔 💾 The disk of the storage is nearly full: 1 MiB of 102400 are free at /srv.")
		h.set(func() { h.refuse = errFull })
		h.disk(plenty)
		h.pass(time.Hour)
		h.told()
		h.set(func() { h.refuse = nil })
		h.pass(time.Minute)
		h.told("✅ The disk of the storage has room again, after 2h1m.")
	})
}

// What was kept and cannot be understood is as good as nothing.
func TestNonsenseKept(t *testing.T) {
	inHouse(t, func(h *house) {
		h.stop()
		if err := h.db.SetSetting(h.Context(), "trouble.disk", `{"since":`); err != nil {
			h.Fatal(err)
		}
		h.start()
		h.pass(time.Minute)
		h.told()
	})
}

func TestSpaceOf(t *testing.T) {
	s, err := trouble.SpaceOf(t.TempDir())
	if errors.Is(err, trouble.ErrUnknown) {
		t.Skip("not known on this system")
	}
	if err != nil || s.Total == 0 || s.Free > s.Total {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := trouble.SpaceOf("/no/such/folder"); err == nil {
		t.Error("a folder that is not there has space")
	}
}
