package daemon

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// What the daemon keeps for itself in the storage.
const (
	usernameSetting = "bot_username"         // so that links can be made while Telegram is out of reach
	idSetting       = "bot_id"               // whose chats the storage holds
	secretSetting   = "webhook_secret_token" // that setWebhook gave to Telegram
)

func (b *bot) openTelegram(ctx context.Context, transport http.RoundTripper) (err error) {
	t := b.terms()
	b.client, err = telegram.New(telegram.Options{
		Token: t.Token, APIURL: t.APIURL, ProxyURL: t.ProxyURL, Transport: transport, Table: config.BotTable(b.name), Log: b.log, Registerer: b.metrics,
	})
	if err != nil || t.Mode != "webhook" {
		return err
	}
	token, err := WebhookSecret(ctx, b.config, b.name, b.db)
	if err != nil {
		return err
	}
	b.webhook = telegram.NewWebhook(telegram.WebhookOptions{
		Client: b.client, URL: t.Webhook.URL, SecretToken: token, WebhookTerms: webhookTerms(t),
		Handle: func(ctx context.Context, u telegram.Update) error { return b.chat.Handle(ctx, u) }, Log: b.log,
	})
	return nil
}

// own holds that the storage's chats are those of the bot that the token is of: any other reaches none of them, and would take them for lost. A relay
// that runs beside others has to have the same bot. One that is alone may have got another.
func (b *bot) own(ctx context.Context) error {
	id, _, _ := strings.Cut(b.terms().Token.Reveal(), ":")
	before, err := b.db.Setting(ctx, ofBot(idSetting, b.name))
	if err != nil || before == id {
		return err
	}
	if before != "" {
		living, err := b.db.Living(ctx)
		switch {
		case err != nil:
			return err
		case living > 0:
			return fmt.Errorf("%s: the relays that share this database have the bot %s, and this token is of the bot %s: give all of them the same token; to change the bot, stop all of them first", config.BotTable(b.name), before, id)
		}
		b.log.Warn("the bot is another one than before: it does not reach the chats that are connected with that one, which have to connect anew", "before", before, "now", id)
	}
	return b.db.SetSetting(ctx, ofBot(idSetting, b.name), id)
}

func webhookTerms(b config.Bot) telegram.WebhookTerms {
	w := b.Webhook
	return telegram.WebhookTerms{CertificateFile: w.CertificateFile, MaxConnections: w.MaxConnections, AllowedSources: w.AllowedSources}
}

// ofBot is the name of a setting that each bot has; the first one's is the plain name.
func ofBot(setting, bot string) string {
	if bot == "" {
		return setting
	}
	return setting + "." + bot
}

// WebhookSecret is a bot's configured secret token, else one that is made once and kept: the first of several that start at once makes it.
func WebhookSecret(ctx context.Context, c *config.Config, bot string, db *store.DB) (secret.Value, error) {
	if b, _ := c.Bot(bot); !b.Webhook.SecretToken.IsZero() {
		return b.Webhook.SecretToken, nil
	}
	kept, err := db.Setting(ctx, ofBot(secretSetting, bot))
	if err != nil || kept != "" {
		return secret.New(kept), err
	}
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand
	err = db.ChangeSetting(ctx, ofBot(secretSetting, bot), func(first string) (string, error) {
		kept = cmp.Or(first, base64.RawURLEncoding.EncodeToString(b))
		return kept, nil
	})
	return secret.New(kept), err
}

// KeptSecret is a bot's secret token that a daemon which is running has made and kept.
func KeptSecret(ctx context.Context, c *config.Config, bot string) (secret.Value, error) {
	kept, err := store.KeptSetting(ctx, c.Storage.URL, ofBot(secretSetting, bot))
	if err == nil && kept == "" {
		err = errors.New("the running daemon has no secret token for a webhook yet: restart it, and it sets the webhook by itself")
	}
	return secret.New(kept), err
}

func (b *bot) webhookPath() string {
	u, err := url.Parse(b.terms().Webhook.URL)
	if err != nil {
		return "/telegram" // not reached: package config has parsed the URL
	}
	return u.Path
}

// receive gets updates until ctx ends, by polling or by webhook.
func (b *bot) receive(ctx context.Context) error {
	if b.webhook != nil {
		return onDuty(b.leases, b.duty("webhook"), b.webhook.Run)(ctx)
	}
	return onDuty(b.leases, b.duty("poll"), b.poll)(ctx)
}

func (b *bot) poll(ctx context.Context) error {
	poller := telegram.Poller{Bot: b.name, Client: b.client, Updates: b.db, Handle: b.chat.Handle, Log: b.log}
	return poller.Run(ctx)
}

// Username is the bot's, empty while Telegram has never been reached.
func (b *bot) Username() string { return b.username.Load().(string) }

// BotName is the first bot's username, empty while Telegram has never been reached.
func (d *Daemon) BotName() string { return d.first().Username() }

// usernameOf is that of a bot by its name, empty for one that is not configured.
func (d *Daemon) usernameOf(name string) string {
	if b := d.named[name]; b != nil {
		return b.Username()
	}
	return ""
}

// linkURL is the base of a bot's deep links.
func (d *Daemon) linkURL(name string) string {
	if b := d.named[name]; b != nil {
		return b.terms().LinkURL
	}
	return d.first().terms().LinkURL
}

// identify learns the bot's name as soon as Telegram can be reached.
func (b *bot) identify(ctx context.Context) error {
	me, err := b.client.Bot(ctx)
	if err != nil {
		return nil // ctx ended first
	}
	if me.Username != b.Username() {
		b.username.Store(me.Username)
		if err := b.db.SetSetting(ctx, ofBot(usernameSetting, b.name), me.Username); err != nil {
			b.log.Error("cannot keep the bot's name", "error", err)
		}
	}
	b.log.Info("Telegram knows the bot", "username", me.Username)
	return nil
}

// adminTime is how long Telegram may take to say who is an administrator: whoever asked is then told to try again.
const adminTime = 5 * time.Second

func (b *bot) isAdmin(ctx context.Context, chatID, userID int64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	member, err := b.client.GetChatMember(ctx, telegram.GetChatMember{ChatID: chatID, UserID: userID})
	if err != nil {
		return false, fmt.Errorf("ask who is an administrator: %w", err)
	}
	return member.Status == "creator" || member.Status == "administrator", nil
}

// acknowledge takes the waiting sign off a button that was pressed. Telegram takes that for a short time only, and nothing is lost without it.
func (b *bot) acknowledge(ctx context.Context, queryID, text string) {
	if err := b.client.AnswerCallbackQuery(ctx, telegram.AnswerCallbackQuery{CallbackQueryID: queryID, Text: text}); err != nil {
		b.log.Debug("the press of a button was not acknowledged", "error", err)
	}
}
