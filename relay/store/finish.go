package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Finish implements relay.Outbox. That the delivery is gone meanwhile (its recipient was forgotten) is no error.
func (db *DB) Finish(ctx context.Context, o relay.Outcome) error {
	parts := []byte("[]")
	if len(o.TelegramMessageIDs) > 0 {
		var err error
		if parts, err = json.Marshal(o.TelegramMessageIDs); err != nil {
			return fmt.Errorf("finish delivery: %w", err)
		}
	}
	lost := false
	err := db.write(ctx, "finish delivery", func(t *tx) error {
		holds, err := t.holds(context.Background(), o.Fence)
		lost = !holds
		if err != nil || lost && o.State != relay.Sent {
			return err
		}
		return t.finish(context.Background(), o, string(parts), lost)
	})
	if err == nil && lost {
		err = relay.ErrLeaseLost
		if k, shares := db.leases.(*keeper); shares {
			k.disown(o.Fence)
		}
	}
	return err
}

// holds reports whether the lease of a number is ours.
func (t *tx) holds(ctx context.Context, fence int64) (holds bool, err error) {
	if fence != 0 && t.fences == nil {
		t.fences, err = t.writer.engine.fences(ctx, t)
	}
	return fence == 0 || t.fences[fence], err
}

// finish writes an outcome; lost says that another replica has the lane by now.
func (t *tx) finish(ctx context.Context, o relay.Outcome, parts string, lost bool) error {
	if t.bold && !lost && o.State == relay.Sent && !o.Wipe && len(o.Live) == 0 && o.ChatID == 0 && !t.eventful { // as most end
		return t.moveLater(ctx, t.outcome(o, parts), func(ctx context.Context) error {
			_, err := t.sentAfterAll(ctx, o, parts)
			return err
		})
	}
	ways, err := t.waysOn(ctx, &o)
	if err != nil {
		return err
	}
	moved, err := t.move(ctx, t.outcome(o, parts))
	if err == nil && moved == 0 && o.State == relay.Sent {
		moved, err = t.sentAfterAll(ctx, o, parts)
	}
	if err == nil && len(o.Live) > 0 {
		err = t.becomesLive(ctx, o, moved > 0, lost)
	}
	if err == nil && o.Wipe {
		err = t.wipe(ctx, o.Delivery)
	}
	if err == nil && moved > 0 && o.State != relay.Queued {
		err = t.told(ctx, o)
	}
	if err == nil && moved > 0 && (o.State == relay.Failed || o.State == relay.Expired) {
		err = t.undelivered(ctx, `id = $1`, o.Delivery[:])
	}
	if err != nil {
		return err
	}
	switch {
	case o.ChatID == 0:
	case o.ChatState != "":
		err = t.chatBecame(ctx, o, ways)
	case o.MigrateTo != 0:
		err = t.migrate(ctx, o.Bot, o.ChatID, o.MigrateTo)
	}
	if err == nil && moved > 0 && (o.State == relay.Queued || lost) { // who has the lane by now need not send it again
		err = t.announce(ctx, o.Delivery)
	}
	return err
}

// outcome is what became of the delivery itself.
func (t *tx) outcome(o relay.Outcome, parts string) change {
	var notBefore, sentAt, finished int64
	switch o.State {
	case relay.Queued:
		notBefore = millis(t.stored(o.NotBefore))
	case relay.Sent:
		sentAt, finished = millis(t.stored(o.At)), millis(t.stored(o.At))
	default:
		finished = millis(t.stored(o.At))
	}
	// Another bot may have it by now. The index of what waits begins with the bot: the one by IDs is to be used, whatever is known of their sizes.
	return change{
		from: lively, to: o.State, one: true, where: `id = $1 AND bot || '' = $9`,
		set:  `, attempts = $2, reason = $3, last_error = $4, telegram_message_ids = $5, not_before = $6, sent_at = $7, finished_at = $8`,
		args: []any{o.Delivery[:], o.Attempts, o.Reason, o.LastError, parts, notBefore, sentAt, finished, o.Bot},
	}
}

// waysOn are the ways past a bot that reaches a chat no more. Where the delivery may go one of them it has not failed.
func (t *tx) waysOn(ctx context.Context, o *relay.Outcome) ([]detour, error) {
	if o.ChatID == 0 || o.ChatState == "" || o.ChatState == relay.Active {
		return nil, nil
	}
	past := lane{o.Bot, o.ChatID}
	ways, err := t.detours(ctx, past)
	if err != nil || o.State != relay.Failed {
		return nil, err
	}
	may, err := t.mayDetour(ctx, o.Delivery, past, ways)
	if may {
		o.State, o.Wipe = relay.Queued, false
	}
	return ways, err
}

// standing is where a delivery stands.
type standing struct {
	lane
	state    int
	finished int64
}

func scanStanding(row scanner) (standing, error) {
	var s standing
	err := row.Scan(&s.bot, &s.chat, &s.state, &s.finished)
	return s, err
}

// sentAfterAll writes that a delivery was sent which was ended while it was under way (when its lease was lost another replica found it too old, had a newer
// version take its place, or failed with it), or was given to another bot. It is in the chat, and that counts. What was ended on purpose (discarded)
// stays so.
func (t *tx) sentAfterAll(ctx context.Context, o relay.Outcome, parts string) (int64, error) {
	was, found, err := first(ctx, t, scanStanding, `SELECT bot, chat_id, state, finished_at FROM deliveries WHERE id = $1`, o.Delivery[:])
	if err != nil || !found {
		return 0, err
	}
	state := states[was.state]
	if !slices.Contains(lively, state) && !slices.Contains(denied, state) {
		return 0, nil
	}
	c := t.outcome(o, parts)
	c.from, c.where, c.set = []relay.State{state}, `id = $1`, c.set+`, bot = $9`
	moved, err := t.move(ctx, c)
	if err != nil {
		return 0, err
	}
	switch state {
	case relay.Queued, relay.Sending:
		t.fewer(was.lane, moved)
		return moved, nil
	case relay.Failed, relay.Expired:
		err = t.takeBackFailure(ctx, moment(was.finished))
	}
	t.late += moved
	return moved, err
}

// told notes the end of a delivery as an event, and for Options.Ended where it failed with its chat.
func (t *tx) told(ctx context.Context, o relay.Outcome) error {
	withChat := o.State == relay.Failed && o.ChatState != ""
	if !t.eventful && !withChat {
		return nil
	}
	d, err := t.delivery(ctx, o.Delivery)
	if err != nil {
		return err
	}
	if withChat {
		t.ended = append(t.ended, d)
	}
	return t.endedEvents(ctx, d)
}

// toldAtMost is how many deliveries that fail with a chat are told of.
const toldAtMost = 1000

// chatBecame marks the chat in all bindings; what waits for one that takes no messages goes the ways that there are, or fails for the same reason.
func (t *tx) chatBecame(ctx context.Context, o relay.Outcome, ways []detour) error {
	if err := t.setChatState(ctx, o.Bot, o.ChatID, o.ChatState); err != nil || o.ChatState == relay.Active {
		return err
	}
	if err := t.goRound(ctx, lane{o.Bot, o.ChatID}, ways, o.At, lively...); err != nil {
		return err
	}
	// Of an immense backlog the first are told of: who blocked the bot is one fact.
	waiting, err := list(ctx, t, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) },
		`SELECT `+deliveryColumns+` FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.bot = $1 AND d.chat_id = $2 AND d.state IN (1, 2) LIMIT $3`, o.Bot, o.ChatID, toldAtMost)
	if err != nil {
		return err
	}
	for i := range waiting {
		waiting[i].State, waiting[i].Reason, waiting[i].LastError = relay.Failed, o.Reason, o.LastError
	}
	t.ended = append(t.ended, waiting...)
	if err := t.endedEvents(ctx, waiting...); err != nil {
		return err
	}
	if err := t.undelivered(ctx, `bot = $1 AND chat_id = $2 AND state IN (1, 2) LIMIT $3`, o.Bot, o.ChatID, toldAtMost); err != nil {
		return err
	}
	_, err = t.move(ctx, change{
		from: lively, to: relay.Failed, where: `bot = $5 AND chat_id = $1`,
		set:  `, reason = $2, last_error = $3, finished_at = $4`,
		args: []any{o.ChatID, o.Reason, o.LastError, millis(t.stored(o.At)), o.Bot},
	})
	return err
}

// announce has the lane of a delivery looked at again.
func (t *tx) announce(ctx context.Context, id relay.ID) error {
	lanes, err := list(ctx, t, scanLane, `SELECT bot, chat_id FROM deliveries WHERE id = $1`, id[:])
	for _, l := range lanes {
		t.queued = append(t.queued, arrival{l, relay.Reordered})
	}
	return err
}

const tooOld = `SELECT seq FROM deliveries WHERE state IN (0, 1) AND expires_at > 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2`

// Expire implements relay.Outbox. A delivery that is being sent is left to its outcome.
func (db *DB) Expire(ctx context.Context, now time.Time, limit int) ([]relay.Delivery, error) {
	var ended []relay.Delivery
	err := db.write(ctx, "expire deliveries", func(t *tx) (err error) {
		ctx, now := context.Background(), t.stored(now)
		ended, err = list(ctx, t, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) },
			`SELECT `+deliveryColumns+` FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.seq IN (`+tooOld+`)`, millis(now), limit)
		if err != nil || len(ended) == 0 {
			return err
		}
		for i := range ended {
			ended[i].State = relay.Expired
		}
		if err := t.endedEvents(ctx, ended...); err != nil {
			return err
		}
		if err := t.undelivered(ctx, `seq IN (`+tooOld+`)`, millis(now), limit); err != nil {
			return err
		}
		_, err = t.move(ctx, change{
			from: patient, to: relay.Expired, set: `, finished_at = $1`, args: []any{millis(now), limit}, where: `seq IN (` + tooOld + `)`,
		})
		return err
	})
	return ended, err
}

// takeOver puts back what was being sent in shards by whoever had them.
func (db *DB) takeOver(ctx context.Context, shards []grant) error {
	return db.write(ctx, "take lanes over", func(t *tx) error {
		var ours [relay.Shards]bool
		for _, h := range shards { // this process may have been frozen since it took them
			holds, err := t.holds(context.Background(), h.fence)
			if err != nil {
				return err
			}
			ours[h.shard] = holds
		}
		lanes, err := list(context.Background(), t, scanLane, `SELECT DISTINCT bot, chat_id FROM deliveries WHERE state = 2 AND state <> 3`)
		for _, l := range lanes {
			if err == nil && ours[relay.LaneShard(l.bot, l.chat)] {
				_, err = t.move(context.Background(), change{from: []relay.State{relay.Sending}, to: relay.Queued, where: `bot = $1 AND chat_id = $2`, args: []any{l.bot, l.chat}})
			}
		}
		return err
	})
}

// requeue puts back what was being sent when the last process ended, and follows a clock that was set back since.
func (db *DB) requeue(ctx context.Context) error {
	return db.write(ctx, "requeue", func(t *tx) error {
		_, err := t.move(context.Background(), change{from: []relay.State{relay.Sending}, to: relay.Queued, where: `state <> 3`})
		if err != nil {
			return err
		}
		if err := t.freeClaims(context.Background()); err != nil {
			return err
		}
		return t.clockAtStart(context.Background(), time.Now())
	})
}
