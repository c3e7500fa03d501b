package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
)

// standIn is the type of the receiver that a request is for, where it stands in for a server of another kind.
func (s *Server) standIn(r *http.Request) (receivers.Server, bool) {
	rc := termsOf(r).door.Rules().Receivers[r.PathValue("receiver")]
	if rc == nil {
		return nil, false
	}
	server, ok := rc.Type.(receivers.Server)
	return server, ok
}

// standPath is what stands behind the receiver in the path.
func standPath(r *http.Request) string {
	if path := r.PathValue("path"); path != "" {
		return path
	}
	return r.PathValue("recipient")
}

// foreign takes paths and methods that only such receivers serve.
func (s *Server) foreign(w http.ResponseWriter, r *http.Request, _ *Token) error {
	if server, ok := s.standIn(r); ok {
		return s.stand(w, r, server)
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut && !strings.Contains(standPath(r), "/") {
		w.Header().Set("Allow", "POST, PUT")
		return &relay.Error{Code: relay.CodeMethodNotAllowed, Detail: "this path takes POST, PUT"}
	}
	return &relay.Error{Code: relay.CodeNotFound, Detail: "nothing is served at this path"}
}

// stand answers as the server would that the receiver stands in for.
func (s *Server) stand(w http.ResponseWriter, r *http.Request, server receivers.Server) error {
	path := standPath(r)
	route, ok := server.Route(r.Method, path)
	if !ok {
		return &relay.Error{Code: relay.CodeNotFound, Detail: "receivers of this type serve nothing at this path, or not with " + r.Method + "; docs/receivers.md lists what they take"}
	}
	if route.Page != nil && route.Open {
		return give(w, *route.Page)
	}
	caller, err := s.authorize(r, ScopeHooks)
	if err == nil && r.Method == http.MethodGet {
		err = fromElsewhere(r)
	}
	if err == nil && route.Recipient != "" && server.Token(r, path) == route.Recipient {
		route.Recipient, err = caller.sole(route.Recipient)
	}
	if err != nil {
		s.refused(r, err)
		return err
	}
	if route.Page != nil {
		return give(w, *route.Page)
	}
	r.SetPathValue("recipient", route.Recipient)
	r.SetPathValue("path", path)
	return s.standFor(w, r, caller, server)
}

func (s *Server) standFor(w http.ResponseWriter, r *http.Request, caller *Token, server receivers.Server) error {
	hook, err := s.hookOf(w, r, caller)
	var messages []*relay.Message
	if err == nil {
		messages, err = termsOf(r).door.Hook(r.Context(), caller.caller(), hook)
	}
	if err != nil {
		s.count(hook.Receiver, err, 0)
		return err
	}
	stored := make([]relay.ID, len(messages))
	for i, m := range messages {
		stored[i] = m.ID
	}
	a := server.Taken(hook.Request, stored, time.Now())
	s.count(hook.Receiver, nil, a.Status)
	return give(w, a)
}

// sole is the recipient of a token that stands in the path in its place. Where nobody has tokens, it is the recipient itself.
func (t *Token) sole(inPath string) (string, error) {
	switch {
	case t == everything:
		return inPath, nil
	case len(t.Recipients) != 1 || strings.ContainsAny(t.Recipients[0], `*?[\`):
		return "", &relay.Error{Code: relay.CodeForbidden, Detail: "this token does not say whom a message is for: give it one recipient in relay.toml"}
	}
	return t.Recipients[0], nil
}

// give writes an answer.
func give(w http.ResponseWriter, a receivers.Answer) error {
	if len(a.Body) > 0 {
		w.Header().Set("Content-Type", a.ContentType)
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body) // a caller that has gone away is nobody to tell
	return nil
}
