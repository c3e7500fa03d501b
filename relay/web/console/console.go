// Package console is the pages for whoever operates the relay: what came in, what waits and why something failed, who is connected,
// what a template makes of a webhook, and the interface's reference.
//
// It acts through the rooms that the API acts through, within what the token behind a visit reaches, and keeps nothing. Pages are made
// here and read without JavaScript; what scripts add are shown changes and fewer clicks. Nothing is loaded from another host. Who visits,
// and whether that one may, is the business of package web.
package console

import (
	"context"
	"log/slog"
	"sync"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/onboarding"
)

// Options are what a Console needs.
type Options struct {
	Door      *intake.Door
	Desk      *onboarding.Desk
	Outbox    relay.Outbox
	Directory relay.Directory
	Links     relay.Links

	OpenAPI []byte // the document of the reference
	// Status says how the daemon is; nil: nobody knows.
	Status func(ctx context.Context) Status
	Log    *slog.Logger
}

// Console serves the pages. Its methods are safe for concurrent use.
type Console struct {
	Options
	reference func() (*reference, error)
	figures   figures
	streams   chan struct{}   // holds one for each that is open
	trials    chan struct{}   // holds one for each template that is tried
	ended     context.Context // done when streams have to end
	end       context.CancelFunc
}

// New returns a Console.
func New(o Options) *Console {
	if o.Status == nil {
		o.Status = func(context.Context) Status { return Status{} }
	}
	c := &Console{Options: o, streams: make(chan struct{}, maxStreams), trials: make(chan struct{}, 2)}
	c.reference = sync.OnceValues(func() (*reference, error) { return readReference(o.OpenAPI) })
	c.ended, c.end = context.WithCancel(context.Background())
	return c
}

// Close ends the streams that pages listen to.
func (c *Console) Close() { c.end() }

// Viewer is who looks at a page: what the token behind the visit reaches.
type Viewer struct {
	Name   string // the token's; empty where none is asked for
	Open   bool   // no token is asked for: there is nothing to sign out of
	Nobody bool   // nobody signed in
	Admin  bool   // may change something
	Base   string // how the viewer reaches this server, such as https://relay.example.org
	// Caller is how the door knows it.
	Caller intake.Caller
	// Receiver reports whether webhooks of a receiver may be shown.
	Receiver func(name string) bool
	// Own is a recipient's ID as the viewer knows it, and Prefix what begins the IDs of all that it may see.
	Own    func(id string) string
	Prefix string
}

// may reports whether the viewer reaches a recipient, by the ID under which it is stored.
func (v *Viewer) may(recipient string) bool { return v.Caller.May == nil || v.Caller.May(recipient) }

// full is the ID under which a recipient that the viewer names is stored; empty stays empty.
func (v *Viewer) full(id string) string {
	if v.Caller.Full == nil || id == "" {
		return id
	}
	return v.Caller.Full(id)
}

// reach is an error unless the viewer reaches a recipient: relay.CodeNotFound, for what is not to be seen is not there.
func (v *Viewer) reach(recipient string) error {
	if v.may(recipient) {
		return nil
	}
	return absent("recipient")
}

func absent(what string) error {
	return &relay.Error{Code: relay.CodeNotFound, Detail: "there is no such " + what + ", or none that this token reaches"}
}

// Whole reports whether the viewer sees all of the relay, not only some recipients.
func (v *Viewer) Whole() bool { return !v.Caller.Bounded && !v.Caller.Apart }
