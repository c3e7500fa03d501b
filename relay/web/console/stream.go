package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Streams are server-sent events (HTML Living Standard, section 9.2): pages show what changed without being asked for again.

const (
	maxStreams  = 64
	streamEvery = 2 * time.Second
	streamQuiet = 25 * time.Second // then a comment shows proxies and browsers that somebody is there
	streamAge   = 2 * time.Minute  // then the browser begins anew, and whether it may is asked again
	// streamWrite is how long a browser may take for what it is sent.
	streamWrite = 10 * time.Second
)

// OverviewStream sends the first page's figures whenever they change.
func (c *Console) OverviewStream(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	if !v.Whole() {
		return absent("page")
	}
	return c.stream(w, r, func() (string, error) {
		o, err := c.overview(r.Context())
		if err != nil {
			return "", err
		}
		var b strings.Builder
		err = pages()["overview"].ExecuteTemplate(&b, "figures", view{Viewer: v, Data: o})
		return b.String(), err
	})
}

// stream sends what show makes whenever it is another than before, until the browser goes, time is over, or the server ends.
// Error: relay.CodeOverloaded.
func (c *Console) stream(w http.ResponseWriter, r *http.Request, show func() (string, error)) error {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		return &relay.Error{Code: relay.CodeOverloaded, Detail: "too many pages listen; this one shows what is new when it is loaded again", RetryAfter: time.Minute}
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold it back
	s := &sender{w: w, control: http.NewResponseController(w)}
	_ = s.control.SetReadDeadline(time.Time{})                                     // where deadlines cannot be set there are none
	defer func() { _ = s.control.SetWriteDeadline(time.Now().Add(streamWrite)) }() // for the end of the answer
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for end := time.Now().Add(streamAge); time.Now().Before(end); {
		if part, err := show(); err != nil || !s.send(part) {
			return nil
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return nil
		case <-c.ended.Done():
			return nil
		}
	}
	return nil
}

// sender is one stream.
type sender struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    string
	at      time.Time
}

// send reports whether the browser still takes something.
func (s *sender) send(part string) bool {
	now := time.Now()
	text := ""
	switch {
	case part != s.last:
		text = "data: " + strings.ReplaceAll(strings.TrimSpace(part), "\n", "\ndata: ") + "\n\n"
	case now.Sub(s.at) < streamQuiet:
		return true
	default:
		text = ": still here\n\n"
	}
	s.last, s.at = part, now
	_ = s.control.SetWriteDeadline(now.Add(streamWrite))
	if _, err := fmt.Fprint(s.w, text); err != nil || s.control.Flush() != nil {
		return false
	}
	_ = s.control.SetWriteDeadline(time.Time{}) // HTTP/2 ends a stream at its deadline, also one on which nothing is written
	return true
}
