package simulator

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// Telegram keeps an update for a day, a button's press for 150 seconds.
	updateAge   = 24 * time.Hour
	callbackAge = 150 * time.Second
	maxQueue    = 100_000
	// An offset further ahead than this is ignored (TQueue.cpp).
	maxAhead = 11
)

// unasked are the kinds that a bot gets only when it asks for them by name.
var unasked = []string{"chat_member", "message_reaction", "message_reaction_count"}

type update struct {
	id   int64
	kind string
	key  int64 // of the order at the webhook: chat or person
	body map[string]any
	dies time.Time
}

func (u *update) object() map[string]any {
	return map[string]any{"update_id": u.id, u.kind: u.body}
}

// queue holds the updates of the bot.
type queue struct {
	updates []*update
	next    int64    // update_id
	allowed []string // nil: the default set
	poll    *poll
}

func newQueue() queue {
	return queue{next: 2_000_001 + rand.Int64N(900_000_000)}
}

func (q *queue) wants(kind string) bool {
	if q.allowed == nil {
		return !slices.Contains(unasked, kind)
	}
	return slices.Contains(q.allowed, kind)
}

// happened queues an update, if the bot wants to hear of its kind. The caller holds mu.
func (s *Server) happened(kind string, key int64, body map[string]any) {
	q := &s.queue
	q.expire(clock())
	if !q.wants(kind) || len(q.updates) >= maxQueue {
		return
	}
	age := updateAge
	if kind == "callback_query" {
		age = callbackAge
	}
	q.updates = append(q.updates, &update{q.next, kind, key, body, clock().Add(age)})
	q.next++
	s.wake()
	if s.webhook != nil {
		s.webhook.pump(s)
	}
}

func (q *queue) expire(now time.Time) {
	q.updates = slices.DeleteFunc(q.updates, func(u *update) bool { return now.After(u.dies) })
}

// confirm deletes the updates before offset, as getUpdates does at once, and returns those from there on.
func (q *queue) confirm(offset int64) []*update {
	q.expire(clock())
	switch {
	case offset < 0:
		keep := max(0, len(q.updates)+int(max(offset, -maxQueue)))
		q.updates = q.updates[keep:]
	case offset > 0 && offset <= q.next+maxAhead-1 && offset >= q.next-maxQueue:
		q.updates = slices.DeleteFunc(q.updates, func(u *update) bool { return u.id < offset })
	}
	return q.updates
}

func (q *queue) remove(id int64) {
	q.updates = slices.DeleteFunc(q.updates, func(u *update) bool { return u.id == id })
}

// allow reads allowed_updates, which is remembered: an absent or broken list changes nothing, an empty one is the default.
func (q *queue) allow(a *arguments) {
	var names []string
	if text := a.text("allowed_updates"); text == "" || json.Unmarshal([]byte(text), &names) != nil {
		return
	}
	if len(names) == 0 {
		names = nil
	}
	q.allowed = names
}

func clock() time.Time { return time.Now() }
