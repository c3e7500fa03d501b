package telegram_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

const hookSecret = "hook-secret-that-nobody-may-see"

func newWebhook(t *testing.T, api *botAPI, o telegram.WebhookOptions) (*telegram.Webhook, *book) {
	t.Helper()
	o.Client, _, _ = newClient(t, "http://telegram.test", api)
	log, b := newLog()
	o.URL, o.SecretToken, o.Log = "https://relay.example/telegram", secret.New(hookSecret), log
	return telegram.NewWebhook(o), b
}

func TestWebhookRequests(t *testing.T) {
	handle := func(_ context.Context, u telegram.Update) error {
		switch u.UpdateID {
		case 2:
			return errors.New("disk full")
		case 3:
			panic("oh no")
		}
		return nil
	}
	hook, log := newWebhook(t, &botAPI{}, telegram.WebhookOptions{Handle: handle, WebhookTerms: telegram.WebhookTerms{AllowedSources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}})
	for name, row := range map[string]struct {
		method, secret, body, from string
		want                       int
	}{
		"good":          {"POST", hookSecret, `{"update_id":1}`, "", 200},
		"failing":       {"POST", hookSecret, `{"update_id":2}`, "", 500},
		"panicking":     {"POST", hookSecret, `{"update_id":3}`, "", 200},
		"odd":           {"POST", hookSecret, `{"update_id":4,"message":1}`, "", 200},
		"no JSON":       {"POST", hookSecret, `<`, "", 200},
		"GET":           {"GET", hookSecret, ``, "", 405},
		"wrong secret":  {"POST", "guess", `{"update_id":1}`, "", 401},
		"no secret":     {"POST", "", `{"update_id":1}`, "", 401},
		"too large":     {"POST", hookSecret, strings.Repeat(" ", 1<<20) + "{}", "", 413},
		"other source":  {"POST", hookSecret, `{"update_id":1}`, "198.51.100.7:1", 403},
		"mapped source": {"POST", hookSecret, `{"update_id":1}`, "[::ffff:192.0.2.9]:1", 200},
		"unix socket":   {"POST", hookSecret, `{"update_id":1}`, "@", 403},
	} {
		r := httptest.NewRequest(row.method, "/telegram", strings.NewReader(row.body))
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", row.secret)
		if row.from != "" {
			r.RemoteAddr = row.from
		}
		w := httptest.NewRecorder()
		hook.ServeHTTP(w, r)
		if w.Code != row.want {
			t.Errorf("%s: %d, want %d", name, w.Code, row.want)
		}
		if strings.Contains(w.Body.String(), "disk full") {
			t.Errorf("%s tells the world: %s", name, w.Body)
		}
	}
	if strings.Contains(log.String(), hookSecret) {
		t.Error("the secret token was logged")
	}
}

func TestWebhookWithoutSecretRefuses(t *testing.T) {
	c, _, _ := newClient(t, "http://telegram.test", &botAPI{})
	hook := telegram.NewWebhook(telegram.WebhookOptions{Client: c})
	w := httptest.NewRecorder()
	hook.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/telegram", strings.NewReader(`{}`)))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d", w.Code)
	}
}

func TestWebhookRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := `{"ok":true,"result":{"url":"https://relay.example/telegram","max_connections":7,"has_custom_certificate":true,
			"allowed_updates":["my_chat_member","callback_query","channel_post","message"]}}`
		failing := strings.Replace(good, `"url"`, `"last_error_message":"Connection timed out","url"`, 1)
		api := &botAPI{on: map[string]func(map[string]any) string{
			"setWebhook":     answers("", `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":5}}`, `{"ok":true,"result":true,"description":"Webhook was set"}`),
			"getWebhookInfo": answers(good, good, failing, failing, strings.ReplaceAll(good, "relay.example", "thief.example"), good),
		}}
		file := filepath.Join(t.TempDir(), "cert.pem")
		if err := os.WriteFile(file, []byte("PEM of the certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
		hook, log := newWebhook(t, api, telegram.WebhookOptions{WebhookTerms: telegram.WebhookTerms{CertificateFile: file, MaxConnections: 7}})
		ctx, cancel := context.WithTimeout(t.Context(), 28*time.Minute)
		defer cancel()
		if err := hook.Run(ctx); err != nil {
			t.Error(err)
		}
		const want = "setWebhook setWebhook setWebhook getWebhookInfo getWebhookInfo getWebhookInfo getWebhookInfo getWebhookInfo setWebhook getWebhookInfo getWebhookInfo"
		if got := api.made(); got != want {
			t.Errorf("called %s\nwant   %s", got, want)
		}
		sets := api.of("setWebhook")
		if wait := sets[2].at.Sub(sets[1].at); wait < 5*time.Second {
			t.Errorf("retry_after 5 was answered after %s", wait)
		}
		body := sets[0].params["body"].(string)
		for _, part := range []string{hookSecret, "PEM of the certificate", `["message","channel_post","callback_query","my_chat_member"]`, "https://relay.example/telegram", `name="max_connections"`} {
			if !strings.Contains(body, part) {
				t.Errorf("setWebhook lacks %s", part)
			}
		}
		for part, n := range map[string]int{"Connection timed out": 1, "differs=url": 1, "cannot set the webhook": 2, "can set the webhook again": 1, hookSecret: 0} {
			if strings.Count(log.String(), part) != n {
				t.Errorf("the log should hold %q %d times:\n%s", part, n, log)
			}
		}
	})
}

func TestWebhookRunWithoutCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook, log := newWebhook(t, &botAPI{}, telegram.WebhookOptions{WebhookTerms: telegram.WebhookTerms{CertificateFile: "/nowhere/cert.pem"}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := hook.Run(ctx); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "/nowhere/cert.pem") {
			t.Errorf("the log does not name the file: %s", log)
		}
	})
}
