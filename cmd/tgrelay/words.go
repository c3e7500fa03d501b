package main

import (
	"strconv"
	"strings"
	"time"
)

// count is a number with its noun: 1 chat, 2 chats, 3 deliveries.
func count[N int | int64](n N, noun string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(noun, "y"); ok {
			noun = stem + "ie"
		}
		noun += "s"
	}
	return strconv.FormatInt(int64(n), 10) + " " + noun
}

// shown is a time as people here read it.
func shown(t time.Time) string { return t.Local().Format(time.DateTime) }
