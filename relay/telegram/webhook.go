package telegram

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/tgrelay/tgrelay/relay/secret"
)

const (
	// maxUpdate bounds the body of a webhook request, in bytes.
	maxUpdate = 1 << 20
	// secretHeader carries what setWebhook gave as secret_token.
	secretHeader = "X-Telegram-Bot-Api-Secret-Token"
)

// WebhookOptions are what a Webhook needs.
type WebhookOptions struct {
	Client      *Client
	URL         string
	SecretToken secret.Value // without one every request is refused
	WebhookTerms
	Handle func(context.Context, Update) error
	Log    *slog.Logger
}

// WebhookTerms are what may change while a Webhook runs.
type WebhookTerms struct {
	CertificateFile string         // PEM to upload when self-signed; read anew each time the webhook is set
	MaxConnections  int            // 1 to 100; 0 leaves it to Telegram
	AllowedSources  []netip.Prefix // peers that may post; empty: any that knows the secret token
}

// Webhook takes updates that Telegram posts, and keeps the webhook set.
//
// A request is answered with 200 only after Handle returned nil, so that Telegram sends the update again otherwise. What
// cannot be read, and what makes Handle panic, is logged and answered with 200: it would come for a day.
type Webhook struct {
	o       WebhookOptions
	terms   atomic.Pointer[WebhookTerms]
	changed chan struct{} // holds one: the terms are others
	secret  [sha256.Size]byte
	trouble trouble
	done    bool   // it was set and found so
	failing string // what Telegram last said about delivering to us
}

// NewWebhook makes a webhook; Run sets it.
func NewWebhook(o WebhookOptions) *Webhook {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Webhook{o: o, changed: make(chan struct{}, 1), secret: sha256.Sum256([]byte(o.SecretToken.Reveal())), trouble: trouble{log: o.Log}}
	w.terms.Store(&o.WebhookTerms)
	return w
}

// SetTerms puts other terms in force. The webhook is set again where Telegram has to know of them, which a certificate's file does not tell: it may
// have another content.
func (w *Webhook) SetTerms(terms WebhookTerms) {
	before := w.terms.Swap(&terms)
	if terms.CertificateFile == "" && terms.MaxConnections == before.MaxConnections && before.CertificateFile == "" {
		return
	}
	select {
	case w.changed <- struct{}{}:
	default: // it is known already
	}
}

func (w *Webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if status := w.check(r); status != 0 {
		if status == http.StatusMethodNotAllowed {
			rw.Header().Set("Allow", http.MethodPost)
		}
		http.Error(rw, http.StatusText(status), status)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxUpdate))
	if err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(rw, http.StatusText(status), status)
		return
	}
	if err := w.take(r.Context(), body); err != nil {
		w.o.Log.Error("cannot handle an update; Telegram sends it again", "error", err)
		http.Error(rw, "try again", http.StatusInternalServerError)
	}
}

// check returns the status to refuse a request with, 0 to take it.
func (w *Webhook) check(r *http.Request) int {
	switch {
	case !w.allowed(r.RemoteAddr):
		return http.StatusForbidden
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed
	case !w.knows(r.Header.Get(secretHeader)):
		return http.StatusUnauthorized
	}
	return 0
}

func (w *Webhook) allowed(remote string) bool {
	sources := w.terms.Load().AllowedSources
	if len(sources) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := from.Addr().Unmap()
	return slices.ContainsFunc(sources, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// knows compares in constant time; the hash hides the length too.
func (w *Webhook) knows(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], w.secret[:]) == 1 && !w.o.SecretToken.IsZero()
}

func (w *Webhook) take(ctx context.Context, body []byte) error {
	u, err := decode(body)
	if err != nil {
		w.o.Log.Error("passing over an update that cannot be read", "update_id", u.UpdateID, "error", err)
		return nil
	}
	w.o.Client.metrics.received(&u)
	return guarded(ctx, w.o.Handle, u, w.o.Log)
}
