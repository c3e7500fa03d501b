package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const threadColumns = `id, alert_group, receiver, recipients, opened_at, updated_at, ended_at, state, version`

func scanThread(row scanner) (relay.Thread, error) {
	var t relay.Thread
	var group []byte
	var recipients, state string
	var opened, updated, ended int64
	if err := row.Scan(&t.ID, &group, &t.Receiver, &recipients, &opened, &updated, &ended, &state, &t.Version); err != nil {
		return t, err
	}
	if len(group) != len(t.Group) {
		return t, fmt.Errorf("thread %s has a group of %d bytes", t.ID, len(group))
	}
	t.Group = [32]byte(group)
	t.OpenedAt, t.UpdatedAt, t.EndedAt, t.State = moment(opened), moment(updated), moment(ended), json.RawMessage(state)
	return t, json.Unmarshal([]byte(recipients), &t.To)
}

// oursThread has a thread go by our clock.
func (db *DB) oursThread(t *relay.Thread) {
	t.OpenedAt, t.UpdatedAt, t.EndedAt = db.ours(t.OpenedAt), db.ours(t.UpdatedAt), db.ours(t.EndedAt)
}

// ThreadOf implements relay.Threads.
func (db *DB) ThreadOf(ctx context.Context, group [32]byte) (*relay.Thread, error) {
	return db.thread(ctx, `alert_group = $1 ORDER BY opened_at DESC, id DESC LIMIT 1`, group[:])
}

// Thread implements relay.Threads.
func (db *DB) Thread(ctx context.Context, id relay.ID) (*relay.Thread, error) {
	return db.thread(ctx, `id = $1`, id[:])
}

func (db *DB) thread(ctx context.Context, where string, key []byte) (*relay.Thread, error) {
	t, found, err := first(ctx, db.read, scanThread, `SELECT `+threadColumns+` FROM threads WHERE `+where, key)
	db.oursThread(&t)
	if err == nil && !found {
		err = &relay.Error{Code: relay.CodeNotFound, Detail: "there is no such thread"}
	}
	return &t, fault("find thread", err)
}

// OpenThreads implements relay.Threads.
func (db *DB) OpenThreads(ctx context.Context, after relay.ID, limit int) ([]relay.Thread, error) {
	open, err := list(ctx, db.read, scanThread, `SELECT `+threadColumns+` FROM threads WHERE id > $1 AND ended_at = 0 ORDER BY id LIMIT $2`, after[:], limit)
	for i := range open {
		db.oursThread(&open[i])
	}
	return open, fault("list threads", err)
}

// Tell implements relay.Threads.
func (db *DB) Tell(ctx context.Context, threads []*relay.Thread, messages ...*relay.Message) error {
	contents := make([][]byte, len(messages))
	for i, m := range messages {
		content, err := encode(m)
		if err != nil {
			return fmt.Errorf("tell: %w", err)
		}
		contents[i] = content
	}
	err := db.write(ctx, "tell", func(t *tx) error {
		ctx := context.Background()
		for _, thread := range threads {
			if err := t.putThread(ctx, thread); err != nil {
				return err
			}
		}
		for i, m := range messages {
			if err := t.accept(ctx, m, contents[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		for _, thread := range threads {
			thread.Version++
		}
	}
	return err
}

func (t *tx) putThread(ctx context.Context, thread *relay.Thread) error {
	recipients, err := json.Marshal(thread.To)
	if err != nil {
		return err
	}
	opened, updated, ended := millis(t.stored(thread.OpenedAt)), millis(t.stored(thread.UpdatedAt)), millis(t.stored(thread.EndedAt))
	var stored int64
	if thread.Version == 0 {
		stored, err = t.exec(ctx, `INSERT INTO threads (id, alert_group, receiver, recipients, opened_at, updated_at, ended_at, state, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT DO NOTHING`,
			thread.ID[:], thread.Group[:], thread.Receiver, string(recipients), opened, updated, ended, string(thread.State))
	} else {
		stored, err = t.exec(ctx, `UPDATE threads SET recipients = $3, updated_at = $4, ended_at = $5, state = $6, version = version + 1 WHERE id = $1 AND version = $2`,
			thread.ID[:], thread.Version, string(recipients), updated, ended, string(thread.State))
	}
	if err == nil && stored == 0 {
		err = &relay.Error{Code: relay.CodeConflict, Detail: fmt.Sprintf("thread %s was changed meanwhile", thread.ID)}
	}
	if err == nil && thread.Version == 0 {
		t.begin(thread.ID.String())
	}
	return err
}

// leaveThreads takes a recipient out of conversations; those that were with nobody else end.
func (t *tx) leaveThreads(ctx context.Context, recipient string) (int64, error) {
	n, err := t.exec(ctx, `DELETE FROM threads WHERE recipients = '["' || $1 || '"]'`, recipient)
	if err != nil {
		return n, err
	}
	others, err := list(ctx, t, scanThread, `SELECT `+threadColumns+` FROM threads WHERE `+holds("recipients", `'"' || $1 || '"'`), recipient)
	if err != nil {
		return n, err
	}
	for _, thread := range others {
		left, err := json.Marshal(slices.DeleteFunc(thread.To, func(id string) bool { return id == recipient }))
		if err != nil {
			return n, err
		}
		if err := t.run(ctx, `UPDATE threads SET version = version + 1, recipients = $2 WHERE id = $1`, thread.ID[:], string(left)); err != nil {
			return n, err
		}
	}
	return n + int64(len(others)), nil
}

// begin notes the key of a thread's live messages: there are none yet.
func (t *tx) begin(key string) {
	if t.began == nil {
		t.began = map[string]bool{}
	}
	t.began[key] = true
}

// pruneThreads lets go of threads that ended a day ago, and of those that nobody has spoken of for as long as deliveries are kept.
func (t *tx) pruneThreads(ctx context.Context, before time.Time, limit int, now time.Time) error {
	err := t.run(ctx, `DELETE FROM threads WHERE id IN (SELECT id FROM threads WHERE ended_at > 0 AND ended_at < $1 LIMIT $2)`, millis(now.Add(-relay.ThreadAge)), limit)
	if err != nil {
		return err
	}
	return t.run(ctx, `DELETE FROM threads WHERE id IN (SELECT id FROM threads WHERE ended_at = 0 AND updated_at < $1 LIMIT $2)`, millis(before), limit)
}
