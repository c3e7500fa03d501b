package web

import (
	"net/http"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// Scope is what a token may do.
type Scope string

// The scopes. Admin includes all others.
const (
	ScopeHooks Scope = "hooks"
	ScopeSend  Scope = "send"
	ScopeLinks Scope = "links"
	ScopeRead  Scope = "read"
	ScopeAdmin Scope = "admin"

	open      Scope = ""       // anyone
	openLocal Scope = "*local" // anyone on this machine, else read
	anyScope  Scope = "*any"   // whoever has a token
)

// route is one call of the interface. It is told who calls and answers, or returns an error to be answered as a problem.
type route struct {
	pattern string
	scope   Scope
	serve   func(s *Server, w http.ResponseWriter, r *http.Request, caller *Token) error
}

// routes is the whole interface.
var routes = []route{
	{"POST /hooks/{receiver}", ScopeHooks, (*Server).hook},
	{"PUT /hooks/{receiver}", ScopeHooks, (*Server).hook},
	{"POST /hooks/{receiver}/{recipient}", ScopeHooks, (*Server).hook},
	{"PUT /hooks/{receiver}/{recipient}", ScopeHooks, (*Server).hook},
	// What only receivers serve that stand in for other servers. They ask for the token themselves, where they need one.
	{"GET /hooks/{receiver}", open, (*Server).foreign},
	{"DELETE /hooks/{receiver}", open, (*Server).foreign},
	{"GET /hooks/{receiver}/{path...}", open, (*Server).foreign},
	{"POST /hooks/{receiver}/{path...}", open, (*Server).foreign},
	{"PUT /hooks/{receiver}/{path...}", open, (*Server).foreign},
	{"DELETE /hooks/{receiver}/{path...}", open, (*Server).foreign},
	{"GET /hooks/heartbeat/{name}", ScopeHooks, (*Server).heartbeat},
	{"POST /hooks/heartbeat/{name}", ScopeHooks, (*Server).heartbeat},
	{"PUT /hooks/heartbeat/{name}", ScopeHooks, (*Server).heartbeat},

	{"POST /api/v1/messages", ScopeSend, (*Server).sendMessage},
	{"POST /api/v1/messages:batch", ScopeSend, (*Server).sendBatch},
	{"GET /api/v1/messages/{id}", ScopeRead, (*Server).getMessage},
	{"POST /api/v1/render", ScopeSend, (*Server).render},
	{"GET /api/v1/deliveries", ScopeRead, (*Server).listDeliveries},
	{"POST /api/v1/deliveries/{id}/retry", ScopeAdmin, (*Server).retryDelivery},
	{"POST /api/v1/deliveries/{id}/discard", ScopeAdmin, (*Server).discardDelivery},

	{"POST /api/v1/links", ScopeLinks, (*Server).makeLink},
	{"GET /api/v1/links", ScopeLinks, (*Server).listLinks},
	{"GET /api/v1/links/{id}", ScopeLinks, (*Server).getLink},
	{"DELETE /api/v1/links/{id}", ScopeLinks, (*Server).revokeLink},

	{"GET /api/v1/recipients", ScopeRead, (*Server).listRecipients},
	{"POST /api/v1/recipients/import", ScopeAdmin, (*Server).importRecipients},
	{"GET /api/v1/recipients/export", ScopeAdmin, (*Server).exportRecipients},
	{"GET /api/v1/recipients/{id}", ScopeRead, (*Server).getRecipient},
	{"PATCH /api/v1/recipients/{id}", ScopeAdmin, (*Server).patchRecipient},
	{"DELETE /api/v1/recipients/{id}", ScopeAdmin, (*Server).forgetRecipient},
	{"PUT /api/v1/recipients/{id}/chats/{chat_id}", ScopeAdmin, (*Server).bindChat},
	{"DELETE /api/v1/recipients/{id}/chats/{chat_id}", ScopeAdmin, (*Server).unbindChat},

	{"GET /api/v1/token", anyScope, (*Server).getToken},
	{"GET /api/v1/tokens", ScopeAdmin, (*Server).listTokens},

	{"GET /problems/{code}", open, (*Server).explain},
	{"GET /api/v1/openapi.json", open, (*Server).openAPI},

	{"GET /link/{id}", open, (*Server).linkPage},
	{"POST /link/{id}", open, (*Server).showLink},

	{"GET /-/healthy", open, (*Server).healthy},
	{"GET /-/ready", open, (*Server).ready},
	{"GET /-/accepting", open, (*Server).accepting},
	{"POST /-/reload", ScopeAdmin, (*Server).reload},
	{"GET /metrics", openLocal, (*Server).metrics},
}

// guard lets through who may make a call.
func (s *Server) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.authorize(r, rt.scope)
		if err == nil {
			err = caller.spend(1, rt.scope)
		}
		if err != nil {
			s.refused(r, err)
		} else {
			err = rt.serve(s, w, r, caller)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// notFound answers what no route takes: an unknown path, or a known one with another method.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := s.mux.Handler(probe); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		s.fail(w, r, &relay.Error{Code: relay.CodeNotFound, Detail: "nothing is served at this path"})
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.fail(w, r, &relay.Error{Code: relay.CodeMethodNotAllowed, Detail: "this path takes " + strings.Join(allowed, ", ")})
}
