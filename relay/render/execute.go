package render

import (
	"errors"
	"fmt"
	"sync"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/tgrelay/tgrelay/relay/markup"
)

const (
	// MaxOutput is how much a template may write, in bytes.
	MaxOutput = 256 << 10
	// MaxTime is how long it may take.
	MaxTime = time.Second
	// MaxDepth is how deep templates may call each other.
	MaxDepth = 1000
	// look is after how many writes the clock is asked.
	look = 64
	// long is how long a value must be to be cut, in bytes, where there is no room for it.
	long = 4 << 10
)

var (
	errTooLong = fmt.Errorf("it writes more than %d KiB", MaxOutput>>10)
	errTooSlow = fmt.Errorf("it takes longer than %s", MaxTime)
	errTooDeep = fmt.Errorf("templates call each other more than %d deep", MaxDepth)
)

// bounded gathers a template's output. Its errors stop the template. It is written to once for each text and each value. Of a
// long value at most half of what room is left is taken, so that an immense one costs its own end and not the whole message.
type bounded struct {
	out      []byte
	exact    bool
	doubtful bool // text/template said that there is no value, or a value reads so
	depth    int
	writes   int
	until    time.Time
}

var buffers = sync.Pool{New: func() any { return new(bounded) }}

func (b *bounded) Write(p []byte) (int, error) {
	if b.writes++; b.writes%look == 0 && time.Now().After(b.until) {
		return 0, errTooSlow
	}
	if t, ok := behind(p); ok {
		switch t {
		case ofText:
			return len(p), b.text(p)
		case ofEnter:
			if b.depth++; b.depth > MaxDepth {
				return 0, errTooDeep
			}
			return 0, nil
		case ofLeave:
			b.depth--
			return 0, nil
		}
	}
	return len(p), b.value(p)
}

// text adds a stretch of the template's own. The marks before and behind an action that printed nothing are not one:
// _{{ with .note }}{{ . }}{{ end }}_ has no __ then. An empty value keeps them apart.
func (b *bounded) text(p []byte) error {
	if len(p) > 0 && len(b.out) > 0 && wouldJoin(b.out[len(b.out)-1], p[0]) {
		b.out = append(append(b.out, startBorder...), endBorder...)
	}
	return b.add(p)
}

// wouldJoin reports whether two characters of a template would be one mark, an escape, or a mark with the language of a pre.
func wouldJoin(last, next byte) bool {
	return last == '\\' || last == '`' || last == next && (last == '_' || last == '|')
}

// value adds what an action printed: as markup if it was built as such, else as data.
func (b *bounded) value(p []byte) error {
	if absent(p) {
		b.doubtful = true
		if !b.exact {
			p = nil
		}
	}
	if room := (MaxOutput - len(b.out)) / 2; len(p) > max(long, room) {
		p = Cut(p, max(long, room))
	}
	if inner, sealed := open(p); sealed {
		return b.add(inner)
	}
	if !clean(p) {
		return b.add([]byte(markup.Value(unsealed(p))))
	}
	b.out = append(b.out, startBorder...)
	err := b.add(p)
	b.out = append(b.out, endBorder...)
	return err
}

func (b *bounded) add(p []byte) error {
	if len(b.out)+len(p) > MaxOutput {
		return errTooLong
	}
	b.out = append(b.out, p...)
	return nil
}

// Cut leaves at most n bytes of a text, at least 40, and says how many are missing.
func Cut[T string | []byte](s T, n int) T {
	if len(s) <= n {
		return s
	}
	note := fmt.Sprintf("… (%d more bytes)", len(s)-n)
	end := n - len(note)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return T(append(append(make([]byte, 0, n), s[:end]...), note...))
}

// execute runs a template within its bounds. text/template turns panics of functions and methods into errors.
func execute(t *template.Template, data any, exact bool, maxTime time.Duration) (out string, doubtful bool, err error) {
	b := buffers.Get().(*bounded)
	defer buffers.Put(b)
	*b = bounded{out: b.out[:0], exact: exact, until: time.Now().Add(maxTime)}
	if err := t.Execute(b, data); err != nil {
		return "", false, stopped(t.Name(), err)
	}
	return string(b.out), b.doubtful, nil
}

// stopped gives the bounds' own errors the name that text/template does not.
func stopped(name string, err error) error {
	if errors.Is(err, errTooLong) || errors.Is(err, errTooSlow) || errors.Is(err, errTooDeep) {
		return fmt.Errorf("template %s was stopped: %w", name, err)
	}
	return tidy(err)
}
