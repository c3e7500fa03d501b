package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The manual pages are free of faults, name every command and every key, and are the same each time.
func TestManualPages(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mandoc"); err != nil {
		without(t, "mandoc", err)
	}
	reference, err := os.ReadFile("../../relay.toml")
	if err != nil {
		t.Fatal(err)
	}
	help, _, _ := run(t, "", "--help")
	for page, c := range map[string]struct {
		args []string
		want []string
	}{
		"tgrelay.1":    {[]string{"man"}, firstGroups(`(?m)^  ([a-z][a-z -]*?)(?: <.*| \[.*|  .*|$)`, help)},
		"relay.toml.5": {[]string{"man", "../../relay.toml"}, firstGroups(`(?m)^(?:# )?([a-z0-9_]+ = |\[[a-z_.]+\]$)`, string(reference))},
	} {
		roff, errs, status := run(t, "", c.args...)
		if again, _, _ := run(t, "", c.args...); status != 0 || again != roff {
			t.Fatalf("%s: status %d, or another page the second time: %s", page, status, errs)
		}
		file := filepath.Join(t.TempDir(), page)
		if err := os.WriteFile(file, []byte(roff), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", file).CombinedOutput(); faulty(string(out)) {
			t.Errorf("%s: %v\n%s", page, err, out)
		}
		shown, err := exec.Command("mandoc", "-T", "utf8", "-O", "width=300", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		plain := regexp.MustCompile(`.\x08`).ReplaceAllString(string(shown), "")
		for _, want := range c.want {
			if !strings.Contains(plain, want) {
				t.Errorf("%s does not name %q", page, want)
			}
		}
		if len(c.want) < 10 {
			t.Errorf("%s: only %d things were asked for: %q", page, len(c.want), c.want)
		}
	}
}

// faulty reports whether mandoc found more than the date that is left out on purpose, and a paragraph that is a section's first.
func faulty(findings string) bool {
	for line := range strings.Lines(findings) {
		if !strings.Contains(line, "missing date") && !strings.Contains(line, "PP after SH") {
			return true
		}
	}
	return false
}

func firstGroups(pattern, text string) []string {
	var all []string
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}
