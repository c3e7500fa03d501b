package config

import "time"

// Onboarding is how people get connected.
type Onboarding struct {
	LinkTTL      time.Duration `toml:"link_ttl"`
	SelfService  bool          `toml:"self_service"`  // /start without a link makes a recipient and a token of one's own
	AllowedUsers []int64       `toml:"allowed_users"` // Telegram user IDs; empty: anyone who holds a link
}

func defaultOnboarding() Onboarding { return Onboarding{LinkTTL: 24 * time.Hour} }

func (k *checker) onboarding(o *Onboarding) {
	k.positive("onboarding.link_ttl", o.LinkTTL)
	for _, id := range o.AllowedUsers {
		k.require(id > 0, "onboarding.allowed_users", "%d is no user's ID; those are positive numbers", id)
	}
}
