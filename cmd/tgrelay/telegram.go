package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

type telegramCommand struct {
	Info          telegramInfoCommand          `cmd:"" help:"Show what Telegram knows of the bot: name, privacy mode, webhook, updates that wait, menu of commands."`
	SetWebhook    telegramSetWebhookCommand    `cmd:"" help:"Set the webhook as the daemon would."`
	DeleteWebhook telegramDeleteWebhookCommand `cmd:"" help:"Delete the webhook, so that polling works."`
}

// botFlags are shared by the commands that ask Telegram themselves.
type botFlags struct {
	configFlag
	JSON bool `name:"json" help:"Print JSON."`
}

// telegramTime bounds a command's calls.
const telegramTime = 30 * time.Second

func (f botFlags) open() (*config.Config, *telegram.Client, error) {
	cfg, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	t := cfg.Telegram
	c, err := telegram.New(telegram.Options{Token: t.Token, APIURL: t.APIURL, ProxyURL: t.ProxyURL})
	return cfg, c, err
}

type telegramInfoCommand struct{ botFlags }

// botInfo is what Telegram says of the bot.
type botInfo struct {
	Bot      *telegram.User        `json:"bot"`
	Webhook  *telegram.WebhookInfo `json:"webhook"`
	Commands []telegram.BotCommand `json:"commands"` // of private chats
}

func (c *telegramInfoCommand) Run(ctx context.Context, std *streams) error {
	_, api, err := c.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, telegramTime)
	defer cancel()
	var info botInfo
	if info.Bot, err = api.GetMe(ctx); err != nil {
		return err
	}
	if info.Webhook, err = api.GetWebhookInfo(ctx); err != nil {
		return err
	}
	if info.Webhook.URL != "" {
		info.Webhook.URL = api.Hide(shownURL(info.Webhook.URL))
	}
	if info.Commands, err = api.GetMyCommands(ctx, telegram.CommandScope{Type: "all_private_chats"}); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, info)
	}
	return info.print(std)
}

func (i *botInfo) print(std *streams) error {
	var t table
	t.add("bot", "@"+i.Bot.Username+" ("+i.Bot.FirstName+")")
	t.add("id", strconv.FormatInt(i.Bot.ID, 10))
	t.add("groups", map[bool]string{true: "may be added to groups", false: "may not be added to groups"}[i.Bot.CanJoinGroups])
	t.add("privacy mode", map[bool]string{true: "off: it is sent all that is said in its groups", false: "on: in groups it is sent commands and answers only"}[i.Bot.CanReadAllGroupMessages])
	webhook := "none"
	if i.Webhook.URL != "" {
		webhook = i.Webhook.URL
		if i.Webhook.IPAddress != "" {
			webhook += " (" + i.Webhook.IPAddress + ")"
		}
		if i.Webhook.HasCustomCertificate {
			webhook += ", with a certificate that was uploaded"
		}
	}
	t.add("webhook", webhook)
	t.add("updates", count(i.Webhook.PendingUpdateCount, "update")+" waiting")
	if i.Webhook.LastErrorMessage != "" {
		t.add("last error", shown(time.Unix(i.Webhook.LastErrorDate, 0))+" "+i.Webhook.LastErrorMessage)
	}
	if len(i.Webhook.AllowedUpdates) > 0 {
		t.add("kinds", strings.Join(i.Webhook.AllowedUpdates, ", "))
	}
	for n, command := range i.Commands {
		t.add(map[bool]string{true: "commands"}[n == 0], "/"+command.Command+" "+command.Description)
	}
	return t.print(std.out)
}

// shownURL is a webhook's address without what others may have hidden in it.
func shownURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}

type telegramSetWebhookCommand struct {
	botFlags
	DropPendingUpdates bool `help:"Throw away what waits: presses and commands of people that nothing has answered."`
}

func (c *telegramSetWebhookCommand) Run(ctx context.Context, std *streams) error {
	cfg, api, err := c.open()
	if err != nil {
		return err
	}
	t := cfg.Telegram
	if t.Mode != "webhook" {
		return usageError{errors.New(`telegram.mode is "polling": tgrelay serve would delete the webhook again; set mode = "webhook" first`)}
	}
	ctx, cancel := context.WithTimeout(ctx, telegramTime)
	defer cancel()
	token, err := webhookSecret(ctx, cfg)
	if err != nil {
		return err
	}
	w := telegram.NewWebhook(telegram.WebhookOptions{
		Client: api, URL: t.Webhook.URL, SecretToken: token,
		WebhookTerms: telegram.WebhookTerms{CertificateFile: t.Webhook.CertificateFile, MaxConnections: t.Webhook.MaxConnections},
	})
	if err := w.Set(ctx, c.DropPendingUpdates); err != nil {
		return err
	}
	return c.done(std, "set", "Telegram sends updates to "+shownURL(t.Webhook.URL))
}

// webhookSecret is the secret token that the daemon expects: the configured one, else that of the storage, where it is made if need be.
func webhookSecret(ctx context.Context, cfg *config.Config) (secret.Value, error) {
	if v := cfg.Telegram.Webhook.SecretToken; !v.IsZero() {
		return v, nil
	}
	lock, err := store.Acquire(cfg.Storage.URL)
	if errors.Is(err, store.ErrInUse) {
		return daemon.KeptSecret(ctx, cfg)
	}
	if err != nil {
		return secret.Value{}, err
	}
	defer lock.Release()
	db, err := store.Open(ctx, store.Options{URL: cfg.Storage.URL})
	if err != nil {
		return secret.Value{}, err
	}
	token, err := daemon.WebhookSecret(ctx, cfg, db)
	return token, errors.Join(err, db.Close())
}

func (f botFlags) done(std *streams, word, sentence string) error {
	if f.JSON {
		return printJSON(std.out, map[string]string{"webhook": word})
	}
	_, err := fmt.Fprintln(std.out, sentence)
	return err
}

type telegramDeleteWebhookCommand struct {
	botFlags
	DropPendingUpdates bool `help:"Throw away what waits: presses and commands of people that nothing has answered."`
}

func (c *telegramDeleteWebhookCommand) Run(ctx context.Context, std *streams) error {
	cfg, api, err := c.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, telegramTime)
	defer cancel()
	if err := api.DeleteWebhook(ctx, telegram.DeleteWebhook{DropPendingUpdates: c.DropPendingUpdates}); err != nil {
		return err
	}
	if cfg.Telegram.Mode == "webhook" {
		fmt.Fprintln(std.err, `telegram.mode is "webhook": a running daemon sets it again within minutes, and tgrelay serve when it starts.`)
	}
	return c.done(std, "deleted", "the webhook is deleted")
}
