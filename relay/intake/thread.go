package intake

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// body writes into a message what the first of a conversation says: the alerts, and below them what people did about them.
func (d *Door) body(c *relay.Content, t *relay.Thread, s *thread.State, now time.Time) {
	rules := d.Rules()
	standing := d.words(rules, t.Receiver, thread.TemplateStanding, s.Story(t, now))
	if c.Text = s.Text; standing.Text != "" {
		fitAbove(c, rules.LongText, markup.Text{Text: "\n"}.Append(standing))
	}
}

// keyboard is what stands below it; nil for nothing.
func (d *Door) keyboard(t *relay.Thread, s *thread.State, now time.Time) json.RawMessage {
	rules := d.Rules()
	rc := rules.Receivers[t.Receiver]
	if rc == nil || !rc.Buttons {
		return nil
	}
	return s.Keyboard(t, managed(rc, s), d.labels(rules, rc), now)
}

// managed reports whether an Alertmanager knows the alerts of a conversation: the operator's know nothing of what others bring.
func managed(rc *Receiver, s *thread.State) bool { return rc.Managed && !s.Apart }

func (d *Door) labels(rules *Rules, rc *Receiver) thread.Labels {
	return func(name string) string { return d.words(rules, rc.Name, "alerts.button."+name, nil).Text }
}

// over turns a message into what becomes of the first one at the end.
func (d *Door) over(t *relay.Thread, s *thread.State, m *relay.Message) *relay.Message {
	m.Key, m.OnUpdate, m.Content.Topic, m.Content.Media = t.ID.String(), relay.Edit, s.Topic, s.Picture()
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
			d.log.Error("a built-in template failed", "template", template, "error", render.WithoutValues(err))
		}
	}
	return tidy(text)
}

// Amend changes a conversation and brings its messages up to date, in one step. change may run several times, each on what the
// conversation is then; its error ends it without a change. It may end the conversation (EndedAt), which is told like a resolution, and
// escalate it: whom it adds (To) get all of it, whoever has it already an answer, both with a sound. Error: relay.CodeNotFound.
func (d *Door) Amend(ctx context.Context, id relay.ID, change func(*relay.Thread, *thread.State) error) error {
	d = d.now()
	_, _, err := d.change(ctx, id, change, d.amended)
	return err
}

// Note changes a conversation without saying anything, and returns it.
func (d *Door) Note(ctx context.Context, id relay.ID, change func(*relay.Thread, *thread.State) error) (*relay.Thread, *thread.State, error) {
	return d.change(ctx, id, change, func(context.Context, *amendment) ([]*relay.Message, error) { return nil, nil })
}

// amendment is a conversation that was changed.
type amendment struct {
	t         *relay.Thread
	s         *thread.State
	before    []string // whom it was told to
	ended     bool     // that it is over is new
	escalated bool     // that it was escalated is new
}

func (d *Door) change(ctx context.Context, id relay.ID, change func(*relay.Thread, *thread.State) error,
	say func(context.Context, *amendment) ([]*relay.Message, error),
) (*relay.Thread, *thread.State, error) {
	for try := 1; ; try++ {
		t, err := d.threads.Thread(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		s, err := thread.Read(t)
		if err != nil {
			return nil, nil, err
		}
		a := &amendment{t: t, s: s, before: slices.Clone(t.To)}
		was, open := s.Escalation, t.EndedAt.IsZero()
		if err := change(t, s); err != nil {
			return nil, nil, err
		}
		a.ended, a.escalated = open && !t.EndedAt.IsZero(), was == nil && s.Escalation != nil
		messages, err := say(ctx, a)
		if err == nil {
			err = s.Write(t)
		}
		if err == nil {
			err = d.threads.Tell(ctx, []*relay.Thread{t}, messages...)
		}
		if err == nil || relay.ErrorCode(err) != relay.CodeConflict || try == maxTries {
			return t, s, err
		}
	}
}

// amended are the messages that a change makes.
func (d *Door) amended(ctx context.Context, a *amendment) ([]*relay.Message, error) {
	t, s, now := a.t, a.s, time.Now().UTC().Truncate(time.Millisecond)
	if s.Untold() {
		return nil, nil
	}
	rules := d.Rules().lenient()
	first := d.first(t, s, now)
	first.Patient = !a.escalated
	to := map[*relay.Message][]string{first: a.before}
	out := []*relay.Message{first}
	say := func(on relay.OnUpdate, silent bool, text markup.Text, whom []string) *relay.Message {
		m := d.first(t, s, now)
		m.OnUpdate, m.Content.Text, m.Content.DisableNotification = on, text, silent
		m.Patient = !a.escalated
		if on == relay.Reply {
			m.Content.ReplyMarkup, m.Content.Attachment, m.Content.Media = nil, nil, nil
		}
		to[m] = whom
		out = append(out, m)
		return m
	}
	story := s.Story(t, now)
	switch rc := rules.Receivers[t.Receiver]; {
	case !t.EndedAt.IsZero():
		first.Content.DisableNotification = true
		d.over(t, s, first)
		if a.ended && rc != nil && rc.OnUpdate == relay.Reply {
			say(relay.Reply, true, d.words(rules, t.Receiver, thread.TemplateResolved, story), a.before)
		}
	case a.escalated:
		head := d.words(rules, t.Receiver, thread.TemplateEscalate, story).Append(markup.Text{Text: "\n"})
		say(relay.Edit, false, head.Append(first.Content.Text), t.To[len(a.before):])
		say(relay.Reply, false, head.Append(d.words(rules, t.Receiver, thread.TemplateRepeat, story)), s.Escalation.To)
	}
	for _, m := range out {
		fit(&m.Content, rules.LongText)
		if err := d.address(ctx, m, to[m], rules); err != nil {
			return nil, err
		}
	}
	if a.escalated {
		divide(first, out[1], out[2])
	}
	return delivered(out), nil
}

// divide leaves of two messages the one that tells all of it to chats that did not have it, and the one that answers to those that did, in
// the name of whom they had it for, and by the bot that told it.
func divide(first, all, answer *relay.Message) {
	type place struct {
		recipient    string // where there is no chat yet
		chat, thread int64
		failed       string // whose bot did not tell it: another may
	}
	placeOf := func(d relay.Delivery) place {
		if d.ChatID == 0 {
			return place{recipient: d.Recipient}
		}
		return place{chat: d.ChatID, thread: d.MessageThreadID}
	}
	failedAt := func(d relay.Delivery) place {
		return place{chat: d.ChatID, thread: d.MessageThreadID, failed: relay.BotAsked(d.Bot)}
	}
	has := map[place]relay.Delivery{}
	for _, d := range first.Deliveries {
		if d.State == relay.Failed {
			has[failedAt(d)] = d
		} else {
			has[placeOf(d)] = d
		}
	}
	had := func(d relay.Delivery) (relay.Delivery, bool) {
		if was, told := has[placeOf(d)]; told {
			return was, true
		}
		was, told := has[failedAt(d)]
		return was, told
	}
	all.Deliveries = slices.DeleteFunc(all.Deliveries, func(d relay.Delivery) bool { _, told := had(d); return told })
	answer.Deliveries = slices.DeleteFunc(answer.Deliveries, func(d relay.Delivery) bool { _, told := had(d); return !told })
	for i := range answer.Deliveries {
		was, _ := had(answer.Deliveries[i])
		answer.Deliveries[i].Recipient, answer.Deliveries[i].Bot = was.Recipient, was.Bot
	}
}

// first is the first message of a conversation as it is now, made by no webhook.
func (d *Door) first(t *relay.Thread, s *thread.State, now time.Time) *relay.Message {
	m := &relay.Message{
		ID: relay.NewID(), CreatedAt: now, Receiver: t.Receiver, ExpiresAt: now.Add(d.Rules().MaxAge), Priority: relay.High, Key: t.ID.String(), OnUpdate: relay.Edit, Patient: true,
		Content: relay.Content{Media: s.Picture(), Topic: s.Topic, ReplyMarkup: d.keyboard(t, s, now), LinkPreviewOptions: noPreview, DisableNotification: s.Silent},
	}
	if rc := d.Rules().Receivers[t.Receiver]; rc != nil {
		m.Bot = rc.Bot
	}
	d.body(&m.Content, t, s, now)
	return m
}

// lenient are the rules, but that no recipient is refused: a conversation goes on with whom it began with.
func (r *Rules) lenient() *Rules {
	rules := *r
	rules.Reject = false
	return &rules
}

// Offer shows other buttons below the first message of a conversation in one chat of a bot, until it is brought up to date again.
func (d *Door) Offer(ctx context.Context, t *relay.Thread, s *thread.State, bot string, chatID int64) error {
	d = d.now()
	rules := d.Rules().lenient()
	rc := rules.Receivers[t.Receiver]
	if rc == nil {
		return nil
	}
	m := d.first(t, s, time.Now().UTC().Truncate(time.Millisecond))
	m.Bot, m.ExpiresAt = bot, m.CreatedAt.Add(time.Minute)
	m.Content.ReplyMarkup, m.Content.DisableNotification = s.Menu(t, d.labels(rules, rc)), true
	fit(&m.Content, rules.LongText)
	if err := d.address(ctx, m, t.To, rules); err != nil {
		return err
	}
	m.Deliveries = slices.DeleteFunc(m.Deliveries, func(to relay.Delivery) bool { return to.Bot != bot || to.ChatID != chatID })
	return d.accept(ctx, []*relay.Message{m})
}
