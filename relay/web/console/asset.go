package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/look"
)

// Assets are served under names that hold a hash of what is in them, so that browsers keep them for ever and never an old one.

//go:embed assets/*.css assets/*.js assets/*.svg
var assetFiles embed.FS

// asset is a file as it is served.
type asset struct {
	kind   string // media type
	plain  []byte
	packed []byte // with gzip
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// assets are by the names that they are served under, and those names by the files' own. They are packed for the first visitor: most starts see none.
var assets = sync.OnceValues(loadAssets)

func loadAssets() (map[string]asset, map[string]string) {
	served, names := map[string]asset{}, map[string]string{}
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // not reached: they are embedded
	}
	add := func(name string, content []byte) {
		sum := sha256.Sum256(content)
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		served[hashed], names[name] = asset{kinds[ext], content, pack(content, gzip.BestCompression)}, "/assets/"+hashed
	}
	for _, f := range files {
		content, err := assetFiles.ReadFile("assets/" + f.Name())
		if err != nil {
			panic(err) // not reached either
		}
		add(f.Name(), content)
	}
	add("look.css", []byte(look.CSS))
	return served, names
}

func pack(content []byte, level int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return content // not reached: the levels are gzip's own
	}
	_, _ = w.Write(content) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// Asset serves a style sheet, script or picture of the pages.
func (c *Console) Asset(w http.ResponseWriter, r *http.Request, _ *Viewer) error {
	all, _ := assets()
	a, known := all[r.PathValue("name")]
	if !known {
		return &relay.Error{Code: relay.CodeNotFound, Detail: "there is no such file"}
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	body := a.plain
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	_, _ = w.Write(body) // a reader who has gone away is nobody to tell
	return nil
}

// acceptsGzip reports whether a browser unpacks gzip. All do; others say nothing.
func acceptsGzip(r *http.Request) bool {
	for item := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(item), ";")
		if name == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
