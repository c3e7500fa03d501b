package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	xterm "golang.org/x/term"
)

// isTerminal reports whether somebody looks at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && xterm.IsTerminal(int(f.Fd()))
}

// colored reports whether w takes colours: see https://no-color.org.
func colored(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width is how many columns w has; 0 for what is no terminal: nothing is cut then.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := xterm.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// progressFlag is shared by the commands that may take their time.
type progressFlag struct {
	Quiet bool `short:"q" help:"Show no progress."`
}

// progress is a bar on standard error for what takes longer than a moment, where somebody looks. Its zero value shows nothing.
type progress struct {
	bar   *progressbar.ProgressBar
	since time.Time
}

// moment is how long nothing is shown.
const moment = 500 * time.Millisecond

// start makes the bar of a work of so many bytes, of which -1 is not known.
func (f progressFlag) start(std *streams, what string, bytes int64) *progress {
	if f.hidden(std) {
		return &progress{}
	}
	return f.bar(std, what, bytes, progressbar.OptionShowBytes(true), progressbar.OptionUseIECUnits(true))
}

// count makes the bar of a work whose size is known later, and is no number of bytes.
func (f progressFlag) count(std *streams, what string) *progress {
	if f.hidden(std) {
		return &progress{}
	}
	return f.bar(std, what, -1, progressbar.OptionShowCount())
}

func (f progressFlag) hidden(std *streams) bool {
	return f.Quiet || !isTerminal(std.err) || os.Getenv("TERM") == "dumb" || os.Getenv("CI") != ""
}

func (progressFlag) bar(std *streams, what string, size int64, more ...progressbar.Option) *progress {
	return &progress{since: time.Now(), bar: progressbar.NewOptions64(size, append(more,
		progressbar.OptionSetWriter(std.err), progressbar.OptionSetDescription(what),
		progressbar.OptionFullWidth(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(false), progressbar.OptionEnableColorCodes(false))...)}
}

// of says how much of how much is done.
func (p *progress) of(done, total int64) {
	if p.bar != nil {
		p.bar.ChangeMax64(total)
	}
	p.reached(done)
}

// reached says how many bytes are done.
func (p *progress) reached(bytes int64) {
	if p.bar != nil && time.Since(p.since) > moment {
		_ = p.bar.Set64(bytes)
	}
}

func (p *progress) done() {
	if p.bar != nil && time.Since(p.since) > moment {
		_ = p.bar.Clear()
	}
}

// counter tells a bar of what goes through it.
type counter struct {
	*progress
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	c.reached(c.n)
	return len(b), nil
}

// watch has a bar follow the size of a file that another writes, until stop is called.
func (p *progress) watch(file string) (stop func()) {
	if p.bar == nil {
		return func() {}
	}
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if info, err := os.Stat(file); err == nil {
					p.reached(info.Size())
				}
			case <-quit:
				p.done()
				return
			}
		}
	}()
	return func() { close(quit); <-gone }
}
