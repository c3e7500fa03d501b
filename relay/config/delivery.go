package config

import (
	"math"
	"time"
)

// Delivery is the pace and the patience of what goes to Telegram.
type Delivery struct {
	GlobalRate  float64       `toml:"global_rate"` // messages per second, whole bot
	ChatRate    float64       `toml:"chat_rate"`   // messages per second, one chat
	GroupRate   float64       `toml:"group_rate"`  // messages per minute, one group or channel
	Concurrency int           `toml:"concurrency"` // requests under way at once
	MaxAge      time.Duration `toml:"max_age"`     // then a delivery expires
	Fallback    string        `toml:"fallback"`    // recipient; empty: none
	OnUnlinked  string        `toml:"on_unlinked" one_of:"hold|reject"`
	LongText    string        `toml:"long_text" one_of:"split|truncate|document"`
	SurgeAfter  time.Duration `toml:"surge_after"` // of delay in a chat, then alerts are merged; 0: never
	AlertAfter  time.Duration `toml:"alert_after"` // of waiting in the outbox, then the fallback is told; 0: never
	// Whether the file of a message may be fetched from a private address, when Telegram cannot fetch it.
	AllowPrivateAddresses bool `toml:"allow_private_addresses"`
}

func defaultDelivery() Delivery {
	// The rates are those of the Bot API's FAQ, "My bot is hitting limits".
	return Delivery{
		GlobalRate: 30, ChatRate: 1, GroupRate: 20, Concurrency: 32,
		MaxAge: 24 * time.Hour, OnUnlinked: "hold", LongText: "split", SurgeAfter: time.Minute, AlertAfter: 10 * time.Minute,
	}
}

func (k *checker) delivery(d *Delivery) {
	k.rate("delivery.global_rate", d.GlobalRate)
	k.rate("delivery.chat_rate", d.ChatRate)
	k.rate("delivery.group_rate", d.GroupRate)
	k.require(d.Concurrency >= 1 && d.Concurrency <= 1000, "delivery.concurrency", "%d is out of range; 1 to 1000", d.Concurrency)
	k.positive("delivery.max_age", d.MaxAge)
	k.require(d.SurgeAfter >= 0, "delivery.surge_after", "want 0s or more")
	if d.Fallback != "" {
		k.recipient("delivery.fallback", d.Fallback)
	}
}

func (k *checker) rate(key string, r float64) {
	k.require(r > 0 && !math.IsInf(r, 1), key, "%v is out of range; more than 0", r)
}
