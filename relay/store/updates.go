package store

import (
	"context"
	"time"
)

// updateNotes is how long updates are remembered: Telegram sends one for a day at most.
const updateNotes = 48 * time.Hour

// offsetOf names the number that is a bot's offset.
func offsetOf(bot string) string {
	if bot == "" {
		return "offset"
	}
	return "offset." + bot
}

// Offset implements relay.Updates.
func (db *DB) Offset(ctx context.Context, bot string) (int64, error) {
	n, _, err := first(ctx, db.read, value[int64], `SELECT value FROM numbers WHERE name = $1`, offsetOf(bot))
	return n, fault("read offset", err)
}

// SetOffset implements relay.Updates.
func (db *DB) SetOffset(ctx context.Context, bot string, offset int64) error {
	return db.write(ctx, "store offset", func(t *tx) error { return t.setNumber(context.Background(), offsetOf(bot), offset) })
}

func (t *tx) setNumber(ctx context.Context, name string, n int64) error {
	return t.run(ctx, `INSERT INTO numbers (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, n)
}

// SeenUpdate implements relay.Updates.
func (db *DB) SeenUpdate(ctx context.Context, bot string, updateID int64) (bool, error) {
	_, ok, err := first(ctx, db.read, value[int], `SELECT 1 FROM updates WHERE bot = $1 AND update_id = $2`, bot, updateID)
	return ok, fault("look up update", err)
}

// MarkUpdate implements relay.Updates. It lets go of a few old notes at each, more than come in.
func (db *DB) MarkUpdate(ctx context.Context, bot string, updateID int64, at time.Time) error {
	return db.write(ctx, "note update", func(t *tx) error {
		ctx := context.Background()
		err := t.run(ctx, `DELETE FROM updates WHERE (bot, update_id) IN (SELECT bot, update_id FROM updates WHERE at < $1 ORDER BY at LIMIT 16)`, millis(at.Add(-updateNotes)))
		if err != nil {
			return err
		}
		return t.run(ctx, `INSERT INTO updates (bot, update_id, at) VALUES ($1, $2, $3) ON CONFLICT (bot, update_id) DO UPDATE SET at = excluded.at`,
			bot, updateID, millis(at))
	})
}

// Setting implements relay.Updates.
func (db *DB) Setting(ctx context.Context, name string) (string, error) {
	v, _, err := first(ctx, db.read, value[string], `SELECT value FROM settings WHERE name = $1`, name)
	return v, fault("read setting", err)
}

// SetSetting implements relay.Updates.
func (db *DB) SetSetting(ctx context.Context, name, value string) error {
	return db.write(ctx, "store setting", func(t *tx) error { return t.set(context.Background(), name, value) })
}

func (t *tx) set(ctx context.Context, name, value string) error {
	return t.run(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

// ChangeSetting implements relay.Updates.
func (db *DB) ChangeSetting(ctx context.Context, name string, change func(value string) (string, error)) error {
	return db.write(ctx, "change setting", func(t *tx) error {
		ctx := context.Background()
		was, _, err := first(ctx, t, value[string], `SELECT value FROM settings WHERE name = $1`, name)
		if err != nil {
			return err
		}
		becomes, err := change(was)
		if err != nil || becomes == was {
			return err
		}
		return t.set(ctx, name, becomes)
	})
}
