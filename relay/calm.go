package relay

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Clock is a time of the day, as 08:00; empty for none.
type Clock string

var clock = regexp.MustCompile(`^([01]?[0-9]|2[0-3])[:.]([0-5][0-9])$`)

// ParseClock reads a time of the day as people write it: 8:00, 08:00 or 22.30.
func ParseClock(text string) (Clock, error) {
	m := clock.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", fmt.Errorf("%.20q is no time of the day: 00:00 to 23:59 is wanted", text)
	}
	return Clock(fmt.Sprintf("%02s:%s", m[1], m[2])), nil
}

// minutes since midnight.
func (c Clock) minutes() int {
	hours, minutes, _ := strings.Cut(string(c), ":")
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	return 60*h + m
}

// Next is the first such moment after t in a time zone. Where the clock is put forward over it, it is the moment an hour later.
func (c Clock) Next(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	for day := local.Day(); ; day++ {
		at := time.Date(local.Year(), local.Month(), day, 0, c.minutes(), 0, 0, zone)
		if at.After(t) {
			return at
		}
	}
}

// QuietHours are when messages make no sound, as 22:00-07:00, or wait until they are over, as 22:00-07:00 hold; empty for never.
type QuietHours string

const holding = " hold"

// NoQuietHours are a chat's that wants none, whatever its recipient has.
const NoQuietHours QuietHours = "off"

// ParseQuietHours reads two times of the day with a dash between them, and hold behind them or not.
func ParseQuietHours(text string) (QuietHours, error) {
	span, hold := strings.CutSuffix(strings.TrimSpace(text), holding)
	from, to, _ := strings.Cut(strings.NewReplacer("–", "-", "—", "-").Replace(span), "-")
	begin, err := ParseClock(from)
	if err != nil {
		return "", err
	}
	end, err := ParseClock(to)
	if err != nil {
		return "", err
	}
	if begin == end {
		return "", fmt.Errorf("quiet hours from %s to %s are none", begin, end)
	}
	q := QuietHours(begin + "-" + end)
	if hold {
		q += holding
	}
	return q, nil
}

// Hold reports whether messages wait until the quiet hours are over.
func (q QuietHours) Hold() bool { return strings.HasSuffix(string(q), holding) }

// From and To are when they begin and end.
func (q QuietHours) From() Clock { return Clock(q[:len("22:00")]) }

// To is when they end.
func (q QuietHours) To() Clock { return Clock(q[len("22:00-"):len("22:00-07:00")]) }

// Until reports whether t is within the quiet hours of a time zone, and when they end.
func (q QuietHours) Until(t time.Time, zone *time.Location) (end time.Time, quiet bool) {
	if q == "" {
		return end, false
	}
	local := t.In(zone)
	now, from, to := 60*local.Hour()+local.Minute(), q.From().minutes(), q.To().minutes()
	if from < to {
		quiet = from <= now && now < to
	} else {
		quiet = now >= from || now < to
	}
	if quiet {
		end = q.To().Next(t, zone)
	}
	return end, quiet
}

// Settings are what people choose for a chat (and topic).
type Settings struct {
	MutedUntil time.Time  `json:"muted_until,omitzero"` // without a sound until then
	QuietHours QuietHours `json:"quiet_hours,omitzero"` // empty: the recipient's; NoQuietHours: none
	Digest     Clock      `json:"digest,omitzero"`      // normal and low priority come as one message a day, then
	TimeZone   string     `json:"time_zone,omitzero"`   // IANA's name; empty: the recipient's, else UTC
	Locale     string     `json:"locale,omitzero"`      // language of the bot's words; empty: the recipient's, else the person's own in Telegram
}

// Calm is what decides whether a message to a chat makes a sound, and whether it waits.
type Calm struct {
	Paused bool
	Settings
}

// Calm puts together what was chosen for the recipient and for one of its chats, which comes first.
func (r *Recipient) Calm(b Binding) Calm {
	c := Calm{Paused: r.Paused, Settings: b.Settings}
	switch c.QuietHours {
	case "":
		c.QuietHours = r.QuietHours
	case NoQuietHours:
		c.QuietHours = ""
	}
	c.TimeZone = cmp.Or(c.TimeZone, r.TimeZone)
	c.Locale = cmp.Or(c.Locale, r.Locale)
	return c
}

// Silent reports whether a message that is sent at a moment makes no sound. Quiet hours do not hold for priority high.
func (c *Calm) Silent(p Priority, at time.Time) bool {
	if at.Before(c.MutedUntil) {
		return true
	}
	if p >= High || c.QuietHours == "" || c.QuietHours.Hold() {
		return false
	}
	_, quiet := c.QuietHours.Until(at, Zone(c.TimeZone))
	return quiet
}

// Hold reports whether a message that comes at a moment waits, and until when: the zero time until the recipient is resumed.
func (c *Calm) Hold(p Priority, at time.Time) (until time.Time, held bool) {
	switch {
	case c.Paused:
		return time.Time{}, true
	case p >= High:
	case c.Digest != "":
		return c.Digest.Next(at, Zone(c.TimeZone)), true
	case c.QuietHours.Hold():
		return c.QuietHours.Until(at, Zone(c.TimeZone))
	}
	return time.Time{}, false
}

var zones sync.Map // name to *time.Location: reading one takes a file

// Zone is the time zone of a name that CheckTimeZone has taken, UTC for any other.
func Zone(name string) *time.Location {
	if zone, known := zones.Load(name); known {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, zone)
	return zone
}

// CheckTimeZone returns the IANA name of a time zone as people write it: europe/berlin too.
func CheckTimeZone(name string) (string, error) {
	words := strings.FieldsFunc(strings.TrimSpace(name), func(r rune) bool { return r == '/' })
	for _, try := range []string{strings.TrimSpace(name), strings.ToUpper(name), capitalized(words)} {
		if _, err := time.LoadLocation(try); err == nil && try != "" && !strings.EqualFold(try, "local") {
			return try, nil
		}
	}
	return "", fmt.Errorf("%.60q is no time zone: a name such as Europe/Berlin or UTC is wanted", name)
}

// capitalized writes europe/isle_of_man as Europe/Isle_of_Man.
func capitalized(words []string) string {
	for i, word := range words {
		parts := strings.Split(strings.ToLower(word), "_")
		for j, part := range parts {
			if part != "" && part != "of" && part != "es" {
				parts[j] = strings.ToUpper(part[:1]) + part[1:]
			}
		}
		words[i] = strings.Join(parts, "_")
	}
	return strings.Join(words, "/")
}
