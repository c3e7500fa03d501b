package store_test

import (
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/store"
)

// TestScaleDistance tells what the way to the server costs: a batch takes it once for each statement, and batches of all replicas take turns.
func TestScaleDistance(t *testing.T) {
	l := newLarge(t)
	l.server = startScaled(t)
	l.recipients = 10_000
	var report [][]string
	for _, way := range []time.Duration{0, time.Millisecond, 4 * time.Millisecond} {
		l.address = l.server.URL("")
		if way > 0 {
			l.address = away(t, l.address, way/2)
		}
		l.db = open(t, store.Options{URL: l.address})
		side := beside(t, l.address)
		report = append(report, append([]string{way.String() + " there and back"}, l.time(ask{"SELECT 1", 500, 1, func(int) error { _, err := side.Exec(`SELECT 1`); return err }})...))
		for _, a := range l.changes() {
			switch a.what {
			case "accept a message", "finish a delivery", "redeem a link, with a welcome", "make a link":
				report = append(report, append([]string{""}, l.time(a)...))
			}
		}
	}
	l.table("the server is so far away", report...)
}

// away is an address at which a server answers later, by so much each way.
func away(t *testing.T, address string, way time.Duration) string {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	query := u.Query()
	server := filepath.Join(query.Get("host"), ".s.PGSQL.5432")
	dir, err := os.MkdirTemp("/tmp", "far")
	must(t, err)
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(listener.Close(), os.RemoveAll(dir))) })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("unix", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			go carry(there, client, way)
			go carry(client, there, way)
		}
	}()
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return u.String()
}

// carry copies until one end is closed, and then closes both. What is under way does not wait for what is before it.
func carry(to, from net.Conn, way time.Duration) {
	type parcel struct {
		due  time.Time
		text []byte
	}
	road := make(chan parcel, 1000)
	go func() {
		defer close(road)
		for {
			text := make([]byte, 32<<10)
			n, err := from.Read(text)
			if n > 0 {
				road <- parcel{time.Now().Add(way), text[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range road {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.text); err != nil {
			break
		}
	}
	_ = errors.Join(to.Close(), from.Close())
	for range road { // its reader ends too
		continue
	}
}
