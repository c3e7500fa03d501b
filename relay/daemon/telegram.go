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
	"time"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// What the daemon keeps for itself in the storage.
const (
	usernameSetting = "bot_username"         // so that links can be made while Telegram is out of reach
	secretSetting   = "webhook_secret_token" // that setWebhook gave to Telegram
)

func (d *Daemon) openTelegram(ctx context.Context, transport http.RoundTripper) error {
	t := d.config.Telegram
	client, err := telegram.New(telegram.Options{
		Token: t.Token, APIURL: t.APIURL, ProxyURL: t.ProxyURL, Transport: transport, Log: d.log, Registerer: d.registry,
	})
	if err != nil {
		return err
	}
	d.client = client
	if t.Mode != "webhook" {
		return nil
	}
	token, err := WebhookSecret(ctx, d.config, "", d.db)
	if err != nil {
		return err
	}
	d.webhook = telegram.NewWebhook(telegram.WebhookOptions{
		Client: client, URL: t.Webhook.URL, SecretToken: token, WebhookTerms: webhookTerms(d.config),
		Handle: func(ctx context.Context, u telegram.Update) error { return d.bot.Handle(ctx, u) }, Log: d.log,
	})
	return nil
}

func webhookTerms(c *config.Config) telegram.WebhookTerms {
	w := c.Telegram.Webhook
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

func (d *Daemon) webhookPath() string {
	u, err := url.Parse(d.config.Telegram.Webhook.URL)
	if err != nil {
		return "/telegram" // not reached: package config has parsed the URL
	}
	return u.Path
}

// receive gets updates until ctx ends, by polling or by webhook.
func (d *Daemon) receive(ctx context.Context) error {
	if d.webhook != nil {
		return onDuty(d.leases, "webhook", d.webhook.Run)(ctx)
	}
	return onDuty(d.leases, "poll", d.poll)(ctx)
}

func (d *Daemon) poll(ctx context.Context) error {
	poller := telegram.Poller{Client: d.client, Updates: d.db, Handle: d.bot.Handle, Log: d.log}
	return poller.Run(ctx)
}

// BotName is the bot's username, empty while Telegram has never been reached.
func (d *Daemon) BotName() string { return d.username.Load().(string) }

// usernameOf is a bot's.
func (d *Daemon) usernameOf(bot string) string {
	if bot != "" {
		return ""
	}
	return d.BotName()
}

// linkURL is the base of a bot's deep links.
func (d *Daemon) linkURL(bot string) string {
	c := d.inForce.Load()
	if b, known := c.Bot(bot); known {
		return b.LinkURL
	}
	return c.Telegram.LinkURL // a bot that a reload took out runs on to the end
}

// identify learns the bot's name as soon as Telegram can be reached.
func (d *Daemon) identify(ctx context.Context) error {
	me, err := d.client.Bot(ctx)
	if err != nil {
		return nil // ctx ended first
	}
	if me.Username != d.BotName() {
		d.username.Store(me.Username)
		if err := d.db.SetSetting(ctx, usernameSetting, me.Username); err != nil {
			d.log.Error("cannot keep the bot's name", "error", err)
		}
	}
	d.log.Info("Telegram knows the bot", "username", me.Username)
	return nil
}

// adminTime is how long Telegram may take to say who is an administrator: whoever asked is then told to try again.
const adminTime = 5 * time.Second

func (d *Daemon) isAdmin(ctx context.Context, chatID, userID int64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	member, err := d.client.GetChatMember(ctx, telegram.GetChatMember{ChatID: chatID, UserID: userID})
	if err != nil {
		return false, fmt.Errorf("ask who is an administrator: %w", err)
	}
	return member.Status == "creator" || member.Status == "administrator", nil
}

// acknowledge takes the waiting sign off a button that was pressed. Telegram takes that for a short time only, and nothing is lost without it.
func (d *Daemon) acknowledge(ctx context.Context, queryID, text string) {
	if err := d.client.AnswerCallbackQuery(ctx, telegram.AnswerCallbackQuery{CallbackQueryID: queryID, Text: text}); err != nil {
		d.log.Debug("the press of a button was not acknowledged", "error", err)
	}
}
