// Package onboarding makes deep links and redeems them: the desk where a person with a link becomes a recipient's chat.
//
// A link's token has 144 random bits and is given away once, to whoever asked for the link; the storage holds its
// SHA-256 only. Tokens that are unknown, used, expired or revoked are refused alike. Whoever keeps trying wrong ones
// is made to wait. All state but that waiting is in the storage, so a restart forgets no link.
package onboarding

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
)

// MaxTTL is the longest that a link may wait to be opened.
const MaxTTL = 365 * 24 * time.Hour

// MaxUses is the most chats that one link may bind.
const MaxUses = 100_000

// tokenBytes of randomness make 24 characters of A-Za-z0-9_-, well below the 64 that Telegram takes as a start parameter.
const tokenBytes = 18

// startParameter is what Telegram passes on from a deep link.
var startParameter = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Options are what a Desk needs.
type Options struct {
	Links    relay.Links
	Username func(bot string) string // a bot's, without @; empty while Telegram has never been reached
	LinkURL  func(bot string) string // base of its deep links, https://t.me
	TTL      func() time.Duration    // of links whose request names none

	Registerer prometheus.Registerer
}

// Desk makes and redeems links. Its methods are safe for concurrent use.
type Desk struct {
	Options
	guesses *guesses
	watches watches
	events  *prometheus.CounterVec
}

// New returns a Desk.
func New(o Options) *Desk {
	return &Desk{Options: o, guesses: newGuesses(), events: newEvents(o.Registerer)}
}

// Request asks for a link.
type Request struct {
	Recipient string
	Bot       string         // that is asked for by name; empty: the first
	Target    relay.Target   // empty: private
	TTL       time.Duration  // 0: the desk's
	MaxUses   int            // 0: one
	Welcome   *relay.Welcome // nil: chat.welcome
}

// Link is a link as it is given to whoever asked for it, the only time that its token is seen.
type Link struct {
	relay.Link
	URL          string `json:"url"`
	StartCommand string `json:"start_command"` // for clients that drop the link's payload
	Token        string `json:"-"`
}

// Make stores a new link. Errors: relay.CodeInvalidField for each wrong field, relay.CodeOverloaded while the bot's name is
// not known, and the storage's.
func (d *Desk) Make(ctx context.Context, r Request) (*Link, error) {
	r = d.defaults(r)
	if err := check(r); err != nil {
		return nil, err
	}
	bot := relay.BotOf(r.Bot)
	if d.Username(bot) == "" {
		return nil, &relay.Error{Code: relay.CodeOverloaded, RetryAfter: 5 * time.Second, Detail: notKnownYet(bot)}
	}
	token := newToken()
	now := time.Now().UTC().Truncate(time.Millisecond)
	link := relay.Link{
		ID: relay.NewID(), Recipient: r.Recipient, Bot: bot, Target: r.Target, State: relay.LinkOpen,
		MaxUses: r.MaxUses, CreatedAt: now, ExpiresAt: now.Add(r.TTL), Welcome: r.Welcome,
	}
	if err := d.Links.CreateLink(ctx, &link, Hash(token)); err != nil {
		return nil, fmt.Errorf("make link: %w", err)
	}
	d.events.WithLabelValues(eventCreated).Inc()
	return d.known(link, token), nil
}

// notKnownYet says why there is no name for a link to lead to.
func notKnownYet(bot string) string {
	if bot == "" {
		return "the bot's name is not known yet, because Telegram has not been reached since the daemon was set up; /-/ready says why"
	}
	return fmt.Sprintf("the name of the bot %s is not known yet: it has not reached Telegram so far, and /-/ready says why, or it came with a reload and begins with the next start", bot)
}

// known is a link together with its token.
func (d *Desk) known(l relay.Link, token string) *Link {
	return &Link{Link: l, URL: d.deepLink(l, token), StartCommand: startCommand(d.Username(l.Bot), l.Target, token), Token: token}
}

// Show is for whoever holds a link's token: the link as it stands now. A token that is not this link's, and a link that is not there,
// are one error: relay.CodeNotFound.
func (d *Desk) Show(ctx context.Context, id relay.ID, token string) (*Link, error) {
	absent := &relay.Error{Code: relay.CodeNotFound, Detail: "there is no such link, or not any more: ask for a new one where you got it"}
	if !startParameter.MatchString(token) {
		return nil, absent
	}
	l, err := d.Links.LinkOf(ctx, Hash(token), time.Now())
	switch {
	case relay.ErrorCode(err) == relay.CodeNotFound, err == nil && (l.ID != id || d.Username(l.Bot) == ""): // its bot is not configured any more
		return nil, absent
	case err != nil:
		return nil, err
	}
	return d.known(*l, token), nil
}

func (d *Desk) defaults(r Request) Request {
	if r.Target == "" {
		r.Target = relay.TargetPrivate
	}
	if r.TTL == 0 {
		r.TTL = d.TTL()
	}
	if r.MaxUses == 0 {
		r.MaxUses = 1
	}
	return r
}

func check(r Request) error {
	e := &relay.Error{Code: relay.CodeInvalidField, Detail: "the link was not made: see errors"}
	fault := func(pointer, format string, args ...any) {
		e.Fields = append(e.Fields, relay.FieldError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
	}
	if err := relay.CheckRecipientID(r.Recipient); err != nil {
		fault("/recipient", "%.140q cannot name a recipient: 1 to 128 letters, digits and . _ : @ + -, beginning with a letter or digit", r.Recipient)
	}
	if r.Target != relay.TargetPrivate && r.Target != relay.TargetGroup {
		fault("/target", "unknown target %.40q; one of private, group", r.Target)
	}
	if r.TTL < time.Second || r.TTL > MaxTTL {
		fault("/expires_in", "must be between 1s and 365d")
	}
	if r.MaxUses < 1 || r.MaxUses > MaxUses {
		fault("/max_uses", "must be between 1 and %d", MaxUses)
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

func (d *Desk) deepLink(l relay.Link, token string) string {
	parameter := "start"
	if l.Target == relay.TargetGroup {
		parameter = "startgroup"
	}
	return d.LinkURL(l.Bot) + "/" + url.PathEscape(d.Username(l.Bot)) + "?" + parameter + "=" + token
}

func startCommand(bot string, target relay.Target, token string) string {
	if target == relay.TargetGroup {
		return "/start@" + bot + " " + token
	}
	return "/start " + token
}

// OtherBot is the error for a link that was brought to another bot than its own.
type OtherBot struct{ Username string } // of its own, without @; empty where that is not known

func (e OtherBot) Error() string { return "this link is for the bot @" + e.Username }

// Redeem binds a chat by a token that a person brought. Errors: relay.CodeLinkNotOpen, relay.CodeWrongPlace, OtherBot,
// relay.CodeRateLimited for a person who brought too many wrong tokens, and the storage's.
func (d *Desk) Redeem(ctx context.Context, token string, userID int64, r relay.Redemption) (*relay.Redeemed, error) {
	if wait := d.guesses.wait(userID, r.At); wait > 0 {
		d.events.WithLabelValues(eventSlowed).Inc()
		return nil, &relay.Error{Code: relay.CodeRateLimited, RetryAfter: wait}
	}
	if !startParameter.MatchString(token) {
		d.wrong(userID, r.At)
		return nil, &relay.Error{Code: relay.CodeLinkNotOpen}
	}
	r.Token = Hash(token)
	redeemed, err := d.Links.Redeem(ctx, r)
	switch {
	case err == nil && !redeemed.Already:
		d.events.WithLabelValues(eventRedeemed).Inc()
		d.watches.tell(redeemed.Link.ID)
	case relay.ErrorCode(err) == relay.CodeLinkNotOpen:
		l, look := d.Links.LinkOf(ctx, r.Token, r.At)
		if look == nil && l.Bot != r.Chat.Bot {
			return nil, OtherBot{d.Username(l.Bot)} // whoever holds a link does not guess
		}
		d.wrong(userID, r.At)
	}
	return redeemed, err
}

// Revoke ends an open link. Error: relay.CodeNotFound.
func (d *Desk) Revoke(ctx context.Context, id relay.ID) error {
	err := d.Links.Revoke(ctx, id, time.Now())
	if err == nil {
		d.events.WithLabelValues(eventRevoked).Inc()
		d.watches.tell(id)
	}
	return err
}

func (d *Desk) wrong(userID int64, at time.Time) {
	d.guesses.wrong(userID, at)
	d.events.WithLabelValues(eventRefused).Inc()
}

// Hash is what the storage keeps of a token. A plain SHA-256 suffices: the token is as random as a key.
func Hash(token string) relay.TokenHash { return sha256.Sum256([]byte(token)) }

func newToken() string {
	b := make([]byte, tokenBytes)
	rand.Read(b) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
