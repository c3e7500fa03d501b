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
	if stand, ok := s.standIn(r); ok {
		return s.stand(w, r, stand)
	}
	messages, err := s.takeHook(w, r, caller)
	s.count(s.inlet(r), err, http.StatusAccepted)
	if err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, map[string]any{"messages": acceptedAll(messages, caller)})
}

func acceptedAll(messages []*relay.Message, caller *Token) []accepted {
	list := []accepted{}
	for _, m := range messages {
		list = append(list, acceptedOf(m, caller))
	}
	return list
}

func (s *Server) takeHook(w http.ResponseWriter, r *http.Request, caller *Token) ([]*relay.Message, error) {
	hook, err := s.hookOf(w, r, caller)
	if err != nil {
		return nil, err
	}
	return termsOf(r).door.Hook(r.Context(), caller.caller(), hook)
}

// hookOf reads a webhook. Of one that is refused it tells the receiver.
func (s *Server) hookOf(w http.ResponseWriter, r *http.Request, caller *Token) (intake.Hook, error) {
	receiver := r.PathValue("receiver")
	hook := intake.Hook{Receiver: receiver, Recipient: r.PathValue("recipient")}
	if !caller.receiver(receiver) {
		return hook, &relay.Error{Code: relay.CodeForbidden, Detail: "this token may not use receiver " + receiver}
	}
	body, err := s.body(w, r)
	hook.Request = receivers.Request{Receiver: receiver, Method: r.Method, Path: standPath(r), Header: r.Header, Query: r.URL.Query(), Body: body}
	return hook, err
}

// inlet is what a request came by, as metrics name it: a receiver that exists, "unknown" for any other, or "api".
func (s *Server) inlet(r *http.Request) string {
	name := r.PathValue("receiver")
	switch {
	case name == "":
		return "api"
	case termsOf(r).door.Rules().Receivers[name] == nil:
		return "unknown"
	}
	return name
}

// refused counts a request that was to bring messages and did not get as far.
func (s *Server) refused(r *http.Request, err error) {
	if bringsMessages(r) {
		s.count(s.inlet(r), err, 0)
	}
}

// count counts a request that was to bring messages.
func (s *Server) count(receiver string, err error, success int) {
	status := success
	if err != nil {
		status = relay.ErrorCode(err).Status()
	}
	s.received.WithLabelValues(receiver, strconv.Itoa(status)).Inc()
}
