package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	out, errs, status := run(t, "", "doctor", "--json", "--config", w.config())
	if status != 0 || strings.Contains(out+errs, strings.Split(botToken, ":")[1]) {
		t.Errorf("beside a daemon: status %d\n%s%s", status, out, errs)
	}
	states := map[string]string{}
	for line := range strings.Lines(out) {
		var f struct{ Check, State, Found, Remedy string }
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.Found == "" {
			t.Errorf("%q: %v", line, err)
		}
		states[f.Check] = f.State
	}
	for _, check := range []string{"bot", "clock", "webhook", "pollers", "daemon", "storage", "files"} {
		if states[check] != "ok" {
			t.Errorf("%s is %q\n%s", check, states[check], out)
		}
	}
	w.process.stop(t)
	if err := os.Chmod(filepath.Join(w.dir, "bot-token"), 0o666); err != nil {
		t.Fatal(err)
	}
	out, errs, status = run(t, "", "doctor", "daemon", "files", "--config", w.config())
	if status != 1 || !strings.Contains(out, "FAILURE") || !strings.Contains(out, "→ chmod go-w") || !strings.Contains(out, "none answers") || strings.Contains(out, "\x1b") || !strings.Contains(errs, "1 failure") {
		t.Errorf("ill: status %d\n%s%s", status, out, errs)
	}
	refuses(t, 2, "absent.toml", "doctor", "--config", filepath.Join(w.dir, "absent.toml"))
	refuses(t, 2, "certificates", "doctor", "nosuch", "--config", w.config())
}
