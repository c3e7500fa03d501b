package telegram_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/telegram"
)

const (
	me           = `{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Relay","username":"relay_bot"}}`
	unauthorized = `{"ok":false,"error_code":401,"description":"Unauthorized"}`
)

// watched gives a client that is watched, and a switch for what getMe answers.
func watched(t *testing.T, first string) (c *telegram.Client, log *book, set func(string), api *botAPI) {
	t.Helper()
	answer := first
	api = &botAPI{}
	api.on = map[string]func(map[string]any) string{"getMe": func(map[string]any) string { return answer }}
	c, log, _ = newClient(t, "http://telegram.test", api)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	set = func(text string) {
		synctest.Wait()
		answer = text
	}
	return c, log, set, api
}

// until waits for a state and returns how long it took.
func until(t *testing.T, c *telegram.Client, healthy bool) time.Duration {
	t.Helper()
	start := time.Now()
	for (c.Healthy() == nil) != healthy {
		if time.Since(start) > time.Minute {
			t.Fatalf("not within a minute: %v", c.Healthy())
		}
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
	}
	return time.Since(start)
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fresh, _, _ := newClient(t, "http://telegram.test", &botAPI{})
		if err := fresh.Healthy(); err == nil {
			t.Error("healthy before the first answer")
		}
		c, log, set, _ := watched(t, me)
		until(t, c, true)
		for name, answer := range map[string]string{"down": "", "hanging": "wait", "gateway": "<html>", "restart": `{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}`} {
			set(answer)
			if took := until(t, c, false); took > 30*time.Second {
				t.Errorf("%s: known after %s", name, took)
			}
			if !strings.Contains(c.Healthy().Error(), "since") {
				t.Errorf("%s: %v", name, c.Healthy())
			}
			set(me)
			if took := until(t, c, true); took > 15*time.Second {
				t.Errorf("%s: its end was known after %s", name, took)
			}
		}
		<-time.After(20 * time.Second)
		if n := strings.Count(log.String(), "Telegram works again"); n != 4 {
			t.Errorf("logged %d returns:\n%s", n, log)
		}
	})
}

// Where nothing but probes shows what Telegram does, an outage is known as soon as it is said to be, however little time the answers take.
func TestHealthByProbesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, well := range []time.Duration{20*time.Second + 50*time.Millisecond, 29 * time.Second, 31 * time.Second, 36 * time.Second} {
			var silent atomic.Bool
			api := &botAPI{on: map[string]func(map[string]any) string{"getMe": func(map[string]any) string {
				time.Sleep(20 * time.Millisecond)
				if silent.Load() {
					return "wait"
				}
				return me
			}}}
			c, _, _ := newClient(t, "http://telegram.test", api)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- c.Watch(ctx) }()
			<-time.After(well)
			silent.Store(true)
			if took := until(t, c, false); took > 25*time.Second {
				t.Errorf("an outage after %s is known after %s", well, took)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestHealthOfToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, set, _ := watched(t, unauthorized)
		synctest.Wait()
		if err := c.Healthy(); err == nil || !strings.Contains(err.Error(), "@BotFather") {
			t.Errorf("token refused: %v", err)
		}
		set(me)
		until(t, c, true)
	})
}

func TestWatchAsksOnlyWhenQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _, api := watched(t, me)
		synctest.Wait()
		for range 30 {
			<-time.After(2 * time.Second)
			if _, err := c.GetWebhookInfo(t.Context()); telegram.ReasonOf(err) != telegram.BadAnswer {
				t.Fatal(err) // true is no WebhookInfo, so this says nothing good
			}
			if _, err := c.GetChatMember(t.Context(), telegram.GetChatMember{}); err == nil {
				t.Fatal("true is no ChatMember")
			}
			if err := c.DeleteWebhook(t.Context(), telegram.DeleteWebhook{}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(api.of("getMe")); n != 1 {
			t.Errorf("asked %d times although other calls went well", n)
		}
	})
}

func TestBotWaitsForTelegram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &botAPI{on: map[string]func(map[string]any) string{"getMe": answers("", unauthorized, me)}}
		c, _, _ := newClient(t, "http://telegram.test", api)
		bot, err := c.Bot(t.Context())
		if err != nil || bot.Username != "relay_bot" {
			t.Fatalf("%+v, %v", bot, err)
		}
		api.on["getMe"] = answers("")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := c.Bot(ctx); err != context.DeadlineExceeded {
			t.Errorf("at the end of ctx: %v", err)
		}
	})
}
