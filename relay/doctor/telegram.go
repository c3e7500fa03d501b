package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// transport reaches the Bot API as the daemon does.
func (o *Options) transport() (http.RoundTripper, error) {
	if o.Transport != nil {
		return o.Transport, nil
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	if proxy := o.Config.Telegram.ProxyURL.Reveal(); proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil {
			return nil, errors.New("proxy_url is no address") // not its own error: that shows the address
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

func (o *Options) client() (*telegram.Client, error) {
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	return telegram.New(telegram.Options{Token: o.Config.Telegram.Token, APIURL: o.Config.Telegram.APIURL, Transport: transport})
}

// ask makes a call to Telegram; what fails is a finding.
func ask[T any](ctx context.Context, o *Options, call func(*telegram.Client, context.Context) (*T, error)) (*T, []Finding) {
	c, err := o.client()
	if err != nil {
		return nil, one(Failure, err.Error(), "")
	}
	answer, err := call(c, ctx)
	if err != nil {
		return nil, refused(err)
	}
	return answer, nil
}

func refused(err error) []Finding {
	e, ok := errors.AsType[*telegram.Error](err)
	if !ok {
		return one(Failure, err.Error(), "")
	}
	remedy := e.Hint()
	found := strings.TrimSuffix(e.Error(), ": "+remedy)
	if remedy == "" || e.Reason == telegram.OutcomeUnknown {
		remedy = "try again later; if it stays so, check the network, api_url and proxy_url"
	}
	return one(Failure, found, remedy)
}

func lookAtBot(ctx context.Context, o *Options) []Finding {
	me, failed := ask(ctx, o, (*telegram.Client).GetMe)
	if failed != nil {
		return failed
	}
	all := fine(fmt.Sprintf("@%s (%d) answers at %s", me.Username, me.ID, origin(o.Config.Telegram.APIURL)))
	if !me.CanJoinGroups {
		all = append(all, Finding{State: Note, Found: "the bot cannot be added to groups", Remedy: "if it should be: /setjoingroups at @BotFather"})
	}
	if me.CanReadAllGroupMessages {
		all = append(all, Finding{State: Note, Found: "privacy mode is off: Telegram sends the bot all that is said in its groups, of which it needs only commands", Remedy: "/setprivacy at @BotFather, Enable; then take the bot out of its groups and add it again"})
	}
	return all
}

func lookAtWebhook(ctx context.Context, o *Options) []Finding {
	info, failed := ask(ctx, o, (*telegram.Client).GetWebhookInfo)
	if failed != nil {
		return one(Note, "not known: Telegram could not be asked", "")
	}
	all := wanted(info, o)
	if info.LastErrorDate > 0 && info.URL != "" {
		all = append(all, lastError(info, time.Now()))
	}
	const many = 100
	if info.PendingUpdateCount >= many {
		all = append(all, Finding{
			State: Warning, Found: fmt.Sprintf("%d updates wait to be fetched: presses and commands of people that nothing has answered", info.PendingUpdateCount),
			Remedy: "start tgrelay serve, which works them through; `tgrelay telegram delete-webhook --drop-pending-updates` throws them away",
		})
	}
	return all
}

// wanted holds the webhook at Telegram against the configuration.
func wanted(info *telegram.WebhookInfo, o *Options) []Finding {
	t := o.Config.Telegram
	switch {
	case t.Mode == "polling" && info.URL == "":
		return fine(fmt.Sprintf("none, as polling needs it; %d updates wait", info.PendingUpdateCount))
	case t.Mode == "polling":
		return one(Warning, "a webhook at "+origin(info.URL)+" takes the updates, and mode is \"polling\"", "tgrelay serve deletes it when it starts, as does `tgrelay telegram delete-webhook`; if another program set it, give that one a bot of its own")
	case info.URL == "":
		return one(Warning, "none, and mode is \"webhook\"", "tgrelay serve sets it when it starts, as does `tgrelay telegram set-webhook`")
	case info.URL != t.Webhook.URL:
		return one(Warning, "Telegram sends to "+origin(info.URL)+", another address than telegram.webhook.url", "tgrelay serve sets it right when it starts, as does `tgrelay telegram set-webhook`; if another program set it, give that one a bot of its own")
	}
	return fine(fmt.Sprintf("Telegram sends to %s (%s); %d updates wait", origin(info.URL), info.IPAddress, info.PendingUpdateCount))
}

func lastError(info *telegram.WebhookInfo, now time.Time) Finding {
	at := time.Unix(info.LastErrorDate, 0)
	f := Finding{State: Note, Found: fmt.Sprintf("the last update that could not be brought, %s ago: %s", now.Sub(at).Round(time.Second), info.LastErrorMessage)}
	if now.Sub(at) < time.Hour {
		f.State = Warning
	}
	if info.PendingUpdateCount > 0 && f.State == Warning {
		f.State = Failure
	}
	if f.State != Note {
		f.Remedy = "check that Telegram's networks (149.154.160.0/20, 91.108.4.0/22) reach telegram.webhook.url, that its certificate is trusted or uploaded (certificate_file), and that the proxy before it passes the path on"
	}
	return f
}

// lookForPollers polls as the daemon would, but without confirming anything. Telegram ends the poll that has waited when another begins: whoever polls too
// ends this one within moments. A daemon of ours on this storage is left alone.
func lookForPollers(ctx context.Context, o *Options) []Finding {
	if o.Config.Telegram.Mode != "polling" {
		return fine("not looked for: mode is \"webhook\"")
	}
	lock, err := store.Acquire(o.Config.Storage.URL)
	if errors.Is(err, store.ErrInUse) {
		return fine("left to the running daemon, whose log and readiness tell of a conflict")
	}
	if err != nil {
		return one(Note, "not looked for: whether tgrelay runs here is not known", "run this as the user that tgrelay runs as")
	}
	if err := lock.Release(); err != nil { // at once: a daemon that starts meanwhile needs it
		return one(Note, "not looked for: "+err.Error(), "")
	}
	c, err := o.client()
	if err != nil {
		return one(Failure, err.Error(), "")
	}
	const wait = 5 // seconds
	updates, err := c.GetUpdates(ctx, telegram.GetUpdates{Timeout: wait})
	switch {
	case telegram.ReasonOf(err) == telegram.Conflict && strings.Contains(err.Error(), "webhook"):
		return fine("not looked for: a webhook takes the updates")
	case telegram.ReasonOf(err) == telegram.Conflict:
		return one(Failure, "another program fetches this bot's updates: each of them gets some, and links and buttons fail by chance", "stop the other one (a second tgrelay on another machine?), or give it a bot of its own")
	case err != nil:
		return one(Note, "not known: Telegram could not be asked", "")
	case len(updates) > 0:
		return fine(fmt.Sprintf("none seems to be there: %d updates wait to be fetched", len(updates)))
	}
	return fine(fmt.Sprintf("none within %d s", wait))
}

// lookAtClock holds our clock against the Date header of the Bot API, which counts in whole seconds.
func lookAtClock(ctx context.Context, o *Options) []Finding {
	transport, err := o.transport()
	if err != nil {
		return one(Note, "not compared", "")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, o.Config.Telegram.APIURL+"/", nil)
	if err != nil {
		return one(Note, "not compared", "")
	}
	before := time.Now()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return one(Note, "not compared: the Bot API could not be reached", "")
	}
	response.Body.Close()
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return one(Note, "not compared: the answer of the Bot API bears no date", "")
	}
	ours := before.Add(time.Since(before) / 2)
	return skew(ours.Sub(theirs.Add(time.Second / 2)))
}

func skew(ahead time.Duration) []Finding {
	off := ahead.Abs()
	word := "ahead"
	if ahead < 0 {
		word = "behind"
	}
	found := fmt.Sprintf("%s %s of the Bot API's", off.Round(time.Second), word)
	const remedy = "let a service keep the time (systemd-timesyncd, chrony): send_at, expiry, quiet hours and the signatures of webhooks depend on it"
	switch {
	case off < 3*time.Second:
		return fine("as the Bot API's")
	case off < 30*time.Second:
		return one(Note, found, remedy)
	case off < 4*time.Minute:
		return one(Warning, found, remedy)
	}
	return one(Failure, found+": signed webhooks are refused", remedy)
}

// origin is an address without what may be secret: path, query and user.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address"
	}
	return u.Scheme + "://" + u.Host
}
