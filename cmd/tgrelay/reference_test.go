package main_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The reference of commands is what the program says of itself.
func TestReferenceOfCommands(t *testing.T) {
	t.Parallel()
	const file = "../../docs/reference/commands.md"
	made := works(t, "reference")
	if *update {
		if err := os.WriteFile(file, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), made); diff != "" {
		t.Errorf("docs/reference/commands.md is not what the program says; `go test ./cmd/tgrelay -run Reference -update` writes it anew:\n%s", diff)
	}
}
