package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	// maxParameters is the sum of all parameters of a request, in bytes (server source, HttpReader).
	maxParameters = 1 << 20
	maxUpload     = 50 << 20
)

// arguments are a request's parameters, however they came: of several with one name the first counts, the query's before the body's.
// An empty one counts as absent.
type arguments struct {
	values map[string]string
	files  map[string]upload
	size   int // of all parameters, in bytes
}

type upload struct {
	name    string
	content []byte
	bot     *Server // that may use the file_id, once it has one
}

// readArguments reads query, form, JSON or multipart. A broken body is no error: what was read before the defect is used.
func readArguments(r *http.Request) *arguments {
	a := &arguments{values: map[string]string{}, files: map[string]upload{}}
	a.addAll(r.URL.Query())
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(a.read(r.Body)))
		a.addAll(form)
	case "application/json":
		a.addJSON(a.read(r.Body))
	case "multipart/form-data":
		a.addMultipart(r, parameters["boundary"])
	}
	return a
}

// read reads parameters, and no more of them than show that they are too many.
func (a *arguments) read(from io.Reader) []byte {
	b, _ := io.ReadAll(io.LimitReader(from, maxParameters+1))
	a.size += len(b)
	return b
}

func (a *arguments) tooMany() bool { return a.size > maxParameters }

func (a *arguments) add(name, value string) {
	if _, there := a.values[name]; !there {
		a.values[name] = value
	}
}

func (a *arguments) addAll(form url.Values) {
	for name, values := range form {
		a.add(name, values[0])
	}
}

// addJSON takes strings as text and keeps the JSON of anything else, so that a nested object equals the JSON-encoded string.
func (a *arguments) addJSON(body []byte) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return
		}
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return
		}
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		if string(raw) != "null" {
			a.add(name.(string), s) // an object's names are strings
		}
	}
}

func (a *arguments) addMultipart(r *http.Request, boundary string) {
	if boundary == "" {
		return
	}
	reader, err := r.MultipartReader()
	if err != nil {
		return
	}
	for !a.tooMany() {
		part, err := reader.NextPart()
		if err != nil {
			return
		}
		if part.FileName() == "" {
			a.add(part.FormName(), string(a.read(part)))
			continue
		}
		content, _ := io.ReadAll(io.LimitReader(part, maxUpload+1))
		a.files[part.FormName()] = upload{name: part.FileName(), content: content}
	}
}

func (a *arguments) text(name string) string { return a.values[name] }

var leadingInteger = regexp.MustCompile(`^-?[0-9]+`)

// integer reads a number leniently, clamped to its range, as the server's get_integer_arg does: the digits that it begins with, else 0.
func (a *arguments) integer(name string, fallback, least, most int64) int64 {
	text := strings.TrimSpace(a.values[name])
	if text == "" {
		return fallback
	}
	n, _ := strconv.ParseInt(leadingInteger.FindString(text), 10, 64) // the nearest possible where it is out of range
	return max(least, min(n, most))
}

func (a *arguments) id(name string) int64 {
	return a.integer(name, 0, math.MinInt64, math.MaxInt64)
}

// boolean is true for true, yes and 1, in any case.
func (a *arguments) boolean(name string) bool {
	switch strings.ToLower(strings.TrimSpace(a.values[name])) {
	case "true", "yes", "1":
		return true
	}
	return false
}
