// Package pgtest starts a PostgreSQL of a test's own: the server of the system's packages (Debian: postgresql), on a unix socket in a folder
// that goes with it, as a user without rights where the test runs as root, and without fsync. It ends with the process, however that ends.
package pgtest

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is one that runs.
type Server struct {
	dir     string
	owner   *syscall.Credential
	bin     string
	process *process // nil: it does not run
}

// Start makes a database and starts a server on it. settings are further ones ("max_connections=20"). The error is exec.ErrNotFound where
// no PostgreSQL is installed.
func Start(settings ...string) (s *Server, err error) {
	s = &Server{}
	if s.bin, err = find(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("/tmp", "pg"); err != nil { // a socket's path must be short
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err := errors.Join(s.own(), s.give(s.dir)); err != nil {
		return nil, err
	}
	out, err := s.command("initdb", "--pgdata", s.data(), "--auth=trust", "--username=relay", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.Run(settings...)
}

// find looks for the newest server.
func find() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path) // the other programs stand beside the real one
		return filepath.Dir(path), err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", fmt.Errorf("initdb: %w", exec.ErrNotFound)
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// own chooses who will run the server, which refuses to be root.
func (s *Server) own() error {
	if os.Geteuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		return err
	}
	s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

// give makes a file or folder the server's.
func (s *Server) give(path string) error {
	if s.owner == nil {
		return nil
	}
	return os.Chown(path, int(s.owner.Uid), int(s.owner.Gid))
}

// write makes a file of the server's.
func (s *Server) write(path, content string) error {
	return errors.Join(os.WriteFile(path, []byte(content), 0o600), s.give(path))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	s.settle(cmd)
	return cmd
}

func (s *Server) settle(cmd *exec.Cmd) {
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
}

// leashed has a program end, at once, when nobody holds the other end of its standard input any more. The first arguments are the signal for it and its log.
const leashed = `signal=$1 log=$2; shift 2; "$@" </dev/null >>"$log" 2>&1 & program=$!; read -r _; kill -$signal $program; wait $program`

// process is a program that lives for as long as its leash is held.
type process struct {
	shell *exec.Cmd
	held  io.Closer
}

// leash starts a program as the server's user.
func (s *Server) leash(signal, log string, args ...string) (*process, error) {
	p := &process{shell: exec.Command("/bin/sh", append([]string{"-c", leashed, "sh", signal, log}, args...)...)}
	s.settle(p.shell)
	held, err := p.shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.held = held
	return p, p.shell.Start()
}

// end ends it without giving it time for anything.
func (p *process) end() error {
	err := p.held.Close()
	_ = p.shell.Wait() // its status is the program's, which was killed
	return err
}

// Run starts the server, also again after Kill, and returns when it answers.
func (s *Server) Run(settings ...string) error {
	args := []string{filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir}
	for _, setting := range append([]string{"listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=400", "shared_buffers=32MB"}, settings...) {
		args = append(args, "-c", setting)
	}
	var err error
	if s.process, err = s.leash("QUIT", filepath.Join(s.dir, "log"), args...); err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err := s.command("psql", "--no-psqlrc", "-h", s.dir, "-U", "relay", "-d", "postgres", "-c", "SELECT 1").Run(); err == nil {
			return nil
		} else if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server does not answer: %w: %s", err, log)
		}
	}
}

// Kill ends the server without giving it time for anything, as a crash would.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	err := s.process.end()
	s.process = nil
	return err
}

// End ends the server in its order, as an upgrade does: what is under way is broken off, and everybody told.
func (s *Server) End() error {
	if out, err := s.command("pg_ctl", "stop", "--pgdata", s.data(), "--mode=fast").CombinedOutput(); err != nil {
		return fmt.Errorf("pg_ctl: %w: %s", err, out)
	}
	return s.Kill()
}

// Processes are those of the server, the first one and who serves its connections.
func (s *Server) Processes() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	children, err := os.ReadFile("/proc/" + first + "/task/" + first + "/children")
	if err != nil {
		return nil, err
	}
	var all []int
	for _, field := range append([]string{first}, strings.Fields(string(children))...) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		all = append(all, pid)
	}
	return all, nil
}

// Allow lets in who comes by TCP from a network ("10.0.0.0/24"), at the next Run with the setting listen_addresses.
func (s *Server) Allow(network string) error {
	f, err := os.OpenFile(filepath.Join(s.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "host all all %s trust\n", network)
	return errors.Join(err, f.Close())
}

// Stop ends the server and takes its folder away.
func (s *Server) Stop() error {
	return errors.Join(s.Kill(), os.RemoveAll(s.dir))
}

// URL is the address of the database with the schema first in its search path; of the server's own where schema is empty.
func (s *Server) URL(schema string) string {
	query := url.Values{"host": {s.dir}, "user": {"relay"}}
	if schema != "" {
		query.Set("search_path", schema)
	}
	return "postgres:///postgres?" + query.Encode()
}

// Exec runs SQL.
func (s *Server) Exec(sql string) (string, error) {
	out, err := s.command("psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-U", "relay", "-d", "postgres", "-c", sql).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
