package relay

import (
	"context"
	"time"
)

// The rate of a bot whose replicas share it is a leaky bucket (GCRA) in the storage, out of which each replica takes slices: so many messages,
// to be sent from a moment on and within a short time. In any span of time T all of them together send at most
//
//	burst + Rate × T, where burst is a second's worth, at least 1,
//
// messages, as one relay alone does. Messages of a slice may go later than the bucket has them, by the slice's life at most: so the bucket is
// less deep by what the rate brings within that time, and what a slice lives longer is charged to it. An album goes in one slice; of one
// that is larger than the burst, only that much counts for the moment at which it goes.

const (
	// SliceLife is how long a slice may live without being charged for it, where the burst has room for that.
	SliceLife = 250 * time.Millisecond
	// PaceRecovery is how much of the full rate comes back by a second's worth of messages, after a 429.
	PaceRecovery = 1. / 20
	// PaceFloor is the least part of the full rate that is left after many 429s.
	PaceFloor = 1. / 16
)

// Pace is the rate of one bot, which replicas share. It is safe for concurrent use.
type Pace interface {
	// Take takes a slice. Whoever asks is served in turn: a slice is given for later where there is none now, and nobody overtakes. Errors:
	// CodeStorageUnavailable; then nothing may be sent, though a slice may have been taken.
	Take(ctx context.Context, a Ask) (Slice, error)
}

// Ask is what a replica wants of a Pace.
type Ask struct {
	Rate  float64       // messages per second, more than 0
	Least int           // messages, whenever that may be; 0: none are needed
	Most  int           // messages, as far as they may go at once
	Life  time.Duration // from the moment at which a message may go to when it must have gone
	// Shut closes the pace for so long beforehand, after a 429 for the whole bot, and halves the rate, which comes back with what is sent; 0: it does not.
	Shut time.Duration
}

// Slice is how many messages may go, and when.
type Slice struct {
	Messages int
	Wait     time.Duration // from some moment between question and answer on, until the first of them may go
}

// Bucket is what an Ask means for the bucket. Times are microseconds.
type Bucket struct {
	Step  float64 // from one message to the next, at the full rate
	Burst float64 // messages that one relay alone may send at once
	Depth float64 // messages that may be taken at once out of a full bucket
	Extra float64 // what a slice costs beside its messages
}

// Bucket returns what an Ask means.
func (a Ask) Bucket() Bucket {
	b := Bucket{Step: 1e6 / a.Rate, Burst: max(a.Rate, 1)}
	free := freeLife(a.Rate)
	b.Depth = b.Burst - free/b.Step
	b.Extra = max(micros(a.Life)-free, 0)
	return b
}

// freeLife is how long a slice lives without being charged for it: the bucket keeps room for one message.
func freeLife(rate float64) float64 { return min(micros(SliceLife), (max(rate, 1)-1)*1e6/rate) }

// LifeOf is how long a slice should live at a rate: what is free, or where that is next to nothing, what costs a twentieth of the rate.
func LifeOf(rate float64) time.Duration {
	step := 1e6 / rate
	return time.Duration(max(freeLife(rate), min(step/20, micros(SliceLife))) * float64(time.Microsecond))
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
