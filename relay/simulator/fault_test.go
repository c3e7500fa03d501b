package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// Each fault, over a socket and without one, and whether the message exists afterwards.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault   simulator.Fault
		status  int // 0: no answer
		body    string
		arrives bool
	}{
		{simulator.Fault{Kind: simulator.TooManyRequests, RetryAfter: 7}, 429, `"retry_after":7`, false},
		{simulator.Fault{Kind: simulator.Status, Code: 403, Description: "Forbidden: bot was blocked by the user"}, 403, "blocked", false},
		{simulator.Fault{Kind: simulator.Status}, 500, "Internal Server Error", false},
		{simulator.Fault{Kind: simulator.Gateway}, 502, "<html>", false},
		{simulator.Fault{Kind: simulator.Empty}, 200, "", false},
		{simulator.Fault{Kind: simulator.Truncated}, 200, "{", true},
		{simulator.Fault{Kind: simulator.ResetBefore}, 0, "", false},
		{simulator.Fault{Kind: simulator.ResetAfter}, 0, "", true},
		{simulator.Fault{Kind: simulator.Slow, Delay: time.Millisecond}, 200, `"ok":true`, true},
	} {
		for _, sockets := range []bool{true, false} {
			b := newBot(t, simulator.Options{})
			ada := b.ada()
			base, client := "http://telegram", &http.Client{Transport: b.sim.Transport()}
			if sockets {
				server := httptest.NewServer(b.sim)
				defer server.Close()
				base, client = server.URL, server.Client()
			}
			c.fault.Method, c.fault.Times = "sendMessage", 1
			b.sim.Fail(c.fault)
			response, err := client.PostForm(base+b.path("sendMessage"), url.Values{"chat_id": {"1001"}, "text": {"x"}})
			if c.status == 0 {
				if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
					t.Errorf("%s (sockets %v): %v, want a reset", c.fault.Kind, sockets, err)
				}
			} else if err != nil {
				t.Errorf("%s (sockets %v): %v", c.fault.Kind, sockets, err)
			} else {
				body, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode != c.status || !strings.Contains(string(body), c.body) || (c.status == 429) != (response.Header.Get("Retry-After") == "7") {
					t.Errorf("%s (sockets %v): %d %s", c.fault.Kind, sockets, response.StatusCode, body)
				}
			}
			if got := len(simulator.FromBot(b.sim.Messages(ada.ID))); (got == 1) != c.arrives {
				t.Errorf("%s (sockets %v): %d messages", c.fault.Kind, sockets, got)
			}
			b.ok("sendMessage", object{"chat_id": ada.ID, "text": "the fault was for one"}, nil)
		}
	}
}

func TestFaultsChoose(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	bob := b.sim.User("Bob")
	write(t, bob, "/start")
	b.sim.Fail(simulator.Fault{Kind: simulator.Status, ChatID: ada.ID})
	b.ok("sendMessage", object{"chat_id": bob.ID, "text": "x"}, nil)
	b.ok("getMe", nil, nil)
	for range 3 {
		if a := b.call("sendMessage", object{"chat_id": ada.ID, "text": "x"}); a.ErrorCode != 500 {
			t.Errorf("%+v", a)
		}
	}
	b.sim.ClearFaults()
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "x"}, nil)
	calls := b.sim.Calls()
	if last := calls[len(calls)-1]; last.Method != "sendmessage" || last.ChatID != ada.ID || last.Status != 200 || last.Arguments["text"] != "x" {
		t.Errorf("%+v", last)
	}
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, simulator.Options{Limits: simulator.Limits{Global: 30, Chat: 1, Group: 20}})
		ada := b.ada()
		g := b.sim.Group("Ops", ada)
		g.AddBot(ada)
		send := func(chat int64) answer { return b.call("sendMessage", object{"chat_id": chat, "text": "x"}) }
		if a := send(ada.ID); !a.OK {
			t.Fatal(a.Description)
		}
		a := send(ada.ID)
		if a.status != 429 || a.Parameters.RetryAfter != 1 || a.header.Get("Retry-After") != "1" || a.Description != "Too Many Requests: retry after 1" {
			t.Errorf("%+v", a)
		}
		time.Sleep(time.Second)
		if a := send(ada.ID); !a.OK {
			t.Errorf("after a second: %s", a.Description)
		}
		for i := range 20 {
			if a := send(g.ID()); !a.OK {
				t.Fatalf("message %d: %s", i, a.Description)
			}
		}
		if a := send(g.ID()); a.Parameters.RetryAfter != 60 {
			t.Errorf("the 21st in a minute: %+v", a)
		}
		time.Sleep(30 * time.Second)
		if a := send(g.ID()); a.Parameters.RetryAfter != 30 {
			t.Errorf("too early: %+v", a)
		}
		time.Sleep(30 * time.Second)
		if a := send(g.ID()); !a.OK {
			t.Errorf("after a minute: %s", a.Description)
		}
		if n := b.sim.Violations(); n != 3 {
			t.Errorf("%d violations, want 3", n)
		}
	})
}

func TestWait(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	done := make(chan []simulator.Message)
	go func() {
		m, err := b.sim.Wait(t.Context(), ada.ID, func(m []simulator.Message) bool { return len(m) == 2 })
		if err != nil {
			t.Error(err)
		}
		done <- m
	}()
	b.ok("sendMessage", object{"chat_id": ada.ID, "text": "awaited"}, nil)
	if m := <-done; m[1].Text != "awaited" {
		t.Errorf("%+v", m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.sim.Wait(ctx, ada.ID, func([]simulator.Message) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that ends: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	b := newBot(t, simulator.Options{KeepMessages: 10, KeepCalls: 20})
	ada := b.ada()
	for range 100 {
		b.ok("sendMessage", object{"chat_id": ada.ID, "text": "x"}, nil)
	}
	if m, c := len(b.sim.Messages(ada.ID)), len(b.sim.Calls()); m != 10 || c > 20 {
		t.Errorf("%d messages, %d calls kept", m, c)
	}
}
