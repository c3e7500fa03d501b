package simulator

import (
	"encoding/json"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
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
}

type upload struct {
	name    string
	content []byte
}

// readArguments reads query, form, JSON or multipart. A broken body is no error: what was read before the defect is used.
func readArguments(r *http.Request) *arguments {
	a := &arguments{values: map[string]string{}, files: map[string]upload{}}
	a.addAll(r.URL.Query())
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded":
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxParameters))
		form, _ := url.ParseQuery(string(body))
		a.addAll(form)
	case "application/json":
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxParameters))
		a.addJSON(body)
	case "multipart/form-data":
		a.addMultipart(r, parameters["boundary"])
	}
	return a
}

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
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return
	}
	for name, raw := range object {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		if string(raw) != "null" {
			a.add(name, s)
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
	for {
		part, err := reader.NextPart()
		if err != nil {
			return
		}
		content, _ := io.ReadAll(io.LimitReader(part, maxUpload+1))
		if part.FileName() != "" {
			a.files[part.FormName()] = upload{part.FileName(), content}
		} else {
			a.add(part.FormName(), string(content))
		}
	}
}

func (a *arguments) text(name string) string { return a.values[name] }

// integer reads a number leniently, clamped to its range, as the server's get_integer_arg does.
func (a *arguments) integer(name string, fallback, least, most int64) int64 {
	text := strings.TrimSpace(a.values[name])
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return max(least, min(0, most))
	}
	if exact, err := strconv.ParseInt(text, 10, 64); err == nil {
		return max(least, min(exact, most))
	}
	return max(least, min(int64(n), most))
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
