package delivery

import "time"

// setBy is by how much the clock on the wall has to move against the one that does not jump. Below that it is slewed, or was corrected a
// little; little by little adds up.
const setBy = time.Minute

// clock notices that the clock on the wall was set while the engine runs: by NTP on a machine that booted without the time, by hand, or
// because the machine slept.
type clock struct {
	seen    time.Time     // when both clocks agreed
	owed    time.Duration // by how much it was set, as far as the storage has not followed
	under   bool          // the storage is about to follow
	follows int           // how often the storage has followed
	again   time.Time     // not before then, after a failure of the storage
}

// watchClock comes before anything is done at now. While the storage has not followed nothing is read of it, and nothing expires: what has waited for a minute
// must not be too old because a clock that was days behind was put right.
func (s *scheduler) watchClock(now time.Time) {
	c := &s.clock
	if by := now.Round(0).Sub(c.seen.Round(0)) - now.Sub(c.seen); by.Abs() >= setBy {
		s.o.Log.Warn("the clock was set; what waits is tried as long as it would have been", "by", by.Round(time.Second))
		c.seen, c.owed = now, c.owed+by
	}
	if c.owed == 0 || c.under || c.again.After(now) {
		return
	}
	by := c.owed
	c.under, c.again = true, time.Time{}
	s.workers.Go(func() {
		err := s.o.ClockSet(s.working, by)
		s.note(func(now time.Time) { s.clockFollowed(by, err, now) })
	})
}

func (s *scheduler) clockFollowed(by time.Duration, err error, now time.Time) {
	c := &s.clock
	c.under = false
	if err != nil && s.working.Err() == nil {
		c.again = now.Add(storageBackoff(1))
		s.storage("follow the clock; trying again", err)
	}
	if err != nil {
		return
	}
	s.storage("", nil)
	c.owed -= by
	c.follows++
	for _, l := range s.lanes {
		l.fetched = time.Time{} // what is in memory is read again before anything is sent
	}
	s.lanesAt = now
}

// tooOld reports whether a delivery must not be sent any more. One whose first parts have arrived is completed.
func (s *scheduler) tooOld(w *work, now time.Time) bool {
	e := w.job.ExpiresAt
	return s.clock.owed == 0 && !e.IsZero() && !now.Before(e) && !w.underWay()
}
