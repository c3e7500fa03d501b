package intake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

const (
	// releaseEvery is how soon after its moment what was kept goes on.
	releaseEvery = 5 * time.Second
	// releaseStep is how many are looked at in one step, and how many one digest holds at most.
	releaseStep = 500
)

// keep holds a delivery back while its recipient is paused, and for quiet hours and digests. What would expire meanwhile by its caller's
// wish goes at once, as silent as it may; else it has its whole time after it was kept.
func keep(out *relay.Delivery, calm *relay.Calm, m *relay.Message, rules *Rules) {
	begins := later(m.CreatedAt, m.SendAt)
	until, held := calm.Hold(m.Priority, begins)
	byDefault := m.ExpiresAt.Sub(begins) == rules.MaxAge
	if !held || !byDefault && !until.IsZero() && !m.ExpiresAt.After(until) {
		return
	}
	out.State, out.NotBefore, out.SendAt = relay.Held, until.UTC(), time.Time{}
	if until.IsZero() {
		out.NotBefore = time.Time{}
	} else if byDefault {
		out.ExpiresAt = until.Add(rules.MaxAge).UTC()
	}
}

// Silent reports whether a message that is sent now makes no sound: what people chose for their chats. Who is not known any more has chosen nothing.
func (d *Door) Silent(ctx context.Context, to *relay.Delivery) bool {
	if to.Recipient == "" {
		return false
	}
	recipient, err := d.directory.Recipient(ctx, to.Recipient)
	if err != nil {
		return false
	}
	i := slices.IndexFunc(recipient.Chats, func(b relay.Binding) bool { return b.Takes(to) })
	if i < 0 {
		return false
	}
	calm := recipient.Calm(recipient.Chats[i])
	return calm.Silent(to.Priority, time.Now())
}

// release lets go on what was kept and is due: a digest's messages as one, all others as they are.
func (d *Door) release(ctx context.Context) {
	for {
		jobs, err := d.outbox.Kept(ctx, time.Now(), releaseStep)
		if err != nil {
			d.log.Warn("what was kept for quiet hours and digests is not released yet", "error", err)
			return
		}
		for _, some := range byPlace(jobs) {
			d.answer() // thousands may be due at once
			if err := d.releaseChat(ctx, some); err != nil {
				d.log.Warn("what was kept for a chat is not released yet", "chat_id", some[0].ChatID, "error", err)
				return
			}
		}
		if len(jobs) < releaseStep {
			return
		}
	}
}

// byPlace cuts what is next to each other into the parts for one recipient in one chat.
func byPlace(jobs []relay.Job) [][]relay.Job {
	var out [][]relay.Job
	for i, job := range jobs {
		if i > 0 && job.Recipient == jobs[i-1].Recipient && job.Bot == jobs[i-1].Bot && job.ChatID == jobs[i-1].ChatID && job.MessageThreadID == jobs[i-1].MessageThreadID {
			last := len(out) - 1
			out[last] = append(out[last], job)
			continue
		}
		out = append(out, []relay.Job{job})
	}
	return out
}

func (d *Door) releaseChat(ctx context.Context, jobs []relay.Job) error {
	recipient, err := d.recipient(ctx, jobs[0].Recipient)
	if err != nil {
		return err
	}
	wanted := slices.ContainsFunc(recipient.Chats, func(b relay.Binding) bool { return b.Takes(&jobs[0].Delivery) && b.Digest != "" })
	var together, alone []relay.ID
	var texts []relay.Job
	for _, job := range jobs {
		if wanted && mergeable(&job) {
			together, texts = append(together, job.ID), append(texts, job)
		} else {
			alone = append(alone, job.ID)
		}
	}
	if len(together) == 1 {
		alone = append(together, alone...)
	}
	if len(together) > 1 {
		if err := d.outbox.Merge(ctx, d.dayDigest(texts, recipient), together); err != nil {
			return err
		}
	}
	if len(alone) == 0 {
		return nil
	}
	return d.outbox.Release(ctx, alone)
}

// mergeable reports whether a digest can hold a message: no file, no button, nothing that is to be kept up to date. Of alerts the buttons can
// be spared by then, but not the updates of what is in the chat already.
func mergeable(job *relay.Job) bool {
	c := &job.Content
	switch {
	case c.Media != nil || len(c.Album) > 0 || c.Attachment != nil:
		return false
	case c.Alerts != nil:
		return len(job.Live) == 0
	}
	return len(c.ReplyMarkup) == 0 && job.Key == ""
}

// digestHead is the first line of a digest, in a language. An operator's template that fails keeps no message back.
func (d *Door) digestHead(count int, language string) markup.Text {
	language, _, _ = strings.Cut(strings.ToLower(language), "-")
	set := d.Rules().Templates
	head, err := set.Execute(set.Localized("chat.digest_head", language), markup.MarkdownV2, struct{ Count int }{count})
	if err != nil {
		d.log.Error("a template failed", "template", "chat.digest_head", "error", render.WithoutValues(err))
		return markup.ParseTemplate(markup.MarkdownV2, fmt.Sprintf("🗞 *%d*", count))
	}
	return head
}

// dayDigest is the message that stands for those of a day.
func (d *Door) dayDigest(jobs []relay.Job, recipient *relay.Recipient) *relay.Message {
	first := jobs[0].Delivery
	zone, language := time.UTC, recipient.Locale
	for _, b := range recipient.Chats {
		if b.Takes(&first) {
			calm := recipient.Calm(b)
			zone, language = relay.Zone(calm.TimeZone), cmp.Or(calm.Locale, b.LanguageCode)
		}
	}
	parts := make([]markup.Text, 0, 2*len(jobs))
	for _, job := range jobs {
		head := fmt.Sprintf("\n\n_%s_\n", markup.Value(job.CreatedAt.In(zone).Format("2 Jan 15:04")))
		parts = append(parts, markup.ParseTemplate(markup.MarkdownV2, head), job.Content.Text)
	}
	text := d.digestHead(len(jobs), language).Append(parts...)
	now := time.Now().UTC().Truncate(time.Millisecond)
	m := &relay.Message{ID: relay.NewID(), CreatedAt: now, Receiver: first.Receiver, Priority: first.Priority}
	m.Content = relay.Content{Text: text.Normalize(), LinkPreviewOptions: noPreview, Topic: sameTopic(jobs)}
	for _, job := range jobs {
		m.ExpiresAt = later(m.ExpiresAt, job.ExpiresAt)
		m.Content.ProtectContent = m.Content.ProtectContent || job.Content.ProtectContent
	}
	to := delivery(m, first.Recipient, relay.Queued)
	to.Bot, to.ChatID, to.MessageThreadID = first.Bot, first.ChatID, first.MessageThreadID
	m.Deliveries = []relay.Delivery{to}
	return m
}
