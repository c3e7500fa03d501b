// Package intake is the one door: whatever is to become a message comes through here, webhooks, API calls and the
// daemon's own notices alike. It addresses recipients to chats, renders, and stores; when Accept returns without an
// error, the messages are on disk and will arrive or end visibly.
//
// A webhook is never refused for what the operator's template did: a template that fails falls back to the built-in one
// and then to plain text. Nothing is kept of what is refused.
package intake

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// Receiver is a named inlet.
type Receiver struct {
	Name                string
	Type                receivers.Type
	To                  []*render.Inline // recipient IDs, one or several (by white space or comma) each
	Template            string
	Mode                markup.Mode    // what Template writes
	DisableNotification *render.Inline // nil: with sound
	Topic               *render.Inline // the topic of a group that messages are for
	Bot                 string         // that messages go by, as it is asked for; empty: any
	AllowQueryToken     bool           // the token may stand in the URL, for senders that can set no header
	Signature           receivers.Signature
	Priority            *render.Inline // nil: normal
	Key                 *render.Inline // of what belongs together; nil: the group of alerts, nothing for other documents
	OnUpdate            relay.OnUpdate // what becomes of the message when there is news
	Aliases             []string       // names of other bridges whose addresses it serves
	KeepPayloads        int            // how many of the last webhooks are kept, in memory
	HTTPActions         []string       // hosts that buttons of messages may call, with their ports where they have one

	// Of receivers of alerts.
	SplitBy  []string         // labels
	Buttons  bool             // below the message
	Fixed    []string         // whom alone `to` names; nil where that depends
	Managed  bool             // an Alertmanager is known in which silences can be made
	Visible  []*render.Inline // matchers, over a Viewer; empty: all alerts
	Escalate Escalate
}

// Escalate is who is told of alerts that fire on without anybody reacting.
type Escalate struct {
	After time.Duration // 0: nobody is
	To    []*render.Inline
}

// Viewer is the data of the templates of Receiver.Visible.
type Viewer struct{ Recipient string }

// Rules are what a reload may change.
type Rules struct {
	Receivers map[string]*Receiver
	Templates *render.Set   // the operator's over the built-in ones
	Builtin   *render.Set   // for when the operator's fail
	Fallback  string        // recipient told of what could not be routed or delivered; empty: nobody
	MaxAge    time.Duration // of a delivery whose message names no expires_in
	LongText  string        // what becomes of a text that is too long for one message: split, truncate or document
	// SurgeAfter is how much delay a chat's alerts may pile up before they are merged; 0: they never are.
	SurgeAfter time.Duration
	Events     bool        // somebody hears of the presses of buttons
	Heartbeats []Heartbeat // of the receivers
	Reject     bool        // refuse recipients without a chat instead of holding their messages
	Namespaces []string    // of tokens
	Bots       []string    // as they are asked for: relay.FirstBot, and the others
}

// Apart reports whether a recipient is an application's of its own namespace, or one that a person made for oneself: the operator's alerts are
// nothing of theirs, unless a receiver's `to` names them.
func (r *Rules) Apart(recipient string) bool {
	namespace, _, named := strings.Cut(recipient, ":")
	return named && slices.Contains(r.Namespaces, namespace) || relay.IsOwnRecipient(recipient)
}

// Options are what a Door needs.
type Options struct {
	Outbox     relay.Outbox
	Directory  relay.Directory
	Threads    relay.Threads
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Mine reports whether it is this daemon's duty now to tell what did not arrive and to release what was kept; nil: no other shares the storage.
	Mine func() bool
	// Alive notes a sign of life of one of the Rules' Heartbeats; nil: nobody is interested.
	Alive func(ctx context.Context, heartbeat string) error
}

// Door takes messages in. Its methods are safe for concurrent use. Whatever is done at one call is done by the same rules.
type Door struct {
	*house
	steady *Rules // by which this one goes, whatever is in force; nil: those in force
}

// house is what all doors to the same storage share.
type house struct {
	outbox    relay.Outbox
	directory relay.Directory
	threads   relay.Threads
	log       *slog.Logger
	alive     func(ctx context.Context, heartbeat string) error
	mine      func() bool
	metrics   *metrics
	rules     atomic.Pointer[Rules]
	notices   notices
	kept      payloads

	questions chan chan struct{} // of Alive, for Run
}

// New returns a Door that works by rules.
func New(o Options, rules *Rules) *Door {
	d := &Door{house: &house{
		outbox: o.Outbox, directory: o.Directory, threads: o.Threads, log: o.Log, alive: o.Alive, mine: o.Mine, metrics: newMetrics(o.Registerer), questions: make(chan chan struct{}),
	}}
	if d.alive == nil {
		d.alive = func(context.Context, string) error { return nil }
	}
	if d.mine == nil {
		d.mine = func() bool { return true }
	}
	d.SetRules(rules)
	return d
}

// SetRules puts other rules in force, for all that comes in from now on.
func (d *Door) SetRules(rules *Rules) {
	d.metrics.begin(rules)
	d.rules.Store(rules)
	d.kept.follow(rules)
}

// Rules returns the rules in force. The caller must not change them.
func (d *Door) Rules() *Rules {
	if d.steady != nil {
		return d.steady
	}
	return d.rules.Load()
}

// By returns the same door, going by rules that may not be in force any more: for what began when they were.
func (d *Door) By(rules *Rules) *Door { return &Door{house: d.house, steady: rules} }

// now returns the same door, going by the rules in force now, however long it takes.
func (d *Door) now() *Door { return d.By(d.Rules()) }

// Caller is who brings something in, as far as it matters here.
type Caller struct {
	Owner string                      // the token's name; empty without tokens
	May   func(recipient string) bool // whether the token reaches a recipient; nil: any
	Full  func(named string) string   // the ID of a recipient that the caller names; nil: as it is named
	// Bounded says that May is not true of all recipients.
	Bounded bool
	Apart   bool // has recipients of its own and nothing to do with the operator's heartbeats and Alertmanagers
	// Unproven says that the caller showed no token: the signature of the webhook has to speak for it.
	Unproven bool
}

func (c Caller) full(named string) string {
	if c.Full == nil {
		return named
	}
	return c.Full(named)
}

func (c Caller) may(recipient string) bool { return c.May == nil || c.May(recipient) }

// admit checks a webhook's signature. One that stands in for a token reaches the receiver's own recipients: it says nothing of the path.
// Errors: relay.CodeInvalidSignature, CodeUnauthenticated, CodeForbidden.
func (rc *Receiver) admit(caller Caller, h *Hook) error {
	h.Request.Signature = rc.Signature
	if h.Vouched {
		return nil
	}
	switch err := h.Request.Verify(time.Now()); {
	case err != nil:
		return err
	case caller.Unproven && !rc.Signature.Wanted(): // a reload took the secret away meanwhile
		return &relay.Error{Code: relay.CodeUnauthenticated, Detail: "send a token: this receiver takes no signatures"}
	case caller.Unproven && h.Recipient != "":
		return &relay.Error{Code: relay.CodeForbidden, Detail: fmt.Sprintf("a signature says nothing of the address: post to /hooks/%s and name the recipient in `to` of [receivers.%s], or send a token too", rc.Name, rc.Name)}
	}
	return nil
}

// accept stores messages that have deliveries.
func (d *Door) accept(ctx context.Context, messages []*relay.Message) error {
	full := delivered(messages)
	for _, m := range messages {
		if len(m.Deliveries) == 0 {
			d.log.InfoContext(ctx, "nothing to deliver: it was told already, or its template is empty", "receiver", m.Receiver, "token", m.Owner)
		}
	}
	if len(full) == 0 {
		return nil
	}
	err := d.outbox.Accept(ctx, full...)
	if err == nil {
		d.accepted(ctx, full)
	}
	return err
}

// accepted logs a line for each message that is on disk now: by it, its request, its receiver and its deliveries are found together.
func (d *Door) accepted(ctx context.Context, messages []*relay.Message) {
	if !d.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	for _, m := range messages {
		recipients := map[string]bool{}
		held := 0
		for _, delivery := range m.Deliveries {
			recipients[delivery.Recipient] = true
			if delivery.State == relay.Held {
				held++
			}
		}
		d.log.LogAttrs(ctx, slog.LevelInfo, "message accepted", slog.Any("message", m.ID), slog.String("receiver", m.Receiver), slog.String("token", m.Owner),
			slog.Int("recipients", len(recipients)), slog.Int("deliveries", len(m.Deliveries)), slog.Int("held", held), slog.Bool("repeated_request", m.Replayed))
	}
}

// delivered are the messages that have deliveries. One without any is a message that nobody was to get; its request may still come twice.
func delivered(messages []*relay.Message) []*relay.Message {
	var full []*relay.Message
	for _, m := range messages {
		if len(m.Deliveries) > 0 || m.Request != nil {
			full = append(full, m)
		}
	}
	return full
}
