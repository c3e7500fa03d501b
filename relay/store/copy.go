package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// copied are the tables, a message before its file. Their columns have the same names in all databases.
var copied = []string{
	"messages", "files", "deliveries", "recipients", "bindings", "links", "redemptions", "updates", "settings", "numbers", "live", "requests", "notifications", "events",
	"senders", "threads", "topics", "tallies", "undelivered", "notes",
}

// flags are columns of true and false, which SQLite keeps as numbers.
var flags = []string{"paused", "closed"}

// copyRows are written by one statement: twenty columns of each stay far below what databases take as parameters.
const copyRows = 200

// Copy fills the empty storage at to, which it makes, with all that is in the one at from, in one transaction: what fails leaves nothing. The caller
// holds the locks of both. told, which may be nil, hears how many rows are done. It returns how many there were.
func Copy(ctx context.Context, from, to string, told func(done, total int64)) (rows int64, err error) {
	if from == to {
		return 0, errors.New("copy storage: both are the same")
	}
	plan, err := PlanMigration(ctx, from)
	switch {
	case err != nil:
		return 0, err
	case plan.Schema == 0:
		return 0, errors.New("copy storage: there is nothing to copy from: check the address")
	case plan.Schema != plan.Newest:
		return 0, fmt.Errorf("copy storage: what is to be copied has schema %d and not %d: bring it up to date with `tgrelay migrate` first", plan.Schema, plan.Newest)
	}
	source, closeSource, err := openEngine(ctx, from)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	target, closeTarget, err := openEngine(ctx, to)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeTarget()) }()
	rows, err = copyAll(ctx, source, target, told)
	if err != nil {
		return 0, fmt.Errorf("copy storage: %w", err)
	}
	return rows, nil
}

// opened is an engine with its pools.
type opened struct {
	engine           engine
	writers, readers *sql.DB
}

func openEngine(ctx context.Context, address string) (*opened, func() error, error) {
	db := &DB{options: Options{URL: address}.withDefaults()}
	if err := db.open(ctx); err != nil {
		return nil, nil, errors.Join(err, db.closePools())
	}
	return &opened{db.engine, db.writers, db.readers}, db.closePools, nil
}

func copyAll(ctx context.Context, source, target *opened, told func(done, total int64)) (int64, error) {
	reads, err := source.readers.BeginTx(ctx, source.engine.snapshot())
	if err != nil {
		return 0, err
	}
	defer func() { _ = reads.Rollback() }()
	writes, err := target.writers.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = writes.Rollback() }() // nothing, after Commit
	c := &copying{engine: target.engine, reads: reads, writes: writes, told: told}
	for _, table := range copied {
		if err := c.expect(ctx, table); err != nil {
			return 0, err
		}
	}
	for _, table := range copied {
		if err := c.table(ctx, table); err != nil {
			return 0, fmt.Errorf("%s: %w", table, err)
		}
	}
	if err := target.engine.filled(ctx, writes); err != nil {
		return 0, err
	}
	return c.done, writes.Commit()
}

// copying is a copy under way.
type copying struct {
	engine        engine
	reads, writes *sql.Tx
	told          func(done, total int64)
	done, total   int64
}

// expect counts what comes, and refuses what is there.
func (c *copying) expect(ctx context.Context, table string) error {
	var there bool
	if err := c.writes.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+table+`)`).Scan(&there); err != nil {
		return err
	}
	if there {
		return fmt.Errorf("where to copy to is a storage already, with %s in it: choose an empty place", table)
	}
	var n int64
	err := c.reads.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n)
	c.total += n
	return err
}

func (c *copying) table(ctx context.Context, table string) error {
	rows, err := c.reads.QueryContext(ctx, `SELECT * FROM `+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var args []any
	for rows.Next() {
		if args, err = appendRow(args, rows, columns); err != nil {
			return err
		}
		if len(args) == copyRows*len(columns) {
			if err := c.insert(ctx, table, columns, args); err != nil {
				return err
			}
			args = args[:0]
		}
	}
	if err := rows.Err(); err != nil || len(args) == 0 {
		return err
	}
	return c.insert(ctx, table, columns, args)
}

// appendRow reads a row. Flags are made what they are: a driver makes of them what its database wants.
func appendRow(args []any, rows *sql.Rows, columns []string) ([]any, error) {
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	if err := rows.Scan(values...); err != nil {
		return nil, err
	}
	for i, v := range values {
		value := *v.(*any)
		if n, ok := value.(int64); ok && slices.Contains(flags, columns[i]) {
			value = n != 0
		}
		args = append(args, value)
	}
	return args, nil
}

func (c *copying) insert(ctx context.Context, table string, columns []string, args []any) error {
	if c.engine.strict() {
		fit(args)
	}
	n := len(args) / len(columns)
	if _, err := c.writes.ExecContext(ctx, c.engine.text(insertText(table, columns, n)), args...); err != nil {
		return fmt.Errorf("%s: %w", reason(err), err)
	}
	c.done += int64(n)
	if c.told != nil {
		c.told(c.done, c.total)
	}
	return nil
}

func insertText(table string, columns []string, rows int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES `)
	for i := range rows * len(columns) {
		switch {
		case i == 0:
			b.WriteString(`(`)
		case i%len(columns) == 0:
			b.WriteString(`), (`)
		default:
			b.WriteString(`, `)
		}
		b.WriteString(`$` + strconv.Itoa(i+1))
	}
	b.WriteString(`)`)
	return b.String()
}
