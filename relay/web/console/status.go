package console

import (
	"fmt"
	"time"
)

// Status is how the daemon is.
type Status struct {
	Version string
	Started time.Time

	Bots          []Bot  // the first one first
	TelegramFault string // why they do not all work; empty while they do

	StorageFault string
	Size         int64 // of the storage's files, in bytes; 0: not known
	Free, Total  uint64

	Recipients int64
	Chats      int64 // connected and reachable
	Gone       int64 // blocked or left
	Heartbeats []Heartbeat
}

// Bot is one of the relay's.
type Bot struct {
	Name     string // by which it is asked for
	Username string // without @; empty while Telegram has never been reached
	Webhook  bool   // updates come by webhook; else by polling
	Update   time.Time
	Works    bool
}

// Heartbeat is a sign of life that is waited for.
type Heartbeat struct {
	Name     string
	Interval time.Duration
	Seen     time.Time // zero: never
	Missing  bool
}

// size is a number of bytes for people.
func size(n any) string {
	var left float64
	switch v := n.(type) {
	case int64:
		left = float64(v)
	case uint64:
		left = float64(v)
	}
	for _, unit := range []string{"bytes", "KiB", "MiB", "GiB"} {
		if left < 1024 {
			if unit == "bytes" || left >= 100 {
				return fmt.Sprintf("%.0f %s", left, unit)
			}
			return fmt.Sprintf("%.1f %s", left, unit)
		}
		left /= 1024
	}
	return fmt.Sprintf("%.1f TiB", left)
}

// count is a number for people: 12,345.
func count(n int64) string {
	if n < 0 {
		return "-" + count(-n)
	}
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
