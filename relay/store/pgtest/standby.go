package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// Follow makes a standby of the server, a copy that follows its log, and starts it. settings are further ones of its own.
func (s *Server) Follow(settings ...string) (standby *Server, err error) {
	standby = &Server{bin: s.bin, owner: s.owner}
	if standby.dir, err = os.MkdirTemp("/tmp", "pg"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, standby.Stop())
		}
	}()
	if err := s.give(standby.dir); err != nil {
		return nil, err
	}
	out, err := standby.command("pg_basebackup", "--host", s.dir, "--username=relay", "--pgdata", standby.data(), "--write-recovery-conf", "--checkpoint=fast", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return standby, standby.Run(settings...)
}

// Promote makes a standby a primary, and returns when it takes writes.
func (s *Server) Promote() error {
	_, err := s.Exec(`SELECT pg_promote()`)
	return err
}

// Either is the address of whichever of several servers takes writes.
func Either(schema string, servers ...*Server) string {
	var dirs []string
	for _, s := range servers {
		dirs = append(dirs, s.dir)
	}
	query := url.Values{"host": {strings.Join(dirs, ",")}, "user": {"relay"}, "target_session_attrs": {"read-write"}}
	if schema != "" {
		query.Set("search_path", schema)
	}
	return "postgres:///postgres?" + query.Encode()
}
