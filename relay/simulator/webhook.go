package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

const (
	maxConnections  = 40
	maxWebhookRetry = time.Hour
	// A webhook that answers no later than this is alive (WebhookActor.cpp closes an idle connection).
	webhookTimeout = 60 * time.Second
)

var secretToken = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// webhook brings updates to an address: of one chat (or person) strictly one after the other, of several at once.
type webhook struct {
	url         string
	secret      string
	connections int
	certificate bool
	ctx         context.Context // ends with the webhook
	stop        context.CancelFunc
	busy        map[int64]bool // keys under way
	lastError   string
	lastErrorAt int64
}

func (s *Server) setWebhook(a *arguments) *answer {
	address, secret := a.text("url"), a.text("secret_token")
	if address == "" {
		return s.deleteWebhook(a)
	}
	u, err := url.Parse(address)
	_, certificate := a.files["certificate"]
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return failed(400, "Bad Request: invalid webhook URL specified")
	case len(secret) > 256:
		return failed(400, "Bad Request: secret token is too long")
	case !secretToken.MatchString(secret):
		return failed(400, "Bad Request: secret token contains unallowed characters")
	case s.options.Strict && u.Scheme != "https":
		return failed(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
	case s.options.Strict && !webhookPort(u.Port()):
		return failed(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
	}
	s.queue.allow(a)
	if a.boolean("drop_pending_updates") {
		s.queue.updates = nil
	}
	connections := int(a.integer("max_connections", maxConnections, 1, 100))
	if w := s.webhook; w != nil && w.url == address && w.secret == secret && w.connections == connections && !certificate {
		return &answer{result: true, description: "Webhook is already set"}
	}
	s.endPoll("Conflict: terminated by setWebhook request")
	if s.webhook != nil {
		s.webhook.stop()
	}
	w := &webhook{url: address, secret: secret, connections: connections, certificate: certificate, busy: map[int64]bool{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	s.webhook = w
	w.pump(s)
	return &answer{result: true, description: "Webhook was set"}
}

func webhookPort(port string) bool {
	switch port {
	case "", "80", "88", "443", "8443":
		return true
	}
	return false
}

func (s *Server) deleteWebhook(a *arguments) *answer {
	if a.boolean("drop_pending_updates") {
		s.queue.updates = nil
	}
	if s.webhook == nil {
		return &answer{result: true, description: "Webhook is already deleted"}
	}
	s.webhook.stop()
	s.webhook = nil
	return &answer{result: true, description: "Webhook was deleted"}
}

func (s *Server) getWebhookInfo(*arguments) *answer {
	s.queue.expire(clock())
	info := map[string]any{"url": "", "has_custom_certificate": false, "pending_update_count": len(s.queue.updates)}
	if w := s.webhook; w != nil {
		info["url"], info["has_custom_certificate"], info["max_connections"] = w.url, w.certificate, w.connections
		info["ip_address"] = "127.0.0.1"
		if w.lastError != "" {
			info["last_error_date"], info["last_error_message"] = w.lastErrorAt, w.lastError
		}
	}
	if s.queue.allowed != nil {
		info["allowed_updates"] = s.queue.allowed
	}
	return done(info)
}

// pump starts what may be brought now: the oldest update of each key that has none under way. The caller holds mu.
func (w *webhook) pump(s *Server) {
	s.queue.expire(clock())
	for _, u := range s.queue.updates {
		if len(w.busy) >= w.connections {
			return
		}
		if !w.busy[u.key] {
			w.busy[u.key] = true
			go w.bring(s, u)
		}
	}
}

// bring posts an update until it is taken, or too old, or the webhook is gone.
func (w *webhook) bring(s *Server, u *update) {
	for try := 0; ; try++ {
		wait, err := w.post(s, u)
		s.mu.Lock()
		if err == nil || clock().After(u.dies) || w.ctx.Err() != nil {
			if w.ctx.Err() == nil {
				s.queue.remove(u.id)
				delete(w.busy, u.key)
				w.pump(s)
			}
			s.mu.Unlock()
			return
		}
		w.lastError, w.lastErrorAt = err.Error(), now()
		s.mu.Unlock()
		if wait == 0 {
			wait = backOff(try)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// backOff is Telegram's: at once, then 2, 4, 8 … s, at last between 60 and 120 s.
func backOff(try int) time.Duration {
	if try == 0 {
		return time.Millisecond
	}
	if try > 5 {
		return time.Minute + rand.N(time.Minute)
	}
	return time.Second << try
}

// post brings an update once. A call in a 2xx answer's body is carried out; the result goes nowhere. wait is what Retry-After asks for.
func (w *webhook) post(s *Server, u *update) (wait time.Duration, err error) {
	body, err := json.Marshal(u.object())
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(w.ctx, webhookTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header["User-Agent"] = nil
	if w.secret != "" {
		request.Header.Set("X-Telegram-Bot-Api-Secret-Token", w.secret)
	}
	response, err := s.client.Do(request)
	if err != nil {
		//lint:ignore ST1005 Telegram's own words
		return 0, errors.New("Can't connect to the webhook")
	}
	defer response.Body.Close()
	reply, _ := io.ReadAll(io.LimitReader(response.Body, maxParameters))
	if response.StatusCode/100 == 2 {
		w.replied(s, response.Header.Get("Content-Type"), reply)
		return 0, nil
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		wait = min(time.Duration(seconds)*time.Second, maxWebhookRetry)
	}
	//lint:ignore ST1005 Telegram's own words
	return wait, fmt.Errorf("Wrong response from the webhook: %s", response.Status)
}

func (w *webhook) replied(s *Server, contentType string, body []byte) {
	r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", contentType)
	a := readArguments(r)
	name := lower(a.text("method"))
	if do, known := methods[name]; known && name != "setwebhook" && name != "deletewebhook" {
		s.mu.Lock()
		defer s.mu.Unlock()
		do(s, a)
	}
}
