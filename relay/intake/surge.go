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
)

const (
	surgeRead  = 2000    // messages merged in one step
	surgeFile  = 8 << 20 // bytes of the file that holds them
	surgeLines = 10      // groups that are named
)

// Surge merges the alerts that wait for a chat into one message for each receiver, with the full texts as a file, if more than limit
// messages wait there. Those of priority high are let alone. It reports whether it did.
func (d *Door) Surge(ctx context.Context, bot string, chatID int64, limit int) (merged bool, err error) {
	if limit >= surgeRead {
		return false, nil // what is read could not be more
	}
	jobs, err := d.outbox.Heads(ctx, bot, chatID, time.Now(), surgeRead)
	if err != nil || len(jobs) <= limit {
		return false, err
	}
	for _, some := range surging(jobs) {
		m := d.summary(some)
		ids := make([]relay.ID, len(some))
		for i, job := range some {
			ids[i] = job.ID
		}
		if err := d.outbox.Merge(ctx, m, ids); err != nil {
			return merged, err
		}
		merged = true
		d.log.Warn("more alerts wait for a chat than Telegram's limits let through; merged", "chat_id", chatID, "receiver", some[0].Receiver, "messages", len(some))
	}
	return merged, nil
}

// surging are the messages about alerts that can be merged, by whom and which topic they are for and the receiver that they came by.
func surging(jobs []relay.Job) [][]relay.Job {
	type kind struct {
		recipient, receiver, topic string
		thread                     int64
	}
	groups := map[kind][]relay.Job{}
	var order []kind
	for _, job := range jobs {
		changes := job.OnUpdate == relay.Edit && len(job.Live) > 0 // what is in the chat already: one for each group at most
		if job.Content.Alerts == nil || job.Priority >= relay.High || job.State != relay.Queued || len(job.TelegramMessageIDs) > 0 || changes {
			continue
		}
		k := kind{job.Recipient, job.Receiver, job.Content.Topic, job.MessageThreadID}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], job)
	}
	var out [][]relay.Job
	for _, k := range order {
		if len(groups[k]) > 1 {
			out = append(out, groups[k])
		}
	}
	return out
}

// summary is the message that stands for several.
func (d *Door) summary(jobs []relay.Job) *relay.Message {
	now := time.Now().UTC().Truncate(time.Millisecond)
	first := jobs[0].Delivery
	m := &relay.Message{ID: relay.NewID(), CreatedAt: now, Receiver: first.Receiver, Priority: first.Priority}
	m.Content = relay.Content{Text: summaryText(jobs), Attachment: summaryFile(jobs), LinkPreviewOptions: noPreview, DisableNotification: true, Topic: sameTopic(jobs)}
	for _, job := range jobs {
		m.Priority = max(m.Priority, job.Priority)
		m.ExpiresAt = later(m.ExpiresAt, job.ExpiresAt)
		m.Content.DisableNotification = m.Content.DisableNotification && job.Content.DisableNotification
		m.Content.ProtectContent = m.Content.ProtectContent || job.Content.ProtectContent
	}
	to := delivery(m, first.Recipient, relay.Queued)
	to.Bot, to.ChatID, to.MessageThreadID = first.Bot, first.ChatID, first.MessageThreadID
	m.Deliveries = []relay.Delivery{to}
	return m
}

func summaryText(jobs []relay.Job) markup.Text {
	total, groups := countAlerts(jobs)
	var b strings.Builder
	fmt.Fprintf(&b, "🌊 *%d notifications* of %s in one: more than Telegram lets through in time.\n%s\n", len(jobs), markup.Value(jobs[0].Receiver), counts(total))
	for i, g := range groups {
		if i == surgeLines {
			fmt.Fprintf(&b, "… and %d more\n", len(groups)-i)
			break
		}
		fmt.Fprintf(&b, "• *%s*: %s\n", markup.Value(g.Group), counts(g))
	}
	b.WriteString("The file holds all of them.")
	return markup.ParseTemplate(markup.MarkdownV2, b.String()).Normalize()
}

func counts(a relay.Alerts) string {
	switch {
	case a.Resolved == 0:
		return fmt.Sprintf("%d firing", a.Firing)
	case a.Firing == 0:
		return fmt.Sprintf("%d resolved", a.Resolved)
	}
	return fmt.Sprintf("%d firing, %d resolved", a.Firing, a.Resolved)
}

// countAlerts adds up all, and each group's; the largest group comes first.
func countAlerts(jobs []relay.Job) (total relay.Alerts, groups []relay.Alerts) {
	by := map[string]int{}
	for _, job := range jobs {
		a := job.Content.Alerts
		i, known := by[a.Group]
		if !known {
			i = len(groups)
			by[a.Group], groups = i, append(groups, relay.Alerts{Group: a.Group})
		}
		groups[i].Firing += a.Firing
		groups[i].Resolved += a.Resolved
		total.Firing += a.Firing
		total.Resolved += a.Resolved
	}
	slices.SortStableFunc(groups, func(a, b relay.Alerts) int { return cmp.Compare(b.Firing+b.Resolved, a.Firing+a.Resolved) })
	return total, groups
}

// summaryFile holds the texts, in their order.
func summaryFile(jobs []relay.Job) *relay.Attachment {
	var b strings.Builder
	for i, job := range jobs {
		text := job.Content.Text.Text
		if b.Len()+len(text) > surgeFile {
			fmt.Fprintf(&b, "… and %d more\n", len(jobs)-i)
			break
		}
		fmt.Fprintf(&b, "%s\n%s\n\n", job.CreatedAt.UTC().Format(time.RFC3339), text)
	}
	return &relay.Attachment{Name: "alerts.txt", Content: b.String()}
}
