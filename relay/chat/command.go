package chat

import (
	"context"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// help is the data of the template chat.help.
type help struct {
	SelfService bool
	Alerts      bool // there is an Alertmanager to be asked
}

type handler func(b *Bot, ctx context.Context, m *telegram.Message, argument string) error

var handlers = map[string]handler{
	"start":    (*Bot).start,
	"link":     (*Bot).link,
	"stop":     (*Bot).stop,
	"forget":   (*Bot).forget,
	"status":   (*Bot).status,
	"mute":     (*Bot).mute,
	"unmute":   (*Bot).unmute,
	"quiet":    (*Bot).quiet,
	"digest":   (*Bot).digest,
	"timezone": (*Bot).timezone,
	"token":    (*Bot).token,
	"help":     (*Bot).help,
	"alerts":   (*Bot).alerts,
	"silences": (*Bot).silences,
	"silence":  (*Bot).silenceCommand,
	"expire":   (*Bot).expire,
}

// command acts upon a command.
func (b *Bot) command(ctx context.Context, m *telegram.Message) error {
	name, argument, ours := parseCommand(m.Text, b.Username())
	if handle := handlers[name]; ours && handle != nil {
		// People and groups change their names; that is seen when they write.
		if err := b.Directory.Rename(ctx, b.place(m)); err != nil {
			return err
		}
		m = b.inLocale(ctx, m)
		return handle(b, ctx, m, argument)
	}
	return b.unknown(ctx, m)
}

// unknown answers what is no command: with a hint in a private chat, with silence elsewhere.
func (b *Bot) unknown(ctx context.Context, m *telegram.Message) error {
	if m.Chat.Type != "private" || m.Text == "" && !m.HasMedia() {
		return nil
	}
	return b.answer(ctx, b.inLocale(ctx, m), "chat.unknown", nil)
}

// parseCommand takes `/name@bot argument` apart. A command for another bot is not ours. Telegram's own clients
// put one space between command and start parameter; people type more.
func parseCommand(text, username string) (name, argument string, ours bool) {
	word, rest, _ := strings.Cut(text, " ")
	word, isCommand := strings.CutPrefix(word, "/")
	if first, more, cut := strings.Cut(word, "\n"); cut {
		word, rest = first, more+" "+rest
	}
	if !isCommand || word == "" {
		return "", "", false
	}
	name, bot, addressed := strings.Cut(word, "@")
	if addressed && !strings.EqualFold(bot, username) {
		return "", "", false
	}
	return strings.ToLower(name), strings.TrimSpace(rest), true
}

func (b *Bot) start(ctx context.Context, m *telegram.Message, token string) error {
	if token == "" {
		return b.greet(ctx, m)
	}
	// In a group this is Telegram's own word for whoever opened the link and added the bot; all others are asked for their rights.
	added := false
	if m.From != nil && m.Chat.Type != "private" {
		var err error
		if added, err = b.added(ctx, m.Chat.ID, m.From.ID); err != nil {
			return err
		}
	}
	if !added {
		if may, err := b.mayDecide(ctx, m); err != nil || !may {
			return b.refuse(ctx, m, err)
		}
	}
	return b.redeem(ctx, m, token)
}

// greet answers /start without a token. A person who unblocked the bot presses Start: that brings the chat back.
func (b *Bot) greet(ctx context.Context, m *telegram.Message) error {
	if err := b.Directory.SetChatState(ctx, b.Bot, m.Chat.ID, relay.Active); err != nil {
		return err
	}
	bindings, err := b.bindings(ctx, m)
	if err != nil {
		return err
	}
	switch {
	case b.serves(m):
		return b.welcomeSelf(ctx, m, bindings)
	case len(bindings) > 0:
		return b.answer(ctx, m, "chat.status", bindings)
	}
	return b.answer(ctx, m, "chat.start", nil)
}

func (b *Bot) link(ctx context.Context, m *telegram.Message, token string) error {
	if token == "" {
		return b.answer(ctx, m, "chat.link_usage", nil)
	}
	if may, err := b.mayDecide(ctx, m); err != nil || !may {
		return b.refuse(ctx, m, err)
	}
	return b.redeem(ctx, m, token)
}

func (b *Bot) help(ctx context.Context, m *telegram.Message, _ string) error {
	bindings, err := b.concerned(ctx, m)
	if err != nil {
		return err
	}
	return b.answer(ctx, m, "chat.help", help{SelfService: b.serves(m), Alerts: b.OnCall.Connected(recipientsOf(bindings))})
}

func (b *Bot) status(ctx context.Context, m *telegram.Message, _ string) error {
	bindings, err := b.bindings(ctx, m)
	if err != nil {
		return err
	}
	return b.answer(ctx, m, "chat.status", bindings)
}

// mayDecide reports whether the writer of m may decide for the chat: anyone in private, administrators in groups,
// anyone who can post in a channel. An anonymous administrator writes in the group's own name.
func (b *Bot) mayDecide(ctx context.Context, m *telegram.Message) (bool, error) {
	switch {
	case m.Chat.Type == "private", m.Chat.Type == "channel":
		return true, nil
	case m.SenderChat != nil && m.SenderChat.ID == m.Chat.ID:
		return true, nil
	case m.From == nil:
		return false, nil
	}
	return b.IsAdmin(ctx, m.Chat.ID, m.From.ID)
}

// refuse tells that an administrator is needed. Where Telegram could not be asked, nobody is believed, and the person tries again.
func (b *Bot) refuse(ctx context.Context, m *telegram.Message, err error) error {
	if err != nil {
		b.Log.Warn("cannot ask Telegram who is an administrator", "chat_id", m.Chat.ID, "error", err)
	}
	return b.answer(ctx, m, "chat.administrators_only", nil)
}
