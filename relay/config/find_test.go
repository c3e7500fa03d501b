package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/config"
)

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TGRELAY_CONFIG", "")
	if _, err := os.Stat("/etc/tgrelay/relay.toml"); err != nil {
		if got := config.Find(""); got != "" {
			t.Errorf("found %q where there is nothing", got)
		}
	}
	write(t, "relay.toml", "")
	if got := config.Find(""); got != "relay.toml" {
		t.Errorf("here: %q", got)
	}
	t.Setenv("TGRELAY_CONFIG", "env.toml")
	if got := config.Find(""); got != "env.toml" {
		t.Errorf("environment: %q", got)
	}
	if got := config.Find("flag.toml"); got != "flag.toml" {
		t.Errorf("flag: %q", got)
	}
}

func TestLoadSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		"":                                "neither ./relay.toml nor /etc/tgrelay/relay.toml",
		filepath.Join(dir, "absent.toml"): "absent.toml is not there",
		dir:                               "is a directory",
	} {
		_, err := config.Load(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q): %v, want %q", path, err, want)
		}
		if err != nil && path != dir && !strings.Contains(err.Error(), `token_file = "bot-token"`) {
			t.Errorf("Load(%q) does not say how to make one: %v", path, err)
		}
	}
}
