package delivery_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/store/pgtest"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// Three replicas whose pace is in PostgreSQL are no faster than one relay alone, and hardly slower, as Telegram sees it.
func TestReplicasShareAServer(t *testing.T) {
	server, err := pgtest.Start()
	switch {
	case err == nil:
	case os.Getenv("CI") == "" && errors.Is(err, exec.ErrNotFound):
		t.Skipf("PostgreSQL is needed: %v", err)
	default:
		t.Fatalf("PostgreSQL is needed: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	var took [2]time.Duration
	t.Run("all", func(t *testing.T) {
		t.Run("alone", func(t *testing.T) {
			t.Parallel()
			took[0] = throughput(t, []relay.Pace{nil})
		})
		t.Run("together", func(t *testing.T) {
			t.Parallel()
			var paces []relay.Pace
			for range 3 {
				db, err := store.Open(t.Context(), store.Options{URL: server.URL("")})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
				paces = append(paces, db.Pace(""))
			}
			took[1] = throughput(t, paces)
		})
	})
	if took[1] > took[0]*11/10+500*time.Millisecond {
		t.Errorf("three took %s, one %s", took[1], took[0])
	}
}

// throughput sends 300 messages to 300 people, at 50/s, by an engine for each pace, and returns how long that took.
func throughput(t *testing.T, paces []relay.Pace) time.Duration {
	t.Helper()
	const rate, total = 50, 300
	sim := simulator.New(simulator.Options{Limits: simulator.Limits{Global: 2*rate + rate/5}}) // a burst, a second's worth, and a little for a machine that is busy
	client, err := telegram.New(telegram.Options{Token: secret.New(sim.Token()), APIURL: "http://telegram.test", Transport: sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	var houses []*house
	for _, p := range paces {
		h := &house{outbox: &outbox{}, bot: &bot{}}
		h.build(t, func(o *delivery.Options) { o.Client, o.Pace, o.GlobalRate = client, p, rate })
		houses = append(houses, h)
	}
	for i := range total {
		u := sim.User(fmt.Sprint("Ada ", i))
		if err := u.Open("https://t.me/relay_bot?start"); err != nil {
			t.Fatal(err)
		}
		houses[i%len(houses)].outbox.add(u.ID, "hello")
	}
	began := time.Now()
	for _, h := range houses {
		h.run(t)
	}
	for sent := int64(0); sent < total; {
		time.Sleep(20 * time.Millisecond)
		sent = 0
		for _, h := range houses {
			sent += h.outbox.states()[relay.Sent]
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%d of %d are sent: %v", sent, total, houses[0].outbox.states())
		}
	}
	took := time.Since(began)
	if n := sim.Violations(); n != 0 {
		t.Errorf("the limit was run into %d times", n)
	}
	t.Logf("%d messages in %s", total, took.Round(time.Millisecond))
	return took
}
