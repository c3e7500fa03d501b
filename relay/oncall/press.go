package oncall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// Person is who presses or asks.
type Person struct {
	Name     string
	Username string // Telegram's, without @; empty for none
	Zone     string // time zone of the chat
}

// Signed is how an Alertmanager is told who it was.
func (p Person) Signed() string {
	if p.Username == "" {
		return p.Name
	}
	return p.Name + " (@" + p.Username + ")"
}

// Press is the press of a button below alerts.
type Press struct {
	Data       string   // the button's
	Bot        string   // that was told
	ChatID     int64    // where it was pressed
	Recipients []string // to whom that chat is connected
	By         Person
}

// Answer is what a person is told: a template and its data.
type Answer struct {
	Template string
	Data     any
}

// The answers' templates.
const (
	AnswerOver        = "chat.alerts.over"         // nothing fires any more
	AnswerForeign     = "chat.alerts.foreign"      // not for this chat
	AnswerAck         = "chat.alerts.ack"          // acknowledged
	AnswerUnack       = "chat.alerts.unack"        // acknowledged no longer
	AnswerTaken       = "chat.alerts.taken"        // somebody else has it: data is the Ack
	AnswerSilenced    = "chat.alerts.silenced"     // data is the Silence
	AnswerUnsilenced  = "chat.alerts.unsilenced"   // the silence was ended
	AnswerAlready     = "chat.alerts.already"      // silenced already: data is the Silence
	AnswerNoSilence   = "chat.alerts.no_silence"   // there is none to end
	AnswerNoManager   = "chat.alerts.no_manager"   // no Alertmanager is known
	AnswerNoCommon    = "chat.alerts.no_common"    // nothing that a silence could match
	AnswerAsking      = "chat.alerts.asking"       // it takes longer; the message will show what came of it
	AnswerTrouble     = "chat.alerts.trouble"      // data is why not
	AnswerLastMatcher = "chat.alerts.last_matcher" // a silence needs one label
	AnswerNothing     = ""                         // the message says it all
)

// refusal ends a change with an answer.
type refusal struct{ Answer }

func (r refusal) Error() string { return "refused: " + r.Template }

// Press acts upon the press of a button. What it did is stored when it returns; what an Alertmanager is still asked for goes on.
func (d *Desk) Press(ctx context.Context, p Press) (Answer, error) {
	id, action, argument, ok := thread.ParseButton(p.Data)
	if !ok {
		return Answer{}, nil
	}
	t, err := d.o.Threads.Thread(ctx, id)
	switch {
	case err != nil && relay.ErrorCode(err) == relay.CodeNotFound:
		return Answer{Template: AnswerOver}, nil
	case err != nil:
		return Answer{}, err
	case !slices.ContainsFunc(p.Recipients, func(r string) bool { return slices.Contains(t.To, r) }):
		return Answer{Template: AnswerForeign}, nil
	case !t.EndedAt.IsZero():
		return Answer{Template: AnswerOver}, nil
	}
	answer, err := d.act(ctx, t, p, action, argument)
	if refused, ok := errors.AsType[refusal](err); ok {
		return refused.Answer, nil
	}
	return answer, err
}

func (d *Desk) act(ctx context.Context, t *relay.Thread, p Press, action thread.Action, argument string) (Answer, error) {
	switch action {
	case thread.AckIt:
		return Answer{Template: AnswerAck}, d.ack(ctx, t.ID, p.By)
	case thread.Unack:
		return Answer{Template: AnswerUnack}, d.unack(ctx, t.ID)
	case thread.More:
		return d.offer(ctx, t, p)
	case thread.Toggle:
		return d.toggle(ctx, t.ID, p, argument)
	case thread.Back:
		return Answer{}, d.o.Door.Amend(ctx, t.ID, ongoing(func(*thread.State) error { return nil }))
	case thread.SilenceFor, thread.SilenceChosen:
		return d.silence(ctx, t, p.By, action, argument)
	case thread.Unsilence:
		return d.unsilence(ctx, t, p.Recipients)
	}
	return Answer{}, nil
}

// ongoing refuses a change of a conversation that has ended meanwhile.
func ongoing(change func(*thread.State) error) func(*relay.Thread, *thread.State) error {
	return func(t *relay.Thread, s *thread.State) error {
		if !t.EndedAt.IsZero() {
			return refusal{Answer{Template: AnswerOver}}
		}
		return change(s)
	}
}

func (d *Desk) ack(ctx context.Context, id relay.ID, by Person) error {
	return d.o.Door.Amend(ctx, id, ongoing(func(s *thread.State) error {
		if s.Ack != nil {
			return refusal{Answer{Template: AnswerTaken, Data: s.Ack}}
		}
		s.Ack, s.Trouble = &thread.Ack{By: by.Name, At: now(), Zone: by.Zone}, ""
		return nil
	}))
}

func (d *Desk) unack(ctx context.Context, id relay.ID) error {
	return d.o.Door.Amend(ctx, id, ongoing(func(s *thread.State) error {
		s.Ack = nil
		return nil
	}))
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// offer shows the further buttons.
func (d *Desk) offer(ctx context.Context, t *relay.Thread, p Press) (Answer, error) {
	s, err := thread.Read(t)
	if err != nil {
		return Answer{}, err
	}
	return Answer{}, d.o.Door.Offer(ctx, t, s, p.Bot, p.ChatID)
}

func (d *Desk) toggle(ctx context.Context, id relay.ID, p Press, label string) (Answer, error) {
	t, s, err := d.o.Door.Note(ctx, id, ongoing(func(s *thread.State) error {
		if !s.Toggle(label) {
			return refusal{Answer{Template: AnswerLastMatcher}}
		}
		return nil
	}))
	if err != nil {
		return Answer{}, err
	}
	return Answer{}, d.o.Door.Offer(ctx, t, s, p.Bot, p.ChatID)
}

// silence has an Alertmanager make one.
func (d *Desk) silence(ctx context.Context, t *relay.Thread, by Person, action thread.Action, argument string) (Answer, error) {
	s, err := thread.Read(t)
	if err != nil {
		return Answer{}, err
	}
	span, known := thread.ParseSpan(argument)
	managers, matched := d.knowing(t, s), s.Common
	if action == thread.SilenceChosen {
		matched = s.Matched()
	}
	switch {
	case !known:
		return Answer{}, nil
	case unsilenced(s) != nil:
		return Answer{}, unsilenced(s)
	case len(managers) == 0:
		return Answer{Template: AnswerNoManager}, nil
	case len(matched) == 0:
		return Answer{Template: AnswerNoCommon}, nil
	}
	wanted := alertmanager.Silence{StartsAt: now(), EndsAt: span.End(now(), relay.Zone(by.Zone)), CreatedBy: by.Signed(), Comment: "Silenced in Telegram: " + s.Name}
	return d.ask(ctx, t.ID, unsilenced, func(ctx context.Context) (Answer, error) {
		timed, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		id, manager, err := create(timed, managers, alertmanager.Exactly(matched), wanted)
		if err != nil {
			return Answer{}, err
		}
		made := &thread.Silence{ID: id, Manager: manager, By: by.Name, Until: wanted.EndsAt.UTC(), Zone: by.Zone}
		err = d.show(ctx, t.ID, func(s *thread.State) { s.Silence, s.Trouble, s.Without = made, "", nil })
		d.look()
		return Answer{Template: AnswerSilenced, Data: made}, err
	})
}

// unsilenced refuses what has a silence.
func unsilenced(s *thread.State) error {
	if s.Silence != nil && time.Now().Before(s.Silence.Until) {
		return refusal{Answer{Template: AnswerAlready, Data: s.Silence}}
	}
	return nil
}

// create makes a silence at the first Alertmanager that can be asked. One that refuses has spoken for all.
func create(ctx context.Context, managers []Manager, matchers alertmanager.Matchers, s alertmanager.Silence) (id, manager string, err error) {
	id, err = first(ctx, managers, func(ctx context.Context, m Manager) (string, error) {
		manager = m.Name()
		return m.SetSilence(ctx, matchers, s)
	})
	return id, manager, err
}

// show changes what a conversation says, now that an Alertmanager has answered. One that has ended meanwhile has nothing to say any more.
func (d *Desk) show(ctx context.Context, id relay.ID, change func(*thread.State)) error {
	err := d.o.Door.Amend(ctx, id, ongoing(func(s *thread.State) error {
		change(s)
		s.Asking = time.Time{}
		return nil
	}))
	if _, over := errors.AsType[refusal](err); over {
		return nil
	}
	return err
}

// unsilence ends the silence of a conversation. One that was made elsewhere may reach further than what the chat may see.
func (d *Desk) unsilence(ctx context.Context, t *relay.Thread, recipients []string) (Answer, error) {
	s, err := thread.Read(t)
	switch {
	case err != nil:
		return Answer{}, err
	case s.Silence == nil:
		return Answer{Template: AnswerNoSilence}, nil
	}
	held, managers := *s.Silence, d.knowing(t, s)
	return d.ask(ctx, t.ID, func(*thread.State) error { return nil }, func(ctx context.Context) (Answer, error) {
		timed, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		if held.Foreign {
			if err := d.visibleTo(timed, recipients, managers, held.ID); err != nil {
				return Answer{}, err
			}
		}
		if err := d.expire(timed, managers, held); err != nil {
			return Answer{}, err
		}
		err := d.show(ctx, t.ID, func(s *thread.State) {
			if s.Silence != nil && s.Silence.ID == held.ID {
				s.Silence = nil
			}
			s.Trouble = ""
		})
		return Answer{Template: AnswerUnsilenced}, err
	})
}

// expire ends a silence where it was made; any Alertmanager of a cluster does as well.
func (d *Desk) expire(ctx context.Context, managers []Manager, held thread.Silence) error {
	if len(managers) == 0 {
		return errors.New("no Alertmanager is known for it any more")
	}
	slices.SortStableFunc(managers, func(a, b Manager) int {
		return strings.Compare(fmt.Sprint(a.Name() != held.Manager), fmt.Sprint(b.Name() != held.Manager))
	})
	_, err := first(ctx, managers, func(ctx context.Context, m Manager) (struct{}, error) {
		err := m.Expire(ctx, held.ID)
		if errors.Is(err, alertmanager.ErrNotFound) {
			err = nil // it is over
		}
		return struct{}{}, err
	})
	return err
}

// ask does what an Alertmanager is needed for, once at a time for a conversation, whichever replica people reach, and if check has nothing against it.
// Whoever pressed waits a moment for it; then it goes on by itself. Why it failed stands in the message.
func (d *Desk) ask(ctx context.Context, id relay.ID, check func(*thread.State) error, do func(context.Context) (Answer, error)) (Answer, error) {
	if err := d.begin(ctx, id, check); err != nil {
		return Answer{}, err
	}
	done := make(chan Answer, 1)
	working := context.WithoutCancel(ctx)
	d.working.Go(func() {
		answer, err := do(working)
		if err != nil {
			answer = Answer{Template: AnswerTrouble, Data: err.Error()}
			d.trouble(working, id, err)
		}
		done <- answer
	})
	select {
	case answer := <-done:
		return answer, nil
	case <-time.After(patience):
	case <-ctx.Done():
	}
	return Answer{Template: AnswerAsking}, nil
}

// askedFor is how long others leave a conversation alone for which an Alertmanager is being asked: after it the one who asks is gone.
const askedFor = askTime + 2*time.Second

// begin has a conversation say that an Alertmanager is being asked.
func (d *Desk) begin(ctx context.Context, id relay.ID, check func(*thread.State) error) error {
	_, _, err := d.o.Door.Note(ctx, id, ongoing(func(s *thread.State) error {
		if left := time.Until(s.Asking); left > 0 && left <= askedFor { // further off is of a clock that is wrong
			return refusal{Answer{Template: AnswerAsking}}
		}
		s.Asking = now().Add(askedFor)
		return check(s)
	}))
	return err
}

// trouble shows in the message why what somebody wanted did not come about.
func (d *Desk) trouble(ctx context.Context, id relay.ID, why error) {
	d.o.Log.Warn("an Alertmanager did not do what was asked in a chat", "thread", id, "error", why)
	err := d.o.Door.Amend(ctx, id, ongoing(func(s *thread.State) error {
		s.Trouble, s.Asking = why.Error(), time.Time{}
		return nil
	}))
	if _, refused := errors.AsType[refusal](err); err != nil && !refused {
		d.o.Log.Error("cannot show that in the chat", "thread", id, "error", err)
	}
}
