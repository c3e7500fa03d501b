package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Templates are the operator's own templates.
type Templates struct {
	Files []string `toml:"files"` // globs (path/filepath.Match)
}

// Paths are the files that the globs match now, each once, in the order of the globs.
func (t Templates) Paths() []string {
	var paths []string
	for _, glob := range t.Files {
		matches, _ := filepath.Glob(glob) // a malformed glob is a fault of the configuration
		for _, m := range matches {
			if !slices.Contains(paths, m) {
				paths = append(paths, m)
			}
		}
	}
	return paths
}

// A glob may match nothing, for the files may come later; a plain name must be there.
func (k *checker) templates(t *Templates) {
	const key = "templates.files"
	for i, glob := range t.Files {
		t.Files[i] = k.c.path(glob)
		if glob == "" {
			k.fault(key, `item %d is empty; want a path or a glob, such as "templates/*.tmpl"`, i+1)
			continue
		}
		if _, err := filepath.Match(t.Files[i], ""); err != nil {
			k.fault(key, `%q is no glob; want one such as "templates/*.tmpl"`, glob)
			continue
		}
		if strings.ContainsAny(glob, `*?[\`) {
			continue
		}
		if _, err := os.Stat(t.Files[i]); err != nil {
			k.fault(key, "%v", err)
		}
	}
}
