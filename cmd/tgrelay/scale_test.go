package main_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
)

var (
	sustain = flag.Duration("sustain", 0, "how long TestScale keeps up -rate through the whole program; 0: it does not run")
	rate    = flag.Int("rate", 1000, "messages a second that TestScale keeps up")
)

// TestScale keeps a rate up through the program as it is released, from the request to Telegram's answer: `make scale`.
func TestScale(t *testing.T) {
	if *sustain == 0 {
		t.Skip("-sustain says for how long")
	}
	t.Run("SQLite", func(t *testing.T) { keepUp(t, fast, nil) })
	t.Run("PostgreSQL", func(t *testing.T) {
		server, err := pgtest.Start("fsync=on", "full_page_writes=on", "shared_buffers=1GB", "max_wal_size=4GB")
		if err != nil {
			without(t, "PostgreSQL", err)
		}
		t.Cleanup(func() {
			if err := server.Stop(); err != nil {
				t.Error(err)
			}
		})
		keepUp(t, fast+onServer(server), server)
	})
}

func keepUp(t *testing.T, config string, server *pgtest.Server) {
	telegram := httptest.NewServer(simulator.New(simulator.Options{Token: botToken, KeepMessages: 1 << 20}))
	t.Cleanup(telegram.Close)
	w := (&world{t: t, dir: t.TempDir(), extra: config, sim: telegram.URL}).begin()
	w.connectMany()
	due := make(chan time.Time, 60**rate) // an open loop: what is late waits here
	var mu sync.Mutex
	var took []time.Duration
	var callers sync.WaitGroup
	for i := range benchCallers {
		c := dial(t, w.relay)
		request := requestBytes("/api/v1/messages", kilobyte(fmt.Sprintf("r%d", i%benchChats)))
		callers.Go(func() {
			for at := range due {
				status, err := c.post(request)
				if err != nil || status != http.StatusAccepted {
					t.Errorf("%d, %v", status, err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(at))
				mu.Unlock()
			}
		})
	}
	began, cpu, onServer := time.Now(), w.cpu(), serverCPU(server)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for now := began; now.Sub(began) < *sustain; now = <-tick.C {
		for ; n < int(now.Sub(began).Seconds()*float64(*rate)); n++ {
			due <- now
		}
	}
	late := w.queued()
	close(due)
	callers.Wait()
	accepted := time.Since(began)
	w.allSent()
	slices.Sort(took)
	fmt.Printf("%s: %d messages/s for %s: accepted in %s, p50 %s p99 %s; waiting at the end %s; delivered in %s; CPU for each: relay %s, server %s; relay's peak %.0f MiB; connections to the server %s\n",
		t.Name(), *rate, *sustain, accepted.Round(time.Millisecond), took[n/2].Round(10*time.Microsecond), took[n*99/100].Round(10*time.Microsecond), late,
		time.Since(began).Round(time.Millisecond), (w.cpu()-cpu)/time.Duration(n), (serverCPU(server)-onServer)/time.Duration(n), w.memory("VmHWM"), connections(t, server))
}

// TestScaleBots runs one relay with many bots, for whom nothing happens.
func TestScaleBots(t *testing.T) {
	if *sustain == 0 {
		t.Skip("-sustain says that it is to run")
	}
	telegram := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path.Base(r.URL.Path) {
		case "getMe":
			id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/bot"), ":")
			fmt.Fprintf(w, `{"ok":true,"result":{"id":%s,"is_bot":true,"username":"bot_%s_bot"}}`, id, id)
		case "getWebhookInfo":
			_, _ = io.WriteString(w, `{"ok":true,"result":{"url":""}}`)
		case "getUpdates":
			select {
			case <-time.After(10 * time.Second):
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, `{"ok":true,"result":[]}`)
		default:
			_, _ = io.WriteString(w, `{"ok":true,"result":true}`)
		}
	}))
	t.Cleanup(func() {
		telegram.CloseClientConnections()
		telegram.Close()
	})
	for _, n := range []int{1, 100, 1000} {
		var config strings.Builder
		for i := range n - 1 {
			fmt.Fprintf(&config, "[bots.bot-%d]\ntoken = \"%d:AAthe-secret-token-of-another-bot-%05d\"\n", i, 10_000+i, i)
		}
		w := &world{t: t, dir: t.TempDir(), extra: config.String(), sim: telegram.URL}
		began := time.Now()
		w.begin()
		ready := time.Since(began)
		time.Sleep(20 * time.Second)
		began = time.Now()
		_, metrics := w.call("GET", w.relay+"/metrics", "")
		scrape, cpu := time.Since(began), w.cpu()
		time.Sleep(20 * time.Second)
		fmt.Printf("%d bots: ready after %s; memory %.0f MiB; a scrape %d KiB in %s; CPU while nothing happens %.1f %% of a core\n",
			n, ready.Round(time.Millisecond), w.memory("VmRSS"), len(metrics)>>10, scrape.Round(time.Millisecond), 100*(w.cpu()-cpu).Seconds()/20)
		w.process.stop(t)
	}
}

// queued is how much stands in the storage to be sent.
func (w *world) queued() string {
	_, metrics := w.call("GET", w.relay+"/metrics", "")
	_, after, _ := strings.Cut(metrics, "\ntgrelay_outbox_deliveries{state=\"queued\"} ")
	n, _, _ := strings.Cut(after, "\n")
	return n
}

func serverCPU(server *pgtest.Server) time.Duration {
	if server == nil {
		return 0
	}
	return server.CPU()
}

// connections is how many the relay holds.
func connections(t *testing.T, server *pgtest.Server) string {
	t.Helper()
	if server == nil {
		return "0"
	}
	n, err := server.Exec(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tgrelay'`)
	if err != nil {
		t.Error(err)
	}
	return n
}
