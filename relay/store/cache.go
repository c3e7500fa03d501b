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
type cache struct {
	lru     *lru.Cache[string, *relay.Recipient]
	seed    maphash.Seed
	metrics *metrics

	mu          sync.Mutex
	generations [stripes]uint64
}

func newCache(size int, m *metrics) *cache {
	if size < 1 {
		return nil
	}
	held, _ := lru.New[string, *relay.Recipient](size) // fails for sizes below 1
	return &cache{lru: held, seed: maphash.MakeSeed(), metrics: m}
}

// get returns what is held, else what look finds.
func (c *cache) get(ctx context.Context, id string, look func(context.Context, string) (*relay.Recipient, error)) (*relay.Recipient, error) {
	if c == nil {
		return look(ctx, id)
	}
	if r, ok := c.lru.Get(id); ok {
		c.metrics.hits.Inc()
		return r, nil
	}
	c.metrics.misses.Inc()
	before := c.generation(id)
	r, err := look(ctx, id)
	if err == nil {
		c.keep(r, before)
	}
	return r, err
}

func (c *cache) stripe(id string) int { return int(maphash.String(c.seed, id) % stripes) }

func (c *cache) generation(id string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generations[c.stripe(id)]
}

func (c *cache) keep(r *relay.Recipient, before uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generations[c.stripe(r.ID)] == before {
		c.lru.Add(r.ID, r)
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
		c.generations[c.stripe(id)]++
		c.lru.Remove(id)
	}
}
