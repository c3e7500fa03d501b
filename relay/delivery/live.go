package delivery

import (
	"context"
	"slices"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// edits is the message that the next part changes, 0 if it is a new one.
func (w *work) edits() int64 {
	n := w.part()
	if w.job.OnUpdate != relay.Edit || w.form.anew || len(w.job.Content.Album) > 0 || n >= len(w.job.Live) || w.attached() {
		return 0
	}
	return w.job.Live[n]
}

// goesOn reports whether the next part is what a changed message has outgrown: an edit makes no sound.
func (w *work) goesOn() bool {
	return w.part() > 0 && w.part() >= len(w.job.Live) && len(w.job.Live) > 0 && w.job.OnUpdate == relay.Edit
}

// recast fits the next part to the message that it changes, which is of the other kind than was thought: a text instead of a file with a caption where
// the file could not be brought, or a file that the update does not speak of, and that stays. It reports false where the message has to be sent anew.
func (w *work) recast(why telegram.Reason) bool {
	switch {
	case w.part() > 0:
		return false
	case why == telegram.NoCaption && len(w.shown()) > 0:
		for _, f := range w.shown() {
			f.form = asText
		}
	case why == telegram.NoText && len(w.all()) == 0 && !w.caption && fitsCaption(w.job.Content.Text):
		w.caption = true
	default:
		return false
	}
	w.parts = nil
	return true
}

// live is what the live message consists of once the delivery is complete. Answers go on answering the first, and an album is never one itself.
func (w *work) live() []int64 {
	if len(w.job.Content.Album) > 0 || w.job.OnUpdate == relay.Reply && len(w.job.Live) > 0 && !w.form.noReply {
		return w.job.Live
	}
	return w.job.TelegramMessageIDs
}

// tidy takes away what an edited message has too much: parts of a longer version, its file. Failing does no harm.
func (s *sender) tidy(ctx context.Context, w *work) {
	if w.job.OnUpdate != relay.Edit {
		return
	}
	for _, id := range w.job.Live {
		if slices.Contains(w.job.TelegramMessageIDs, id) {
			continue
		}
		if err := s.client.DeleteMessage(ctx, telegram.DeleteMessage{ChatID: w.job.ChatID, MessageID: id}); err != nil {
			s.log.Debug("a part of a live message's former version stays", "delivery", w.job.ID, "error", err)
		}
	}
}

// updated tells what follows in the lane what their live message consists of by now.
func (l *lane) updated(w *work, live []int64) {
	for i := range l.heads {
		h := &l.heads[i]
		if h.Key == w.job.Key && h.Recipient == w.job.Recipient && h.MessageThreadID == w.job.MessageThreadID {
			h.Live = live
		}
	}
}
