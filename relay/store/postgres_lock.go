package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// daemonLock is the advisory lock that keeps a storage for daemons, who share it, or for one who needs nobody else.
const daemonLock = 0x7467_0003

const (
	holdEvery = 3 * time.Second // how often the lock is looked after
	holdWait  = 5 * time.Second // for an answer of the server's
)

// holder keeps an advisory lock, which lives as long as its connection, and takes it again after the server was away.
type holder struct {
	config *pgx.ConnConfig
	try    string    // the function that takes it
	conn   *pgx.Conn // nil: there is none
	lost   chan struct{}
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

func acquirePostgres(address string, shared bool) (*Lock, error) {
	p, err := newPostgres(Options{URL: address})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &holder{config: p.config, try: "pg_try_advisory_lock", lost: make(chan struct{}), stop: stop}
	if shared {
		h.try = "pg_try_advisory_lock_shared"
	}
	if err := h.take(ctx); err != nil {
		stop()
		return nil, err
	}
	h.ended.Go(func() { h.hold(ctx) })
	return &Lock{release: h.release, lost: h.lost}, nil
}

// take connects and takes the lock. The error is ErrInUse where another holds it.
func (h *holder) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, holdWait)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, h.config)
	if err != nil {
		return fmt.Errorf("lock storage: %s: %w", reason(err), err)
	}
	var taken bool
	err = conn.QueryRow(ctx, `SELECT `+h.try+`(`+strconv.Itoa(daemonLock)+`, `+ourSchema+`)`).Scan(&taken)
	if err == nil && taken {
		h.conn = conn
		return nil
	}
	_ = conn.Close(ctx)
	if err != nil {
		return fmt.Errorf("lock storage: %s: %w", reason(err), err)
	}
	return fmt.Errorf("%w: stop it, or change storage.url", ErrInUse)
}

func (h *holder) hold(ctx context.Context) {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := h.look(ctx); errors.Is(err, ErrInUse) {
			close(h.lost)
			return
		}
	}
}

// look takes the lock anew where the connection is gone. As long as the server cannot be reached, nobody else can take it either.
func (h *holder) look(ctx context.Context) error {
	if h.conn != nil {
		asked, cancel := context.WithTimeout(ctx, holdWait)
		defer cancel()
		if h.conn.Ping(asked) == nil {
			return nil
		}
		_ = h.conn.Close(asked)
		h.conn = nil
	}
	return h.take(ctx)
}

func (h *holder) release() error {
	h.stop()
	h.ended.Wait()
	if h.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), holdWait)
	defer cancel()
	return h.conn.Close(ctx)
}
