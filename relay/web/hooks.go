package web

import (
	"net/http"
	"strconv"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// hook takes a webhook. Alertmanager tries again only on 5xx and takes every 2xx for delivered, so trouble of ours is 503
// and nothing else is 2xx than what is stored.
func (s *Server) hook(w http.ResponseWriter, r *http.Request, caller *Token) error {
	messages, err := s.takeHook(w, r, caller)
	name := r.PathValue("receiver")
	if s.Door.Rules().Receivers[name] == nil {
		name = "unknown"
	}
	s.count(name, err, http.StatusAccepted)
	if err != nil {
		return err
	}
	list := []accepted{}
	for _, m := range messages {
		list = append(list, acceptedOf(m, caller))
	}
	return answer(w, http.StatusAccepted, map[string]any{"messages": list})
}

func (s *Server) takeHook(w http.ResponseWriter, r *http.Request, caller *Token) ([]*relay.Message, error) {
	receiver := r.PathValue("receiver")
	if !caller.receiver(receiver) {
		return nil, &relay.Error{Code: relay.CodeForbidden, Detail: "this token may not use receiver " + receiver}
	}
	body, err := s.body(w, r)
	if err != nil {
		return nil, err
	}
	return s.Door.Hook(r.Context(), caller.caller(), intake.Hook{
		Receiver: receiver, Recipient: r.PathValue("recipient"),
		Request: receivers.Request{Receiver: receiver, Header: r.Header, Query: r.URL.Query(), Body: body},
	})
}

// count counts a request that was to bring messages.
func (s *Server) count(receiver string, err error, success int) {
	status := success
	if err != nil {
		status = relay.ErrorCode(err).Status()
	}
	s.received.WithLabelValues(receiver, strconv.Itoa(status)).Inc()
}
