package delivery

import (
	"context"
	"slices"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// edits is the message that the next part changes, 0 if it is a new one.
func (w *work) edits() int64 {
	n := len(w.job.TelegramMessageIDs)
	if w.job.OnUpdate != relay.Edit || w.form.anew || w.job.Content.Media != nil && w.media.form != asText || n >= len(w.job.Live) || w.attached() {
		return 0
	}
	return w.job.Live[n]
}

// live is what the live message consists of once the delivery is complete. Answers go on answering the first.
func (w *work) live() []int64 {
	if w.job.OnUpdate == relay.Reply && len(w.job.Live) > 0 && !w.form.noReply {
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
