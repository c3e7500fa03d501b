package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// healthy is 503 where a part of the program hangs, which only a new start ends.
func (s *Server) healthy(w http.ResponseWriter, _ *http.Request, _ *Token) error {
	if err := s.Healthy(); err != nil {
		return &relay.Error{Code: relay.CodeNotReady, Detail: why(err), RetryAfter: 20 * time.Second}
	}
	return answer(w, http.StatusOK, map[string]string{"status": "healthy"})
}

// ready is 200 when the storage takes writes and Telegram answers. Messages are taken while it is 503, as long as the storage works.
func (s *Server) ready(w http.ResponseWriter, r *http.Request, _ *Token) error {
	if err := s.Ready(r.Context()); err != nil {
		return &relay.Error{Code: relay.CodeNotReady, Detail: why(err), RetryAfter: 5 * time.Second}
	}
	return answer(w, http.StatusOK, map[string]string{"status": "ready"})
}

// accepting is 200 while the storage takes writes, be Telegram out of reach: for what decides where senders are led.
func (s *Server) accepting(w http.ResponseWriter, r *http.Request, _ *Token) error {
	if err := s.Accepting(r.Context()); err != nil {
		return &relay.Error{Code: relay.CodeNotReady, Detail: why(err), RetryAfter: 5 * time.Second}
	}
	return answer(w, http.StatusOK, map[string]string{"status": "accepting"})
}

// why is what an error says to people. Its cause names users and addresses of servers that not everybody is told of who may ask here; the log has it.
func why(err error) string {
	if e, ok := errors.AsType[*relay.Error](err); ok && e.Detail != "" {
		return e.Detail
	}
	return err.Error()
}

// reload tells which changed keys wait for a restart.
func (s *Server) reload(w http.ResponseWriter, _ *http.Request, caller *Token) error {
	if caller.Namespace != "" {
		return &relay.Error{Code: relay.CodeForbidden, Detail: "this token administers the recipients of its namespace only"}
	}
	restart, err := s.Reload()
	if err != nil {
		return &relay.Error{Code: relay.CodeConflict, Detail: "the running configuration stays in force: " + err.Error()}
	}
	return answer(w, http.StatusOK, reloaded{Status: "reloaded", RestartRequired: restart})
}

// reloaded is what became of a reload.
type reloaded struct {
	Status          string   `json:"status"`
	RestartRequired []string `json:"restart_required,omitempty"`
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request, _ *Token) error {
	s.Metrics.ServeHTTP(w, r)
	return nil
}
