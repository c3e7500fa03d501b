// Package chat is what the bot says and does in chats: it binds a chat when somebody opens a deep link, answers
// commands, and keeps the directory true when the bot is blocked, removed, or a group becomes a supergroup.
//
// Answers go into the outbox like every message, so that they survive a crash and keep Telegram's pace. Handle
// returns nil only when the effect of an update is stored; until then Telegram is not told that it was received.
package chat

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// answerTTL is how long an answer is worth sending: one to a command of yesterday only puzzles.
const answerTTL = time.Hour

// Options are what a Bot needs.
type Options struct {
	Bot       string // its name among the bots of the relay; empty for the first
	Desk      *onboarding.Desk
	Outbox    relay.Outbox
	Directory relay.Directory
	Updates   relay.Updates
	Notes     relay.Notes
	Topics    relay.Topics
	Templates func() *render.Set // the set in force, with the chat.* templates
	Username  func() string      // the bot's, without @
	// IsAdmin asks Telegram whether a person may decide for a group (getChatMember).
	IsAdmin      func(ctx context.Context, chatID, userID int64) (bool, error)
	AllowedUsers func() []int64 // Telegram user IDs; empty: anyone who holds a link
	// SelfService reports whether anyone (of AllowedUsers) who starts the bot without a link gets a recipient and a token; BaseURL is
	// how others reach the relay, without a slash at its end.
	SelfService func() bool
	BaseURL     func() string
	Senders     relay.Senders
	// Acknowledge ends the waiting sign of a button that was pressed, with a text that shows for a moment (answerCallbackQuery). What
	// goes wrong is the callee's business: Telegram takes an answer for a short time only.
	Acknowledge func(ctx context.Context, queryID, text string)
	// Presses of applications' buttons become events, if somebody wants them; Change puts an application's new text in the place of a message.
	Events       relay.Events
	EventsWanted func() bool
	OnCall       *oncall.Desk // what people want done about alerts
	Change       func(ctx context.Context, of *relay.Delivery, body json.RawMessage) error
	// Namespace is that of the application whose recipient an ID names, empty for none. One hears nothing of another's recipients.
	Namespace func(recipient string) string
	// Buttons that call: whether a receiver's may call an address, the call (action.Caller.Begin), and a line below the message about it.
	MayCall  func(receiver, address string) bool
	Call     func(call relay.Call, done func(ctx context.Context, failed error)) bool
	Annotate func(ctx context.Context, of *relay.Delivery, line string) error
	Log      *slog.Logger
}

// Bot handles updates. Its methods are safe for concurrent use.
type Bot struct {
	Options
	talk   *talk
	topics *told
	kept   kept
}

// New returns a Bot.
func New(o Options) *Bot { return &Bot{Options: o, talk: newTalk(), topics: newTold()} }

func (b *Bot) dispatch(ctx context.Context, u telegram.Update) error {
	switch {
	case u.Message != nil:
		return b.message(ctx, u.Message)
	case u.ChannelPost != nil:
		return b.command(ctx, u.ChannelPost)
	case u.CallbackQuery != nil:
		return b.pressed(ctx, u.CallbackQuery)
	case u.MyChatMember != nil:
		return b.standing(ctx, u.MyChatMember)
	}
	return nil
}

func (b *Bot) message(ctx context.Context, m *telegram.Message) error {
	switch {
	case m.MigrateToChatID != 0:
		return b.Directory.Migrate(ctx, b.Bot, m.Chat.ID, m.MigrateToChatID)
	case m.MigrateFromChatID != 0:
		return b.Directory.Migrate(ctx, b.Bot, m.MigrateFromChatID, m.Chat.ID)
	case m.NewChatTitle != "":
		return b.Directory.Rename(ctx, b.place(m))
	case m.ForumTopicCreated != nil, m.ForumTopicClosed != nil, m.ForumTopicReopened != nil:
		return b.topicBecame(ctx, m)
	case b.joined(m):
		return b.addedBy(ctx, m.Chat.ID, m.From.ID)
	}
	return b.command(ctx, m)
}

// standing follows the bot's own membership: blocked and unblocked in private, removed and added elsewhere.
func (b *Bot) standing(ctx context.Context, c *telegram.ChatMemberUpdated) error {
	state := relay.Active
	switch {
	case c.NewChatMember.Here():
		if !c.OldChatMember.Here() {
			if err := b.addedBy(ctx, c.Chat.ID, c.From.ID); err != nil {
				return err
			}
		}
	case c.Chat.Type == "private":
		state = relay.Blocked
	default:
		state = relay.Left
	}
	b.Log.Info("the bot's standing in a chat changed", "chat_id", c.Chat.ID, "type", c.Chat.Type, "status", c.NewChatMember.Status)
	if err := b.Directory.Rename(ctx, b.place(&telegram.Message{Chat: c.Chat})); err != nil {
		return err
	}
	return b.Directory.SetChatState(ctx, b.Bot, c.Chat.ID, state)
}

// allowed reports whether a person may connect chats. A channel post has no person: where only some may, it connects nothing.
func (b *Bot) allowed(from *telegram.User) bool {
	users := b.AllowedUsers()
	return len(users) == 0 || from != nil && slices.Contains(users, from.ID)
}

// answer stores what the bot says in reply to m.
func (b *Bot) answer(ctx context.Context, m *telegram.Message, template string, data any) error {
	answer, err := b.compose(m, template, data)
	if err != nil {
		return err
	}
	bindings, err := b.bindings(ctx, m)
	if err != nil {
		return err
	}
	return b.tell(ctx, m, answer, len(bindings) > 0)
}

// tell stores an answer in the chat of m, unless that chat has had too many. Who is connected need not wait for it behind what else waits in
// the chat; strangers come after all else.
func (b *Bot) tell(ctx context.Context, m *telegram.Message, answer *relay.Message, connected bool) error {
	if !b.mayTell(m, connected) {
		return nil
	}
	if !connected {
		setPriority(answer, relay.Low)
	}
	return b.Outbox.Accept(ctx, once(ctx, answer))
}

func (b *Bot) mayTell(m *telegram.Message, connected bool) bool {
	may := b.talk.allow(m.Chat.ID, connected, time.Now())
	if !may {
		b.Log.Debug("a chat gets no answer: it writes too much, or too many strangers write at once", "chat_id", m.Chat.ID)
	}
	return may
}

func setPriority(m *relay.Message, p relay.Priority) { m.Priority, m.Deliveries[0].Priority = p, p }

// bindings are those of the chat (and topic) of m, with the settings that are in force: what was not chosen for the chat, its recipient has.
func (b *Bot) bindings(ctx context.Context, m *telegram.Message) ([]relay.Binding, error) {
	bindings, err := b.Directory.Bindings(ctx, b.Bot, m.Chat.ID, topic(m))
	if err != nil {
		return nil, err
	}
	for i, binding := range bindings {
		recipient, err := b.Directory.Recipient(ctx, binding.Recipient)
		if err != nil {
			return nil, err
		}
		bindings[i].Settings = recipient.Calm(binding).Settings
	}
	return bindings, nil
}

// inLocale is m as if its writer's Telegram were in the language that was chosen for the chat, or for its recipient by the application. What
// cannot be looked up is no reason not to answer.
func (b *Bot) inLocale(ctx context.Context, m *telegram.Message) *telegram.Message {
	bindings, err := b.bindings(ctx, m)
	if err != nil || len(bindings) == 0 || bindings[0].Locale == "" {
		return m
	}
	locale, same := bindings[0].Locale, *m
	same.From = &telegram.User{LanguageCode: locale}
	if m.From != nil {
		*same.From = *m.From
		same.From.LanguageCode = locale
	}
	return &same
}

// builtIn are the templates as they come with the program.
var builtIn = sync.OnceValues(func() (*render.Set, error) { return render.New(render.Options{}) })

// text renders one of the chat.* templates, in the language of whoever wrote m. The language of a region (pt-br) is that of all its people.
// Where an operator's own template fails, the built-in one of that name stands in: an update that cannot be answered would come again and
// again, before all others.
func (b *Bot) text(m *telegram.Message, template string, data any) (markup.Text, error) {
	language := ""
	if m.From != nil {
		language, _, _ = strings.Cut(strings.ToLower(m.From.LanguageCode), "-")
	}
	text, err := executed(b.Templates(), template, language, data)
	if err == nil {
		return text, nil
	}
	known, broken := builtIn()
	if broken != nil || !known.Has(template) {
		return text, err
	}
	b.Log.Error("a template failed; the built-in one stands in", "template", template, "error", render.WithoutValues(err))
	return executed(known, template, language, data)
}

func executed(set *render.Set, template, language string, data any) (markup.Text, error) {
	return set.Execute(set.Localized(template, language), markup.MarkdownV2, data)
}

// compose renders one of the chat.* templates as a message to the chat (and topic) of m.
func (b *Bot) compose(m *telegram.Message, template string, data any) (*relay.Message, error) {
	text, err := b.text(m, template, data)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	answer := &relay.Message{
		ID: relay.NewID(), CreatedAt: now, ExpiresAt: now.Add(answerTTL), Priority: relay.High,
		Content: relay.Content{Text: text, LinkPreviewOptions: []byte(`{"is_disabled":true}`)},
	}
	answer.Deliveries = []relay.Delivery{{
		ID: relay.NewID(), MessageID: answer.ID, Bot: b.Bot, ChatID: m.Chat.ID, MessageThreadID: topic(m), State: relay.Queued,
		Priority: answer.Priority, CreatedAt: now, ExpiresAt: answer.ExpiresAt,
	}}
	return answer, nil
}

// topic is the forum topic of a message, 0 outside of forums: in other groups message_thread_id only names a thread of replies.
func topic(m *telegram.Message) int64 {
	if m.IsTopicMessage {
		return m.MessageThreadID
	}
	return 0
}

// place is the chat of a message as the directory keeps it.
func (b *Bot) place(m *telegram.Message) relay.Chat {
	c := relay.Chat{
		Bot: b.Bot, ChatID: m.Chat.ID, MessageThreadID: topic(m), Type: m.Chat.Type,
		Title: m.Chat.Title, Username: m.Chat.Username, State: relay.Active,
	}
	if m.Chat.Type == "private" {
		c.Title = m.Chat.FirstName
		if m.Chat.LastName != "" {
			c.Title += " " + m.Chat.LastName
		}
		if m.From != nil {
			c.LanguageCode = m.From.LanguageCode
		}
	}
	return c
}
