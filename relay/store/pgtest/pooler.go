package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Pooler is a PgBouncer before a server.
type Pooler struct {
	server  *Server
	dir     string
	process *process
}

// poolerPort names its socket; it listens on no network.
const poolerPort = "6432"

// Pool starts a PgBouncer before the server. mode is "session", "transaction" or "statement". The error is exec.ErrNotFound where none is installed.
func (s *Server) Pool(mode string, size int) (*Pooler, error) {
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.dir, "pool")
	if err != nil {
		return nil, err
	}
	p := &Pooler{server: s, dir: dir}
	err = errors.Join(s.give(dir), s.write(filepath.Join(dir, "users"), `"relay" ""`+"\n"), s.write(filepath.Join(dir, "pgbouncer.ini"), fmt.Sprintf(`[databases]
* = host=%s
[pgbouncer]
pool_mode = %s
default_pool_size = %d
unix_socket_dir = %s
listen_port = %s
auth_type = trust
auth_file = %s
`, s.dir, mode, size, dir, poolerPort, filepath.Join(dir, "users"))))
	if err != nil {
		return nil, err
	}
	if p.process, err = s.leash("KILL", filepath.Join(dir, "log"), bin, "-q", filepath.Join(dir, "pgbouncer.ini")); err != nil {
		return nil, err
	}
	return p, p.await()
}

// await returns when it answers.
func (p *Pooler) await() error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("unix", filepath.Join(p.dir, ".s.PGSQL."+poolerPort)); err == nil {
			return conn.Close()
		} else if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			return errors.Join(fmt.Errorf("the pooler does not answer: %w: %s", err, log), p.Stop())
		}
	}
}

// URL is the address of the database by way of the pooler.
func (p *Pooler) URL(schema string) string {
	query := url.Values{"host": {p.dir}, "port": {poolerPort}, "user": {"relay"}}
	if schema != "" {
		query.Set("search_path", schema)
	}
	return "postgres:///postgres?" + query.Encode()
}

// Stop ends the pooler.
func (p *Pooler) Stop() error { return errors.Join(p.process.end(), os.RemoveAll(p.dir)) }
