package receivers

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	// lengths are durations as people write them: 30m, 2 days, 1h30m, 1 hour 30 minutes.
	lengths = regexp.MustCompile(`^(?:(\d{1,6})\s*([a-z]+)[\s,]*)+$`)
	part    = regexp.MustCompile(`(\d{1,6})\s*([a-z]+)`)
	// clock is a time of the day: 10am, 8:30pm, 18:30.
	clock = regexp.MustCompile(`^(\d{1,2})(?::(\d{2}))?\s*(am|pm)?$`)
)

// units are the words for a duration's unit, without their plural.
var units = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "second": time.Second, "m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

func length(s string) (total time.Duration, ok bool) {
	if !lengths.MatchString(s) {
		return 0, false
	}
	for _, found := range part.FindAllStringSubmatch(s, -1) {
		n, err := strconv.Atoi(found[1])
		unit, known := units[found[2]]
		if !known {
			unit, known = units[strings.TrimSuffix(found[2], "s")]
		}
		if err != nil || !known {
			return 0, false
		}
		if total += time.Duration(n) * unit; total > maxDelay {
			return maxDelay + time.Hour, true
		}
	}
	return total, true
}

// spoken reads a day, a time, or both, in the daemon's time zone: "tomorrow, 10am", "tuesday 18:00", "8:30pm", "tomorrow". A day without a
// time is the same time as now; a time that is over today is tomorrow's.
func spoken(s string, now time.Time) (time.Time, bool) {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
	day, named := now, false
	if len(words) > 0 {
		day, named = dayOf(words[0], now)
		if named {
			words = words[1:]
		}
	}
	if len(words) > 0 && words[0] == "at" {
		words = words[1:]
	}
	if len(words) == 0 {
		return day, named
	}
	hour, minute, ok := clockOf(strings.Join(words, " "))
	if !ok {
		return now, false
	}
	at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, now.Location())
	if !named && at.Before(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at, true
}

// dayOf is the next day of a name.
func dayOf(word string, now time.Time) (time.Time, bool) {
	switch word {
	case "today":
		return now, true
	case "tomorrow":
		return now.AddDate(0, 0, 1), true
	}
	for days := 1; days <= 7; days++ {
		day := now.AddDate(0, 0, days)
		if name := strings.ToLower(day.Weekday().String()); word == name || word == name[:3] {
			return day, true
		}
	}
	return now, false
}

func clockOf(s string) (hour, minute int, ok bool) {
	switch s {
	case "noon":
		return 12, 0, true
	case "midnight":
		return 0, 0, true
	}
	found := clock.FindStringSubmatch(s)
	if found == nil || found[2] == "" && found[3] == "" { // "10" alone says too little
		return 0, 0, false
	}
	hour, _ = strconv.Atoi(found[1]) // digits, by the pattern
	minute, _ = strconv.Atoi(found[2])
	if found[3] != "" {
		if hour < 1 || hour > 12 {
			return 0, 0, false
		}
		hour %= 12
		if found[3] == "pm" {
			hour += 12
		}
	}
	return hour, minute, hour < 24 && minute < 60
}
