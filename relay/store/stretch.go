package store

import (
	"context"
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// stretch are the deliveries among which a page is looked for, by their numbers.
type stretch struct {
	from, before int64
	more         bool // there are older ones to look through
}

const (
	// looked is how many deliveries a page of a receiver's or bot's is looked for among: no index knows them in this order.
	looked = 50_000
	// askew is how far the order of numbers, which are given at the commit, may be from that of the times before it.
	askew = time.Minute
)

// stretch bounds a query by time. A delivery's ID begins with the time at which it was made, and has an index. Those in a state, of whom there
// are alike, have one too: where they are not too many, they are looked through at once.
func (db *DB) stretch(ctx context.Context, q relay.DeliveryQuery, before, alike int64) (s stretch, err error) {
	s.before = before
	if !q.Until.IsZero() {
		end, ok, err := first(ctx, db.read, value[int64], `SELECT seq FROM deliveries WHERE id >= $1 ORDER BY id LIMIT 1`, idAt(q.Until.Add(askew)))
		if err != nil {
			return s, err
		}
		if ok {
			s.before = min(s.before, end)
		}
	}
	if !q.Since.IsZero() {
		start, _, err := first(ctx, db.read, value[int64], `SELECT seq FROM deliveries WHERE id < $1 ORDER BY id DESC LIMIT 1`, idAt(q.Since.Add(-askew)))
		if err != nil {
			return s, err
		}
		s.from = start
	}
	if q.Receiver == "" && q.Bot == "" || q.State != "" && q.State != relay.Sent && alike <= db.looked {
		return s, nil
	}
	if s.before == math.MaxInt64 {
		newest, _, err := first(ctx, db.read, value[int64], `SELECT coalesce(max(seq), 0) FROM deliveries`)
		if err != nil {
			return s, err
		}
		s.before = newest + 1
	}
	if from := s.before - db.looked; from > s.from {
		s.from, s.more = from, true
	}
	return s, nil
}

// idAt is the first ID of a moment (RFC 9562: 48 bits of Unix milliseconds).
func idAt(t time.Time) []byte {
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id, uint64(max(t.UnixMilli(), 0))<<16)
	return id
}

// further are the conditions by receiver and time, with their arguments behind those that there are.
func further(q relay.DeliveryQuery, s stretch, args []any) (string, []any) {
	text := ""
	and := func(condition string, arg any) {
		args = append(args, arg)
		text += ` AND ` + condition + ` $` + strconv.Itoa(len(args))
	}
	if s.from > 0 {
		and(`d.seq >=`, s.from)
	}
	if q.Receiver != "" {
		and(`d.receiver =`, q.Receiver)
	}
	if q.Bot != "" {
		and(`CASE WHEN d.chat_id = 0 OR d.bot <> '' THEN d.bot ELSE '`+relay.FirstBot+`' END =`, q.Bot)
	}
	if !q.Since.IsZero() {
		and(`d.created_at >=`, millis(q.Since))
	}
	if !q.Until.IsZero() {
		and(`d.created_at <`, millis(q.Until))
	}
	return text, args
}
