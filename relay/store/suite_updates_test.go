package store_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

var updatesSuite = map[string]func(*testing.T, *place){
	"the offset is kept":      offsetKept,
	"updates are noted":       updatesNoted,
	"old notes on updates go": updateNotesGo,
	"an update is claimed":    updatesClaimed,
	"by one of many":          updateClaimedAtOnce,
	"settings are kept":       settingsKept,
	"settings are changed":    settingsChanged,
}

func offsetKept(t *testing.T, p *place) {
	for _, want := range []int64{0, 812345678, 812345679, 3} {
		if want != 0 {
			must(t, p.SetOffset(t.Context(), "", want))
		}
		for range 2 {
			got, err := p.Offset(t.Context(), "")
			must(t, err)
			if got != want {
				t.Errorf("the offset is %d, want %d", got, want)
			}
			p.reopen()
		}
	}
}

// seen reports whether an update was worked through.
func seen(t *testing.T, u relay.Updates, bot string, id int64) bool {
	t.Helper()
	claim, err := u.ClaimUpdate(t.Context(), bot, id, t0)
	must(t, err)
	if claim == relay.Claimed {
		must(t, u.UnclaimUpdate(t.Context(), bot, id))
	}
	return claim == relay.Done
}

func mark(t *testing.T, u relay.Updates, bot string, id int64, at time.Time) {
	t.Helper()
	_, err := u.MarkUpdate(t.Context(), bot, id, at)
	must(t, err)
}

// claims checks what comes of claiming update 7.
func claims(t *testing.T, u relay.Updates, at time.Time, want relay.Claim) {
	t.Helper()
	claim, err := u.ClaimUpdate(t.Context(), "", 7, at)
	must(t, err)
	if claim != want {
		t.Errorf("at %s it is %d, want %d", at.Sub(t0), claim, want)
	}
}

func updatesClaimed(t *testing.T, p *place) {
	claims(t, p, t0, relay.Claimed)
	claims(t, p, t0.Add(relay.ClaimTime-time.Millisecond), relay.Busy)
	claims(t, p, t0.Add(-relay.ClaimTime), relay.Busy)                // by a clock that is behind
	claims(t, p, t0.Add(-relay.ClaimTime-time.Second), relay.Claimed) // by one that is wrong
	claims(t, p, t0, relay.Claimed)                                   // whoever had it is gone
	must(t, p.UnclaimUpdate(t.Context(), "", 7))
	claims(t, p, t0, relay.Claimed)
	for _, want := range []bool{true, false} {
		first, err := p.MarkUpdate(t.Context(), "", 7, t0)
		must(t, err)
		if first != want {
			t.Errorf("marked first: %v", first)
		}
	}
	claims(t, p, t0.Add(time.Hour), relay.Done)
	must(t, p.UnclaimUpdate(t.Context(), "", 7)) // too late
	claims(t, p, t0.Add(time.Hour), relay.Done)
}

// Of many that claim an update at once, one has it.
func updateClaimedAtOnce(t *testing.T, p *place) {
	var running sync.WaitGroup
	var claimed atomic.Int64
	for range 16 {
		running.Go(func() {
			claim, err := p.ClaimUpdate(t.Context(), "", 7, t0)
			if err != nil {
				t.Error(err)
			}
			if claim == relay.Claimed {
				claimed.Add(1)
			}
		})
	}
	running.Wait()
	if n := claimed.Load(); n != 1 {
		t.Errorf("%d have it", n)
	}
}

func updatesNoted(t *testing.T, p *place) {
	if seen(t, p, "", 7) {
		t.Error("seen before it came")
	}
	mark(t, p, "", 7, t0)
	mark(t, p, "", 7, t0)
	p.reopen()
	if !seen(t, p, "", 7) || seen(t, p, "", 8) {
		t.Error("the note is lost, or is of another")
	}
}

func updateNotesGo(t *testing.T, p *place) {
	mark(t, p, "", 1, t0)
	mark(t, p, "", 2, t0.Add(47*time.Hour))
	mark(t, p, "", 3, t0.Add(49*time.Hour))
	if seen(t, p, "", 1) || !seen(t, p, "", 2) || !seen(t, p, "", 3) {
		t.Error("notes are to be kept two days")
	}
}

func settingsKept(t *testing.T, p *place) {
	for _, want := range []string{"", "secret", "other", ""} {
		if want != "" {
			must(t, p.SetSetting(t.Context(), "webhook", want))
		} else {
			must(t, p.SetSetting(t.Context(), "webhook", ""))
		}
		p.reopen()
		got, err := p.Setting(t.Context(), "webhook")
		must(t, err)
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	got, err := p.Setting(t.Context(), "never set")
	must(t, err)
	if got != "" {
		t.Errorf("got %q of a setting that was never set", got)
	}
}

func settingsChanged(t *testing.T, p *place) {
	const callers, each = 8, 10
	more := func(value string) (string, error) {
		n, _ := strconv.Atoi(value) // none at first
		return strconv.Itoa(n + 1), nil
	}
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for range each {
				if err := p.ChangeSetting(t.Context(), "count", more); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	refused := errors.New("refused")
	if err := p.ChangeSetting(t.Context(), "count", func(string) (string, error) { return "", refused }); !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	got, err := p.Setting(t.Context(), "count")
	must(t, err)
	if got != strconv.Itoa(callers*each) {
		t.Errorf("after %d changes it is %s", callers*each, got)
	}
}
