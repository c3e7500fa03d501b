package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/web/console"
)

func (s *Server) listRecipients(w http.ResponseWriter, r *http.Request, caller *Token) error {
	query := r.URL.Query()
	q := relay.RecipientQuery{Prefix: caller.prefix() + query.Get("prefix"), After: caller.full(query.Get("after"))}
	var err error
	if q.Limit, err = limit(r); err != nil {
		return err
	}
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	page, err := console.Reached(r.Context(), s.Directory, q, caller.recipient)
	if err != nil {
		return err
	}
	for i := range page.Items {
		page.Items[i].ID = caller.own(page.Items[i].ID)
	}
	page.Next = caller.own(page.Next)
	return answer(w, http.StatusOK, pageOf(page))
}

func (s *Server) getRecipient(w http.ResponseWriter, r *http.Request, caller *Token) error {
	id := caller.full(r.PathValue("id"))
	if !caller.recipient(id) {
		return unknownRecipient()
	}
	recipient, err := s.Directory.Recipient(r.Context(), id)
	if err != nil {
		return err
	}
	return show(w, r, caller.shown(recipient))
}

// shown is a recipient as the token's owner names it.
func (t *Token) shown(r *relay.Recipient) relay.Recipient {
	shown := *r
	shown.ID = t.own(shown.ID)
	return shown
}

func unknownRecipient() error {
	return &relay.Error{Code: relay.CodeUnknownRecipient, Detail: "there is no such recipient; one comes into being when a chat is connected"}
}

func (s *Server) forgetRecipient(w http.ResponseWriter, r *http.Request, caller *Token) error {
	id := caller.full(r.PathValue("id"))
	if !caller.recipient(id) {
		return unknownRecipient()
	}
	err := s.Directory.Forget(r.Context(), id)
	if relay.ErrorCode(err) == relay.CodeNotFound {
		err = unknownRecipient() // the storage knows it by its full name only
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

const wantedChatID = "Telegram's number of a chat is wanted, such as 123456789 or -1001234567890"

// isChatID reports whether a number can be one: at most 52 significant bits.
func isChatID(n int64) bool { return n != 0 && n < 1<<52 && n > -1<<52 }

// guessType is the kind of a chat of which only the number is known.
func guessType(chatID int64) string {
	if chatID < 0 {
		return "supergroup"
	}
	return "private"
}

// chat reads {chat_id}, ?message_thread_id= and ?bot=, which is the first without it.
func chat(r *http.Request) (c relay.Chat, err error) {
	query := r.URL.Query()
	c.Bot = relay.BotOf(query.Get("bot"))
	c.ChatID, err = strconv.ParseInt(r.PathValue("chat_id"), 10, 64)
	if err != nil || !isChatID(c.ChatID) {
		return c, invalidQuery("chat_id", wantedChatID)
	}
	thread := query.Get("message_thread_id")
	if thread == "" {
		return c, nil
	}
	c.MessageThreadID, err = strconv.ParseInt(thread, 10, 64)
	if err != nil || c.MessageThreadID < 1 {
		return c, invalidQuery("message_thread_id", "the number of a forum topic is wanted")
	}
	return c, nil
}

func (s *Server) bindChat(w http.ResponseWriter, r *http.Request, caller *Token) error {
	id := caller.full(r.PathValue("id"))
	if !caller.recipient(id) {
		return &relay.Error{Code: relay.CodeForbidden, Detail: "this token does not reach this recipient"}
	}
	place, err := chat(r)
	if err == nil {
		err = termsOf(r).checkBot(r.URL.Query().Get("bot"))
	}
	if err == nil {
		err = relay.CheckRecipientID(id)
	}
	if err != nil {
		return err
	}
	place.Type, place.State = guessType(place.ChatID), relay.Active
	if err := s.Directory.Bind(r.Context(), id, place, time.Now()); err != nil {
		return err
	}
	recipient, err := s.Directory.Recipient(r.Context(), id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, caller.shown(recipient))
}

func (s *Server) unbindChat(w http.ResponseWriter, r *http.Request, caller *Token) error {
	id := caller.full(r.PathValue("id"))
	if !caller.recipient(id) {
		return unknownRecipient()
	}
	place, err := chat(r)
	if err != nil {
		return err
	}
	err = s.Directory.Unbind(r.Context(), id, place.Bot, place.ChatID, place.MessageThreadID)
	if relay.ErrorCode(err) == relay.CodeNotFound {
		err = notFound("chat of this recipient") // the storage knows it by its full name only
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
