package web

import (
	"net/http"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// accepted is what a caller learns of a message that was taken in.
type accepted struct {
	ID         relay.ID           `json:"id"`
	Deliveries []acceptedDelivery `json:"deliveries"`
}

type acceptedDelivery struct {
	ID        relay.ID    `json:"id"`
	Recipient string      `json:"recipient"`
	Bot       string      `json:"bot,omitzero"`
	ChatID    int64       `json:"chat_id,omitzero"`
	State     relay.State `json:"state"`
}

func acceptedOf(m *relay.Message, caller *Token) accepted {
	a := accepted{ID: m.ID, Deliveries: []acceptedDelivery{}}
	for _, d := range m.Deliveries {
		a.Deliveries = append(a.Deliveries, acceptedDelivery{d.ID, caller.own(d.Recipient), d.Bot, d.ChatID, d.State})
	}
	return a
}

func (s *Server) sendMessage(w http.ResponseWriter, r *http.Request, caller *Token) error {
	m, err := s.takeMessage(w, r, caller)
	s.count("api", err, http.StatusAccepted)
	if err != nil {
		return err
	}
	if m.Replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return answer(w, http.StatusAccepted, acceptedOf(m, caller))
}

func (s *Server) takeMessage(w http.ResponseWriter, r *http.Request, caller *Token) (*relay.Message, error) {
	boundary, isForm := formBoundary(r)
	if !isForm {
		if err := jsonOnly(r); err != nil {
			return nil, err
		}
	}
	body, err := s.body(w, r)
	if err != nil {
		return nil, err
	}
	call := intake.Call{Key: r.Header.Get("Idempotency-Key"), Body: body}
	if isForm {
		if call.Body, call.File, err = readForm(body, boundary); err != nil {
			return nil, err
		}
	}
	return termsOf(r).door.Message(r.Context(), caller.caller(), call)
}

// render shows what a message or a webhook would become; nothing is kept and nothing is sent.
func (s *Server) render(w http.ResponseWriter, r *http.Request, caller *Token) error {
	if err := jsonOnly(r); err != nil {
		return err
	}
	body, err := s.body(w, r)
	if err != nil {
		return err
	}
	preview, err := termsOf(r).door.Preview(r.Context(), caller.caller(), body)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, preview)
}

// message is a message as the interface shows it.
type message struct {
	ID         relay.ID         `json:"id"`
	CreatedAt  string           `json:"created_at"`
	Receiver   string           `json:"receiver,omitzero"`
	Text       string           `json:"text"`
	Entities   []markup.Entity  `json:"entities,omitempty"`
	Deliveries []relay.Delivery `json:"deliveries"`
}

func (s *Server) getMessage(w http.ResponseWriter, r *http.Request, caller *Token) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	m, err := s.Outbox.Message(r.Context(), id)
	if err != nil {
		return err
	}
	shown := message{
		ID: m.ID, CreatedAt: m.CreatedAt.UTC().Format(timeFormat), Receiver: m.Receiver,
		Text: m.Content.Text.Text, Entities: m.Content.Text.Entities, Deliveries: []relay.Delivery{},
	}
	if m.Content.Secret {
		shown.Text, shown.Entities = "(a secret)", nil
	}
	for _, d := range m.Deliveries {
		if caller.recipient(d.Recipient) {
			d.Recipient = caller.own(d.Recipient)
			shown.Deliveries = append(shown.Deliveries, d)
		}
	}
	if len(shown.Deliveries) == 0 {
		return notFound("message")
	}
	return show(w, r, shown)
}
