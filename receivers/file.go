package receivers

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// file is what goes with a message: at an address, or uploaded.
type file struct {
	url     string
	name    string
	content []byte
}

// maxFileName bounds what people see of a name, in bytes.
const maxFileName = 200

// pictures are what Telegram shows as a photo.
var pictures = []string{"image/jpeg", "image/png", "image/webp"}

// media is the file as messages have it: a picture is a photo, all else a document. Where Telegram does not take it as a photo it becomes a
// document by itself.
func (f file) media() *relay.Media {
	kind := f.kind()
	m := &relay.Media{Kind: relay.Document, URL: f.url, Name: f.name}
	if slices.Contains(pictures, kind) {
		m.Kind = relay.Photo
	}
	if f.url == "" && m.Name == "" {
		m.Name = "attachment" + extension(kind)
	}
	return m
}

// kind is the media type: of an upload by its first bytes, of an address by its ending.
func (f file) kind() string {
	guess := ""
	if f.url == "" {
		guess = http.DetectContentType(f.content)
	} else if u, err := url.Parse(f.url); err == nil {
		guess = mime.TypeByExtension(strings.ToLower(path.Ext(u.Path)))
	}
	kind, _, _ := strings.Cut(guess, ";")
	return kind
}

func extension(kind string) string {
	switch kind {
	case "image/jpeg":
		return ".jpg"
	case "text/plain":
		return ".txt"
	case "application/octet-stream":
		return ".bin"
	}
	endings, err := mime.ExtensionsByType(kind)
	if err != nil || len(endings) == 0 {
		return ".bin"
	}
	return endings[0]
}

// named is a name without folders, empty for one that names nothing.
func named(name string) string {
	name = filepath.Base(strings.ToValidUTF8(strings.ReplaceAll(name, "\\", "/"), ""))
	if name == "." || name == "/" || len(name) > maxFileName {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return -1
		}
		return r
	}, name)
}

// webAddress reports whether an address can be fetched.
func webAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' })
}
