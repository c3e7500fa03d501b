package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse is of Acquire: another program holds the storage.
var ErrInUse = errors.New("another tgrelay is running on this storage")

// Lock keeps a storage for one program: two daemons on one file would each send what waits. It is the system's (flock) and ends with the process, however
// that ends. It stands on a file of its own beside the storage, since closing any handle of a database's own file would give SQLite's locks up.
//
// In PostgreSQL it is an advisory lock, held by a connection of its own, that daemons share.
type Lock struct {
	release func() error
	lost    chan struct{} // nil: it cannot be lost
}

// Share takes the lock for a daemon. Several may have it where the storage is PostgreSQL: they divide the work (DB.Leases).
func Share(address string) (*Lock, error) {
	if isPostgres(address) {
		return acquirePostgres(address, true)
	}
	return Acquire(address)
}

// Acquire takes the lock of the storage at address, whose folder must exist, for one who needs nobody else. Backups, and whoever only reads, need none. The error
// is ErrInUse where another holds it. A file system that knows no locks gives one that keeps nobody out.
func Acquire(address string) (*Lock, error) {
	if isPostgres(address) {
		return acquirePostgres(address, false)
	}
	path, err := sqlitePath(address)
	if err != nil {
		return nil, err
	}
	path += ".lock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600) // for root may do this in the folder of another user
	if err != nil {
		return nil, fmt.Errorf("lock storage: %w: create the folder, owned by the user that tgrelay runs as, or change storage.url", err)
	}
	inherit(path, filepath.Dir(path))
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("%w: stop it, or change storage.url", ErrInUse), f.Close())
	}
	return &Lock{release: f.Close}, nil
}

// Release gives the storage free. The file stays: taking it away would let two hold locks on two files of one name.
func (l *Lock) Release() error { return l.release() }

// Lost is closed when another program holds the storage by now: the database server was away, and the other one was faster. Whoever holds the
// lock stops then.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// inherit gives a file the owner of another, or of its folder, where root made it: the daemon's own user has to be able to use it. It follows no link, which that
// user could have put there.
func inherit(path, from string) {
	if os.Geteuid() != 0 {
		return
	}
	if info, err := os.Stat(from); err == nil {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = os.Lchown(path, int(owner.Uid), int(owner.Gid))
		}
	}
}
