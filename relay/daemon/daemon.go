// Package daemon puts the rooms together: it opens the storage, connects what calls back, starts what runs, reloads, and
// at the end drains. `serve`, `demo` and the end-to-end tests use it alike.
//
// New fails for what a person must mend first: a configuration that cannot be, a storage that cannot be opened, an address
// that is taken. Telegram need not be reachable: messages are taken, /-/ready says what is wrong, and the rest follows by itself.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/action"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/events"
	"github.com/tgrelay/tgrelay/relay/heartbeat"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/logging"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/trouble"
	"github.com/tgrelay/tgrelay/relay/web"
)

// drainTime is how long requests and sends that are under way may take at the end. systemd waits longer (TimeoutStopSec).
const drainTime = 10 * time.Second

// Options are what a Daemon needs.
type Options struct {
	Config  *config.Config
	Version string // shown in build_info
	Commit  string
	Log     *slog.Logger
	// Transport reaches the Bot API; nil: the network. Tests hand in the simulator's.
	Transport http.RoundTripper
	// SetLog changes what Log writes and how, after a reload; nil: it stays as it is.
	SetLog func(config.Log)
	// Listeners stand in for [server] listen; nil: systemd's sockets, else what is configured.
	Listeners []net.Listener
}

// Daemon is a relay, ready to run.
type Daemon struct {
	config   *config.Config // as the daemon was started with
	inForce  atomic.Pointer[config.Config]
	reloads  *reloads
	log      *slog.Logger
	limiter  *logging.Limiter // under log
	setLog   func(config.Log)
	registry *prometheus.Registry
	lock     *store.Lock // of the storage: no second daemon may send what waits in it, unless they share it
	db       *store.DB
	leases   relay.Leases // what of the work is this daemon's
	bots     []*bot       // the first one first
	named    map[string]*bot
	clock    *clock
	door     *intake.Door
	desk     *onboarding.Desk
	oncall   *oncall.Desk
	actions  *action.Caller
	watch    *heartbeat.Watch
	trouble  *trouble.Watch
	// ownTrouble is what each replica sees for itself.
	ownTrouble *trouble.Watch
	// alertAfter is [delivery] alert_after, in nanoseconds.
	alertAfter atomic.Int64
	events     *events.Sender
	eventful   atomic.Bool // the application is told; for the storage, which is there before the sender
	web        *web.Server
	http       []*http.Server // one for each listener
	listeners  []net.Listener
	given      bool                   // the listeners were handed in
	inherited  bool                   // they were, or are systemd's
	silent     atomic.Pointer[string] // rooms that did not answer when last asked; empty: none
	version    string
	started    time.Time
}

// New opens and connects everything. Close or Run must follow.
func New(ctx context.Context, o Options) (*Daemon, error) {
	rules, err := Rules(o.Config)
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		config: o.Config, setLog: o.SetLog, registry: newRegistry(o.Version, o.Commit), version: o.Version, started: time.Now(),
	}
	d.limiter = logging.Limit(o.Log.Handler(), d.registry)
	d.log = slog.New(logging.Requests(d.limiter))
	if d.setLog == nil {
		d.setLog = func(config.Log) {}
	}
	d.reloads = newReloads(d.registry)
	d.warnUnguarded()
	d.inForce.Store(o.Config)
	if err := d.open(ctx, o, rules); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Daemon) open(ctx context.Context, o Options, rules *intake.Rules) (err error) {
	if err := d.openStorage(ctx); err != nil {
		return err
	}
	if err := d.openBots(ctx, o.Transport); err != nil {
		return err
	}
	if err := d.connect(ctx, rules); err != nil {
		return err
	}
	if d.listeners, d.inherited, err = listen(o); err != nil {
		return err
	}
	d.given = o.Listeners != nil
	if err := d.exposed(o.Config); err != nil {
		return err
	}
	for range d.listeners {
		d.http = append(d.http, d.web.HTTPServer())
	}
	_, err = d.loadUsed(ctx)
	return err
}

func (d *Daemon) openStorage(ctx context.Context) error {
	lock, err := store.Share(d.config.Storage.URL)
	if err != nil {
		return err
	}
	d.lock = lock
	db, err := store.Open(ctx, store.Options{
		URL: d.config.Storage.URL, CacheSize: d.config.Storage.CacheSize, Log: d.log, Registerer: d.registry,
		Queued: d.wake, Ended: func(all []relay.Delivery) { d.first().engine.Ended(all) }, Sends: func(bot string) bool { _, known := d.config.Bot(bot); return known },
		Events: d.eventful.Load, Happened: func() { d.events.Wake() }, Missed: d.missed,
	})
	if err != nil {
		return err
	}
	d.log.Info("the storage is open", "storage", db.Name())
	d.db, d.leases = db, db.Leases()
	d.registry.MustRegister(census{db})
	if path, isFile := strings.CutPrefix(d.config.Storage.URL, "sqlite:"); isFile {
		d.registry.MustRegister(disk{path})
	}
	d.clock = newClock(db.ClockSet)
	return nil
}

// connect makes the rooms that stand between storage and Telegram.
func (d *Daemon) connect(ctx context.Context, rules *intake.Rules) (err error) {
	c := d.config
	d.door = intake.New(intake.Options{
		Outbox: d.db, Directory: d.db, Threads: d.db, Log: d.log, Registerer: d.registry, Mine: d.mine("notices"),
		Alive: func(ctx context.Context, name string) error { return d.watch.Seen(ctx, name) },
	}, rules)
	d.watch, err = heartbeat.New(ctx, heartbeat.Options{
		Heartbeats: heartbeatsOf(c), Updates: d.db, Door: d.door, Mine: d.mine("heartbeats"), Log: d.log, Registerer: d.registry,
	})
	if err != nil {
		return err
	}
	d.events = events.New(events.Options{
		Events: d.db, Log: d.log, Registerer: d.registry,
		Answered: d.answered, Missed: d.unanswered,
	})
	d.tell(c)
	d.desk = onboarding.New(onboarding.Options{
		Links: d.db, Username: d.usernameOf, TTL: func() time.Duration { return d.inForce.Load().Onboarding.LinkTTL },
		LinkURL: d.linkURL, Registerer: d.registry,
	})
	d.oncall = oncall.New(oncall.Options{Door: d.door, Threads: d.db, Log: d.log})
	d.oncall.SetManagers(managersOf(c))
	d.actions = action.New()
	for _, b := range d.bots {
		b.connect()
	}
	d.web = web.New(d.webOptions())
	d.openTrouble()
	return nil
}

// tell makes what happens known to the application of a configuration, and trouble of ours to its fallback recipient.
func (d *Daemon) tell(c *config.Config) {
	d.events.SetTarget(events.Target{URL: c.Events.URL, Key: c.Events.Key})
	d.eventful.Store(c.Events.URL != "")
	d.alertAfter.Store(int64(c.Delivery.AlertAfter))
}

// mayCall reports whether buttons of a receiver may call an address, by the rules in force.
func (d *Daemon) mayCall(receiver, address string) bool {
	rc := d.door.Rules().Receivers[receiver]
	return rc != nil && rc.Calls(address)
}

// managersOf are the Alertmanagers of a configuration, by name.
func managersOf(c *config.Config) []oncall.Manager {
	var managers []oncall.Manager
	for _, name := range slices.Sorted(maps.Keys(c.Alertmanagers)) {
		a := c.Alertmanagers[name]
		managers = append(managers, oncall.Manager{
			Client:    alertmanager.New(alertmanager.Options{Name: name, URL: a.URL, Username: a.Username, Password: a.Password, Token: a.Token}),
			Receivers: a.Receivers,
		})
	}
	return managers
}

func (d *Daemon) webOptions() web.Options {
	o := web.Options{
		Door: d.door, Desk: d.desk, Senders: d.db, Outbox: d.db, Directory: d.db, Links: d.db, Notes: d.db,
		Settings: settingsOf(d.config),
		Healthy:  d.Healthy,
		Ready:    d.Ready, Accepting: d.db.Check, Reload: d.Reload, Status: d.standing, Seen: d.watch.Seen, Metrics: metricsHandler(d.registry), Log: d.log, Registerer: d.registry, Webhooks: map[string]http.Handler{},
	}
	for _, b := range d.bots {
		if b.webhook != nil {
			o.Webhooks[b.webhookPath()] = b.webhook
		}
	}
	return o
}

func settingsOf(c *config.Config) web.Settings {
	s := c.Server
	return web.Settings{Tokens: tokensOf(c), TrustedProxies: s.TrustedProxies, MaxBody: int64(s.MaxBody), PublicURL: s.PublicURL}
}

// namespace is that of the application whose recipient an ID names, empty for none.
func (d *Daemon) namespace(recipient string) string {
	before, _, _ := strings.Cut(recipient, ":")
	for _, t := range d.inForce.Load().Auth.Tokens {
		if t.Namespace != "" && t.Namespace == before {
			return before
		}
	}
	return ""
}

// baseURL is how others reach the relay.
func (d *Daemon) baseURL() string {
	if public := d.inForce.Load().Server.PublicURL; public != "" {
		return public
	}
	return "http://" + d.Addr().String()
}

// Addr is the first address that is served.
func (d *Daemon) Addr() net.Addr { return d.listeners[0].Addr() }

// own ends the daemon when another one took the storage while the database server was away.
func (d *Daemon) own(ctx context.Context) error {
	select {
	case <-d.lock.Lost():
		return store.ErrInUse
	case <-ctx.Done():
		return nil
	}
}

// duties are what one replica at a time does, but for getting updates. Each is safe where two do it for a moment: what must not come twice is held to that by
// the storage.
func (d *Daemon) duties() map[string]func(context.Context) error {
	duties := map[string]func(context.Context) error{
		"events": d.events.Run, "oncall": d.oncall.Attend, "trouble": d.trouble.Run, "clean": d.clean,
	}
	for _, b := range d.bots {
		duties[b.duty("menu")] = b.keepMenu
	}
	return duties
}

// mine reports whether a duty is this replica's now; it is nil where there are no others.
func (d *Daemon) mine(duty string) func() bool {
	if _, alone := d.leases.(relay.Alone); alone {
		return nil
	}
	return func() bool {
		_, mine := d.leases.Duty(duty)
		return mine
	}
}

// Close releases what New opened, for a Daemon that is not run.
func (d *Daemon) Close() error {
	var err error
	for _, l := range d.listeners {
		err = errors.Join(err, l.Close())
	}
	if d.db != nil {
		err = errors.Join(err, d.db.Close())
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Release())
	}
	d.limiter.Close()
	return err
}

// Run serves until ctx ends, then stops listening, finishes what is under way (at most 10 s), and leaves the rest in the storage.
// It returns nil after an orderly end.
func (d *Daemon) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	for i, l := range d.listeners {
		group.Go(func() error { return d.serve(l, d.http[i]) })
	}
	group.Go(func() error { return d.stopListening(running) })
	runs := []func(context.Context) error{d.leases.Run, d.db.Listen, d.door.Run, d.oncall.Run, d.actions.Run, d.watch.Run, d.ownTrouble.Run, d.noteUsed, d.supervise, d.standBack, d.own}
	for _, b := range d.bots {
		runs = append(runs, b.runs()...)
	}
	for _, run := range runs {
		group.Go(func() error { return run(running) })
	}
	for name, run := range d.duties() {
		group.Go(func() error { return onDuty(d.leases, name, run)(running) })
	}
	err := group.Wait()
	if err == nil || errors.Is(err, context.Canceled) {
		err = nil
	}
	d.listeners = nil // closed by the HTTP server
	return errors.Join(err, d.Close())
}
