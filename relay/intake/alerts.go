package intake

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// alerts goes on with the conversation about a group of alerts, or begins one:
//
//	                   reply                               edit           new
//	first              a message                           a message      a message
//	new alerts         it is kept true, and answered       kept true      another message
//	some are over      kept true                           kept true      another message
//	repeat_interval    answered without a sound            kept true      another message
//	all are over       short and struck, answered silently short, struck  another message
func (h *heard) alerts(ctx context.Context, draft receivers.Draft) error {
	to, err := h.recipients(draft)
	if err == nil {
		err = h.linked(ctx, to)
	}
	if err != nil {
		return err
	}
	group, ok := h.group(draft)
	if !ok {
		return h.alone(ctx, draft, to)
	}
	t, s, err := h.newest(ctx, group)
	if err != nil {
		return err
	}
	n := draft.Notification
	if t != nil && t.EndedAt.IsZero() && !s.Resumes(draft) {
		if err := h.lapse(ctx, t, s, draft); err != nil {
			return err
		}
	}
	switch {
	case t != nil && t.EndedAt.IsZero():
		return h.resume(ctx, t, s, draft, to)
	case len(n.Alerts.Firing()) > 0:
		return h.begin(ctx, group, draft, to)
	case t != nil && s.Knows(n):
		h.messages = append(h.messages, h.message(draft)) // told already
		return nil
	}
	return h.alone(ctx, draft, to)
}

// linked refuses recipients without a chat where the rules want that. Whom a conversation was told to before is not looked at again.
func (h *heard) linked(ctx context.Context, to []string) error {
	if !h.rules.Reject {
		return nil
	}
	return h.address(ctx, &relay.Message{Bot: h.rc.Bot}, to, h.rules)
}

// group tells which conversation a notification belongs to; false where two of them may say the same and both be meant. Callers who reach some
// recipients only have conversations of their own: they must not have a part in what others are told.
func (h *heard) group(draft receivers.Draft) (group [sha256.Size]byte, ok bool) {
	key := h.key(draft)
	if key == "" && draft.Group != "" {
		key = h.rc.Name + "\x00" + draft.Group
	}
	whole := key + "\x00" + h.caller.full(h.named)
	if h.caller.Apart || h.caller.Bounded {
		whole += "\x00" + h.caller.Owner
	}
	return sha256.Sum256([]byte(whole)), key != ""
}

// newest is the last conversation about a group, nil if there was none. Another part of the same webhook may have begun or changed it.
func (h *heard) newest(ctx context.Context, group [sha256.Size]byte) (*relay.Thread, *thread.State, error) {
	for _, t := range slices.Backward(h.threads) {
		if t.Group == group {
			s, err := thread.Read(t)
			return t, s, err
		}
	}
	t, err := h.Door.threads.ThreadOf(ctx, group)
	if relay.ErrorCode(err) == relay.CodeNotFound && err != nil {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	s, err := thread.Read(t)
	return t, s, err
}

// alone says what has no conversation. What two Alertmanagers both say is said once.
func (h *heard) alone(ctx context.Context, draft receivers.Draft, to []string) error {
	draft.Notification.Buttons = false
	m := h.message(draft)
	m.Content.Text, m.Content.Topic = h.show(h.rules, h.rc, draft), h.topic(draft)
	m.Content.DisableNotification = h.silent(draft)
	if group, ok := h.group(draft); ok {
		m.Notification = &relay.Notification{Group: group, Alerts: sha256.Sum256([]byte(draft.Alerts))}
	}
	rest := illustrate(&m.Content, draft.Notification.Pictures())
	if len(rest) > 0 {
		m.Key, m.OnUpdate = m.ID.String(), relay.Anew // for the pictures to answer
	}
	if err := h.say(ctx, m, to, h.rules); err != nil {
		return err
	}
	return h.pictures(ctx, m, draft, rest, to)
}

// begin opens a conversation.
func (h *heard) begin(ctx context.Context, group [sha256.Size]byte, draft receivers.Draft, to []string) error {
	t := &relay.Thread{ID: relay.NewID(), Group: group, Receiver: h.rc.Name, To: to, OpenedAt: h.now}
	s := &thread.State{Topic: h.topic(draft), Apart: h.caller.Apart}
	s.Hear(draft, h.now, managed(h.rc, s))
	return h.keep(ctx, t, s, draft, relay.Edit, draft.Notification.Pictures())
}

// resume takes the next notification of a conversation.
func (h *heard) resume(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, to []string) error {
	before := len(t.To)
	for _, id := range to {
		if !slices.Contains(t.To, id) {
			t.To = append(t.To, id)
		}
	}
	turn, fresh := s.Hear(draft, h.now, managed(h.rc, s))
	switch {
	case turn == thread.Nothing:
		h.messages = append(h.messages, h.message(draft))
		return nil
	case turn == thread.Over:
		return h.end(ctx, t, s, draft)
	case h.rc.OnUpdate == relay.Anew:
		return h.keep(ctx, t, s, draft, relay.Anew, draft.Notification.Pictures())
	case turn == thread.Repeated && h.rc.OnUpdate == relay.Reply:
		return h.repeat(ctx, t, s, draft, t.To[:before])
	}
	if err := h.keep(ctx, t, s, draft, relay.Edit, nil); err != nil || turn != thread.News || h.rc.OnUpdate != relay.Reply {
		return err
	}
	return h.news(ctx, t, s, draft, fresh)
}

// keep makes the first message, with its pictures, or brings it up to date. A template that renders to nothing leaves it as it was.
func (h *heard) keep(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, on relay.OnUpdate, pictures []receivers.Picture) error {
	draft.Notification.Buttons = h.rc.Buttons && t.EndedAt.IsZero()
	whole := draft
	if n := s.Whole(draft); n != draft.Notification {
		whole = n.Draft(draft.Template)
	}
	m := h.message(draft)
	text := h.show(h.rules, h.rc, whole)
	if text.Text != "" {
		s.Text, s.Silent = text, h.silent(draft)
		h.body(&m.Content, t, s, h.now)
	}
	m.Key, m.OnUpdate, m.Content.Topic = t.ID.String(), on, s.Topic
	m.Content.ReplyMarkup, m.Content.DisableNotification = h.keyboard(t, s, h.now), s.Silent
	rest := illustrate(&m.Content, pictures)
	if m.Content.Media == nil && on == relay.Edit {
		m.Content.Media = s.Picture()
	}
	if s.Image = ""; m.Content.Media != nil {
		s.Image = m.Content.Media.URL
	}
	if err := h.say(ctx, m, t.To, h.rules.lenient()); err != nil {
		return err
	}
	if err := h.pictures(ctx, m, draft, rest, t.To); err != nil {
		return err
	}
	return h.note(t, s)
}

// note puts a conversation among those to be stored.
func (h *heard) note(t *relay.Thread, s *thread.State) error {
	t.UpdatedAt = h.now
	if !slices.Contains(h.threads, t) {
		h.threads = append(h.threads, t)
	}
	return s.Write(t)
}

// answer says something in a conversation, of which something must have been seen, with pictures.
func (h *heard) answer(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, text markup.Text, silent bool, pictures ...receivers.Picture) error {
	m := h.message(draft)
	m.Key, m.OnUpdate, m.Content.Topic = t.ID.String(), relay.Reply, s.Topic
	m.Content.Text, m.Content.DisableNotification = text, silent
	rest := illustrate(&m.Content, pictures)
	if err := h.say(ctx, m, t.To, h.rules.lenient()); err != nil {
		return err
	}
	return h.pictures(ctx, m, draft, rest, t.To)
}

// news answers with the alerts that are new.
func (h *heard) news(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, fresh receivers.Alerts) error {
	part := draft.Notification.With(fresh)
	part.Buttons, part.TruncatedAlerts = false, 0
	some := part.Draft(draft.Template)
	return h.answer(ctx, t, s, some, h.show(h.rules, h.rc, some), h.silent(some), part.Pictures()...)
}

// repeat says that all fires on; whom the conversation was not told to before learns all of it.
func (h *heard) repeat(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, before []string) error {
	if len(before) < len(t.To) {
		if err := h.keep(ctx, t, s, draft, relay.Edit, nil); err != nil {
			return err
		}
	}
	if err := h.note(t, s); err != nil || s.Untold() {
		h.messages = append(h.messages, h.message(draft))
		return err
	}
	return h.answer(ctx, t, s, draft, h.words(h.rules, h.rc.Name, thread.TemplateRepeat, s.Story(t, h.now)), true)
}

// end closes a conversation.
func (h *heard) end(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft) error {
	t.EndedAt = h.now
	if h.rc.OnUpdate == relay.Anew {
		return h.keep(ctx, t, s, draft, relay.Anew, nil)
	}
	silent := h.silent(draft)
	if err := h.close(ctx, t, s, draft, silent); err != nil || h.rc.OnUpdate != relay.Reply || s.Untold() {
		return err
	}
	return h.answer(ctx, t, s, draft, h.words(h.rules, h.rc.Name, thread.TemplateResolved, s.Story(t, h.now)), silent)
}

// lapse closes a conversation whose end was never told: its sender began anew.
func (h *heard) lapse(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft) error {
	t.EndedAt = h.now
	if h.rc.OnUpdate == relay.Anew {
		return h.note(t, s)
	}
	return h.close(ctx, t, s, draft, true)
}

// close makes the first message short. Where nothing was told, nothing is over.
func (h *heard) close(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, silent bool) error {
	m := h.over(t, s, h.message(draft))
	m.Content.DisableNotification = silent
	if s.Untold() {
		m.Content.Text, m.Content.Media = markup.Text{}, nil
	}
	if err := h.say(ctx, m, t.To, h.rules.lenient()); err != nil {
		return err
	}
	return h.note(t, s)
}
