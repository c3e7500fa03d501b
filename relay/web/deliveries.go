package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const timeFormat = time.RFC3339Nano

func (s *Server) listDeliveries(w http.ResponseWriter, r *http.Request, caller *Token) error {
	query := r.URL.Query()
	q := relay.DeliveryQuery{State: relay.State(query.Get("state")), Recipient: caller.full(query.Get("recipient")), Prefix: caller.prefix(), Receiver: query.Get("receiver"), Bot: query.Get("bot"), After: query.Get("after")}
	if q.State != "" && !slices.Contains(relay.States, q.State) {
		return invalidQuery("state", fmt.Sprintf("unknown state %.40q; one of %v", q.State, relay.States))
	}
	var err error
	if q.Since, err = moment(r, "since"); err != nil {
		return err
	}
	if q.Until, err = moment(r, "until"); err != nil {
		return err
	}
	if q.Limit, err = limit(r); err != nil {
		return err
	}
	page, err := s.Outbox.Deliveries(r.Context(), q)
	if err != nil {
		return err
	}
	page.Items = slices.DeleteFunc(page.Items, func(d relay.Delivery) bool { return !caller.recipient(d.Recipient) })
	for i := range page.Items {
		page.Items[i].Recipient = caller.own(page.Items[i].Recipient)
	}
	return answer(w, http.StatusOK, pageOf(page))
}

func (s *Server) retryDelivery(w http.ResponseWriter, r *http.Request, caller *Token) error {
	return s.operate(w, r, caller, s.Outbox.Retry)
}

func (s *Server) discardDelivery(w http.ResponseWriter, r *http.Request, caller *Token) error {
	return s.operate(w, r, caller, s.Outbox.Discard)
}

// operate does something to the delivery of {id}, if the caller's token reaches its recipient.
func (s *Server) operate(w http.ResponseWriter, r *http.Request, caller *Token, do func(context.Context, relay.ID, time.Time) (*relay.Delivery, error)) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	d, err := s.Outbox.Delivery(r.Context(), id)
	if err == nil && !caller.recipient(d.Recipient) {
		err = notFound("delivery")
	}
	if err != nil {
		return err
	}
	if d, err = do(r.Context(), id, time.Now()); err != nil {
		return err
	}
	d.Recipient = caller.own(d.Recipient)
	return answer(w, http.StatusOK, d)
}

// pathID reads {id}. What is no ID names nothing.
func pathID(r *http.Request) (relay.ID, error) {
	id, err := relay.ParseID(r.PathValue("id"))
	if err != nil {
		return id, notFound("thing")
	}
	return id, nil
}

func notFound(what string) error {
	return &relay.Error{Code: relay.CodeNotFound, Detail: "there is no such " + what}
}

func invalidQuery(name, detail string) error {
	return &relay.Error{Code: relay.CodeInvalidField, Detail: name + ": " + detail, Fields: []relay.FieldError{{Pointer: "/" + name, Detail: detail}}}
}

// moment reads a time in the query, zero where it is absent.
func moment(r *http.Request, name string) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, invalidQuery(name, "a time is wanted, such as 2026-01-01T08:00:00Z")
	}
	return at, nil
}

const (
	maxLimit     = 1000
	defaultLimit = 100
)

// limit reads ?limit=, 1 to 1000; 0 where it is absent, which the storage takes for its default.
func limit(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, invalidQuery("limit", fmt.Sprintf("a number from 1 to %d is wanted", maxLimit))
	}
	return n, nil
}
