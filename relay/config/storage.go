package config

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Storage is where messages, deliveries, recipients and links are kept.
type Storage struct {
	URL       string        `toml:"url"`        // sqlite:PATH or postgres://…
	CacheSize int           `toml:"cache_size"` // recipients held in memory
	Retention time.Duration `toml:"retention"`  // how long finished deliveries are kept
}

func defaultStorage() Storage {
	return Storage{URL: "sqlite:relay.db", CacheSize: 10_000, Retention: 30 * 24 * time.Hour}
}

// OnServer reports whether an address is that of a database on a server, not of a file.
func OnServer(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

func (k *checker) storage(s *Storage) {
	// The address itself is not repeated in a fault: one of a database server may hold a password.
	path, ok := strings.CutPrefix(s.URL, "sqlite:")
	switch {
	case OnServer(s.URL):
		if u, err := url.Parse(s.URL); err != nil || u.Host == "" && u.Query().Get("host") == "" || strings.Trim(u.Path, "/") == "" {
			k.fault("storage.url", `want "postgres://USER@HOST/DATABASE"`)
		}
	case !ok:
		k.fault("storage.url", `want "sqlite:PATH" or "postgres://USER@HOST/DATABASE"`)
	case path == "" || strings.ContainsAny(path, "?#%\x00"):
		k.fault("storage.url", `want "sqlite:PATH", the path of a file without ?, # and %%`)
	default:
		s.URL = "sqlite:" + k.c.statePath(path)
	}
	k.require(s.CacheSize >= 1, "storage.cache_size", "%d is out of range; at least 1", s.CacheSize)
	k.positive("storage.retention", s.Retention)
}

func (k *checker) positive(key string, d time.Duration) {
	k.require(d > 0, key, "want more than 0s")
}

// statePath joins a relative path to the folder that systemd gives a service to write to (StateDirectory=, the first where there
// are several), else to the folder of the file.
func (c *Config) statePath(p string) string {
	state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	if state == "" || filepath.IsAbs(p) {
		return c.path(p)
	}
	return filepath.Join(state, p)
}
