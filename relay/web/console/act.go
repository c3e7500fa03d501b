package console

import (
	"net/http"
	"net/url"

	"github.com/tgrelay/tgrelay/relay"
)

// maxForm bounds the forms of pages, in bytes. Payloads and templates are in some.
const maxForm = 2 << 20

// form reads what a page sent. Error: relay.CodeBodyTooLarge, relay.CodeInvalidField.
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, tooLarge := err.(*http.MaxBytesError); tooLarge {
			return nil, &relay.Error{Code: relay.CodeBodyTooLarge, Detail: "a form of a page holds 2 MiB at most"}
		}
		return nil, &relay.Error{Code: relay.CodeInvalidField, Detail: "this form cannot be read", Err: err}
	}
	return r.PostForm, nil
}

// note logs what somebody changed. It is the only trace of who did it.
func (c *Console) note(v *Viewer, did string, more ...any) {
	c.Log.Info("changed by the console", append([]any{"did", did, "token", v.Name}, more...)...)
}
