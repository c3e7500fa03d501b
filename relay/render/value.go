package render

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// What the functions return that build markup on purpose is a text like any other, for all functions that take one: a seal with a length,
// and what ParseTemplate understands. Printed whole it passes unmarked; joined to anything else, or cut, its length is wrong and all
// of it is data.

// The seal is made of noncharacters, so that what is left of a cut one is taken out of a value like all of them and shows
// in no chat. It is new in each process: no data can hold it.
const (
	sealRune  = '\uFDD5'
	sealDigit = '\uFDE0' // to U+FDE9: the digits of the length
	sealEnd   = '\uFDEA'
	sealRunes = 24 // random ones of U+FDD6..U+FDDF: 79 bits
)

var seal = newSeal()

func newSeal() string {
	b := []byte(string(sealRune))
	for range sealRunes {
		n, err := rand.Int(rand.Reader, big.NewInt(10))
		if err != nil {
			panic(err) // not reached: crypto/rand does not fail
		}
		b = utf8.AppendRune(b, sealRune+1+rune(n.Int64()))
	}
	return string(b)
}

// built seals markup.
func built(s string) string {
	b := append(make([]byte, 0, len(seal)+len(s)+8*utf8.UTFMax), seal...)
	for _, digit := range strconv.Itoa(len(s)) {
		b = utf8.AppendRune(b, sealDigit+digit-'0')
	}
	b = utf8.AppendRune(b, sealEnd)
	return string(append(b, s...))
}

// open returns what is sealed in s, if all of it is.
func open(s []byte) ([]byte, bool) {
	if len(s) < len(seal) || string(s[:len(seal)]) != seal {
		return nil, false
	}
	length, rest := sealed(s[len(seal):])
	return rest, len(rest) == length
}

// sealed reads the length behind a seal; -1 if there is none.
func sealed(s []byte) (length int, rest []byte) {
	for rest = s; ; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r == sealEnd:
			return length, rest
		case r < sealDigit || r > sealDigit+9 || length > MaxOutput:
			return -1, s
		}
		length = 10*length + int(r-sealDigit)
	}
}

// unsealed is a value into which built markup was joined: of that its content stays, all else is as it is.
func unsealed(p []byte) string {
	var b strings.Builder
	for {
		i := bytes.Index(p, []byte(seal))
		if i < 0 {
			b.Write(p)
			return b.String()
		}
		b.Write(p[:i])
		length, rest := sealed(p[i+len(seal):])
		length = min(max(length, 0), len(rest))
		b.WriteString(markup.Content(string(rest[:length])))
		p = rest[length:]
	}
}

// absent is what text/template prints for a missing key and a nil pointer, which is nothing in a chat.
func absent(b []byte) bool { return string(b) == "<no value>" || string(b) == "<nil>" }

// The borders of a value (markup.ValueStart, markup.ValueEnd).
const (
	startBorder = string(markup.ValueStart)
	endBorder   = string(markup.ValueEnd)
)

// clean reports whether a value has nothing to be taken out: border runes, NUL, invalid UTF-8. Most are ASCII.
func clean(b []byte) bool {
	for _, c := range b {
		if c == 0 || c >= utf8.RuneSelf {
			return bytes.IndexByte(b, 0) < 0 && !bytes.Contains(b, []byte("\xEF\xB7")) && utf8.Valid(b)
		}
	}
	return true
}

// isBuilt reports whether a value is built markup, and a string.
func isBuilt(v any) bool {
	s, ok := v.(string)
	if !ok || !strings.HasPrefix(s, seal) {
		return false
	}
	_, sealed := open([]byte(s))
	return sealed
}

// content is the inside of built markup: markup stays, everything else is data.
func content(v any) string {
	if isBuilt(v) {
		inner, _ := open([]byte(v.(string)))
		return string(inner)
	}
	return markup.Value(Cut(textOf(v), MaxOutput/2))
}

// textOf prints a value as text/template does: pointers by what they point to, nil by nothing. Of built markup it is what shows.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, seal) {
			return markup.ParseTemplate(markup.Plain, markup.Value(unsealed([]byte(v)))).Text
		}
		return v
	case nil:
		return ""
	case error, fmt.Stringer:
		if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
			return ""
		}
		return fmt.Sprint(v)
	}
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer || r.Kind() == reflect.Interface {
		if r.IsNil() {
			return ""
		}
		r = r.Elem()
	}
	return fmt.Sprint(r.Interface())
}
