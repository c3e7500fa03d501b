package web

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
)

// Rate is how many requests a token may make in a time; the zero Rate sets no bound. A batch counts as its messages.
type Rate struct {
	Count int
	Per   time.Duration
}

func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	return fmt.Sprintf("%d/%s", r.Count, model.Duration(r.Per))
}

// usage is what is made of a token. It lives through reloads.
type usage struct {
	rate    Rate
	limiter *rate.Limiter // nil: none
	last    atomic.Int64  // Unix milliseconds, 0: never
}

func newUsage(r Rate) *usage {
	u := &usage{rate: r}
	if r != (Rate{}) {
		u.limiter = rate.NewLimiter(rate.Every(r.Per/time.Duration(r.Count)), r.Count)
	}
	return u
}

func (u *usage) lastUsed() time.Time {
	if ms := u.last.Load(); ms != 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// spend lets n requests through, or says when they may come again. Hooks are told 503: Alertmanager tries again on nothing else.
// Errors: relay.CodeRateLimited, CodeOverloaded.
func (t *Token) spend(n int, scope Scope) error {
	if t.usage == nil {
		return nil
	}
	now := time.Now()
	t.usage.last.Store(now.UnixMilli())
	if t.usage.limiter == nil || n == 0 {
		return nil
	}
	code := relay.CodeRateLimited
	if scope == ScopeHooks {
		code = relay.CodeOverloaded
	}
	wait := t.usage.limiter.ReserveN(now, n)
	if delay := wait.DelayFrom(now); delay > 0 {
		wait.CancelAt(now)
		return &relay.Error{Code: code, Detail: t.bound() + "; come again after Retry-After", RetryAfter: delay}
	}
	return nil
}

// affords refuses as many messages as the token's rate never lets through at once. Error: relay.CodeRateLimited.
func (t *Token) affords(messages int) error {
	if t.Rate == (Rate{}) || messages <= t.Rate.Count {
		return nil
	}
	return &relay.Error{Code: relay.CodeRateLimited, Detail: t.bound() + "; send fewer messages at once", RetryAfter: t.Rate.Per}
}

func (t *Token) bound() string {
	return fmt.Sprintf("this token may make %d requests in %s", t.Rate.Count, model.Duration(t.Rate.Per))
}

// from reports whether a token may be shown at an address. Who comes by a unix socket is on this machine.
func (t *Token) from(addr netip.Addr) bool {
	if !addr.IsValid() {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return len(t.Sources) == 0 || slices.ContainsFunc(t.Sources, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Used is when each token was last used, those left out that never were.
func (s *Server) Used() map[string]time.Time {
	used := map[string]time.Time{}
	for _, t := range s.inForce.Load().keys.tokens {
		if at := t.usage.lastUsed(); !at.IsZero() {
			used[t.Name] = at
		}
	}
	return used
}

// SetUsed remembers when tokens were used before this process began.
func (s *Server) SetUsed(used map[string]time.Time) {
	for _, t := range s.inForce.Load().keys.tokens {
		if at := used[t.Name]; at.After(t.usage.lastUsed()) {
			t.usage.last.Store(at.UnixMilli())
		}
	}
}

// newKeyring goes on with what was made of the tokens that there were before; a token that has another rate now begins afresh with it.
func newKeyring(tokens []Token, before *keyring) *keyring {
	known := map[string]*usage{}
	if before != nil {
		for _, t := range before.tokens {
			known[t.Name] = t.usage
		}
	}
	k := &keyring{tokens: slices.Clone(tokens)}
	for i := range k.tokens {
		t := &k.tokens[i]
		if t.usage = known[t.Name]; t.usage == nil || t.usage.rate != t.Rate {
			was := t.usage
			if t.usage = newUsage(t.Rate); was != nil {
				t.usage.last.Store(was.last.Load())
			}
		}
	}
	return k
}

// shownToken is a token as it is told: all but the token.
type shownToken struct {
	Name       string     `json:"name,omitzero"`
	Scopes     []Scope    `json:"scopes"`
	Receivers  []string   `json:"receivers"`
	Recipients []string   `json:"recipients"`
	Namespace  string     `json:"namespace,omitzero"`
	Rate       string     `json:"rate,omitzero"`
	Sources    []string   `json:"sources"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

func (t *Token) shownToken() shownToken {
	shown := shownToken{Name: t.Name, Scopes: t.Scopes, Receivers: orEmpty(t.Receivers), Recipients: orEmpty(t.Recipients), Namespace: t.Namespace, Rate: t.Rate.String(), Sources: []string{}}
	for _, p := range t.Sources {
		shown.Sources = append(shown.Sources, p.String())
	}
	if t.usage == nil {
		return shown
	}
	if at := t.usage.lastUsed(); !at.IsZero() {
		shown.LastUsedAt = &at
	}
	return shown
}

func orEmpty(list []string) []string { return append([]string{}, list...) }

// tokensOf are those that a caller administers, by name: all, or those of its namespace.
func (k *keyring) tokensOf(caller *Token) []shownToken {
	list := map[string]shownToken{}
	for i := range k.tokens {
		if t := &k.tokens[i]; caller.Namespace == "" || t.Namespace == caller.Namespace {
			list[t.Name] = t.shownToken()
		}
	}
	out := make([]shownToken, 0, len(list))
	for _, name := range slices.Sorted(maps.Keys(list)) {
		out = append(out, list[name])
	}
	return out
}
