package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Contents are what a storage, or a copy of one, holds.
type Contents struct {
	Schema     int                   `json:"schema"`
	Bytes      int64                 `json:"bytes"`
	Recipients int64                 `json:"recipients"`
	Chats      int64                 `json:"chats"` // bindings
	Links      int64                 `json:"links"`
	Messages   int64                 `json:"messages"`
	Deliveries map[relay.State]int64 `json:"deliveries"`
	Newest     time.Time             `json:"newest,omitzero"` // when the last message came in; zero: none
}

// Waiting are the deliveries that are still to be sent.
func (c *Contents) Waiting() int64 {
	return c.Deliveries[relay.Held] + c.Deliveries[relay.Queued] + c.Deliveries[relay.Sending]
}

// Inspect checks a storage's file from one end to the other and says what is in it, without changing it. Nobody may be using the file. The error
// says what is wrong with it: another program's file, damage, or a newer tgrelay's.
func Inspect(ctx context.Context, path string) (*Contents, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite3", dsn(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", reason(err), err)
	}
	defer conn.Close()
	c := &Contents{Bytes: info.Size(), Deliveries: map[relay.State]int64{}}
	return c, c.read(ctx, conn)
}

func (c *Contents) read(ctx context.Context, conn *sql.Conn) (err error) {
	steps, err := migrations(schema, "schema/sqlite")
	if err != nil {
		return err
	}
	if c.Schema, err = schemaVersion(ctx, conn); err != nil {
		return err
	}
	switch {
	case c.Schema == 0:
		return errors.New("the file is no storage of tgrelay: it is empty")
	case c.Schema > len(steps):
		return fmt.Errorf("the file has schema %d and this tgrelay knows %d at most: install the newer tgrelay that made it", c.Schema, len(steps))
	}
	if err := Integrity(ctx, conn, "integrity_check"); err != nil {
		return err
	}
	return c.count(ctx, conn)
}

// Querier is a connection, or a pool of them.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Integrity has SQLite look for damage, by the pragma quick_check or integrity_check. The error names the first of it.
func Integrity(ctx context.Context, q Querier, pragma string) error {
	rows, err := q.QueryContext(ctx, "PRAGMA "+pragma+"(3)")
	if err != nil {
		return fmt.Errorf("%s: %w", reason(err), err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			found = append(found, line)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", reason(err), err)
	}
	if len(found) > 0 {
		return fmt.Errorf("the file is damaged: %s", strings.Join(found, "; "))
	}
	return nil
}

// count uses what all schemas have.
func (c *Contents) count(ctx context.Context, conn *sql.Conn) error {
	var newest int64
	err := conn.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM recipients), (SELECT count(*) FROM bindings), (SELECT count(*) FROM links),
		(SELECT count(*) FROM messages), (SELECT coalesce(max(created_at), 0) FROM messages)`).Scan(&c.Recipients, &c.Chats, &c.Links, &c.Messages, &newest)
	if err != nil {
		return fmt.Errorf("count what is in the file: %w", err)
	}
	c.Newest = moment(newest)
	rows, err := conn.QueryContext(ctx, `SELECT state, count(*) FROM deliveries GROUP BY state`)
	if err != nil {
		return fmt.Errorf("count deliveries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var state, n int64
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		if state < 0 || state >= int64(len(states)) {
			return fmt.Errorf("the file is damaged: it has a delivery in state %d", state)
		}
		c.Deliveries[states[state]] = n
	}
	return rows.Err()
}
