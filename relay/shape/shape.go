// Package shape looks at a JSON text before it is decoded: how deep it goes, how many keys it has, and which keys an object has twice.
//
// Decoders answer none of this: a key that comes twice silently wins over the first, and depth and number cost whoever reads on. It keeps
// nothing, and reads any bytes in time and memory that grow with their number; whether they are JSON is for the decoder to say.
package shape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Limits are what a text may have. Unique asks for the keys that an object has twice.
type Limits struct {
	Depth, Keys int
	Unique      bool
}

// maxTwice is how many keys are complained about.
const maxTwice = 100

// Check returns the JSON pointers (RFC 6901) of keys that come twice, the first hundred. The error is a sentence about a limit.
func Check(text []byte, l Limits) (twice []string, err error) {
	s := scanner{text: text, limits: l}
	for s.at < len(text) && err == nil {
		err = s.step()
	}
	return s.twice, err
}

type scanner struct {
	text   []byte
	limits Limits
	at     int
	keys   int
	open   []level
	twice  []string
}

// level is an object or list that is open.
type level struct {
	object bool
	named  bool   // the key of the value that follows is known
	key    []byte // as it stands, between its quotes
	index  int    // of a list's element
	seen   seen
}

func (s *scanner) step() error {
	c := s.text[s.at]
	s.at++
	switch c {
	case '{', '[':
		if len(s.open) == s.limits.Depth {
			return fmt.Errorf("the JSON is nested deeper than %d levels, at byte %d", s.limits.Depth, s.at)
		}
		s.open = append(s.open, level{object: c == '{'})
	case '}', ']':
		s.open = s.open[:max(0, len(s.open)-1)]
	case ',':
		if top := s.top(); top != nil {
			top.named = false
			top.index++
		}
	case '"':
		return s.word(s.quoted())
	}
	return nil
}

func (s *scanner) top() *level {
	if len(s.open) == 0 {
		return nil
	}
	return &s.open[len(s.open)-1]
}

// quoted goes behind the string that has just begun, and returns what is between its quotes.
func (s *scanner) quoted() []byte {
	begin := s.at
	for {
		i := bytes.IndexByte(s.text[s.at:], '"')
		if i < 0 {
			s.at = len(s.text)
			return s.text[begin:]
		}
		s.at += i + 1
		if backslashes(s.text[begin:s.at-1])%2 == 0 {
			return s.text[begin : s.at-1]
		}
	}
}

// backslashes is how many stand at the end.
func backslashes(text []byte) int {
	return len(text) - len(bytes.TrimRight(text, `\`))
}

// word takes a string: a key where an object waits for one.
func (s *scanner) word(quoted []byte) error {
	top := s.top()
	if top == nil || !top.object || top.named {
		return nil
	}
	top.key, top.named = quoted, true
	if s.keys++; s.keys > s.limits.Keys {
		return fmt.Errorf("the JSON has more than %d keys", s.limits.Keys)
	}
	if s.limits.Unique && len(s.twice) < maxTwice && !top.seen.add(plain(quoted)) {
		s.twice = append(s.twice, s.pointer())
	}
	return nil
}

// plain is a string without its escapes, so that "a" and "\u0061" are the same.
func plain(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted
	}
	var text string
	if json.Unmarshal(append(append([]byte{'"'}, quoted...), '"'), &text) != nil {
		return quoted
	}
	return []byte(text)
}

// escapePointer is RFC 6901 section 3.
var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// pointer is where the scanner is.
func (s *scanner) pointer() string {
	var b strings.Builder
	for _, l := range s.open {
		if l.object {
			b.WriteString("/" + escapePointer.Replace(string(plain(l.key))))
		} else {
			b.WriteString("/" + strconv.Itoa(l.index))
		}
	}
	return b.String()
}

// few keys are quicker looked through than looked up.
const few = 16

// seen are the keys of an object.
type seen struct {
	first [][]byte
	more  map[string]bool // once there are more than a few: all
}

// add reports whether a key is new.
func (s *seen) add(key []byte) bool {
	if s.more == nil {
		for _, k := range s.first {
			if bytes.Equal(k, key) {
				return false
			}
		}
		if s.first = append(s.first, key); len(s.first) <= few {
			return true
		}
		s.more = map[string]bool{}
		for _, k := range s.first {
			s.more[string(k)] = true
		}
		return true
	}
	if s.more[string(key)] {
		return false
	}
	s.more[string(key)] = true
	return true
}
