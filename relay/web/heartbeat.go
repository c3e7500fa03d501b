package web

import (
	"net/http"

	"github.com/tgrelay/tgrelay/relay"
)

// heartbeat takes a sign of life, whatever the body: by POST, or by GET from what can only fetch an address. The answer is empty, for
// cron mails whatever a job prints.
func (s *Server) heartbeat(w http.ResponseWriter, r *http.Request, caller *Token) error {
	if !caller.heartbeats() {
		return &relay.Error{Code: relay.CodeForbidden, Detail: `this token may not give signs of life; put "heartbeat" into its receivers`}
	}
	if err := fromElsewhere(r); err != nil {
		return err
	}
	if err := s.Seen(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// fromElsewhere refuses what a page of another site makes a browser fetch: here GET does something.
func fromElsewhere(r *http.Request) error {
	strict := r.Clone(r.Context())
	strict.Method = http.MethodPost
	if crossOrigin.Check(strict) != nil {
		return &relay.Error{Code: relay.CodeForbidden, Detail: "this interface is not for pages of other sites"}
	}
	return nil
}
