package main_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shell runs a script in a folder, with tgrelay in $PATH.
func shell(t *testing.T, dir, input string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		without(t, args[0], err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "TERM=dumb", "HOME="+dir)
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out.String())
	}
	return out.String()
}

// folder holds what completion is to find.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"relay.toml":    "[receivers.backups]\ntype = \"json\"\n",
		"my relay.toml": "[telegram]\ncolour = 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What each shell gets, whatever its script makes of it.
func TestOffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	dir := folder(t)
	for _, c := range []struct {
		words []string
		want  string // in one line
	}{
		{[]string{"se"}, "serve send"},
		{[]string{"comp"}, "completion"},
		{[]string{"recipients", ""}, "list show set bind unbind forget import export"},
		{[]string{"recipients", "--pre"}, "--prefix"},
		{[]string{"check", "--config", ""}, ":files"},
		{[]string{"check", "-c", "x"}, ":files"},
		{[]string{"render", "--receiver", "json", ""}, ":files"},
		{[]string{"render", "--config", filepath.Join(dir, "relay.toml"), "--receiver", "b"}, "backups"},
		{[]string{"render", "--config=" + filepath.Join(dir, "relay.toml"), "--receiver=b"}, "--receiver=backups"},
		{[]string{"render", "--json", "--js"}, ""},
		{[]string{"token", "new", "x", "--scopes", "hooks,re"}, "hooks,read"},
		{[]string{"deliveries", "--state", "s"}, "sending sent superseded"},
		{[]string{"send", "--server", w.relay, "o"}, "ops"},
		{[]string{"send", "--server", "http://127.0.0.1:1", "o"}, ""},
		{[]string{"send", "--", "--j"}, ""},
		{[]string{"version", ""}, "--help --json"},
		{[]string{"nosuch", "--nosuch", ""}, "--help"},
	} {
		out, errs, status := run(t, "", append([]string{"complete", "--"}, c.words...)...)
		var values []string
		for line := range strings.Lines(out) {
			value, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			values = append(values, value)
		}
		if got := strings.Join(values, " "); status != 0 || got != c.want && (c.want != "ops" || !strings.HasPrefix(got, "ops")) {
			t.Errorf("%q: %q, want %q (status %d, %s)", c.words, got, c.want, status, errs)
		}
	}
}

// A session in bash at a terminal, with the key Tab.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	session := strings.Join([]string{
		"source <(tgrelay completion bash)",
		"tgrelay comp\tzs\t| head -1",
		"tgrelay token new x --scopes=hooks,re\t",
		"tgrelay token new y --rece\t'ba\t",
		"tgrelay check --config=my\t",
		"exit 0", "",
	}, "\n")
	out := shell(t, folder(t), session, "script", "--quiet", "--return", "--command", "bash --norc -i", "/dev/null")
	for _, want := range []string{"#compdef tgrelay", `scopes = ["hooks", "read"]`, `receivers = ["backups"]`, "my relay.toml:2: telegram.colour"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not come to %q:\n%s", want, out)
		}
	}
}

func TestCompletionInFish(t *testing.T) {
	t.Parallel()
	out := shell(t, folder(t), "", "fish", "--no-config", "-c", `tgrelay completion fish | source
		for line in 'tgrelay comp' 'tgrelay render --receiver=b' 'tgrelay check -c my' 'tgrelay check --config=my'
			complete -C $line
		end`)
	for _, want := range []string{"completion\tPrint the completions", "--receiver=backups", "\nmy relay.toml", "--config=my relay.toml"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not come to %q:\n%s", want, out)
		}
	}
}

// zsh's own part, the menu, is left out: its functions tell what they are given.
func TestCompletionInZsh(t *testing.T) {
	t.Parallel()
	out := shell(t, folder(t), "", "zsh", "-f", "-c", `
		compdef() { print compdef $@ }
		_describe() { print -rl -- "${(P@)2}" }
		_files() { print files }
		compset() { print compset $@ }
		source <(tgrelay completion zsh)
		try() { words=("$@"); CURRENT=$#words; PREFIX=$words[-1]; _tgrelay }
		try tgrelay comp
		try tgrelay render --receiver=b
		try tgrelay send ops --par
		try tgrelay check -c ''`)
	for _, want := range []string{"compdef _tgrelay tgrelay", "completion:Print the completions", "--receiver=backups\n", `--parse-mode:Markup of the text\: MarkdownV2`, "compset -P *=\nfiles"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not come to %q:\n%s", want, out)
		}
	}
}
