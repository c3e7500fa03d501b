package web

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// shelf keeps notes, as the storage does.
type shelf struct {
	relay.Notes
	kept map[string]string
	ill  bool // it takes no writes
}

func (s *shelf) Note(_ context.Context, name, value string, until time.Time) error {
	if s.ill {
		return &relay.Error{Code: relay.CodeStorageUnavailable}
	}
	s.kept[name] = until.Format(time.RFC3339) + value
	return nil
}

func (s *shelf) Noted(_ context.Context, name string, now time.Time) (string, error) {
	const head = len(time.RFC3339) - len("07:00") // of UTC
	note := s.kept[name]
	if note == "" || note[:head] <= now.Format(time.RFC3339) {
		return "", nil
	}
	return note[head:], nil
}

func (s *shelf) Unnote(_ context.Context, name string) error {
	delete(s.kept, name)
	return nil
}

// A session holds for twelve hours at each of two servers, until it is ended at one of them; while the storage takes no writes, where it was begun.
func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := &shelf{kept: map[string]string{}}
		one, other := newSessions(shelf), newSessions(shelf)
		token := [32]byte{1}
		begin := func() string {
			t.Helper()
			name, err := one.begin(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			return name
		}
		holds := func(s *sessions, name string, want bool) {
			t.Helper()
			if got, ok, err := s.token(t.Context(), name); err != nil || ok != want || ok && got != token {
				t.Errorf("it holds: %v, %v; want %v", ok, err, want)
			}
		}
		for _, ill := range []bool{false, true} {
			shelf.ill = ill
			name, ended := begin(), begin()
			time.Sleep(sessionAge - time.Minute)
			holds(one, name, true)
			holds(other, name, !ill)
			ender := map[bool]*sessions{false: other, true: one}[ill]
			if err := ender.end(t.Context(), ended); err != nil {
				t.Error(err)
			}
			holds(one, ended, false)
			time.Sleep(2 * time.Minute)
			holds(one, name, false)
			holds(other, name, false)
		}
		names := map[string]bool{}
		for range maxSessions + 10 {
			names[begin()] = true
		}
		if len(names) != maxSessions+10 || one.here.Len() != maxSessions {
			t.Errorf("%d names, %d sessions in memory", len(names), one.here.Len())
		}
		for name := range shelf.kept {
			if names[name] {
				t.Error("what is kept is what the cookie holds")
			}
		}
	})
}

// An address is slowed down by its own guesses alone; one of IPv6 by those of its network.
func TestGuessesSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(nil)
		addr := netip.MustParseAddr("2001:db8::1")
		for range guessBurst {
			if s.wait(addr, time.Now()) > 0 {
				t.Fatal("slowed down too early")
			}
			s.wrong(addr, time.Now())
		}
		for other, slow := range map[string]bool{"2001:db8::2": true, "2001:db8:0:1::1": false, "192.0.2.1": false} {
			if wait := s.wait(netip.MustParseAddr(other), time.Now()); (wait > 0) != slow || wait > guessEvery {
				t.Errorf("%s waits for %s", other, wait)
			}
		}
		if s.wait(netip.Addr{}, time.Now()) > 0 {
			t.Error("a unix socket is slowed down by others")
		}
		time.Sleep(guessEvery)
		if wait := s.wait(addr, time.Now()); wait > 0 {
			t.Errorf("still %s", wait)
		}
		for i := range maxGuesser + 10 {
			s.wrong(netip.MustParseAddr(fmt.Sprintf("10.%d.%d.1", i>>8, i&255)), time.Now())
		}
		if s.guesses.Len() > maxGuesser {
			t.Errorf("%d addresses are remembered", s.guesses.Len())
		}
	})
}
