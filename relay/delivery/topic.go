package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// A message for a group may name a topic of it (relay.Content.Topic). Unless its recipient is bound to a topic, the topic is found by its name
// just before the message is sent:
//
//	known? ──────yes─────▶ closed? ──────no───────────────────▶ the message is sent there
//	  │ no                    │ yes                                ▲      │ Telegram: it is closed, or gone
//	  └▶ createForumTopic ─▶ remembered ─────────────────────────▶ │      │
//	                          └▶ reopenForumTopic ───────────────▶ ┘ ◀────┘ once: reopened, or made anew
//
// Each of these calls is a request of its own in the lane, so the pace, retry_after and back-off hold for it as for a message. What Telegram
// does not allow costs the message its topic and nothing else: it goes to the chat itself, and the next ones do so at once, until topicRest is over.
// After a crash between a call and what is remembered of it, Telegram's service message about the new topic tells of it; at worst an empty one stays.

// topicRest is for how long a topic that was refused is not tried again.
const topicRest = 10 * time.Minute

// whereabouts is how far a delivery is on the way to the topic that its message names.
type whereabouts struct {
	id       int64 // where it goes; 0: not found yet
	closed   bool  // and is to be reopened first
	reopened bool  // that was tried
	remade   bool  // it was gone once
}

// topicKey is a topic by its name; without one it stands for the making of any in a chat.
type topicKey struct {
	chatID int64
	name   string
}

// topics is what is known of topics beside the storage.
type topics struct {
	bot   string       // whose they are
	store relay.Topics // nil: messages name none
	log   *slog.Logger

	mu      sync.Mutex
	made    map[topicKey]relay.Topic // that the storage could not take yet
	resting map[topicKey]time.Time   // until when
	told    map[int64]bool           // chats of which the log says that topics cannot be made
}

func newTopics(bot string, store relay.Topics, log *slog.Logger) *topics {
	return &topics{bot: bot, store: store, log: log, made: map[topicKey]relay.Topic{}, resting: map[topicKey]time.Time{}, told: map[int64]bool{}}
}

// wanted reports whether the next request is for a topic that is to be found by its name. What changes a message needs none.
func (t *topics) wanted(w *work) bool {
	return t.store != nil && w.job.Content.Topic != "" && w.job.ChatID < 0 && w.job.MessageThreadID == 0 && !w.form.noTopic && w.edits() == 0
}

func (w *work) topicKey() topicKey { return topicKey{w.job.ChatID, w.job.Content.Topic} }

// thread is the message_thread_id of what is sent, 0 for none.
func (w *work) thread() int64 {
	switch {
	case w.form.noTopic:
		return 0
	case w.job.MessageThreadID != 0:
		return w.job.MessageThreadID
	}
	return w.where.id
}

// find returns the topic of a name, nil if there is none. One that was made and could not be remembered is remembered first.
func (t *topics) find(ctx context.Context, key topicKey) (*relay.Topic, error) {
	t.mu.Lock()
	made, owed := t.made[key]
	t.mu.Unlock()
	if !owed {
		topic, err := t.store.Topic(ctx, t.bot, key.chatID, key.name)
		if relay.ErrorCode(err) == relay.CodeNotFound {
			return nil, nil
		}
		return topic, err
	}
	if err := t.store.SetTopic(ctx, made); err != nil {
		return nil, err
	}
	t.mu.Lock()
	delete(t.made, key)
	t.mu.Unlock()
	return &made, nil
}

// owe notes a topic that was made, for find to remember.
func (t *topics) owe(topic relay.Topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made[topicKey{topic.ChatID, topic.Name}] = topic
	delete(t.told, topic.ChatID)
}

// rest lets a topic be for a while.
func (t *topics) rest(key topicKey, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for other, until := range t.resting {
		if !now.Before(until) {
			delete(t.resting, other)
		}
	}
	t.resting[key] = now.Add(topicRest)
}

// tell reports whether the log is to say that topics cannot be made in a chat: once, until one can.
func (t *topics) tell(chatID int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	told := t.told[chatID]
	t.told[chatID] = true
	return !told
}

// rests reports whether a topic is let be; with an empty name, whether none is made in the chat.
func (t *topics) rests(key topicKey, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Before(t.resting[key])
}

// enter brings a delivery to the topic that its message names. If that takes a request, it is this turn's and asked is true; the outcome is then in w as
// after any request, or there is none and the delivery's next turn goes on.
func (s *sender) enter(ctx context.Context, w *work) (asked bool, a action, failed *telegram.Error) {
	if !s.topics.wanted(w) || w.where.id != 0 && !w.where.closed {
		return false, "", nil
	}
	if w.where.id == 0 {
		if s.topics.rests(w.topicKey(), time.Now()) {
			w.form.noTopic = true
			return false, "", nil
		}
		topic, err := s.topics.find(ctx, w.topicKey())
		if err != nil {
			a, failed = s.unremembered(w, err)
			return true, a, failed
		}
		if topic == nil {
			return s.makeTopic(ctx, w)
		}
		w.where.id, w.where.closed = topic.MessageThreadID, topic.Closed && !w.where.reopened
	}
	if !w.where.closed {
		return false, "", nil
	}
	a, failed = s.reopenTopic(ctx, w)
	return true, a, failed
}

// makeTopic makes the topic, unless none can be made in the chat.
func (s *sender) makeTopic(ctx context.Context, w *work) (asked bool, a action, failed *telegram.Error) {
	if s.topics.rests(topicKey{w.job.ChatID, ""}, time.Now()) {
		w.form.noTopic = true
		return false, "", nil
	}
	made, err := s.client.CreateForumTopic(ctx, telegram.CreateForumTopic{ChatID: w.job.ChatID, Name: w.job.Content.Topic})
	if err != nil {
		a, failed = s.topicRefused(ctx, w, err)
		return true, a, failed
	}
	s.topics.owe(relay.Topic{Bot: s.topics.bot, ChatID: w.job.ChatID, Name: w.job.Content.Topic, MessageThreadID: made.MessageThreadID})
	if _, err := s.topics.find(ctx, w.topicKey()); err != nil {
		a, failed = s.unremembered(w, err)
		return true, a, failed
	}
	w.where.id = made.MessageThreadID
	return true, "", nil
}

// reopenTopic opens the topic. Where that is refused the message is sent all the same: Telegram then says whether it may.
func (s *sender) reopenTopic(ctx context.Context, w *work) (action, *telegram.Error) {
	var a action
	var failed *telegram.Error
	err := s.client.ReopenForumTopic(ctx, telegram.ReopenForumTopic{ChatID: w.job.ChatID, MessageThreadID: w.where.id})
	if err != nil && telegram.ReasonOf(err) != telegram.NotModified {
		var transient bool
		failed = asFailed("reopenForumTopic", err)
		if a, transient = laneAction(failed); transient {
			s.failed(w, a, w.form, failed)
			return a, failed
		}
		s.log.Debug("a topic cannot be reopened", "chat_id", w.job.ChatID, "error", failed)
		a = enter
	}
	w.where.closed, w.where.reopened = false, true
	if err := s.topics.store.CloseTopic(ctx, s.topics.bot, w.job.ChatID, w.where.id, false); err != nil {
		return s.unremembered(w, err)
	}
	return a, failed
}

// unremembered waits for the storage, as for Telegram.
func (s *sender) unremembered(w *work, err error) (action, *telegram.Error) {
	failed := &telegram.Error{Method: "createForumTopic", Reason: telegram.NotSent, Err: err}
	s.failed(w, again, w.form, failed)
	return again, failed
}

// laneAction is what to do about a refusal that concerns the lane or the bot: any other costs the topic alone. Whether the chat is dead is for a message
// to find out: too much depends on it.
func laneAction(e *telegram.Error) (action, bool) {
	a, _ := react(e, form{})
	switch a {
	case wait, again, move:
		return a, e.Reason != telegram.NoRights
	case stop:
		return a, e.Reason != telegram.MethodMissing // of an old Bot API server, which can send
	}
	return a, false
}

// topicRefused is what becomes of a delivery whose topic cannot be made.
func (s *sender) topicRefused(ctx context.Context, w *work, err error) (action, *telegram.Error) {
	failed := asFailed("createForumTopic", err)
	a, transient := laneAction(failed)
	if transient {
		s.failed(w, a, w.form, failed)
		return a, failed
	}
	w.form.noTopic = true
	if a == dead {
		return enter, failed
	}
	key := topicKey{chatID: w.job.ChatID}
	if failed.Reason == telegram.Refused {
		key.name = w.job.Content.Topic // it may be the name's fault
	}
	s.topics.rest(key, time.Now())
	level := slog.LevelDebug
	if s.topics.tell(w.job.ChatID) {
		level = slog.LevelWarn
	}
	s.log.Log(ctx, level, "the topic that messages name cannot be made; they go to the chat itself", "chat_id", w.job.ChatID, "error", failed)
	return enter, failed
}

// mendTopic decides about a message whose topic is closed or gone. It reports false where nothing can be done any more.
func (s *sender) mendTopic(ctx context.Context, w *work, failed *telegram.Error) (action, *telegram.Error, bool) {
	switch {
	case failed.Reason == telegram.TopicClosed && !w.where.reopened:
		w.where.closed = true
	case failed.Reason == telegram.TopicNotFound && !w.where.remade:
		if err := s.topics.store.ForgetTopic(ctx, s.topics.bot, w.job.ChatID, w.where.id); err != nil {
			a, failed := s.unremembered(w, err)
			return a, failed, true
		}
		w.where = whereabouts{remade: true}
	default:
		s.topics.rest(w.topicKey(), time.Now())
		return "", nil, false
	}
	s.log.Debug("a topic is not as it was", "chat_id", w.job.ChatID, "message_thread_id", w.where.id, "error", failed)
	return enter, failed, true
}

// asFailed is an error as the client gives it, or one like it.
func asFailed(method string, err error) *telegram.Error {
	if failed, ok := errors.AsType[*telegram.Error](err); ok {
		return failed
	}
	return &telegram.Error{Method: method, Reason: telegram.OutcomeUnknown, Err: err}
}
