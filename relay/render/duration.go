package render

import (
	"strconv"
	"time"
)

// shortDuration tells a duration by its two largest units, to the second: 45s, 2m 5s, 3h 20m, 4d 7h.
func shortDuration(d time.Duration) string {
	sign := ""
	seconds := int64(d / time.Second)
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	for _, u := range [...]struct {
		name, next    string
		seconds, part int64
	}{{"d", "h", 86400, 3600}, {"h", "m", 3600, 60}, {"m", "s", 60, 1}} {
		if seconds < u.seconds {
			continue
		}
		text := sign + strconv.FormatInt(seconds/u.seconds, 10) + u.name
		if rest := seconds % u.seconds / u.part; rest > 0 {
			text += " " + strconv.FormatInt(rest, 10) + u.next
		}
		return text
	}
	return sign + strconv.FormatInt(seconds, 10) + "s"
}
