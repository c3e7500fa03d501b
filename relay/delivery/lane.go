package delivery

import (
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	// headsLimit is how many deliveries of a lane are in memory, where lanes are few.
	headsLimit = 64
	// headsInAll is how many of all lanes are, about; each lane has at least one.
	headsInAll = 16_384
	// lanesInAll is how many lanes are in memory. What waits for more chats is taken up as others are done.
	lanesInAll = 20_000
	// freshFor is how long heads are believed: what was ended meanwhile (a chat unbound, a delivery discarded) is not sent
	// later than that.
	freshFor = 5 * time.Second
	// lookAgain is how soon a lane that has work is looked at again because something new came.
	lookAgain = 250 * time.Millisecond
)

// lane is one chat's way to Telegram: one request under way at a time, in the order of the outbox. All fields belong to the
// scheduler; while a lane is busy, current belongs to the worker.
type lane struct {
	chatID  int64
	fence   int64 // of the lease by which it is ours
	pace    pace
	current *work       // being sent, waiting for its moment, or owed to the storage; nil: none
	heads   []relay.Job // behind current
	more    bool        // the outbox may have more behind heads
	woken   bool        // something came since heads were read
	busy    bool        // a worker has it
	began   time.Time   // when a worker got it; zero: none has it
	reading bool        // its heads are being read
	fetched time.Time   // when heads were read
	newest  int64       // the highest Seq seen
	broken  int         // failures of the storage in a row
	surged  time.Time   // when it was last looked at for a surge
	resume  time.Time   // not before then, after a failure of the storage
	lost    bool        // its lease has ended: nothing in it is believed any more
	done    func()      // ends the use of the lease; nil: it is not in use
	cutOff  func()      // breaks off the request that is under way; nil: none is

	// Place in a queue.
	at    time.Time // waiting: its moment
	since time.Time // ready: for how long; kept while the outbox is asked once more
	in    *queue
	index int
}

// owes reports whether an outcome is still to be stored.
func (l *lane) owes() bool { return l.current != nil && l.current.outcome != nil }

// hungry reports whether the outbox must be asked before anything is sent at now.
func (l *lane) hungry(now time.Time) bool {
	if l.current == nil {
		return l.woken || l.more
	}
	age := now.Sub(l.fetched)
	return age > freshFor || l.woken && age >= lookAgain
}

// appends notes that something came, and reports whether it stands behind all that is in memory, so that nothing need be read before
// that is sent.
func (l *lane) appends(priority relay.Priority) bool {
	if l.reading || l.woken || len(l.heads) == 0 || l.heads[len(l.heads)-1].Priority < priority {
		return false
	}
	l.more = true
	return true
}

// next is the first moment at which there is something to do.
func (l *lane) next() time.Time {
	switch {
	case l.owes() || l.current == nil:
		return l.resume
	case l.woken: // what came may overtake what waits for another try
		return later(l.open(), earlier(l.current.job.NotBefore, l.fetched.Add(lookAgain)))
	}
	return later(l.open(), l.current.job.NotBefore)
}

// open is the first moment at which the chat may get a message.
func (l *lane) open() time.Time { return later(l.resume, l.pace.next(l.current.size())) }

// fill takes what the outbox has now. What is being sent in parts stays in front; everything else follows the outbox.
func (l *lane) fill(jobs []relay.Job, limit int, now time.Time) {
	l.fetched, l.more = now, len(jobs) == limit
	kept := l.current
	l.current, l.heads = nil, nil
	for i, job := range jobs {
		l.newest = max(l.newest, job.Seq)
		if kept != nil && job.ID == kept.job.ID && (i == 0 || kept.underWay()) {
			kept.job.ExpiresAt = job.ExpiresAt
			l.current = kept
			continue
		}
		if !job.NotBefore.IsZero() {
			job.NotBefore = now.Add(job.NotBefore.Sub(now)) // on the clock that does not jump
		}
		l.heads = append(l.heads, job)
	}
	if l.current == nil {
		l.resumeParts()
	}
	l.advance()
}

// resumeParts moves to the front what has begun to arrive before the last restart, or by another replica.
func (l *lane) resumeParts() {
	i := slices.IndexFunc(l.heads, func(j relay.Job) bool { return len(j.TelegramMessageIDs) > 0 })
	if i > 0 {
		begun := l.heads[i]
		copy(l.heads[1:], l.heads[:i])
		l.heads[0] = begun
	}
}

// advance takes the next delivery if there is none.
func (l *lane) advance() {
	if l.current == nil && len(l.heads) > 0 {
		l.current = &work{job: l.heads[0], fence: l.fence}
		if l.heads = l.heads[1:]; len(l.heads) == 0 {
			l.heads = nil // it would hold on to what was sent
		}
	}
}

// settled goes on after the outcome of current was stored.
func (l *lane) settled() {
	w := l.current
	o := w.outcome
	w.outcome = nil
	l.broken, l.resume = 0, time.Time{}
	switch {
	case o.MigrateTo != 0 || o.ChatState != "":
		l.current, l.heads, l.woken = nil, nil, true // the storage has moved or ended what waited here
	case o.State == relay.Queued:
		w.job.NotBefore = o.NotBefore
	default:
		if len(o.Live) > 0 {
			l.updated(w, o.Live)
		}
		l.current = nil
		l.advance()
	}
}

// stumble waits after a failure of the storage: 1, 2, 4, 8, 16, 30, 30 s.
func (l *lane) stumble(now time.Time) {
	l.broken++
	l.resume = now.Add(storageBackoff(l.broken))
}

func storageBackoff(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 5), 30*time.Second)
}

// idle reports whether the lane can be forgotten.
func (l *lane) idle(now time.Time) bool {
	return !l.busy && l.current == nil && !l.woken && !l.more && l.pace.idle(now)
}
