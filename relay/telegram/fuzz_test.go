package telegram_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

const maxWait = 24 * time.Hour

// FuzzAnswer: whatever answers, a call ends in a result or in an *Error with one of the Reasons, and a 403 that is not
// Telegram's never condemns a chat.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"ok":true,"result":{"id":1}}`))
	f.Add(429, []byte(`{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":-3}}`))
	f.Add(403, []byte(`<html>`))
	f.Add(400, []byte(`{"ok":false,"error_code":400,"description":"x","parameters":{"retry_after":99999999999999,"migrate_to_chat_id":1}}`))
	f.Add(502, []byte("\x00"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		c, err := telegram.New(telegram.Options{Token: secret.New(token), APIURL: "http://telegram.test", Transport: tripper(func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			w.WriteHeader(status)
			_, _ = w.Write(body)
			return w.Result(), nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.GetMe(t.Context())
		if err == nil {
			return
		}
		e, ok := errors.AsType[*telegram.Error](err)
		if !ok || !slices.Contains(telegram.Reasons, e.Reason) {
			t.Fatalf("%T %v", err, err)
		}
		if e.RetryAfter < 0 || e.Reason == telegram.RateLimited && e.RetryAfter > maxWait {
			t.Errorf("wait %s", e.RetryAfter)
		}
		if e.Reason == telegram.Blocked && (len(body) == 0 || body[0] == '<') {
			t.Error("a page condemned a chat")
		}
	})
}
