package simulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxConnections  = 40
	maxWebhookRetry = time.Hour
	// A webhook that answers no later than this is alive (WebhookActor.cpp closes an idle connection).
	webhookTimeout = 60 * time.Second
	// A webhook that answers 410 Gone for so long is removed (WebhookActor.cpp).
	maxGone = 23 * time.Hour
)

var secretToken = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// webhook brings updates to an address: of one chat (or person) strictly one after the other, of several at once.
type webhook struct {
	url         string
	secret      string
	connections int
	certificate bool
	client      *http.Client
	ctx         context.Context // ends with the webhook
	stop        context.CancelFunc
	busy        map[int64]bool // keys under way
	lastError   string
	lastErrorAt int64
	goneSince   time.Time // of the first 410 of an unbroken row
}

func (s *Server) setWebhook(a *arguments) *answer {
	address, secret := a.text("url"), a.text("secret_token")
	if address == "" {
		return s.deleteWebhook(a)
	}
	u, err := url.Parse(address)
	uploaded, certificate := a.files["certificate"]
	client, trusts := s.client, true
	if certificate {
		client, trusts = s.trusting(uploaded.content)
	}
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return failed(400, "Bad Request: invalid webhook URL specified")
	case !trusts:
		return failed(400, "Bad Request: bad webhook: failed to set custom certificate file")
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
	w := &webhook{url: address, secret: secret, connections: connections, certificate: certificate, client: client, busy: map[int64]bool{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	s.webhook = w
	w.pump(s)
	return &answer{result: true, description: "Webhook was set"}
}

// trusting is a client that takes an uploaded certificate (PEM) for an authority, and no other; false for one that cannot be read.
func (s *Server) trusting(certificate []byte) (*http.Client, bool) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificate) {
		return nil, false
	}
	if s.options.Transport != nil {
		return s.client, true // nothing is encrypted on that way
	}
	client := *s.client
	client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	return &client, true
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

// bring posts an update until it is taken, too old or dropped, or the webhook is gone.
func (w *webhook) bring(s *Server, u *update) {
	for try := 0; ; try++ {
		wait, err := w.post(s, u)
		if w.tried(s, u, err) {
			return
		}
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
		s.mu.Lock()
		over := w.ctx.Err() != nil || w.over(s, u)
		s.mu.Unlock()
		if over {
			return
		}
	}
}

// tried notes how a try went, and reports whether it was the last.
func (w *webhook) tried(s *Server, u *update, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.ctx.Err() != nil {
		return true
	}
	if err == nil {
		w.goneSince = time.Time{}
		s.queue.remove(u.id)
		return w.over(s, u)
	}
	w.lastError, w.lastErrorAt = err.Error(), now()
	if w.isGone(err) {
		w.stop()
		s.webhook = nil
		return true
	}
	return w.over(s, u)
}

// over reports whether an update is no longer in the queue; then the next one of its key may be brought. The caller holds mu.
func (w *webhook) over(s *Server, u *update) bool {
	s.queue.expire(clock())
	if slices.Contains(s.queue.updates, u) {
		return false
	}
	delete(w.busy, u.key)
	w.pump(s)
	return true
}

// isGone reports whether nothing but 410 Gone was answered for so long that the webhook is removed.
func (w *webhook) isGone(err error) bool {
	switch {
	case !errors.Is(err, errGone):
		w.goneSince = time.Time{}
	case w.goneSince.IsZero():
		w.goneSince = clock()
	}
	return !w.goneSince.IsZero() && clock().Sub(w.goneSince) >= maxGone
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
	response, err := w.client.Do(request)
	if err != nil {
		return 0, unreachable(err)
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
	if response.StatusCode == http.StatusGone {
		return wait, errGone
	}
	//lint:ignore ST1005 Telegram's own words
	return wait, fmt.Errorf("Wrong response from the webhook: %s", response.Status)
}

//lint:ignore ST1005 Telegram's own words
var errGone = errors.New("Wrong response from the webhook: 410 Gone")

// unreachable says in Telegram's words why no answer came.
func unreachable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		//lint:ignore ST1005 Telegram's own words
		return errors.New("Read timeout expired")
	}
	if _, unverified := errors.AsType[*tls.CertificateVerificationError](err); unverified {
		return errors.New("SSL error {error:0A000086:SSL routines::certificate verify failed}")
	}
	//lint:ignore ST1005 Telegram's own words
	return errors.New("Can't connect to the webhook")
}

// replied carries out the call in a webhook's answer, unless it is one whose result matters, or of the webhook itself.
func (w *webhook) replied(s *Server, contentType string, body []byte) {
	r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", contentType)
	a := readArguments(r)
	name := lower(a.text("method"))
	if strings.HasPrefix(name, "get") || name == "setwebhook" || name == "deletewebhook" || methods[name] == nil {
		return
	}
	s.note(name, a, s.run(r, name, a).status())
}
