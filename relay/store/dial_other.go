//go:build !linux

package store

import (
	"syscall"
	"time"
)

// giveUpAfter is Linux's alone; elsewhere the system's own times hold.
func giveUpAfter(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
