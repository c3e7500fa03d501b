package markup

import (
	"math"
	"strconv"
	"strings"
)

// Links of the scheme tg: that are no links but entities of their own.

// maxUserID is the largest user ID that the Bot API knows: 40 bits.
const maxUserID = 1<<40 - 1

func validUser(id int64) bool { return id > 0 && id <= maxUserID }

// tgQuery is the query of tg:[//]host[/]?query[#...].
func tgQuery(url, host string) (query string, ok bool) {
	if !hasPrefixFold(url, "tg:") {
		return "", false
	}
	url = strings.TrimPrefix(url[len("tg:"):], "//")
	if !hasPrefixFold(url, host) {
		return "", false
	}
	url = strings.TrimPrefix(url[len(host):], "/")
	query, ok = strings.CutPrefix(url, "?")
	query, _, _ = strings.Cut(query, "#")
	return query, ok
}

// first is the value of the first parameter of that name.
func first(query, name string) (value string, ok bool) {
	for parameter := range strings.SplitSeq(query, "&") {
		if key, value, _ := strings.Cut(parameter, "="); strings.EqualFold(key, name) {
			return value, true
		}
	}
	return "", false
}

// userID is the user that a link names, or 0.
func userID(url string) int64 {
	query, ok := tgQuery(url, "user")
	if !ok {
		return 0
	}
	value, _ := first(query, "id")
	if id := decimal(value); validUser(id) {
		return id
	}
	return 0
}

// emojiOrTime is the entity of a tg://emoji or tg://time link.
func emojiOrTime(url string) (e Entity, ok bool) {
	if query, found := tgQuery(url, "emoji"); found {
		value, _ := first(query, "id")
		return Entity{Type: CustomEmoji, CustomEmojiID: value}, decimal(value) != 0
	}
	query, found := tgQuery(url, "time")
	if !found {
		return e, false
	}
	value, _ := first(query, "unix")
	wanted, _ := first(query, "format")
	unix := decimal(value)
	format, ok := dateTimeFormat(wanted)
	return Entity{Type: DateTime, UnixTime: unix, DateTimeFormat: format}, ok && unix > 0 && unix <= math.MaxInt32
}

// dateTimeFormat puts the letters of a format into Telegram's order: w, d or D, t or T, the small one winning.
func dateTimeFormat(s string) (format string, ok bool) {
	if s == "r" || s == "R" {
		return "r", true
	}
	if strings.Trim(s, "tTdDwW") != "" {
		return "", false
	}
	if strings.ContainsAny(s, "wW") {
		format = "w"
	}
	return format + either(s, "d", "D") + either(s, "t", "T"), true
}

func either(s, small, large string) string {
	switch {
	case strings.Contains(s, small):
		return small
	case strings.Contains(s, large):
		return large
	}
	return ""
}

// decimal is a whole number in its shortest form: no sign +, no leading zero; or 0.
func decimal(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		return 0
	}
	return n
}
