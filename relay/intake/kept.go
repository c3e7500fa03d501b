package intake

import (
	"slices"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
)

// Payload is a webhook that is kept to be looked at. Secret headers and parameters are taken out of it.
type Payload struct {
	ID        relay.ID
	At        time.Time
	Recipient string // of the path, by its full name; empty: whom the document or the receiver's `to` names
	By        Caller // who brought it: by that one's names the others are found
	Request   receivers.Request
}

// maxKept bounds the bodies that are kept of a receiver, in bytes.
const maxKept = 4 << 20

// payloads are the last webhooks of receivers that keep some, the newest last. They are gone with the process.
type payloads struct {
	mu         sync.Mutex
	byReceiver map[string][]Payload
}

// keep keeps a webhook, whether it can be read or not: what cannot is what one wants to see.
func (p *payloads) keep(rc *Receiver, caller Caller, h Hook) {
	if rc.KeepPayloads == 0 || h.Vouched || len(h.Request.Body) > maxKept {
		return
	}
	recipient := h.Recipient
	if recipient != "" {
		recipient = caller.full(recipient)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byReceiver == nil {
		p.byReceiver = map[string][]Payload{}
	}
	all := append(p.byReceiver[rc.Name], Payload{relay.NewID(), time.Now(), recipient, caller, h.Request.Shown()})
	p.byReceiver[rc.Name] = newest(all, rc.KeepPayloads)
}

// newest are at most n, and as many as fit.
func newest(all []Payload, n int) []Payload {
	size := 0
	for i, one := range slices.Backward(all) {
		if size += len(one.Request.Body); size > maxKept || len(all)-i > n {
			return slices.Clone(all[i+1:]) // the others are let go of
		}
	}
	return all
}

// follow lets go of what rules keep no more.
func (p *payloads) follow(rules *Rules) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, all := range p.byReceiver {
		if rc := rules.Receivers[name]; rc == nil || rc.KeepPayloads == 0 {
			delete(p.byReceiver, name)
		} else {
			p.byReceiver[name] = newest(all, rc.KeepPayloads)
		}
	}
}

// Kept are the last webhooks of a receiver, the newest first; none where it keeps none.
func (d *Door) Kept(receiver string) []Payload {
	d.kept.mu.Lock()
	defer d.kept.mu.Unlock()
	all := slices.Clone(d.kept.byReceiver[receiver])
	slices.Reverse(all)
	return all
}
