package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// signIn is the page on which a token is shown.
type signIn struct {
	Next  string // where to go then
	Fault string
}

// SignIn asks for a token.
func (c *Console) SignIn(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	if !v.Nobody {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	return c.frame(w, r, view{Viewer: v, Page: "sign", Title: "Sign in", Data: signIn{Next: Within(r.URL.Query().Get("next"))}})
}

// Refused asks again, and says why the token of before did not do.
func (c *Console) Refused(w http.ResponseWriter, r *http.Request, v *Viewer, next string, err *relay.Error) error {
	return c.frame(w, r, view{Viewer: v, Page: "sign", Title: "Sign in", Status: err.Code.Status(), Data: signIn{Within(next), sentence(err.Detail)}})
}

// SignInAt is the address of the page on which a token is shown, to come back to the page that was asked for.
func SignInAt(r *http.Request) string {
	if r.Method != http.MethodGet || r.URL.Path == "/" {
		return "/sign-in"
	}
	return "/sign-in?next=" + url.QueryEscape(r.URL.RequestURI())
}

// Within is an address of ours, the first page for any other: nobody is led astray by a link to the page on which a token is shown.
func Within(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	return u.RequestURI()
}

// fault is the page of an error.
type fault struct {
	Code      relay.Code
	Heading   string
	Detail    string
	RequestID string
}

// Fail shows an error as a page, or as a part of one.
func (c *Console) Fail(w http.ResponseWriter, r *http.Request, v *Viewer, e *relay.Error) error {
	status := e.Code.Status()
	heading := map[int]string{
		http.StatusNotFound: "There is nothing here", http.StatusForbidden: "This token may not do this", http.StatusServiceUnavailable: "Not at the moment",
		http.StatusInternalServerError: "Something went wrong",
	}[status]
	if heading == "" {
		heading = "That did not work"
	}
	shown := view{Viewer: v, Page: "fault", Title: heading, Status: status, Data: fault{e.Code, heading, sentence(e.Detail), w.Header().Get("X-Request-Id")}}
	if partial(r) {
		return c.part(w, r, shown, "fault")
	}
	return c.frame(w, r, shown)
}

// sentence begins with a capital and ends in a full stop, as errors do not.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}
