package intake

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// body is what the first message of a conversation says: the alerts, and below them what people did about them.
func (d *Door) body(t *relay.Thread, s *thread.State, now time.Time) markup.Text {
	rules := d.Rules()
	standing := d.words(rules, t.Receiver, thread.TemplateStanding, s.Story(t, now))
	if standing.Text == "" {
		return s.Text
	}
	return s.Text.Append(markup.Text{Text: "\n"}, standing)
}

// keyboard is what stands below it; nil for nothing.
func (d *Door) keyboard(t *relay.Thread, s *thread.State, now time.Time) json.RawMessage {
	rules := d.Rules()
	rc := rules.Receivers[t.Receiver]
	if rc == nil || !rc.Buttons {
		return nil
	}
	return s.Keyboard(t, rc.Managed, d.labels(rules, rc), now)
}

func (d *Door) labels(rules *Rules, rc *Receiver) thread.Labels {
	return func(name string) string { return d.words(rules, rc.Name, "alerts.button."+name, nil).Text }
}

// over turns a message into what becomes of the first one at the end.
func (d *Door) over(t *relay.Thread, s *thread.State, m *relay.Message) *relay.Message {
	m.Key, m.OnUpdate = t.ID.String(), relay.Edit
	m.Content.Text, m.Content.ReplyMarkup = d.words(d.Rules(), t.Receiver, thread.TemplateOver, s.Story(t, t.EndedAt)), d.keyboard(t, s, t.EndedAt)
	return m
}

// words renders one of the templates of conversations; the built-in one where an operator's fails.
func (d *Door) words(rules *Rules, receiver, template string, data any) markup.Text {
	text, err := rules.Templates.Execute(template, markup.MarkdownV2, data)
	if err != nil {
		d.metrics.fallbacks.WithLabelValues(receiver, stepBuiltin).Inc()
		d.troubled(rules, receiver, template, err)
		if text, err = rules.Builtin.Execute(template, markup.MarkdownV2, data); err != nil {
			d.log.Error("a built-in template failed", "template", template, "error", err)
		}
	}
	return tidy(text)
}

// Amend changes a conversation and brings its messages up to date, in one step. change may run several times, each on what the
// conversation is then; its error ends it without a change. It may end the conversation (EndedAt), which is told like a resolution, and
// add to whom it is told (To): those get it with a sound and the words that nobody reacted. Error: relay.CodeNotFound.
func (d *Door) Amend(ctx context.Context, id relay.ID, change func(*relay.Thread, *thread.State) error) error {
	for try := 1; ; try++ {
		t, err := d.threads.Thread(ctx, id)
		if err != nil {
			return err
		}
		s, err := thread.Read(t)
		if err != nil {
			return err
		}
		before := slices.Clone(t.To)
		if err := change(t, s); err != nil {
			return err
		}
		messages, err := d.amended(ctx, t, s, before)
		if err != nil {
			return err
		}
		err = d.threads.Tell(ctx, []*relay.Thread{t}, messages...)
		if err == nil || relay.ErrorCode(err) != relay.CodeConflict || try == maxTries {
			return err
		}
	}
}

// amended are the messages that a change makes.
func (d *Door) amended(ctx context.Context, t *relay.Thread, s *thread.State, before []string) ([]*relay.Message, error) {
	rules := d.lenient()
	now := time.Now().UTC().Truncate(time.Millisecond)
	if err := s.Write(t); err != nil {
		return nil, err
	}
	message := func() *relay.Message {
		return &relay.Message{
			ID: relay.NewID(), CreatedAt: now, Receiver: t.Receiver, ExpiresAt: now.Add(rules.MaxAge), Priority: relay.High, Key: t.ID.String(), OnUpdate: relay.Edit,
			Content: relay.Content{Text: d.body(t, s, now), ReplyMarkup: d.keyboard(t, s, now), LinkPreviewOptions: noPreview, DisableNotification: s.Silent},
		}
	}
	first := message()
	var further *relay.Message
	var new []string
	switch {
	case !t.EndedAt.IsZero():
		first.Content.DisableNotification = true
		d.over(t, s, first)
		if rc := rules.Receivers[t.Receiver]; rc != nil && rc.OnUpdate == relay.Reply {
			further = message()
			further.OnUpdate, further.Content.ReplyMarkup, further.Content.DisableNotification = relay.Reply, nil, true
			further.Content.Text = d.words(rules, t.Receiver, thread.TemplateResolved, s.Story(t, now))
			new = t.To
		}
	case len(t.To) > len(before):
		further = message()
		head := d.words(rules, t.Receiver, thread.TemplateEscalate, s.Story(t, now))
		further.Content.Text = head.Append(markup.Text{Text: "\n"}, further.Content.Text)
		further.Content.DisableNotification = false
		new = t.To[len(before):]
	}
	out := []*relay.Message{first}
	fit(&first.Content, rules.LongText)
	if err := d.address(ctx, first, before, rules); err != nil {
		return nil, err
	}
	if further != nil {
		fit(&further.Content, rules.LongText)
		if err := d.address(ctx, further, new, rules); err != nil {
			return nil, err
		}
		out = append(out, further)
	}
	return delivered(out), nil
}

// lenient are the rules, but that no recipient is refused.
func (d *Door) lenient() *Rules {
	rules := *d.Rules()
	rules.Reject = false
	return &rules
}

// Offer shows other buttons below the first message of a conversation in one chat, until it is brought up to date again.
func (d *Door) Offer(ctx context.Context, t *relay.Thread, s *thread.State, chatID int64) error {
	rules := d.lenient()
	rc := rules.Receivers[t.Receiver]
	if rc == nil {
		return nil
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	m := &relay.Message{
		ID: relay.NewID(), CreatedAt: now, Receiver: t.Receiver, ExpiresAt: now.Add(time.Minute), Priority: relay.High, Key: t.ID.String(), OnUpdate: relay.Edit,
		Content: relay.Content{Text: d.body(t, s, now), ReplyMarkup: s.Menu(t, d.labels(rules, rc)), LinkPreviewOptions: noPreview, DisableNotification: true},
	}
	fit(&m.Content, rules.LongText)
	if err := d.address(ctx, m, t.To, rules); err != nil {
		return err
	}
	m.Deliveries = slices.DeleteFunc(m.Deliveries, func(to relay.Delivery) bool { return to.ChatID != chatID })
	return d.accept(ctx, []*relay.Message{m})
}
