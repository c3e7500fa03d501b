package store_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// tiredConn is a connection whose other end has gone without a word: the system gives it up after a while.
type tiredConn struct {
	net.Conn
	gone bool
}

func (c *tiredConn) Read(b []byte) (int, error) {
	if c.gone {
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}
	}
	return c.Conn.Read(b)
}

// A network that answers no more is the storage's failure, of which a caller is told to come again, and no ctx of a caller's that has ended.
func TestTimeoutOfTheNetworkIsNoCallers(t *testing.T) {
	config, err := pgconn.ParseConfig(schema(t))
	must(t, err)
	var tired *tiredConn
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		tired = &tiredConn{Conn: conn}
		return tired, err
	}
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	must(t, err)
	tired.gone = true
	_, err = conn.Exec(t.Context(), "SELECT 1").ReadAll()
	wantCode(t, store.Fault("look up request", err), relay.CodeStorageUnavailable)
}

// A server that is silent is no reason to start a storage's program anew; one that answers, while a write hangs, is.
func TestAliveWhileTheServerIsSilent(t *testing.T) {
	t.Parallel()
	address := schema(t)
	u, err := url.Parse(address)
	must(t, err)
	query := u.Query()
	c := newCutter(t, filepath.Join(query.Get("host"), ".s.PGSQL.5432"))
	query.Set("host", c.dir)
	u.RawQuery = query.Encode()
	db := open(t, store.Options{URL: u.String()})
	must(t, db.Alive(t.Context()))

	hangs := make(chan struct{})
	release := sync.OnceFunc(func() { close(hangs) })
	defer release()
	db.BeforeCommit(func() error { <-hangs; return nil })
	answer := make(chan error, 1)
	go func() { answer <- db.Alive(t.Context()) }()
	select {
	case err := <-answer:
		t.Errorf("the storage hangs, and says %v", err)
	case <-time.After(7 * time.Second):
	}
	c.silent.Store(true)
	answer = make(chan error, 1)
	go func() { answer <- db.Alive(t.Context()) }()
	select {
	case err := <-answer:
		must(t, err)
	case <-time.After(15 * time.Second):
		t.Error("a server that is silent is taken for a storage that hangs")
	}
	release()
}
