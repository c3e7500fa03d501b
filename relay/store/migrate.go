package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed schema
var schema embed.FS

// migration is one numbered step of the schema: 0001_first.sql is number 1.
type migration struct {
	number int
	name   string
	text   string
}

// migrations reads the steps of a folder. Their numbers run from 1 without a gap; ReadDir sorts them.
func migrations(files fs.FS, dir string) ([]migration, error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	var out []migration
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		n, err := strconv.Atoi(number)
		if err != nil || n != len(out)+1 {
			return nil, fmt.Errorf("read schema: %s should be number %d", e.Name(), len(out)+1)
		}
		text, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		out = append(out, migration{n, e.Name(), string(text)})
	}
	return out, nil
}

// migrate brings a file to the newest schema, each step in a transaction of its own. The version stands in the file's
// user_version, which SQLite rolls back with the rest.
func migrate(ctx context.Context, conn *sql.Conn, steps []migration) error {
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return newer(version, len(steps))
	}
	for _, step := range steps[version:] {
		if err := apply(ctx, conn, step); err != nil {
			return fmt.Errorf("migrate storage with %s: %w", step.name, err)
		}
	}
	return nil
}

// newer is of a storage with a schema of a later version.
func newer(version, known int) error {
	return fmt.Errorf("open storage: it has schema %d and this tgrelay knows %d at most: a newer tgrelay has used it; install that one again, or put a backup from before the upgrade in its place",
		version, known)
}

// schemaVersion is 0 for an empty file. A database of another program is refused.
func schemaVersion(ctx context.Context, conn *sql.Conn) (int, error) {
	var version, tables int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("open storage: %s: %w", reason(err), err)
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return 0, fmt.Errorf("open storage: %s: %w", reason(err), err)
	}
	if version == 0 && tables > 0 {
		return 0, fmt.Errorf("open storage: the file is another program's database: change storage.url")
	}
	return version, nil
}

// apply runs one step. Another tgrelay may have been faster between the look at the version and the lock.
func apply(ctx context.Context, conn *sql.Conn, step migration) (err error) {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if version < step.number {
		text := fmt.Sprintf("%s\n; PRAGMA user_version = %d", step.text, step.number)
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}
