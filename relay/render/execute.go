package render

import (
	"errors"
	"fmt"
	"sync"
	"text/template"
	"time"
)

const (
	// MaxOutput is how much a template may write, in bytes.
	MaxOutput = 256 << 10
	// MaxTime is how long it may take.
	MaxTime = time.Second
	// look is after how many writes the clock is asked.
	look = 256
)

var (
	errTooLong = fmt.Errorf("it writes more than %d KiB", MaxOutput>>10)
	errTooSlow = fmt.Errorf("it takes longer than %s", MaxTime)
)

// bounded gathers a template's output. Its errors stop the template.
type bounded struct {
	out    []byte
	value  int // where the value that is being printed begins
	writes int
	until  time.Time
}

var buffers = sync.Pool{New: func() any { return new(bounded) }}

func (b *bounded) Write(p []byte) (int, error) {
	if b.writes++; b.writes%look == 0 && time.Now().After(b.until) {
		return 0, errTooSlow
	}
	switch {
	case is(p, openValue):
		b.value = len(b.out)
		b.out = append(b.out, startBorder...)
		return len(p), nil
	case is(p, closeValue):
		b.out = endValue(b.out, b.value)
		return len(p), nil
	}
	if len(b.out)+len(p) > MaxOutput {
		return 0, errTooLong
	}
	b.out = append(b.out, p...)
	return len(p), nil
}

// is reports whether p is sign itself and not only like it.
func is(p, sign []byte) bool { return len(p) == len(sign) && &p[0] == &sign[0] }

// execute runs a template within its bounds. text/template turns panics of functions and methods into errors.
func execute(t *template.Template, data any) (out string, err error) {
	b := buffers.Get().(*bounded)
	defer buffers.Put(b)
	b.out, b.writes, b.until = b.out[:0], 0, time.Now().Add(MaxTime)
	if err := t.Execute(b, data); err != nil {
		return "", stopped(t.Name(), err)
	}
	return string(b.out), nil
}

// stopped gives the bounds' own errors the name that text/template does not.
func stopped(name string, err error) error {
	if errors.Is(err, errTooLong) || errors.Is(err, errTooSlow) {
		return fmt.Errorf("template %s was stopped: %w", name, err)
	}
	return tidy(err)
}
