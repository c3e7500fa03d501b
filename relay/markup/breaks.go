package markup

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// lastBreak is the best byte between from and end to cut a text at: before white space, or end if there is none that
// leaves a part of a fair size.
func lastBreak(s string, from, end int) int {
	size := end - from
	for _, b := range []struct {
		find func(s string) int // the last break, as offset into s; -1 if there is none
		room int                // how much s holds behind end
		min  int                // the least size of a part, so that many small ones do not come of it
	}{
		{func(s string) int { return strings.LastIndex(s, "\n\n") }, 2, size / 3},
		{func(s string) int { return strings.LastIndexByte(s, '\n') }, 1, size / 4},
		{lastSentence, 1, size / 4},
		{func(s string) int { return strings.LastIndexByte(s, ' ') }, 1, size / 8},
	} {
		if at := b.find(s[from:min(end+b.room, len(s))]); at > 0 && at >= b.min && lone(s[from+at:]) {
			return from + at
		}
	}
	return end
}

// lone reports whether the white space that s begins with is a character of its own, without accents over it.
func lone(s string) bool {
	s = strings.TrimLeft(s, " \n")
	r, _ := utf8.DecodeRuneInString(s)
	return s == "" || simple(r) || len(firstGrapheme(" "+s[:min(len(s), 64)])) == 1
}

func firstGrapheme(s string) string {
	g, _, _, _ := uniseg.FirstGraphemeClusterInString(s, -1)
	return g
}

// lastSentence is the last white space behind the end of a sentence.
func lastSentence(s string) int {
	for i := len(s) - 1; i > 0; i-- {
		if s[i] != ' ' && s[i] != '\n' {
			continue
		}
		before := strings.TrimRight(s[:i], `"')]`)
		switch r, _ := utf8.DecodeLastRuneInString(before); r {
		case '.', '!', '?', '…', '。', '！', '？':
			return i
		}
	}
	return -1
}

// maxLookback is how many bytes before a cut are looked at for a place that is surely between grapheme clusters.
const maxLookback = 512

// graphemeFloor is the last byte up to at, and behind from, at which no grapheme cluster is cut; from if there is none.
func graphemeFloor(s string, from, at int) int {
	if at >= len(s) || between(s, at) {
		return at
	}
	start := at
	for start > from && (at-start < maxLookback) {
		_, n := utf8.DecodeLastRuneInString(s[:start])
		if start -= n; start > from && between(s, start) {
			break
		}
	}
	if start < from || !between(s, start) {
		start = from
	}
	state := -1
	for rest := s[start:]; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if start+len(cluster) > at {
			break
		}
		start += len(cluster)
	}
	return start
}

// between reports whether the byte at surely is between two grapheme clusters.
func between(s string, at int) bool {
	if at == 0 || at == len(s) {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	behind, _ := utf8.DecodeRuneInString(s[at:])
	return simple(before) && simple(behind)
}

// simple reports whether r never joins another simple character to a cluster (Unicode Annex 29: Grapheme_Cluster_Break
// is Other, and it is no pictograph). It knows the common ones only.
func simple(r rune) bool {
	switch {
	case r < 0x7F:
		return r >= ' ' || r == '\n'
	case r < 0x300:
		return r > 0xA0 && r != 0xA9 && r != 0xAD && r != 0xAE
	case r < 0x530:
		return r >= 0x370 && (r < 0x483 || r > 0x489)
	}
	return r >= 0x3041 && r <= 0x3096 || r >= 0x30A1 && r <= 0x30FA || r >= 0x4E00 && r <= 0x9FFF
}
