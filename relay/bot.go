package relay

import "cmp"

// FirstBot is what asks for the first bot, of [telegram], by name. Its chats, deliveries and links bear no name: to ask for none is to ask
// for any.
const FirstBot = "telegram"

// BotAsked is the name by which a bot is asked for.
func BotAsked(bot string) string { return cmp.Or(bot, FirstBot) }

// BotOf is the name that a bot's chats bear when it is asked for by name. Of none it is the first's.
func BotOf(asked string) string {
	if asked == FirstBot {
		return ""
	}
	return asked
}

// At reports whether it is a chat of the bot that is asked for; empty asks for any.
func (c *Chat) At(asked string) bool { return asked == "" || c.Bot == BotOf(asked) }
