package store

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/jackc/pgx/v5"
)

// This file holds what may be wrong with the address of a database before anybody is asked.

// parseAddress reads an address as the driver does, and holds that its password file can be read: the driver goes on without.
func parseAddress(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, misaddressed(err)
	}
	if path := Passfile(address); path != "" && config.Password == "" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("the password file of storage.url cannot be read: %w: the user that tgrelay runs as has to", err)
		}
		return config, f.Close()
	}
	return config, nil
}

// misaddressed is the driver's error without the address, of which its own words show a part.
func misaddressed(err error) error {
	cause := errors.Unwrap(err)
	if _, ok := errors.AsType[*url.Error](err); ok || cause == nil {
		return errors.New(`storage.url is no address of a PostgreSQL database: want "postgres://USER@HOST/DATABASE"`)
	}
	return fmt.Errorf("storage.url cannot be as it is: %w", cause)
}

// Passfile is the path of the password file that an address or the environment names; empty: none, or that of the driver.
func Passfile(address string) string {
	u, err := url.Parse(address)
	if err != nil || !isPostgres(address) {
		return ""
	}
	return cmp.Or(u.Query().Get("passfile"), os.Getenv("PGPASSFILE"))
}
