package main_test

import (
	endian "encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// machine is what a daemon takes for its clock and its disk; a test changes it while the daemon runs (testdata/shim/shim.c).
type machine struct {
	mu      sync.Mutex
	library string
	file    string
	orders  *os.File
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("clock and disk can be changed under Linux on x86-64 only")
	}
	m := &machine{library: filepath.Join(t.TempDir(), "shim.so"), file: filepath.Join(t.TempDir(), "orders")}
	build := exec.Command("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-fcf-protection=none", "-shared", "-fPIC", "-o", m.library, "testdata/shim/shim.c", "-ldl")
	if out, err := build.CombinedOutput(); err != nil {
		without(t, "gcc", err)
		t.Fatalf("%s", out)
	}
	var err error
	if m.orders, err = os.Create(m.file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.orders.Close() })
	for at := range 4 {
		m.order(t, at, 0)
	}
	return m
}

// order writes a field of struct orders.
func (m *machine) order(t testing.TB, field int, value int64) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var b [8]byte
	endian.LittleEndian.PutUint64(b[:], uint64(value))
	if _, err := m.orders.WriteAt(b[:], int64(8*field)); err != nil {
		t.Fatal(err)
	}
}

// setClock sets the clock on the wall that far ahead of the true one; the monotonic one goes on.
func (m *machine) setClock(t testing.TB, ahead time.Duration) {
	t.Helper()
	m.order(t, 0, int64(ahead))
}

// slowDisk makes each fsync take longer.
func (m *machine) slowDisk(t testing.TB, by time.Duration) { t.Helper(); m.order(t, 1, int64(by)) }

// failDisk makes each fsync fail; 0: no more.
func (m *machine) failDisk(t testing.TB, with syscall.Errno) { t.Helper(); m.order(t, 2, int64(with)) }

// syncs counts the calls of fsync.
func (m *machine) syncs(t testing.TB) int64 {
	t.Helper()
	var b [8]byte
	if _, err := m.orders.ReadAt(b[:], 8*3); err != nil {
		t.Fatal(err)
	}
	return int64(endian.LittleEndian.Uint64(b[:]))
}

// command is the program on this machine.
func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = []string{"LD_PRELOAD=" + m.library, "TGRELAY_SHIM=" + m.file}
	return cmd
}
