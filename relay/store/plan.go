package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Plan is how far a storage's schema is from this version's.
type Plan struct {
	Schema int      `json:"schema"` // 0: there is no storage yet
	Newest int      `json:"newest"`
	Steps  []string `json:"steps"` // to come
}

// PlanMigration looks at the storage at address without changing it. A daemon may be running on it.
func PlanMigration(ctx context.Context, address string) (*Plan, error) {
	if isPostgres(address) {
		return planPostgres(ctx, address)
	}
	path, err := sqlitePath(address)
	if err != nil {
		return nil, err
	}
	steps, err := migrations(schema, "schema/sqlite")
	if err != nil {
		return nil, err
	}
	version := 0
	if _, err := os.Stat(path); err == nil {
		if version, err = versionOf(ctx, path); err != nil {
			return nil, err
		}
	}
	return planFrom(version, steps), nil
}

func planFrom(version int, steps []migration) *Plan {
	p := &Plan{Schema: version, Newest: len(steps), Steps: []string{}}
	for _, step := range steps[min(version, len(steps)):] {
		p.Steps = append(p.Steps, step.name)
	}
	return p
}

func planPostgres(ctx context.Context, address string) (*Plan, error) {
	p, err := newPostgres(Options{URL: address})
	if err != nil {
		return nil, err
	}
	steps, err := migrations(schema, "schema/postgres")
	if err != nil {
		return nil, err
	}
	var plan *Plan
	err = p.once(ctx, func(tx *sql.Tx) error {
		version, err := p.version(ctx, tx)
		plan = planFrom(version, steps)
		return err
	})
	return plan, err
}

// errRehearsed ends a transaction whose work is not to be kept.
var errRehearsed = errors.New("all of it went well")

// Rehearse does in the database at address what a daemon does first, and takes it back: it makes the tables where there are none, and writes. The
// error is the one that the daemon would end with.
func Rehearse(ctx context.Context, address string) error {
	p, err := newPostgres(Options{URL: address})
	if err != nil {
		return err
	}
	steps, err := migrations(schema, "schema/postgres")
	if err != nil {
		return err
	}
	err = p.once(ctx, func(tx *sql.Tx) error {
		if err := p.upgrade(ctx, tx, steps); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO writers (id, batch, seen_at) VALUES ($1, 0, 0)`, p.id[:]); err != nil {
			return fmt.Errorf("write to storage: %s: %w", reason(err), err)
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

func versionOf(ctx context.Context, path string) (version int, err error) {
	pool, err := openCopier(path, waitForLock)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("open storage %s: %s: %w", path, reason(err), err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return schemaVersion(ctx, conn)
}

// Migrate brings the storage at address to this version's schema. The caller holds its lock.
func Migrate(ctx context.Context, address string) error {
	db := &DB{options: Options{URL: address}.withDefaults()}
	return errors.Join(db.open(ctx), db.closePools())
}

// QuickCheck has SQLite look through the storage at address for damage, its indexes excepted. A daemon may be running on it. It ends with ctx.
// PostgreSQL is left to watch over its own data.
func QuickCheck(ctx context.Context, address string) (err error) {
	if isPostgres(address) {
		return nil
	}
	path, err := sqlitePath(address)
	if err != nil {
		return err
	}
	pool, err := openCopier(path, waitForLock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	return Integrity(ctx, pool, "quick_check")
}

// KeptSetting reads a setting of the storage at address, empty where there is none. A daemon may be running on it.
func KeptSetting(ctx context.Context, address, name string) (value string, err error) {
	return glance(ctx, address, `SELECT coalesce((SELECT value FROM settings WHERE name = $1), '')`, name)
}

// AwaitedBots are the named bots for which something waits in the storage at address: to be sent, or for a chat with them. A daemon may be running
// on it.
func AwaitedBots(ctx context.Context, address string) ([]string, error) {
	names, err := glance(ctx, address, `SELECT coalesce(string_agg(bot, ','), '') FROM (
		SELECT bot FROM deliveries WHERE state IN (1, 2) AND bot <> '' UNION SELECT bot FROM deliveries WHERE state = 0 AND bot <> '') AS waiting`)
	if err != nil || names == "" {
		return nil, err
	}
	list := strings.Split(names, ",") // which no name has in it
	slices.Sort(list)
	return list, nil
}

// glance asks the storage at address for one text.
func glance(ctx context.Context, address, text string, args ...any) (value string, err error) {
	if isPostgres(address) {
		p, err := newPostgres(Options{URL: address})
		if err != nil {
			return "", err
		}
		err = p.once(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, text, args...).Scan(&value) })
		if err != nil {
			return "", fmt.Errorf("read storage: %s: %w", reason(err), err)
		}
		return value, nil
	}
	path, err := sqlitePath(address)
	if err != nil {
		return "", err
	}
	pool, err := openCopier(path, waitForLock)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	err = pool.QueryRowContext(ctx, numbered(text), args...).Scan(&value)
	if err != nil {
		return "", fmt.Errorf("read storage: %s: %w", reason(err), err)
	}
	return value, nil
}
