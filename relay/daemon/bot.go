package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/chat"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// bot is one of the daemon's bots, with what is its alone: the way to Telegram, its lanes and rates, how it hears of updates, what it does in chats.
type bot struct {
	*Daemon
	name     string       // in the configuration; empty: of [telegram]
	log      *slog.Logger // names it, where it is not the first
	metrics  prometheus.Registerer
	client   *telegram.Client
	engine   *delivery.Engine
	chat     *chat.Bot
	webhook  *telegram.Webhook // nil with long polling
	username atomic.Value      // string; empty while Telegram has never been reached
	menus    chan struct{}     // holds one: the menu may be another
}

// openBots makes all bots, as far as they stand on the storage alone.
func (d *Daemon) openBots(ctx context.Context, transport http.RoundTripper) error {
	d.named = map[string]*bot{}
	for _, name := range d.config.BotNames() {
		b := &bot{
			Daemon: d, name: name, log: d.log, menus: make(chan struct{}, 1),
			metrics: prometheus.WrapRegistererWith(prometheus.Labels{botLabel: name}, d.registry),
		}
		if name != "" {
			b.log = d.log.With("bot", name)
		}
		d.bots, d.named[name] = append(d.bots, b), b
		kept, err := d.db.Setting(ctx, ofBot(usernameSetting, name))
		if err != nil {
			return err
		}
		b.username.Store(kept)
		if err := errors.Join(b.own(ctx), b.openTelegram(ctx, transport)); err != nil {
			return err
		}
	}
	return d.warnUnknownBots(ctx)
}

// warnUnknownBots says for whom something waits that nobody sends.
func (d *Daemon) warnUnknownBots(ctx context.Context) error {
	waiting, err := d.db.WaitingBots(ctx)
	for _, name := range waiting {
		if d.named[name] == nil {
			d.log.Warn("messages wait for a bot that is not configured any more: they are sent when it is there again, or expire", "bot", name)
		}
	}
	return err
}

// first is the bot of [telegram].
func (d *Daemon) first() *bot { return d.bots[0] }

// connect makes the rooms that stand between storage and Telegram and are this bot's.
func (b *bot) connect() {
	b.engine = delivery.New(delivery.Options{
		Bot: b.name, Outbox: b.db, Client: b.client, Log: b.log, Registerer: b.metrics, Leases: b.leases,
		Rates: ratesOf(b.config, b.terms()), Pace: b.db.Pace(b.name),
		Hears: b.db.Hears, Drain: drainTime, Failed: b.door.Failed,
		SurgeAfter: func() time.Duration { return b.door.Rules().SurgeAfter }, Surge: b.door.Surge, Silent: b.door.Silent,
		Topics:       b.db,
		ClockSet:     b.clock.set,
		TopicGone:    func(ctx context.Context, gone *relay.Delivery) { b.chat.TopicGone(ctx, gone) },
		AllowPrivate: func() bool { return b.inForce.Load().Delivery.AllowPrivateAddresses },
	})
	b.chat = chat.New(chat.Options{
		Bot: b.name, OnCall: b.oncall,
		Desk: b.desk, Outbox: b.db, Directory: b.db, Updates: b.db, Notes: b.db, Topics: b.db, Username: b.Username, IsAdmin: b.isAdmin,
		Templates: func() *render.Set { return b.door.Rules().Templates }, Acknowledge: b.acknowledge, Log: b.log,
		AllowedUsers: func() []int64 { return b.inForce.Load().Onboarding.AllowedUsers },
		SelfService:  func() bool { return b.inForce.Load().Onboarding.SelfService }, BaseURL: b.baseURL, Senders: b.db,
		Events: b.db, EventsWanted: b.events.Wanted, Change: b.door.Change, Namespace: b.namespace,
		MayCall: b.mayCall, Call: b.actions.Begin, Annotate: b.door.Annotate,
	})
}

// terms are what the configuration in force says of the bot. One that a reload has taken out of it runs on to the end as it was.
func (b *bot) terms() config.Bot {
	if terms, known := b.inForce.Load().Bot(b.name); known {
		return terms
	}
	terms, _ := b.config.Bot(b.name)
	return terms
}

// runs is all of the bot that runs.
func (b *bot) runs() []func(context.Context) error {
	return []func(context.Context) error{b.engine.Run, b.client.Watch, b.identify, b.receive}
}

// apply follows a configuration that was put in force.
func (b *bot) apply(c *config.Config) {
	b.engine.SetRates(ratesOf(c, b.terms()))
	if b.webhook != nil {
		b.webhook.SetTerms(webhookTerms(b.terms()))
	}
	b.menuChanged()
}

// duty is the name of a duty that each bot has.
func (b *bot) duty(name string) string { return ofBot(name, b.name) }

// asked is what people call the bot.
func (b *bot) asked() string { return relay.BotAsked(b.name) }

func ratesOf(c *config.Config, b config.Bot) delivery.Rates {
	return delivery.Rates{GlobalRate: b.GlobalRate, ChatRate: c.Delivery.ChatRate, GroupRate: c.Delivery.GroupRate, Concurrency: c.Delivery.Concurrency}
}

// wake is for the storage, which is there before the bots. What waits for one that is not configured waits on.
func (d *Daemon) wake(name string, chatID int64, priority relay.Priority) {
	if b := d.named[name]; b != nil {
		b.engine.Wake(chatID, priority)
	}
}

// missed is for the storage too.
func (d *Daemon) missed() {
	for _, b := range d.bots {
		b.engine.Missed()
	}
}

// answered tells the bot of the chat in which a button was pressed what the application says to that.
func (d *Daemon) answered(ctx context.Context, e relay.Event, body []byte) {
	if b := d.named[chat.PressedAt(e)]; b != nil {
		b.chat.EventAnswered(ctx, e, body)
	}
}

// unanswered tells it that the application does not answer now.
func (d *Daemon) unanswered(ctx context.Context, e relay.Event) {
	if b := d.named[chat.PressedAt(e)]; b != nil {
		b.chat.EventMissed(ctx, e)
	}
}

// fault is why the bot does not reach its people now; nil: it does.
func (b *bot) fault() error {
	err := b.client.Healthy()
	if err != nil && len(b.bots) > 1 {
		err = fmt.Errorf("bot %s: %w", b.asked(), err)
	}
	return err
}

// faults are those of all bots, in one line.
func (d *Daemon) faults() error {
	var all []error
	var texts []string
	for _, b := range d.bots {
		if err := b.fault(); err != nil {
			all, texts = append(all, err), append(texts, err.Error())
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	if len(all) > 1 {
		return errors.New(strings.Join(texts, "; "))
	}
	return nil
}
