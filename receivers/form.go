package receivers

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// form is what a request brings in fields: of its body, and of its query.
type form struct {
	url.Values
	files []file
}

// contentType is the request's, without parameters.
func (r Request) contentType() (kind string, params map[string]string) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return kind, params
}

// isJSON reports whether the body is meant to be JSON: it says so, or it looks like it and says nothing better.
func (r Request) isJSON() bool {
	kind, _ := r.contentType()
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		return true
	}
	return kind != "multipart/form-data" && bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("{"))
}

// form reads a form, in either of its two kinds. Error: relay.CodeInvalidField.
func (r Request) form() (form, error) {
	f := form{Values: url.Values{}}
	kind, params := r.contentType()
	if kind == "multipart/form-data" {
		if err := f.readParts(r.Body, params["boundary"]); err != nil {
			return f, err
		}
	} else {
		fields, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return f, &relay.Error{Code: relay.CodeInvalidField, Detail: "the form cannot be read: " + err.Error()}
		}
		f.Values = fields
	}
	for name, values := range r.Query {
		if !f.Has(name) {
			f.Values[name] = values
		}
	}
	return f, nil
}

func (f *form) readParts(body []byte, boundary string) error {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if err != nil {
			return &relay.Error{Code: relay.CodeInvalidField, Detail: "the form cannot be read: " + err.Error()}
		}
		if part.FileName() != "" {
			f.files = append(f.files, file{name: named(part.FileName()), content: content})
			continue
		}
		f.Add(part.FormName(), string(content))
	}
}
