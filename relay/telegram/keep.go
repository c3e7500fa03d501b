package telegram

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// checkEvery is how often Telegram is asked whether the webhook is still set.
const checkEvery = 5 * time.Minute

// Run sets the webhook, looks every 5 minutes whether it still is as it should be, and sets it again if not. It returns
// nil at the end of ctx and leaves the webhook set, so that Telegram keeps what comes meanwhile.
func (w *Webhook) Run(ctx context.Context) error {
	for w.keep(ctx) {
		timer := time.NewTimer(checkEvery)
		select {
		case <-w.changed:
			w.done = false
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
	return nil
}

// keep makes the webhook what it should be; false means that ctx ended.
func (w *Webhook) keep(ctx context.Context) bool {
	var wait backoff
	for {
		err := w.ensure(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			w.trouble.over("set the webhook")
			return true
		}
		w.trouble.note("set the webhook", err)
		if wait.sleep(ctx, retryAfterOf(err)) != nil {
			return false
		}
	}
}

// ensure sets the webhook the first time, for the secret token cannot be asked for, and later when it differs.
func (w *Webhook) ensure(ctx context.Context) error {
	if w.done {
		info, err := w.o.Client.GetWebhookInfo(ctx)
		if err != nil {
			return err
		}
		w.tell(info)
		if w.differs(info) == "" {
			return nil
		}
		w.o.Log.Warn("the webhook was changed by somebody else; setting it again", "differs", w.differs(info))
	}
	if err := w.Set(ctx, false); err != nil {
		return err
	}
	info, err := w.o.Client.GetWebhookInfo(ctx)
	if err != nil {
		return err
	}
	if d := w.differs(info); d != "" {
		return fmt.Errorf("the webhook was set but its %s is not what was asked for: does another program set it too?", d)
	}
	w.done = true
	return nil
}

// Set tells Telegram of the webhook once, whatever it knows.
func (w *Webhook) Set(ctx context.Context, dropPendingUpdates bool) error {
	terms := w.terms.Load()
	p := SetWebhook{DropPendingUpdates: dropPendingUpdates, URL: w.o.URL, MaxConnections: terms.MaxConnections, AllowedUpdates: AllowedUpdates, SecretToken: w.o.SecretToken}
	if terms.CertificateFile != "" {
		pem, err := os.ReadFile(terms.CertificateFile)
		if err != nil {
			return fmt.Errorf("read the webhook's certificate_file: %w", err)
		}
		p.Certificate = pem
	}
	return w.o.Client.SetWebhook(ctx, p)
}

// differs names what is not as it should be, empty if all is.
func (w *Webhook) differs(info *WebhookInfo) string {
	terms := w.terms.Load()
	switch {
	case info.URL != w.o.URL:
		return "url"
	case terms.MaxConnections != 0 && info.MaxConnections != 0 && info.MaxConnections != terms.MaxConnections:
		return "max_connections"
	case info.HasCustomCertificate != (terms.CertificateFile != ""):
		return "certificate"
	case !slices.Equal(slices.Sorted(slices.Values(info.AllowedUpdates)), slices.Sorted(slices.Values(AllowedUpdates))):
		return "allowed_updates"
	}
	return ""
}

// tell logs once what Telegram says about delivering to us.
func (w *Webhook) tell(info *WebhookInfo) {
	if info.LastErrorMessage != w.failing && info.LastErrorMessage != "" {
		w.o.Log.Warn("Telegram could not deliver updates to the webhook: see that its URL reaches this server",
			"last_error_message", info.LastErrorMessage, "at", time.Unix(info.LastErrorDate, 0).UTC(), "pending_update_count", info.PendingUpdateCount)
	}
	w.failing = info.LastErrorMessage
}
