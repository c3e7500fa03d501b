package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

type telegramCommand struct {
	Info          telegramInfoCommand          `cmd:"" help:"Show what Telegram knows of each bot: name, privacy mode, webhook, updates that wait, menu of commands."`
	SetWebhook    telegramSetWebhookCommand    `cmd:"" help:"Set the webhook as the daemon would."`
	DeleteWebhook telegramDeleteWebhookCommand `cmd:"" help:"Delete the webhook, so that polling works."`
}

// botFlags are shared by the commands that ask Telegram themselves.
type botFlags struct {
	configFlag
	Bot  string `complete:"bots" placeholder:"NAME" help:"Of several bots this one only, \"telegram\" for that of [telegram]; all by default."`
	JSON bool   `name:"json" help:"Print JSON; of several bots an object a line."`
}

// telegramTime bounds a command's calls.
const telegramTime = 30 * time.Second

// oneBot is a bot that is asked about.
type oneBot struct {
	cfg     *config.Config
	name    string // empty: the first
	several bool
	config.Bot
	api *telegram.Client
}

// each asks about one bot after the other, those that are chosen. What fails at one does not keep the others from being asked.
func (f botFlags) each(ctx context.Context, ask func(context.Context, oneBot) error) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	names := cfg.BotNames()
	several := len(names) > 1
	if f.Bot != "" {
		name := relay.BotOf(f.Bot)
		if !slices.Contains(names, name) {
			return usageError{fmt.Errorf("there is no bot %s; there are %s", f.Bot, strings.Join(asked(names), ", "))}
		}
		names = []string{name}
	}
	var failed []error
	for _, name := range names {
		b, _ := cfg.Bot(name)
		err := oneBot{cfg: cfg, name: name, several: several, Bot: b}.asked(ctx, ask)
		if err != nil && several {
			err = fmt.Errorf("[%s] %w", config.BotTable(name), err)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (b oneBot) asked(ctx context.Context, ask func(context.Context, oneBot) error) (err error) {
	if b.api, err = telegram.New(telegram.Options{Token: b.Token, APIURL: b.APIURL, ProxyURL: b.ProxyURL, Table: config.BotTable(b.name)}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, telegramTime)
	defer cancel()
	return ask(ctx, b)
}

// asked are the names by which bots are asked for.
func asked(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, relay.BotAsked(name))
	}
	return all
}

// named is the bot's name where there are several.
func (b oneBot) named() string {
	if !b.several {
		return ""
	}
	return relay.BotAsked(b.name)
}

type telegramInfoCommand struct{ botFlags }

// botInfo is what Telegram says of a bot.
type botInfo struct {
	Name     string                `json:"name,omitzero"` // where there are several
	Bot      *telegram.User        `json:"bot"`
	Webhook  *telegram.WebhookInfo `json:"webhook"`
	Commands []telegram.BotCommand `json:"commands"` // of private chats
}

func (c *telegramInfoCommand) Run(ctx context.Context, std *streams) error {
	shown := 0
	return c.each(ctx, func(ctx context.Context, b oneBot) error {
		info, err := b.info(ctx)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return printJSON(std.out, *info)
		case shown > 0:
			fmt.Fprintln(std.out)
		}
		shown++
		return info.print(std)
	})
}

func (b oneBot) info(ctx context.Context) (*botInfo, error) {
	info := botInfo{Name: b.named()}
	var err error
	if info.Bot, err = b.api.GetMe(ctx); err != nil {
		return nil, err
	}
	if info.Webhook, err = b.api.GetWebhookInfo(ctx); err != nil {
		return nil, err
	}
	if info.Webhook.URL != "" {
		info.Webhook.URL = b.api.Hide(shownURL(info.Webhook.URL))
	}
	info.Commands, err = b.api.GetMyCommands(ctx, telegram.CommandScope{Type: "all_private_chats"})
	return &info, err
}

func (i *botInfo) print(std *streams) error {
	var t table
	if i.Name != "" {
		t.add("name", i.Name)
	}
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
	set := 0
	err := c.each(ctx, func(ctx context.Context, b oneBot) error {
		switch {
		case b.Mode != "webhook" && b.several && c.Bot == "":
			return nil // all are meant that are to have one
		case b.Mode != "webhook":
			return usageError{fmt.Errorf(`%s.mode is "polling": tgrelay serve would delete the webhook again; set mode = "webhook" first`, config.BotTable(b.name))}
		}
		token, err := b.webhookSecret(ctx)
		if err != nil {
			return err
		}
		w := telegram.NewWebhook(telegram.WebhookOptions{
			Client: b.api, URL: b.Webhook.URL, SecretToken: token,
			WebhookTerms: telegram.WebhookTerms{CertificateFile: b.Webhook.CertificateFile, MaxConnections: b.Webhook.MaxConnections},
		})
		if err := w.Set(ctx, c.DropPendingUpdates); err != nil {
			return err
		}
		set++
		return c.done(std, b, "set", "Telegram sends updates to "+shownURL(b.Webhook.URL))
	})
	if err == nil && set == 0 {
		err = usageError{errors.New(`the mode of all bots is "polling"; set mode = "webhook" first`)}
	}
	return err
}

// webhookSecret is the secret token that the daemon expects: the configured one, else that of the storage, where it is made if need be.
func (b oneBot) webhookSecret(ctx context.Context) (secret.Value, error) {
	if v := b.Webhook.SecretToken; !v.IsZero() {
		return v, nil
	}
	lock, err := store.Acquire(b.cfg.Storage.URL)
	if errors.Is(err, store.ErrInUse) {
		return daemon.KeptSecret(ctx, b.cfg, b.name)
	}
	if err != nil {
		return secret.Value{}, err
	}
	defer lock.Release()
	db, err := store.Open(ctx, store.Options{URL: b.cfg.Storage.URL})
	if err != nil {
		return secret.Value{}, err
	}
	token, err := daemon.WebhookSecret(ctx, b.cfg, b.name, db)
	return token, errors.Join(err, db.Close())
}

func (f botFlags) done(std *streams, b oneBot, word, sentence string) error {
	if f.JSON {
		return printJSON(std.out, struct {
			Name    string `json:"name,omitzero"`
			Webhook string `json:"webhook"`
		}{b.named(), word})
	}
	if b.several {
		sentence = "[" + config.BotTable(b.name) + "] " + sentence
	}
	_, err := fmt.Fprintln(std.out, sentence)
	return err
}

type telegramDeleteWebhookCommand struct {
	botFlags
	DropPendingUpdates bool `help:"Throw away what waits: presses and commands of people that nothing has answered."`
}

func (c *telegramDeleteWebhookCommand) Run(ctx context.Context, std *streams) error {
	return c.each(ctx, func(ctx context.Context, b oneBot) error {
		if err := b.api.DeleteWebhook(ctx, telegram.DeleteWebhook{DropPendingUpdates: c.DropPendingUpdates}); err != nil {
			return err
		}
		if b.Mode == "webhook" {
			fmt.Fprintf(std.err, "%s.mode is \"webhook\": a running daemon sets it again within minutes, and tgrelay serve when it starts.\n", config.BotTable(b.name))
		}
		return c.done(std, b, "deleted", "the webhook is deleted")
	})
}
