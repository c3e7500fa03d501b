package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/config"
)

// FuzzParse holds Parse to its promise: a Config or faults, each with a line that the file has.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, reference) {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\ufeff[telegram]\ntoken = \"1:a\"\n"))
	f.Add([]byte("a.\"\".c = [{b = 1, c.d = {}}, {b = 2}]\n[[x]]\n[[x]]\n[x.y]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "_file") || strings.Contains(string(data), "files") {
			return // a fuzzer shall not open what it thinks up
		}
		c, err := config.Parse("relay.toml", data)
		if err == nil {
			if c.Telegram.Token.IsZero() || len(c.Server.Listen) == 0 || c.Receivers["json"].Type == "" {
				t.Errorf("incomplete: %+v", c)
			}
			return
		}
		faults, ok := errors.AsType[config.Faults](err)
		if !ok || len(faults) == 0 {
			t.Fatalf("no faults but %T: %v", err, err)
		}
		for _, fault := range faults {
			if lines := 1 + strings.Count(string(data), "\n"); fault.Line < 0 || fault.Line > lines || fault.Detail == "" {
				t.Errorf("in %d lines: %+v", lines, fault)
			}
		}
	})
}
