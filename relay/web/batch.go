package web

import (
	"errors"
	"net/http"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// sendBatch takes up to a thousand messages in one transaction. What is refused of them is told in its place; the rest is taken.
func (s *Server) sendBatch(w http.ResponseWriter, r *http.Request, caller *Token) error {
	answers, err := s.takeBatch(w, r, caller)
	if err != nil {
		s.count("api", err, 0)
		return err
	}
	list, replayed := make([]any, 0, len(answers)), true
	for _, a := range answers {
		s.count("api", a.Err, http.StatusAccepted)
		if a.Err == nil {
			list = append(list, acceptedOf(a.Message, caller))
			replayed = replayed && a.Message.Replayed
			continue
		}
		var e *relay.Error
		errors.As(a.Err, &e)
		list = append(list, problemOf(r, e))
		replayed = false
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return answer(w, http.StatusAccepted, map[string]any{"messages": list})
}

func (s *Server) takeBatch(w http.ResponseWriter, r *http.Request, caller *Token) ([]intake.Answer, error) {
	if err := jsonOnly(r); err != nil {
		return nil, err
	}
	body, err := s.body(w, r)
	if err != nil {
		return nil, err
	}
	batch, err := intake.ParseBatch(r.Header.Get("Idempotency-Key"), body)
	if err == nil {
		err = caller.affords(batch.Len())
	}
	if err == nil {
		err = caller.spend(batch.Len()-1, ScopeSend) // the request itself is paid for
	}
	if err != nil {
		return nil, err
	}
	return termsOf(r).door.Batch(r.Context(), caller.caller(), batch)
}
