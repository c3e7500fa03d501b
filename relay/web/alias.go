package web

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// alias is an address of another bridge between Alertmanager and Telegram. A receiver serves it that names the bridge in its aliases.
type alias struct {
	pattern string
	bridge  string
	chats   func(r *http.Request) string // CHAT or CHAT:TOPIC, several with commas; empty: the receiver's `to`
}

var bridges = []alias{
	{"POST /webhooks/telegram/{chat_id}", "alertmanager-bot", pathChat}, // metalmatze/alertmanager-bot: pkg/alertmanager/webhook.go
	{"POST /alert/{chat_id}", "prometheus_bot", pathChat},               // inCaller/prometheus_bot: main.go
	{"POST /alert/{chat_id}/{message_thread_id}", "prometheus_bot", pathChat},
	{"POST /alerts", "alertgram", func(r *http.Request) string { return r.URL.Query().Get("chat-id") }}, // slok/alertgram: README.md
	{"POST /v1/alertmanager/{chat_id}", "alertly", pathChat},                                            // MaksimRudakov/alertly: internal/server
}

func pathChat(r *http.Request) string {
	if thread := r.PathValue("message_thread_id"); thread != "" {
		return r.PathValue("chat_id") + ":" + thread
	}
	return r.PathValue("chat_id")
}

// aliases are the addresses of others, apart from the route table: which of them are served is the configuration's choice.
func (s *Server) aliases() *http.ServeMux {
	mux := http.NewServeMux()
	for _, a := range bridges {
		mux.HandleFunc(a.pattern, func(w http.ResponseWriter, r *http.Request) {
			s.as(w, r, receiver(r, func(rc *intake.Receiver) bool { return slices.Contains(rc.Aliases, a.bridge) }), func() error {
				return s.bridge(w, r, a.chats(r))
			})
		})
	}
	for _, path := range []string{"messages/{token}", "inlets/{inlet}/{token}"} {
		s.root(mux, "/api/"+path, "/api/", isTelepush)
	}
	for _, path := range []string{"POST /{$}", "PUT /{$}", "POST /{topic}", "PUT /{topic}"} {
		s.root(mux, path, "/", func(rc *intake.Receiver) bool { return slices.Contains(rc.Aliases, "ntfy") })
	}
	return mux
}

// root serves a path of another server at its own place, in the name of a receiver that stands in for it.
func (s *Server) root(mux *http.ServeMux, pattern, base string, fits func(*intake.Receiver) bool) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.as(w, r, receiver(r, fits), func() error {
			r.SetPathValue("path", strings.TrimPrefix(r.URL.Path, base))
			return s.foreign(w, r, nil)
		})
	})
}

func isTelepush(rc *intake.Receiver) bool {
	_, is := rc.Type.(receivers.Telepush)
	return is
}

// elsewhere answers what the route table does not have: an alias, else not.
func (s *Server) elsewhere(aliases *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := aliases.Handler(r); pattern != "" {
			aliases.ServeHTTP(w, r)
			return
		}
		s.notFound(w, r)
	}
}

// receiver is the first by name that fits; empty for none.
func receiver(r *http.Request, fits func(*intake.Receiver) bool) string {
	all := termsOf(r).door.Rules().Receivers
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if fits(all[name]) {
			return name
		}
	}
	return ""
}

// as answers in the name of a receiver, if there is one.
func (s *Server) as(w http.ResponseWriter, r *http.Request, receiver string, serve func() error) {
	if receiver == "" {
		s.notFound(w, r)
		return
	}
	r.SetPathValue("receiver", receiver)
	if err := serve(); err != nil {
		s.fail(w, r, err)
	}
}

// bridge takes a webhook for chats.
func (s *Server) bridge(w http.ResponseWriter, r *http.Request, chats string) error {
	caller, err := s.authorize(r, ScopeHooks)
	if err != nil {
		s.refused(r, err)
		return err
	}
	hook, err := s.hookOf(w, r, caller)
	var to []string
	if err == nil {
		to, err = s.recipientsOf(r, caller, chats)
	}
	var list []accepted
	for _, recipient := range to {
		if err == nil {
			var messages []*relay.Message
			hook.Recipient = recipient
			messages, err = termsOf(r).door.Hook(r.Context(), caller.caller(), hook)
			list = append(list, acceptedAll(messages, caller)...)
		}
	}
	s.count(hook.Receiver, err, http.StatusAccepted)
	if err != nil {
		return err
	}
	return answer(w, http.StatusAccepted, map[string]any{"messages": list})
}

// recipientsOf are who stands for chats: whoever is connected to that chat alone. Error: relay.CodeUnknownRecipient for a chat of nobody's,
// whoever asks: that a number is known here is a secret.
func (s *Server) recipientsOf(r *http.Request, caller *Token, chats string) (to []string, err error) {
	if chats == "" {
		return []string{""}, nil
	}
	for chat := range strings.SplitSeq(chats, ",") {
		id, thread, err := chatOf(strings.TrimSpace(chat))
		if err != nil {
			return nil, &relay.Error{Code: relay.CodeInvalidField, Detail: fmt.Sprintf("%.60q is no number of a chat", chat), Err: err}
		}
		bindings, err := s.Directory.Bindings(r.Context(), "", id, thread)
		if err != nil {
			return nil, err
		}
		recipient, err := s.alone(r, caller, bindings)
		if err != nil {
			return nil, err
		}
		if recipient == "" {
			return nil, &relay.Error{Code: relay.CodeUnknownRecipient, Detail: fmt.Sprintf("no recipient is connected to the chat %s alone: connect one with `tgrelay link NAME`, or with PUT /api/v1/recipients/NAME/chats/%d", chat, id)}
		}
		to = append(to, recipient)
	}
	return to, nil
}

// alone is the first recipient that has no other chat and that the caller reaches.
func (s *Server) alone(r *http.Request, caller *Token, bindings []relay.Binding) (string, error) {
	for _, b := range bindings {
		if !caller.recipient(b.Recipient) {
			continue
		}
		recipient, err := s.Directory.Recipient(r.Context(), b.Recipient)
		if err != nil {
			return "", err
		}
		elsewhere := func(c relay.Binding) bool { return c.ChatID != b.ChatID || c.MessageThreadID != b.MessageThreadID }
		if !slices.ContainsFunc(recipient.Chats, elsewhere) { // at another bot it is the same one
			return caller.own(b.Recipient), nil
		}
	}
	return "", nil
}

func chatOf(s string) (id, thread int64, err error) {
	chat, topic, inTopic := strings.Cut(s, ":")
	id, err = strconv.ParseInt(chat, 10, 64)
	if inTopic {
		var other error
		thread, other = strconv.ParseInt(topic, 10, 64)
		err = errors.Join(err, other)
	}
	return id, thread, err
}
