package relay_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tgrelay/tgrelay/"

// A package imports only from floors below its own; neighbours on a floor do not know each other.
const drawing = `
9  cmd/tgrelay
8  relay/daemon     relay/doctor     relay/web/openapitest
7  relay/web        relay/chat
6  relay/oncall     relay/heartbeat     relay/trouble      relay/web/console
5  relay/intake
4  relay/thread     relay/simulator/chatpage
3  receivers  relay/store  relay/delivery  relay/onboarding  relay/simulator  relay/events  relay/client  relay/action     relay/pacetest
2  relay      relay/telegram       relay/render       relay/config       relay/look
1  relay/markup     relay/alertmanager     templates
0  relay/secret     relay/shape     relay/logging     relay/store/pgtest     docs/examples/shop
`

func floors(t *testing.T) map[string]int {
	t.Helper()
	of := map[string]int{}
	for line := range strings.Lines(strings.TrimSpace(drawing)) {
		words := strings.Fields(line)
		n, err := strconv.Atoi(words[0])
		if err != nil {
			t.Fatalf("floor of %q: %v", line, err)
		}
		for _, pkg := range words[1:] {
			of[pkg] = n
		}
	}
	return of
}

// TestFloors reads the files themselves: what `go list` says may come from a cache.
func TestFloors(t *testing.T) {
	root, floor, files := "..", floors(t), 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		rel, _ := filepath.Rel(root, filepath.Dir(path))
		own, known := floor[filepath.ToSlash(rel)]
		if !known {
			t.Errorf("%s: package %s stands on no floor of the drawing", path, rel)
			return nil
		}
		checkImports(t, path, own, floor)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("found no Go files: is this test still in relay/?")
	}
}

func checkImports(t *testing.T, path string, own int, floor map[string]int) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range f.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		pkg, ours := strings.CutPrefix(name, module)
		if !ours {
			continue
		}
		if below, known := floor[pkg]; !known || below >= own {
			t.Errorf("%s (floor %d) imports %s (floor %d): only floors below its own are open to it", path, own, pkg, below)
		}
	}
}
