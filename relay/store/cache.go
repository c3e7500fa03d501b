package store

import (
	"context"
	"hash/maphash"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tgrelay/tgrelay/relay"
)

// stripes are how many generations there are: a write to one recipient makes one look-up in 256 not worth keeping.
const stripes = 256

// cache is a layer over the look-up of recipients. It holds recipients with their bindings, the least recently asked for
// leave first; that there is no such recipient is not held. A nil cache holds nothing.
//
// It never speaks an untruth: a write lets go of its recipients after the commit and before it is answered, and starts a new
// generation. A look-up notes the generation before it reads and keeps what it read only if no new one began meanwhile.
//
// What other storages on the same database write is heard of a moment after their commit. Whoever looks up what is newer than all that was
// known of it starts a new generation too, so that nobody is told first of a change and then of what was before it.
type cache struct {
	lru      *lru.Cache[string, *relay.Recipient]
	seed     maphash.Seed
	metrics  *metrics
	believed func() bool // what is held may be told

	mu      sync.Mutex
	stripes [stripes]stripe
}

// stripe is what is known of the recipients that share it.
type stripe struct {
	generation uint64
	version    int64 // the newest that was seen
}

func newCache(size int, m *metrics) *cache {
	if size < 1 {
		return nil
	}
	held, _ := lru.New[string, *relay.Recipient](size) // fails for sizes below 1
	return &cache{lru: held, seed: maphash.MakeSeed(), metrics: m, believed: func() bool { return true }}
}

// believe has the cache answer only while what it holds is believed.
func (c *cache) believe(believed func() bool) {
	if c != nil {
		c.believed = believed
	}
}

// get returns what is held, else what look finds.
func (c *cache) get(ctx context.Context, id string, look func(context.Context, string) (*relay.Recipient, error)) (*relay.Recipient, error) {
	if c == nil {
		return look(ctx, id)
	}
	r, held := c.lru.Get(id)
	believed := c.believed() // asked after what is held was taken: so that is as true as it says
	switch {
	case held && believed:
		c.metrics.hits.Inc()
		return r, nil
	case believed:
		c.metrics.misses.Inc()
	default:
		c.metrics.bypassed.Inc()
	}
	before := c.generation(id)
	r, err := look(ctx, id)
	switch {
	case err == nil:
		c.learn(r, before, believed)
	case relay.ErrorCode(err) == relay.CodeUnknownRecipient: // it may have been known a moment ago
		c.forget([]string{id})
	}
	return r, err
}

func (c *cache) stripe(id string) *stripe { return &c.stripes[maphash.String(c.seed, id)%stripes] }

func (c *cache) generation(id string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stripe(id).generation
}

// learn notes what a look-up found that began at a generation, and keeps it if it is to be kept.
func (c *cache) learn(r *relay.Recipient, before uint64, keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stripe(r.ID)
	switch old, held := c.lru.Peek(r.ID); {
	case keep && s.generation == before:
		c.lru.Add(r.ID, r)
	case held && old.Version < r.Version:
		c.lru.Remove(r.ID)
	}
	if r.Version > s.version {
		s.version = r.Version
		s.generation++
	}
}

// resize lets go of what is too much.
func (c *cache) resize(size int) {
	if c != nil && size > 0 {
		c.lru.Resize(size)
	}
}

func (c *cache) forget(ids []string) {
	if c == nil || len(ids) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		c.stripe(id).generation++
		c.lru.Remove(id)
	}
}

// outdate lets go of recipients that another storage gave a version, unless they were read since. A version of 0 is newer than any.
func (c *cache) outdate(ids []string, version int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if r, held := c.lru.Peek(id); held && r.Version >= version && version > 0 {
			continue
		}
		s := c.stripe(id)
		s.generation++
		s.version = max(s.version, version)
		c.lru.Remove(id)
	}
}

// clear lets go of all, also of what is being looked up.
func (c *cache) clear() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.stripes {
		c.stripes[i] = stripe{generation: c.stripes[i].generation + 1} // a server that took over may have lost the last versions, and give them again
	}
	c.lru.Purge()
}
