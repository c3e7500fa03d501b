package web

import (
	"errors"
	"net/http"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/web/console"
)

// page is one of the console: like a call of the interface, but whoever asks has signed in, and is answered with a page.
type page struct {
	pattern string
	scope   Scope
	show    func(c *console.Console, w http.ResponseWriter, r *http.Request, viewer *console.Viewer) error
}

// signing are the calls that begin and end a session: the server's business, not the console's.
func (s *Server) signing() []page {
	return []page{{"POST /session/start", open, s.signIn}, {"POST /session/end", open, s.signOut}}
}

// pages is the whole console. Addresses that are one word and take POST belong to ntfy's topics.
var pages = []page{
	{"GET /{$}", ScopeRead, (*console.Console).Overview},
	{"GET /overview/stream", ScopeRead, (*console.Console).OverviewStream},
	{"GET /deliveries", ScopeRead, (*console.Console).Deliveries},
	{"GET /deliveries/{id}", ScopeRead, (*console.Console).Delivery},
	{"POST /deliveries/retry", ScopeAdmin, (*console.Console).Retry},
	{"POST /deliveries/discard", ScopeAdmin, (*console.Console).Discard},
	{"GET /recipients", ScopeRead, (*console.Console).Recipients},
	{"GET /recipients/{id}", ScopeRead, (*console.Console).Recipient},
	{"POST /recipients/{id}/change", ScopeAdmin, (*console.Console).ChangeRecipient},
	{"POST /recipients/{id}/chat", ScopeAdmin, (*console.Console).ChangeChat},
	{"POST /recipients/{id}/test", ScopeAdmin, (*console.Console).TestRecipient},
	{"GET /recipients/{id}/forget", ScopeAdmin, (*console.Console).AskForget},
	{"POST /recipients/{id}/forget", ScopeAdmin, (*console.Console).Forget},
	{"GET /links/new", ScopeRead, (*console.Console).NewLink},
	{"POST /links/new", ScopeAdmin, (*console.Console).MakeLink},
	{"GET /links/{id}/state", ScopeRead, (*console.Console).LinkState},
	{"POST /links/{id}/revoke", ScopeAdmin, (*console.Console).RevokeLink},
	{"GET /receivers", ScopeRead, (*console.Console).Receivers},
	{"GET /receivers/{name}", ScopeRead, (*console.Console).Receiver},
	{"POST /receivers/{name}/replay", ScopeAdmin, (*console.Console).Replay},
	{"GET /templates", ScopeRead, (*console.Console).Templates},
	{"POST /templates/preview", ScopeRead, (*console.Console).TemplatePreview},
	{"GET /try", ScopeRead, (*console.Console).Try},
	{"POST /try/preview", ScopeRead, (*console.Console).TryPreview},
	{"POST /try/send", ScopeAdmin, (*console.Console).TrySend},
	{"GET /sign-in", open, (*console.Console).SignIn},
	{"GET /assets/{name}", open, (*console.Console).Asset},
	{"GET /api", open, (*console.Console).Reference},
}

// pageSources are what pages may load: nothing from elsewhere, no script and no style that stands in the page itself.
const pageSources = "script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"

// guardPage lets through who may see a page. Whoever has not signed in is led there.
func (s *Server) guardPage(p page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header(), pageSources, "'self'")
		// With no-referrer a browser says Origin: null with our own forms too; without TLS it says nothing else by which they are known for ours.
		w.Header().Set("Referrer-Policy", "same-origin")
		caller, err := s.visitor(r, p.scope)
		viewer := s.viewer(r, caller)
		if err == nil {
			err = p.show(s.console, w, r, viewer)
		}
		if err != nil {
			s.failPage(w, r, viewer, err)
		}
	})
}

// viewer is a caller as the console knows it; nil is nobody.
func (s *Server) viewer(r *http.Request, caller *Token) *console.Viewer {
	v := &console.Viewer{Base: s.baseURL(r), Open: unguarded(r), Nobody: caller == nil}
	if caller != nil {
		v.Name, v.Admin, v.Prefix = caller.Name, caller.has(ScopeAdmin), caller.prefix()
		v.Caller, v.Receiver, v.Own = caller.caller(), caller.receiver, caller.own
	}
	return v
}

// failPage answers an error where a page was asked for: with the way to sign in, or with a page of its own. Programs get a problem.
func (s *Server) failPage(w http.ResponseWriter, r *http.Request, viewer *console.Viewer, err error) {
	scripted := r.Header.Get("HX-Request") != ""
	if relay.ErrorCode(err) == relay.CodeUnauthenticated && (scripted || wantsHTML(r)) {
		if scripted {
			w.Header().Set("HX-Redirect", "/sign-in")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, console.SignInAt(r), http.StatusSeeOther)
		return
	}
	if !scripted && !wantsHTML(r) {
		s.fail(w, r, err)
		return
	}
	e := s.coded(w, r, err)
	if err := s.console.Fail(w, r, viewer, e); err != nil {
		s.fail(w, r, errors.Join(err, e))
	}
}
