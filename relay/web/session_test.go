package web

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		token := [32]byte{1}
		name := s.begin(token)
		time.Sleep(sessionAge - time.Minute)
		if got, ok := s.token(name); !ok || got != token {
			t.Error("a session ends too early")
		}
		time.Sleep(2 * time.Minute)
		if _, ok := s.token(name); ok || s.byHash.Len() != 0 {
			t.Error("a session goes on after twelve hours, or is kept")
		}
		names := map[string]bool{}
		for range maxSessions + 10 {
			names[s.begin(token)] = true
		}
		if len(names) != maxSessions+10 || s.byHash.Len() != maxSessions {
			t.Errorf("%d names, %d sessions", len(names), s.byHash.Len())
		}
	})
}

// An address is slowed down by its own guesses alone; one of IPv6 by those of its network.
func TestGuessesSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
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
