package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// This file holds what PostgreSQL's errors mean, and how a lost connection is noticed.

// dial has the system notice within about ten seconds that the server is gone without a word: queries wait without a deadline of their own. A new
// connection is tried for less, once with TLS and once without, so that whoever waits hears within twenty that there is none.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	const (
		gone   = 10 * time.Second
		absent = 4 * time.Second
	)
	d := net.Dialer{
		Timeout:         absent,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: gone / 2, Interval: gone / 5, Count: 3},
	}
	if network != "unix" {
		d.Control = giveUpAfter(gone)
	}
	return d.DialContext(ctx, network, address)
}

// aborted reports whether the transaction on a connection can only be rolled back.
func aborted(conn *sql.Conn) (aborted bool) {
	_ = conn.Raw(func(c any) error {
		if c, ok := c.(*stdlib.Conn); ok {
			aborted = c.Conn().PgConn().TxStatus() == 'E'
		}
		return nil
	})
	return aborted
}

// refused reports whether the server has said that it does not keep a transaction. Its last words before it closes a connection (FATAL) say
// nothing of what it did before.
func refused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}

// again reports whether the same transaction may well succeed the next time: it lost against another (serialization_failure,
// deadlock_detected), and nothing of it was kept.
func again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// class is the first half of PostgreSQL's code for an error; empty: err is not the server's.
func class(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		return e.Code[:2]
	}
	return ""
}

func postgresConflicting(err error) bool { return class(err) == "23" }

func postgresBroken(err error) bool {
	switch class(err) {
	case "22", "23": // a value that does not fit, a constraint
		return false
	case "":
		return unconnected(err)
	}
	return true
}

// unconnected reports whether there is no connection to the server, or none any more.
func unconnected(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, errAborted)
}

// postgresInterrupted is false for a network that answers no more, which the system reports as a timeout too.
func postgresInterrupted(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return pgconn.Timeout(err) && !network
}

// postgresReasons are what a person can do about a fault, by its code or the first half of it.
var postgresReasons = map[string]string{
	"08":    "the connection to the database server was lost: see its log",
	"22023": unknownSetting,
	"25006": "the database takes no writes: it is a standby's, or set to read only; let storage.url name the primary",
	"28":    "the database server does not let the user in: check the user of storage.url, its password or passfile (one of whose lines has to fit server, port, database and user), and the server's pg_hba.conf",
	"3D000": "there is no such database: create it (createdb), or change storage.url",
	"3F000": "there is no schema to keep tables in: create it, or change search_path in storage.url",
	"42501": "the user of storage.url may not do this: make it the owner of the database or schema",
	"42704": unknownSetting,
	"42P07": "another program keeps tables in this schema: give tgrelay a database of its own, or a schema by search_path in storage.url",
	"53100": "the disk of the database server is full: free some space",
	"53300": "the database server has no connection left: raise its max_connections, or end some",
	"53":    "the database server has too little of something: see its log",
	"55P03": "another program keeps the storage locked: see pg_stat_activity",
	"57P01": "the database server is stopping or ended the connection",
	"57P03": "the database server is starting or stopping",
	"58":    "the database server's system failed: see its log",
	"XX":    "the database server failed or its data is damaged: see its log",
}

const unknownSetting = "the database server does not take a setting that storage.url makes: check what stands after its question mark"

// pooledReason is what a person can do about errPooled.
const pooledReason = "a connection pooler in transaction mode stands before the database server, where a session's locks and notifications are lost: " +
	"use session mode for this database (PgBouncer: pool_mode=session), or let storage.url name the server itself"

func postgresReason(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, errPooled):
		return pooledReason
	case ok && postgresReasons[e.Code] != "":
		return postgresReasons[e.Code]
	case ok:
		return postgresReasons[class(err)]
	case unconnected(err):
		return unconnectedReason(err)
	}
	return ""
}

func unconnectedReason(err error) string {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the database server's certificate is not trusted: name its authority by sslrootcert in storage.url, and the host as the certificate does"
	}
	if strings.Contains(err.Error(), "server refused TLS connection") { // the driver has no value for it
		return "the database server takes no encrypted connections, and sslmode of storage.url wants one: let the server have a certificate (ssl = on)"
	}
	return "the database server cannot be reached: check that it runs, and storage.url"
}
