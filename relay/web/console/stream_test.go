package console

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// timed is a connection whose deadline for writing is known.
type timed struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (t *timed) SetWriteDeadline(at time.Time) error {
	t.deadlines = append(t.deadlines, at)
	return nil
}

// HTTP/2 ends a stream at its deadline, whether something is being written or not: a quiet one must have none.
func TestQuietStreamHasNoDeadline(t *testing.T) {
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	s := &sender{w: w, control: http.NewResponseController(w)}
	if !s.send("one") {
		t.Fatal("it was not sent")
	}
	if n := len(w.deadlines); n < 2 || w.deadlines[0].IsZero() || !w.deadlines[n-1].IsZero() {
		t.Errorf("deadlines: %v", w.deadlines)
	}
}
