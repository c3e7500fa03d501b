package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// statements prepares each text once.
type statements struct {
	prepare func(ctx context.Context, text string) (*sql.Stmt, error)
	engine  engine
	strict  bool // the engine is

	mu     sync.RWMutex
	by     map[string]*sql.Stmt
	closed bool
}

func newStatements(e engine, prepare func(context.Context, string) (*sql.Stmt, error)) *statements {
	return &statements{engine: e, strict: e.strict(), prepare: prepare, by: map[string]*sql.Stmt{}}
}

func (s *statements) get(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.by[text]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.by[text]; stmt != nil {
		return stmt, nil
	}
	if s.closed {
		return nil, sql.ErrConnDone
	}
	stmt, err := s.prepare(ctx, s.engine.text(text))
	if err == nil {
		s.by[text] = stmt
	}
	return stmt, err
}

func (s *statements) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := s.get(ctx, text)
	if err != nil {
		return nil, err
	}
	if s.strict {
		fit(args)
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var err error
	for _, stmt := range s.by {
		err = errors.Join(err, stmt.Close())
	}
	clear(s.by)
	return err
}

// querier is a reader's connections or the transaction of a write.
type querier interface {
	query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// fit makes text what a strict engine can hold. What is looked up is changed in the same way, and found.
func fit(args []any) {
	for i, arg := range args {
		if s, ok := arg.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
}

// holds is the condition that the text of a column has a part, both given as SQL. Databases name the function for it differently.
func holds(column, part string) string {
	return `replace(` + column + `, ` + part + `, '') <> ` + column
}

// list returns all rows of a query.
func list[T any](ctx context.Context, q querier, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, rows.Err()
}

// first returns the first row of a query, and false if there is none.
func first[T any](ctx context.Context, q querier, scan func(scanner) (T, error), text string, args ...any) (T, bool, error) {
	items, err := list(ctx, q, scan, text, args...)
	if err != nil || len(items) == 0 {
		var none T
		return none, false, err
	}
	return items[0], true, nil
}

// value scans a row of one column.
func value[T any](row scanner) (T, error) {
	var v T
	err := row.Scan(&v)
	return v, err
}

// atOnce is how many rows one statement names: each takes the way to a server and back.
const atOnce = 16

// inAll is a condition for so many parameters.
var inAll = `IN ($1` + marks(2, atOnce) + `)`

// marks are parameters that follow others.
func marks(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		b.WriteString(", $" + strconv.Itoa(i))
	}
	return b.String()
}

// inParts hands on some parameters at a time with a condition for them. Where they are fewer than it names the last one stands for the others.
func inParts(all []any, do func(in string, some []any) error) error {
	for some := range slices.Chunk(all, atOnce) {
		in := `= $1`
		if len(some) > 1 {
			in, some = inAll, slices.Concat(some, slices.Repeat(some[len(some)-1:], atOnce-len(some)))
		}
		if err := do(in, some); err != nil {
			return err
		}
	}
	return nil
}
