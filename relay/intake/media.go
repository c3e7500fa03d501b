package intake

import (
	"net/url"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// File is a photo or document that a caller uploads.
type File struct {
	Kind    relay.MediaKind
	Name    string
	Content []byte
}

// media reads photo and document: an address each, of which one may be given, or uploaded.
func media(o *Object, file *File) *relay.Media {
	var m *relay.Media
	if file != nil {
		m = &relay.Media{Kind: file.Kind, Name: file.Name}
		if len(file.Content) == 0 {
			o.Fault(string(file.Kind), "the uploaded file is empty")
		}
	}
	for _, kind := range []relay.MediaKind{relay.Photo, relay.Document} {
		var address string
		if !o.Field(string(kind), &address) {
			continue
		}
		if m != nil {
			o.Fault(string(kind), "a message has one photo or document")
			continue
		}
		if !webAddress(address) {
			o.Fault(string(kind), "an address that begins with https:// or http:// is wanted, or an upload as multipart/form-data")
		}
		m = &relay.Media{Kind: kind, URL: address}
	}
	return m
}

func webAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' })
}
