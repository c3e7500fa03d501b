package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// This file holds what each connection to a server begins with. Settings are made once it stands: a pooler would refuse most of them in the packet
// that opens it, and target_session_attrs would take a connection that is set to read for a standby's.

// session are settings of the server's for each connection. Where a client's machine is gone without a word, the server notices and gives its
// locks free; it would wait for hours.
var session = map[string]string{"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3", "tcp_user_timeout": "11000"}

// sessions makes the configurations of connections to one server.
type sessions struct {
	bare     *pgx.ConnConfig   // settles nothing
	settings map[string]string // those that every connection has

	mu      sync.Mutex
	checked bool // there is a pooler, and it lends sessions
}

// newSessions takes the settings out of an address's configuration.
func newSessions(config *pgx.ConnConfig) *sessions {
	s := &sessions{bare: config, settings: maps.Clone(session)}
	maps.Copy(s.settings, config.RuntimeParams)
	name := "tgrelay"
	if given := config.RuntimeParams["application_name"]; given != "" {
		name = given
	}
	delete(s.settings, "application_name") // poolers know this one
	config.RuntimeParams = map[string]string{"application_name": name}
	return s
}

// config is for connections with further settings.
func (s *sessions) config(further map[string]string) *pgx.ConnConfig {
	all := maps.Clone(s.settings)
	maps.Copy(all, further)
	config := s.bare.Copy()
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return s.begin(ctx, conn, all) }
	return config
}

// begin settles a new connection, unless another program answers in the server's place: then only if it lends a session of the server's.
func (s *sessions) begin(ctx context.Context, conn *pgconn.PgConn, settings map[string]string) error {
	direct, err := applySettings(ctx, conn, settings, strconv.FormatUint(uint64(conn.PID()), 10))
	if err != nil || direct {
		return err
	}
	if err := s.check(ctx, conn); err != nil {
		return err
	}
	_, err = applySettings(ctx, conn, settings, "")
	return err
}

// applySettings makes settings, if the process that serves the connection is the one that it was said to be; pid is empty where that does not matter.
func applySettings(ctx context.Context, conn *pgconn.PgConn, settings map[string]string, pid string) (bool, error) {
	args := [][]byte{[]byte(pid)}
	rows := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, []byte(name), []byte(settings[name]))
		rows = append(rows, fmt.Sprintf("($%d, $%d)", len(args)-1, len(args)))
	}
	result := conn.ExecParams(ctx, `SELECT set_config(name, value, false) FROM (VALUES `+strings.Join(rows, ", ")+`) AS s (name, value)
		WHERE $1::text IN ('', pg_backend_pid()::text)`, args, nil, nil, nil).Read()
	return len(result.Rows) > 0, result.Err
}

// errPooled is of a pooler that gives each transaction another session.
var errPooled = errors.New("a pooler gives each transaction another session")

// checkFor is how long a pooler may let a second connection wait. One that has no room for it lends whole sessions.
const checkFor = 3 * time.Second

// check has two connections look which process of the server's serves them: that of a session stays the same and nobody else's.
func (s *sessions) check(ctx context.Context, conn *pgconn.PgConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checked {
		return nil
	}
	before, err := processOf(ctx, conn)
	if err != nil {
		return err
	}
	other := s.beside(ctx)
	after, err := processOf(ctx, conn)
	switch {
	case err != nil:
		return err
	case after != before || other == before:
		return errPooled
	}
	s.checked = true
	return nil
}

// beside is the process that serves a second connection's transaction; empty if none did in time.
func (s *sessions) beside(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, &s.bare.Config)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.Exec(ctx, "BEGIN").Close(); err != nil {
		return ""
	}
	process, _ := processOf(ctx, conn)
	return process
}

func processOf(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	result := conn.ExecParams(ctx, `SELECT pg_backend_pid()`, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return "", result.Err
	}
	return string(result.Rows[0][0]), nil
}
