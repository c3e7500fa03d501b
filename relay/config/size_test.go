package config_test

import (
	"testing"

	"github.com/tgrelay/tgrelay/relay/config"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]config.Size{"512B": 512, "1KiB": 1 << 10, "3MiB": 3 << 20, "2GiB": 2 << 30, "1025B": 1025, "0B": 0} {
		var got config.Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %d (%s), %v; want %d", text, got, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "MiB", "-1MiB", "1.5MiB", "1 MiB", "1mib", "1MB", "8589934592GiB", "99999999999999999999B"} {
		got := config.Size(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != 7 {
			t.Errorf("%q: %d, %v; want an error and nothing set", text, got, err)
		}
	}
}
