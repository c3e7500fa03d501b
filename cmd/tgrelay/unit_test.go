package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unitFile is a unit as it is shipped.
func unitFile(name string) string { return filepath.Join("..", "..", "packaging", "systemd", name) }

// unit is a unit's settings, in their order.
type unit []setting

type setting struct{ key, value string }

func readUnit(t testing.TB, name string) (u unit) {
	t.Helper()
	text, err := os.ReadFile(unitFile(name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			u = append(u, setting{key, value})
		}
	}
	return u
}

// values are those of a setting that may stand several times.
func (u unit) values(key string) (all []string) {
	for _, s := range u {
		if s.key == key {
			all = append(all, s.value)
		}
	}
	return all
}

// calls are the system calls that the unit's filter lets through.
func (u unit) calls(t testing.TB) map[string]bool {
	t.Helper()
	allowed := map[string]bool{}
	for _, value := range u.values("SystemCallFilter") {
		value, denied := strings.CutPrefix(value, "~")
		for name := range strings.FieldsSeq(value) {
			for _, call := range expand(t, name) {
				allowed[call] = !denied
			}
		}
	}
	return allowed
}

// expand is a call, or all of a group of systemd's.
func expand(t testing.TB, name string) (calls []string) {
	t.Helper()
	if !strings.HasPrefix(name, "@") {
		return []string{name}
	}
	out, err := exec.Command("systemd-analyze", "syscall-filter", name).Output()
	if err != nil {
		without(t, "systemd-analyze", err)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line != "" && line != name && !strings.HasPrefix(line, "#") {
			calls = append(calls, expand(t, line)...)
		}
	}
	return calls
}

// The units are what systemd takes, and lock the daemon up as tightly as they say.
func TestUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"tgrelay.service", "tgrelay.socket"} {
		text, err := os.ReadFile(unitFile(name))
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "/usr/bin/tgrelay", binary))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(dir, name)).CombinedOutput()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			without(t, "systemd-analyze", err)
		}
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", filepath.Join(dir, "tgrelay.service")).CombinedOutput()
	if err != nil {
		t.Errorf("more exposed than 1.5 (%v):\n%s", err, out)
	}
	service := readUnit(t, "tgrelay.service")
	for key, want := range map[string]string{"DynamicUser": "yes", "StateDirectory": "tgrelay", "ConfigurationDirectory": "tgrelay", "Type": "notify", "MemoryDenyWriteExecute": "yes"} {
		if got := service.values(key); !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}
