package heartbeat

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/common/model"
)

// Heartbeat is what is expected, and who is told when it does not come.
type Heartbeat struct {
	Name     string
	Receiver string        // whose alerts are signs of life; empty: calls only
	Matchers []string      // of these alerts, to be shown
	Interval time.Duration // the longest silence that is well
	Repeat   time.Duration // how often a silence is told again; 0: never
	To       []string      // recipients; none: the fallback
}

// beat is a heartbeat and what is known of it.
type beat struct {
	name string // never changes
	Heartbeat
	state
	kept     state      // as it is in the storage
	tellable bool       // the last attempt to tell and keep succeeded; Run's alone
	storing  sync.Mutex // so that no older state takes the place of a newer

	// On the clock that does not jump, and stands still while the machine sleeps.
	heard time.Time // from when silence counts: the last sign of life, or when listening began
	spoke time.Time // when the silence was told last
	asked time.Time // when it was last read what others kept
}

// newBeat is a heartbeat that is listened for from now on.
func newBeat(h Heartbeat, kept state, now time.Time) *beat {
	ago := min(max(now.Sub(kept.Told), 0), h.Repeat) // a clock that was put back must not put off what is due
	return &beat{name: h.Name, Heartbeat: h, state: kept, kept: kept, tellable: true, heard: now, spoke: now.Add(-ago), asked: now}
}

// set changes what is expected. Another interval begins anew: what came by the rule of before is no silence.
func (b *beat) set(h Heartbeat, now time.Time) {
	if h.Interval != b.Interval {
		b.heard = now
	}
	b.Heartbeat = h
}

func (b *beat) see(now time.Time) { b.heard, b.Seen = now, wall(now) }

// silent reports whether its silence was told and its end was not.
func (b *beat) silent() bool { return !b.Since.IsZero() }

// returned reports whether there was a sign of life since its silence was told.
func (b *beat) returned() bool { return b.silent() && !b.Seen.IsZero() && !b.Seen.Equal(b.Since) }

// fresh reports whether there was a sign of life that is not stored yet.
func (b *beat) fresh() bool { return !b.Seen.Equal(b.kept.Seen) }

// mustKeep reports whether the storage must hear of the state now. Signs of life that come thick and fast need not be written each, unless
// others have to hear of them.
func (b *beat) mustKeep(shared bool) bool {
	return shared && b.fresh() || !b.Since.Equal(b.kept.Since) || !b.Told.Equal(b.kept.Told) || b.returned() && b.fresh() ||
		b.Seen.Sub(b.kept.Seen).Abs() >= b.Interval/10
}

// due returns what is to be told now, else nil and how long there will be nothing.
func (b *beat) due(now time.Time) (*notice, time.Duration) {
	template, at := missing, b.heard.Add(b.Interval)
	switch {
	case b.returned():
		template, at = back, now
	case b.silent() && b.Repeat == 0:
		return nil, idle
	case b.silent():
		template = stillMissing
		if again := b.spoke.Add(b.Repeat); again.After(at) { // else it has been listened for too short a time
			at = again
		}
	}
	if wait := at.Sub(now); wait > 0 {
		return nil, wait
	}
	return b.notice(template, now), 0
}

// told notes that a notice is on its way.
func (b *beat) told(n *notice, now time.Time) {
	b.spoke, b.Since, b.Told = now, n.data.Since, wall(now)
	if n.template == back {
		b.Since, b.Told = time.Time{}, time.Time{}
	}
}

// The templates of what is told.
const (
	missing      = "heartbeat.missing"
	stillMissing = "heartbeat.still_missing"
	back         = "heartbeat.back"
)

// notice is what is to be told.
type notice struct {
	to           []string
	template     string
	data         Data
	thread, once string // see intake.Notice
}

// Data is the data of the templates.
type Data struct {
	Name     string
	Receiver string
	Matchers []string
	Interval model.Duration
	Seen     time.Time      // the last sign of life; zero: there was none yet
	Since    time.Time      // when the silence began: the last sign of life before it, else when listening began
	Silence  model.Duration // how long it has lasted, or lasted
	Today    bool           // whether Since is of this day
}

func (b *beat) notice(template string, now time.Time) *notice {
	d := Data{Name: b.Name, Receiver: b.Receiver, Matchers: b.Matchers, Interval: model.Duration(b.Interval), Seen: b.Seen, Since: b.Since}
	if !b.silent() {
		d.Since = b.Seen
	}
	if d.Since.IsZero() {
		d.Since = wall(b.heard)
	}
	d.Silence = model.Duration(about(b.silence(d.Since, now)))
	d.Today = d.Since.Format(time.DateOnly) == wall(now).Format(time.DateOnly)
	n := &notice{to: b.To, template: template, data: d}
	n.thread = fmt.Sprintf("heartbeat %s %d", b.Name, d.Since.UnixMilli())
	from := d.Since.UnixMilli()
	if b.Seen.IsZero() && !b.silent() {
		from = 0 // when listening began is another moment for whoever takes over
	}
	n.once = fmt.Sprintf("%s %s %d %d", template, b.Name, from, b.Told.UnixMilli())
	return n
}

// silence is how long it has lasted, or lasted if it is over.
func (b *beat) silence(since, now time.Time) time.Duration {
	switch {
	case b.returned():
		return max(b.Seen.Sub(since), 0)
	case since.Equal(wall(b.heard)):
		return now.Sub(b.heard)
	}
	return max(wall(now).Sub(since), 0)
}

// about drops what nobody wants to read: 3h12m, not 3h12m7s.
func about(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Second:
		return d.Truncate(100 * time.Millisecond)
	case d < 10*time.Minute:
		return d.Truncate(time.Second)
	case d < 48*time.Hour:
		return d.Truncate(time.Minute)
	}
	return d.Truncate(time.Hour)
}

// wall is a moment as it is kept and shown.
func wall(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
