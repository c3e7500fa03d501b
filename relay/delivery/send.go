package delivery

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// work is a delivery on its way.
type work struct {
	job     relay.Job
	fence   int64          // of the lease by which it is ours
	parts   []markup.Text  // made at the first attempt
	form    form           // what Telegram would not take
	silent  bool           // without a sound
	files   []*file        // the message's, made when they are first asked for
	surplus int            // messages of an album beyond the one that counts as a part
	caption bool           // what is changed is a file, of which the update does not speak
	where   whereabouts    // how far it is on the way to the topic that its message names
	flowing bool           // the last request was answered well, so that the next is no new attempt
	outcome *relay.Outcome // to be stored before anything else happens
}

// part is which part is next: how many have arrived.
func (w *work) part() int { return len(w.job.TelegramMessageIDs) - w.surplus }

// underWay reports whether a part has arrived: the others must follow before any other message.
func (w *work) underWay() bool { return len(w.job.TelegramMessageIDs) > 0 }

// outcomeOf begins an outcome with what is so far.
func (w *work) outcomeOf(s relay.State, now time.Time) *relay.Outcome {
	return &relay.Outcome{Delivery: w.job.ID, Bot: w.job.Bot, Wipe: s != relay.Queued && w.job.Content.Secret, State: s, Attempts: w.job.Attempts, TelegramMessageIDs: w.job.TelegramMessageIDs, At: now, Fence: w.fence}
}

// expire ends a delivery that is too old.
func (w *work) expire(now time.Time) {
	w.outcome = w.outcomeOf(relay.Expired, now)
	w.outcome.Reason, w.outcome.LastError = w.job.Reason, w.job.LastError
	if w.outcome.Reason == "" {
		w.outcome.Reason = "too_old"
	}
}

// sender does the requests.
type sender struct {
	client  *telegram.Client
	log     *slog.Logger
	files   func(ctx context.Context, message relay.ID) ([]byte, error)
	fetcher *fetcher
	silent  func(context.Context, *relay.Delivery) bool
	topics  *topics

	topicGone func(context.Context, *relay.Delivery)
}

// send makes one request: the next part, or what has to come before it. It leaves the outcome in w, or none where the same part is to be sent again in
// another form. The error is nil after a success.
func (s *sender) send(ctx context.Context, w *work) (action, *telegram.Error) {
	if w.parts == nil {
		w.parts = w.split()
	}
	if w.part() >= w.count() {
		return "", w.nothingToSend()
	}
	if !w.flowing {
		w.job.Attempts++
	}
	if asked, a, failed := s.enter(ctx, w); asked {
		w.flowing = failed == nil
		return a, failed
	}
	w.silent = w.job.Content.DisableNotification || w.goesOn() || s.silent(ctx, &w.job.Delivery)
	ids, err := s.request(ctx, w)
	w.flowing = err == nil
	if err == nil {
		s.arrived(ctx, w, ids...)
		return "", nil
	}
	failed := asFailed("sendMessage", err)
	a, f := react(failed, w.form)
	switch {
	case w.brings() && mediaMayBeWhy[failed.Reason]:
		s.degrade(w, failed)
		return degraded, failed
	case w.recast(failed.Reason):
		return recast, failed
	}
	if !w.has(a) {
		a = drop
	}
	if a == done {
		s.arrived(ctx, w, w.edits())
		return "", nil
	}
	if a == noTopic && w.where.id != 0 {
		if a, failed, mended := s.mendTopic(ctx, w, failed); mended {
			return a, failed
		}
	}
	gone := w.job.Delivery
	gone.MessageThreadID = w.thread()
	s.failed(w, a, f, failed)
	if a == noTopic {
		s.topicGone(ctx, &gone)
	}
	return a, failed
}

// count is how many requests the delivery takes: the parts of its text, and what is attached.
func (w *work) count() int {
	if w.job.Content.Attachment != nil {
		return len(w.parts) + 1
	}
	return len(w.parts)
}

// attached reports whether the attachment is next.
func (w *work) attached() bool { return w.part() == len(w.parts) }

// request sends or changes the next part and returns the Telegram messages that it is.
func (s *sender) request(ctx context.Context, w *work) ([]int64, error) {
	if w.attached() {
		return one(s.client.SendFile(ctx, w.document()))
	}
	if w.brings() {
		if err := s.gather(ctx, w); err != nil {
			return nil, err
		}
	}
	p, id := w.request(), w.edits()
	switch {
	case w.brings():
		return s.bring(ctx, w, p, id)
	case id == 0:
		return one(s.client.SendMessage(ctx, p))
	case w.part() == 0 && w.captioned():
		return one(s.client.EditMessageCaption(ctx, telegram.EditMessageCaption{
			ChatID: p.ChatID, MessageID: id, Caption: p.Text, CaptionEntities: p.Entities, ReplyMarkup: p.ReplyMarkup,
		}))
	}
	return one(s.client.EditMessageText(ctx, telegram.EditMessageText{
		ChatID: p.ChatID, MessageID: id, Text: p.Text, Entities: p.Entities, LinkPreviewOptions: p.LinkPreviewOptions, ReplyMarkup: p.ReplyMarkup,
	}))
}

func one(m *telegram.Message, err error) ([]int64, error) {
	if err != nil {
		return nil, err
	}
	return []int64{m.MessageID}, nil
}

// nothingToSend ends a text without anything to see, or one whose parts have all arrived before a crash.
func (w *work) nothingToSend() *telegram.Error {
	now := time.Now()
	if w.underWay() {
		w.outcome = w.outcomeOf(relay.Sent, now)
		return nil
	}
	w.outcome = w.outcomeOf(relay.Failed, now)
	w.outcome.Reason, w.outcome.LastError = string(telegram.EmptyText), "the text has nothing to see"
	return nil
}

// request is the next part as sendMessage takes it. The buttons stand under the last.
func (w *work) request() telegram.SendMessage {
	n, c := w.part(), &w.job.Content
	p := telegram.SendMessage{
		ChatID: w.job.ChatID, MessageThreadID: w.thread(), Text: w.parts[n].Text, Entities: w.parts[n].Entities,
		LinkPreviewOptions: c.LinkPreviewOptions, DisableNotification: w.silent, ProtectContent: c.ProtectContent,
	}
	if n == len(w.parts)-1 && !w.form.noButtons {
		p.ReplyMarkup = c.ReplyMarkup
	}
	if w.form.plain {
		p.Entities = nil
	}
	if w.job.OnUpdate == relay.Reply && n == 0 && len(w.job.Live) > 0 && !w.form.noReply {
		p.ReplyTo = &telegram.ReplyTo{MessageID: w.job.Live[0], AllowSendingWithoutReply: true}
	}
	return p
}

// document is the attachment as sendDocument takes it. It makes no sound of its own: the text has made it.
func (w *work) document() telegram.SendFile {
	c := &w.job.Content
	return telegram.SendFile{
		ChatID: w.job.ChatID, MessageThreadID: w.thread(), Name: c.Attachment.Name, Content: []byte(c.Attachment.Content),
		DisableNotification: true, ProtectContent: c.ProtectContent,
	}
}

// has reports whether the part has what an action would leave out.
func (w *work) has(a action) bool {
	if w.attached() {
		return a != plain && a != noButtons && a != noReply && a != anew && a != done && (a != noTopic || w.document().MessageThreadID != 0)
	}
	p := w.request()
	switch a {
	case anew, done:
		return w.edits() != 0
	case noReply:
		return p.ReplyTo != nil
	case plain:
		return len(p.Entities) > 0
	case noButtons:
		return len(p.ReplyMarkup) > 0
	case noTopic:
		return p.MessageThreadID != 0
	}
	return true
}

// arrived notes a part. With several parts each is stored, so that a restart goes on with the next.
func (s *sender) arrived(ctx context.Context, w *work, ids ...int64) {
	w.job.TelegramMessageIDs = slices.Concat(w.job.TelegramMessageIDs, ids)
	w.surplus += len(ids) - 1
	w.job.NotBefore = time.Time{}
	state := relay.Sent
	if w.part() < w.count() {
		state = relay.Queued
	}
	w.outcome = w.outcomeOf(state, time.Now())
	if state == relay.Sent && w.job.Key != "" {
		w.outcome.Live = w.live()
		s.tidy(ctx, w)
	}
}

// failed makes the outcome of a failed attempt.
func (s *sender) failed(w *work, a action, f form, e *telegram.Error) {
	now := time.Now()
	o := w.outcomeOf(relay.Queued, now)
	o.Reason, o.LastError = string(e.Reason), lastError(e)
	w.job.Reason, w.job.LastError = o.Reason, o.LastError
	switch a {
	case plain, noButtons, noTopic, noReply, anew:
		w.form = f
		s.log.Warn("Telegram refused a part of a message; sending it without", "delivery", w.job.ID, "reason", e.Reason, "error", e)
		return
	case wait:
		o.NotBefore = now.Add(e.RetryAfter)
	case again:
		o.NotBefore = now.Add(backoff(w.job.Attempts))
	case move:
		o.ChatID, o.MigrateTo = w.job.ChatID, e.MigrateToChatID
	case dead:
		o.State, o.ChatID, o.ChatState = relay.Failed, w.job.ChatID, chatState(e.Reason, w.job.ChatID)
	case drop:
		o.State = relay.Failed
	}
	if e.Reason == telegram.NoRights && w.job.Attempts == 1 {
		s.log.Warn("the bot may not write in a chat; trying until the delivery expires", "chat_id", w.job.ChatID, "error", e)
	}
	s.log.Debug("an attempt failed", "delivery", w.job.ID, "attempts", w.job.Attempts, "action", a, "error", e)
	w.outcome = o
}

// lastError is what is kept: Telegram's words, else what happened on the way.
func lastError(e *telegram.Error) string {
	if e.Description == "" && e.Err != nil {
		return e.Err.Error()
	}
	return e.Description
}
