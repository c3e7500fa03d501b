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
	if t != nil && t.EndedAt.IsZero() && !s.Resumes(n) {
		if err := h.lapse(ctx, t, s); err != nil {
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
	if err := h.address(ctx, h.message(receivers.Draft{}), to, h.rules); err != nil {
		return err
	}
	lenient := *h.rules
	lenient.Reject = false
	h.rules = &lenient
	return nil
}

// group tells which conversation a notification belongs to; false where two of them may say the same and both be meant.
func (h *heard) group(draft receivers.Draft) (group [sha256.Size]byte, ok bool) {
	key := h.key(draft)
	if key == "" && draft.Group != "" {
		key = h.rc.Name + "\x00" + draft.Group
	}
	return sha256.Sum256([]byte(key + "\x00" + h.caller.full(h.named))), key != ""
}

// newest is the last conversation about a group, nil if there was none. One that cannot be read any more is as good as none.
func (h *heard) newest(ctx context.Context, group [sha256.Size]byte) (*relay.Thread, *thread.State, error) {
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
	return h.say(ctx, m, to)
}

// begin opens a conversation.
func (h *heard) begin(ctx context.Context, group [sha256.Size]byte, draft receivers.Draft, to []string) error {
	t := &relay.Thread{ID: relay.NewID(), Group: group, Receiver: h.rc.Name, To: to, OpenedAt: h.now}
	s := &thread.State{Topic: h.topic(draft)}
	s.Hear(draft.Notification, draft.Alerts, h.now, h.rc.Managed)
	return h.keep(ctx, t, s, draft, relay.Edit)
}

// resume takes the next notification of a conversation.
func (h *heard) resume(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, to []string) error {
	for _, id := range to {
		if !slices.Contains(t.To, id) {
			t.To = append(t.To, id)
		}
	}
	turn, fresh := s.Hear(draft.Notification, draft.Alerts, h.now, h.rc.Managed)
	switch {
	case turn == thread.Nothing:
		h.messages = append(h.messages, h.message(draft))
		return nil
	case turn == thread.Over:
		return h.end(ctx, t, s, draft)
	case h.rc.OnUpdate == relay.Anew:
		return h.keep(ctx, t, s, draft, relay.Anew)
	case turn == thread.Repeated && h.rc.OnUpdate == relay.Reply:
		return h.repeat(ctx, t, s, draft)
	}
	if err := h.keep(ctx, t, s, draft, relay.Edit); err != nil || turn != thread.News || h.rc.OnUpdate != relay.Reply {
		return err
	}
	return h.news(ctx, t, s, draft, fresh)
}

// keep makes the first message, or brings it up to date.
func (h *heard) keep(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, on relay.OnUpdate) error {
	draft.Notification.Buttons = h.rc.Buttons && t.EndedAt.IsZero()
	whole := draft
	if n := s.Whole(draft.Notification); n != draft.Notification {
		whole = n.Draft(draft.Template)
	}
	s.Text, s.Silent = h.show(h.rules, h.rc, whole), h.silent(draft)
	m := h.message(draft)
	m.Key, m.OnUpdate, m.Content.Topic = t.ID.String(), on, s.Topic
	m.Content.Text, m.Content.ReplyMarkup, m.Content.DisableNotification = h.body(t, s, h.now), h.keyboard(t, s, h.now), s.Silent
	if s.Text.Text == "" { // a template that renders to nothing sends nothing
		m.Content.Text = markup.Text{}
	}
	if err := h.say(ctx, m, t.To); err != nil {
		return err
	}
	return h.note(t, s)
}

// note puts a conversation among those to be stored.
func (h *heard) note(t *relay.Thread, s *thread.State) error {
	t.UpdatedAt = h.now
	h.threads = append(h.threads, t)
	return s.Write(t)
}

// answer says something in a conversation.
func (h *heard) answer(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, text markup.Text, silent bool) error {
	m := h.message(draft)
	m.Key, m.OnUpdate, m.Content.Topic = t.ID.String(), relay.Reply, s.Topic
	m.Content.Text, m.Content.DisableNotification = text, silent
	return h.say(ctx, m, t.To)
}

// news answers with the alerts that are new.
func (h *heard) news(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft, fresh receivers.Alerts) error {
	part := draft.Notification.With(fresh)
	part.Buttons, part.TruncatedAlerts = false, 0
	some := part.Draft(draft.Template)
	return h.answer(ctx, t, s, some, h.show(h.rules, h.rc, some), h.silent(some))
}

// repeat says that all fires on.
func (h *heard) repeat(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft) error {
	if err := h.note(t, s); err != nil {
		return err
	}
	return h.answer(ctx, t, s, draft, h.words(h.rules, h.rc.Name, thread.TemplateRepeat, s.Story(t, h.now)), true)
}

// end closes a conversation.
func (h *heard) end(ctx context.Context, t *relay.Thread, s *thread.State, draft receivers.Draft) error {
	t.EndedAt = h.now
	if h.rc.OnUpdate == relay.Anew {
		return h.keep(ctx, t, s, draft, relay.Anew)
	}
	silent := h.silent(draft)
	m := h.over(t, s, h.message(draft))
	m.Content.DisableNotification = silent
	if err := h.say(ctx, m, t.To); err != nil {
		return err
	}
	if err := h.note(t, s); err != nil || h.rc.OnUpdate != relay.Reply {
		return err
	}
	return h.answer(ctx, t, s, draft, h.words(h.rules, h.rc.Name, thread.TemplateResolved, s.Story(t, h.now)), silent)
}

// lapse closes a conversation whose end was never told: its sender began anew.
func (h *heard) lapse(ctx context.Context, t *relay.Thread, s *thread.State) error {
	t.EndedAt = h.now
	if h.rc.OnUpdate != relay.Anew {
		m := h.over(t, s, h.message(receivers.Draft{}))
		m.Content.DisableNotification = true
		if err := h.say(ctx, m, t.To); err != nil {
			return err
		}
	}
	return h.note(t, s)
}
