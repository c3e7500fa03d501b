package pgtest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// CPU is how much of the processors the server has used, with those of its processes that have ended; 0 where the system does not tell.
func (s *Server) CPU() (used time.Duration) {
	text, _ := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	pid, _, _ := bytes.Cut(text, []byte("\n"))
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		text, _ := os.ReadFile(path)
		_, after, _ := bytes.Cut(text, []byte(") "))
		fields := bytes.Fields(after)
		self := filepath.Base(filepath.Dir(path)) == string(pid)
		if len(fields) < 15 || !self && string(fields[1]) != string(pid) {
			continue
		}
		for i, field := range fields[11:15] { // utime, stime, and those of children that were waited for
			if ticks, err := strconv.Atoi(string(field)); err == nil && (self || i < 2) {
				used += time.Duration(ticks) * time.Second / 100
			}
		}
	}
	return used
}
