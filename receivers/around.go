package receivers

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// around is what templates may know of a request besides its document. Nothing secret is in it, for it would stand in a chat.
type around struct{ request *Request }

// private finds headers and parameters that hold what shall not be told.
var private = regexp.MustCompile(`(?i)authori[sz]ation|^auth$|cookie|signature|token|secret|passw|credential|(^|[-_])(api)?key$`)

func (r Request) around() around { return around{&r} }

func (r *Request) hides(name string) bool {
	return private.MatchString(name) || r.Signature.Header != "" && strings.EqualFold(name, r.Signature.Header)
}

// Header is a header of the request, for the function header; empty if there is none.
func (a around) Header(name string) string {
	if a.request == nil || a.request.hides(name) {
		return ""
	}
	return strings.ToValidUTF8(a.request.Header.Get(name), "\uFFFD")
}

// Query is a parameter of the request's address, for the function query; empty if there is none.
func (a around) Query(name string) string {
	if a.request == nil || a.request.hides(name) {
		return ""
	}
	return strings.ToValidUTF8(a.request.Query.Get(name), "\uFFFD")
}

// Shown is the request without what is secret in it: headers and parameters that the templates cannot read either.
func (r Request) Shown() Request {
	header, query := http.Header{}, url.Values{}
	for name, values := range r.Header {
		if !r.hides(name) {
			header[name] = values
		}
	}
	for name, values := range r.Query {
		if !r.hides(name) {
			query[name] = values
		}
	}
	r.Header, r.Query = header, query
	return r
}
