package store

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay"
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

// ClaimUpdate implements relay.Updates.
func (db *DB) ClaimUpdate(ctx context.Context, bot string, updateID int64, at time.Time) (relay.Claim, error) {
	if claimed, found, err := first(ctx, db.read, value[int64], `SELECT claimed FROM updates WHERE bot = $1 AND update_id = $2`, bot, updateID); err != nil || found && claimed == 0 {
		return relay.Done, fault("look up update", err)
	}
	claim := relay.Busy
	err := db.write(ctx, "claim update", func(t *tx) error {
		ctx, at := context.Background(), t.stored(at)
		claim = relay.Busy
		n, err := t.exec(ctx, `INSERT INTO updates (bot, update_id, at, claimed) VALUES ($1, $2, $3, $3) ON CONFLICT (bot, update_id) DO UPDATE SET at = excluded.at, claimed = excluded.claimed
			WHERE updates.claimed > 0 AND (updates.claimed <= $4 OR updates.claimed > $5)`,
			bot, updateID, millis(at), millis(at.Add(-relay.ClaimTime)), millis(at.Add(relay.ClaimTime)))
		if err != nil {
			return err
		}
		if n > 0 {
			claim = relay.Claimed
			return nil
		}
		_, done, err := first(ctx, t, value[int], `SELECT 1 FROM updates WHERE bot = $1 AND update_id = $2 AND claimed = 0`, bot, updateID)
		if done {
			claim = relay.Done
		}
		return err
	})
	return claim, err
}

// UnclaimUpdate implements relay.Updates.
func (db *DB) UnclaimUpdate(ctx context.Context, bot string, updateID int64) error {
	return db.write(ctx, "give update back", func(t *tx) error {
		return t.run(context.Background(), `DELETE FROM updates WHERE bot = $1 AND update_id = $2 AND claimed > 0`, bot, updateID)
	})
}

// MarkUpdate implements relay.Updates. It lets go of a few old notes at each, more than come in.
func (db *DB) MarkUpdate(ctx context.Context, bot string, updateID int64, at time.Time) (first bool, err error) {
	err = db.write(ctx, "note update", func(t *tx) error {
		ctx, at := context.Background(), t.stored(at)
		err := t.run(ctx, `DELETE FROM updates WHERE (bot, update_id) IN (SELECT bot, update_id FROM updates WHERE at < $1 ORDER BY at LIMIT 16)`, millis(at.Add(-updateNotes)))
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, `INSERT INTO updates (bot, update_id, at) VALUES ($1, $2, $3) ON CONFLICT (bot, update_id) DO UPDATE SET at = excluded.at, claimed = 0
			WHERE updates.claimed > 0`, bot, updateID, millis(at))
		first = n > 0
		return err
	})
	return first, err
}

// freeClaims lets go of what was being worked through when the last process ended, where there is but one.
func (t *tx) freeClaims(ctx context.Context) error {
	return t.run(ctx, `DELETE FROM updates WHERE claimed > 0`)
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
