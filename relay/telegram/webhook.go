package telegram

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay/secret"
)

const (
	secretHeader = "X-Telegram-Bot-Api-Secret-Token"
	maxUpdate    = 4 << 20 // bytes of an update; Telegram's stay far below
	// againAfter is when Telegram is to send an update again whose effect could not be stored, in seconds. Telegram honours
	// Retry-After up to an hour.
	againAfter = 5
	// recheck is how often it is looked up whether the webhook still stands.
	recheck = 3 * time.Minute
)

// WebhookOptions are what a Webhook needs.
type WebhookOptions struct {
	Client          *Client
	URL             string       // at which Telegram reaches this handler
	SecretToken     secret.Value // that Telegram repeats in each request; without one every request is refused
	CertificateFile string       // PEM, of a self-signed certificate; empty: none
	MaxConnections  int          // 1 to 100; 0: Telegram's default, 40
	AllowedSources  []netip.Prefix
	// ClientAddr tells where a request comes from, for servers behind proxies; nil: RemoteAddr does.
	ClientAddr func(*http.Request) netip.Addr
	Handle     Handler      // may be called from several requests at once
	Log        *slog.Logger // nil: none
}

// Webhook receives updates over HTTP. It answers 200 only after Handle returned nil, else 500, and Telegram sends the update
// again; a panic in Handle is logged and answered 200. Telegram keeps the order within a chat.
//
// A source that is not allowed gets 403, a wrong secret token 401, another verb 405, what is no update 400, a body over
// 4 MiB 413. Whether an update was handled before is Handle's business: the same update_id may come twice.
type Webhook struct {
	o    WebhookOptions
	told string // trouble that was logged; of Run only
}

// NewWebhook returns a Webhook.
func NewWebhook(o WebhookOptions) *Webhook {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ClientAddr == nil {
		o.ClientAddr = remoteAddr
	}
	return &Webhook{o: o}
}

func remoteAddr(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // of a unix socket
	}
	return a.Addr().Unmap()
}

func (w *Webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	status := w.serve(rw, r)
	if status == http.StatusInternalServerError {
		rw.Header().Set("Retry-After", strconv.Itoa(againAfter))
	}
	rw.WriteHeader(status)
}

func (w *Webhook) serve(rw http.ResponseWriter, r *http.Request) (status int) {
	if !w.sourceAllowed(r) {
		return http.StatusForbidden
	}
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed
	}
	if !w.knowsSecret(r) {
		return http.StatusUnauthorized
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxUpdate))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return http.StatusBadRequest
	}
	return w.take(r.Context(), body)
}

func (w *Webhook) sourceAllowed(r *http.Request) bool {
	if len(w.o.AllowedSources) == 0 {
		return true
	}
	addr := w.o.ClientAddr(r).Unmap()
	for _, p := range w.o.AllowedSources {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func (w *Webhook) knowsSecret(r *http.Request) bool {
	want := w.o.SecretToken.Reveal()
	return want != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get(secretHeader)), []byte(want)) == 1
}

// take handles an update and says what to answer.
func (w *Webhook) take(ctx context.Context, body []byte) (status int) {
	u, err := DecodeUpdate(body)
	if u.UpdateID == 0 {
		return http.StatusBadRequest
	}
	if err != nil {
		w.o.Log.Warn("an update of Telegram has parts that cannot be read; they are skipped", "update_id", u.UpdateID, "error", w.o.Client.redact.error(err))
	}
	w.o.Client.metrics.update(&u)
	if err := handle(ctx, w.o.Client, w.o.Log, w.o.Handle, u); err != nil {
		w.o.Log.Error("an update of Telegram could not be handled; Telegram sends it again", "update_id", u.UpdateID, "error", w.o.Client.redact.error(err))
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// Run sets the webhook at Telegram, again and again until it stands, and looks every three minutes whether it still does. It
// returns nil when ctx ends; the webhook stays, so that Telegram keeps updates for the next start.
func (w *Webhook) Run(ctx context.Context) error {
	wait := newBackoff()
	for set := false; ctx.Err() == nil; {
		err := w.stand(ctx, set)
		if err != nil && ctx.Err() == nil {
			w.trouble(err)
			set = set && !errors.Is(err, errNotOurs)
			wait.after(ctx, err)
			continue
		}
		w.fine(ctx)
		wait.reset()
		set = true
		sleep(ctx, recheck)
	}
	return nil
}

var errNotOurs = errors.New("the webhook at Telegram is another or none: does another program use this bot?")

// stand sets the webhook, unless that was done, and checks it.
func (w *Webhook) stand(ctx context.Context, set bool) error {
	if !set {
		if err := w.set(ctx); err != nil {
			return err
		}
	}
	return w.check(ctx)
}

func (w *Webhook) set(ctx context.Context) error {
	p := SetWebhook{URL: w.o.URL, MaxConnections: w.o.MaxConnections, AllowedUpdates: AllowedUpdates, SecretToken: w.o.SecretToken.Reveal()}
	if w.o.CertificateFile != "" {
		pem, err := os.ReadFile(w.o.CertificateFile)
		if err != nil {
			return fmt.Errorf("read the certificate (telegram.webhook.certificate_file): %w", err)
		}
		p.Certificate = &File{Name: "certificate.pem", Content: pem}
	}
	return w.o.Client.SetWebhook(ctx, p)
}

// check asks whether Telegram sends to our URL, and logs what went wrong there. Error: errNotOurs.
func (w *Webhook) check(ctx context.Context) error {
	info, err := w.o.Client.GetWebhookInfo(ctx)
	if err != nil {
		return err
	}
	if info.URL != w.o.URL {
		return fmt.Errorf("%w (host %q)", errNotOurs, webhookHost(info.URL))
	}
	if info.LastErrorMessage != "" && time.Since(time.Unix(info.LastErrorDate, 0)) < 2*recheck {
		w.o.Log.Warn("Telegram could not deliver to the webhook: check that telegram.webhook.url reaches this server from outside",
			"telegram_says", w.o.Client.describe(info.LastErrorMessage), "pending_updates", info.PendingUpdateCount)
	}
	return nil
}

func (w *Webhook) trouble(err error) {
	kind, remedy := err.Error(), "check [telegram.webhook] in the configuration"
	if e, ok := errors.AsType[*Error](err); ok {
		kind = string(e.Reason)
		remedy = cmpOr(e.Remedy(), remedy)
	}
	if kind != w.told {
		w.o.Log.Error("the webhook could not be set at Telegram; it is tried again", "error", w.o.Client.redact.error(err), "remedy", remedy)
	}
	w.told = kind
}

func (w *Webhook) fine(ctx context.Context) {
	if w.told != "" && ctx.Err() == nil {
		w.o.Log.Info("the webhook is set at Telegram")
		w.told = ""
	}
}

// webhookHost is what may be shown of a webhook's URL: its path and query may be somebody's secret.
func webhookHost(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
