package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tgrelay/tgrelay/relay"
)

// Accept implements relay.Outbox. A held delivery whose recipient was given a chat since the caller looked is queued for
// that chat, or has failed if the chat is gone. Error for a message that is stored already: CodeConflict.
func (db *DB) Accept(ctx context.Context, messages ...*relay.Message) error {
	contents := make([][]byte, len(messages))
	for i, m := range messages {
		content, err := encode(m)
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		contents[i] = content
	}
	if len(messages) == 0 {
		return nil
	}
	return db.write(ctx, "accept", func(t *tx) error {
		for i, m := range messages {
			if err := t.accept(context.Background(), m, contents[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// encode checks what no caller may hand in, and returns the content as it is stored.
func encode(m *relay.Message) ([]byte, error) {
	for i := range m.Deliveries {
		d := &m.Deliveries[i]
		switch {
		case d.State == relay.Held && d.Recipient != "":
		case (d.State == relay.Queued || d.State == relay.Failed) && d.ChatID != 0:
		default:
			return nil, fmt.Errorf("a delivery to recipient %q and chat %d cannot begin as %q", d.Recipient, d.ChatID, d.State)
		}
	}
	return json.Marshal(m.Content)
}

func (t *tx) accept(ctx context.Context, m *relay.Message, content []byte) error {
	t.remember(m)
	if m.Request != nil {
		answered, err := answered(ctx, t, *m.Request, t.stored(m.CreatedAt))
		if err != nil {
			return err
		}
		if answered != nil {
			m.ID, m.Deliveries, m.Replayed = answered.ID, answered.Deliveries, true
			return nil
		}
	}
	if err := t.follows(ctx, m); err != nil {
		return err
	}
	if err := t.address(ctx, m); err != nil {
		return err
	}
	if err := t.insert(ctx, m, content); err != nil || m.Request == nil {
		return err
	}
	return t.noteRequest(ctx, m)
}

// address places held deliveries, and leaves out what a twin of the notification has brought.
func (t *tx) address(ctx context.Context, m *relay.Message) error {
	kept := m.Deliveries[:0]
	for _, d := range m.Deliveries {
		if d.State == relay.Held && d.ChatID == 0 {
			if err := t.place(ctx, &d); err != nil {
				return err
			}
		}
		if err := t.resumed(ctx, &d); err != nil {
			return err
		}
		fresh, err := t.notify(ctx, m, &d)
		if err != nil {
			return err
		}
		if fresh {
			kept = append(kept, d)
		}
	}
	m.Deliveries = kept
	return nil
}

func (t *tx) insert(ctx context.Context, m *relay.Message, content []byte) error {
	if len(m.Deliveries) == 0 && m.Notification != nil {
		return nil
	}
	t.seqs.message++
	err := t.soon(ctx, nil, `INSERT INTO messages (seq, id, created_at, receiver, owner, priority, send_at, expires_at, first_delivery, deliveries, content, bot)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		t.seqs.message, m.ID[:], millis(t.stored(m.CreatedAt)), m.Receiver, m.Owner, int64(m.Priority), millis(m.SendAt), millis(t.expiry(m.ExpiresAt, m.SendAt)),
		t.seqs.delivery+1, len(m.Deliveries), string(content), m.Bot)
	for i := range m.Deliveries {
		if err == nil {
			err = t.acceptDelivery(ctx, m, &m.Deliveries[i])
		}
	}
	delete(t.began, m.Key)
	if err == nil && len(m.File) > 0 {
		err = t.run(ctx, `INSERT INTO files (message, content) VALUES ($1, $2)`, t.seqs.message, m.File)
	}
	if conflicting(err) {
		return &relay.Error{Code: relay.CodeConflict, Detail: fmt.Sprintf("message %s is stored already", m.ID), Err: err}
	}
	return err
}

func (t *tx) acceptDelivery(ctx context.Context, m *relay.Message, d *relay.Delivery) error {
	t.seqs.delivery++
	d.Seq, d.MessageID, d.Key, d.OnUpdate = t.seqs.delivery, m.ID, m.Key, m.OnUpdate
	rank, err := t.supersede(ctx, d, m.Patient)
	if err != nil {
		return err
	}
	var finished int64
	if !d.State.Waiting() {
		finished = millis(t.stored(d.CreatedAt))
	}
	err = t.soon(ctx, nil, `INSERT INTO deliveries (seq, id, message, recipient, chat_id, message_thread_id, receiver, state, priority, attempts, reason, last_error,
			telegram_message_ids, created_at, send_at, not_before, expires_at, sent_at, finished_at, rank, live_key, on_update, bot)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '[]', $13, $14, $15, $16, 0, $17, $18, $19, $20, $21)`,
		d.Seq, d.ID[:], t.seqs.message, d.Recipient, d.ChatID, d.MessageThreadID, d.Receiver, code(d.State), int64(d.Priority), d.Attempts, d.Reason, d.LastError,
		millis(t.stored(d.CreatedAt)), millis(d.SendAt), millis(t.stored(d.NotBefore)), millis(t.expiry(d.ExpiresAt, d.SendAt)), finished, rank, d.Key, string(d.OnUpdate), d.Bot)
	t.count(d.State, 1)
	t.end(d.State, 1)
	t.taken++
	if d.State == relay.Queued {
		a := arrival{lane{d.Bot, d.ChatID}, d.Priority}
		if rank != d.Seq || !d.SendAt.IsZero() {
			a.priority = relay.Reordered
		}
		t.queued = append(t.queued, a)
	}
	if err == nil && d.State == relay.Failed {
		err = t.endedEvents(ctx, *d)
	}
	return err
}

// resumed queues what was to wait for a recipient that is not paused any more.
func (t *tx) resumed(ctx context.Context, d *relay.Delivery) error {
	if d.State != relay.Held || d.ChatID == 0 || !d.NotBefore.IsZero() {
		return nil
	}
	_, paused, err := first(ctx, t, value[int], `SELECT 1 FROM recipients WHERE id = $1 AND paused`, d.Recipient)
	if err == nil && !paused {
		d.State = relay.Queued
	}
	return err
}

// bindingsAt are a recipient's bindings at the bot that is asked for, or at any.
func (t *tx) bindingsAt(ctx context.Context, recipient, bot string) ([]relay.Binding, error) {
	bindings, err := t.bindingsOf(ctx, recipient)
	return slices.DeleteFunc(bindings, func(b relay.Binding) bool { return !b.At(bot) }), err
}

// place gives a held delivery the recipient's chat if there is one by now: the oldest that takes messages, at the bot that it names.
func (t *tx) place(ctx context.Context, d *relay.Delivery) error {
	bindings, err := t.bindingsAt(ctx, d.Recipient, d.Bot)
	if err != nil || len(bindings) == 0 {
		return err
	}
	chosen := bindings[0]
	if i := slices.IndexFunc(bindings, func(b relay.Binding) bool { return b.State == relay.Active }); i >= 0 {
		chosen = bindings[i]
	}
	d.State, d.Bot, d.ChatID, d.MessageThreadID = relay.Queued, chosen.Bot, chosen.ChatID, chosen.MessageThreadID
	if chosen.State != relay.Active {
		d.State, d.Reason = relay.Failed, string(chosen.State)
	}
	return nil
}

// File implements relay.Outbox.
func (db *DB) File(ctx context.Context, message relay.ID) ([]byte, error) {
	file, found, err := first(ctx, db.read, value[[]byte], `SELECT content FROM files WHERE message = (SELECT seq FROM messages WHERE id = $1)`, message[:])
	if err == nil && !found {
		return nil, &relay.Error{Code: relay.CodeNotFound, Detail: fmt.Sprintf("message %s has no file", message)}
	}
	return file, fault("read file", err)
}

// Sending implements relay.Outbox.
func (db *DB) Sending(id relay.ID) { db.committer.note(id) }
