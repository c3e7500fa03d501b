package daemon

import (
	"context"
	"time"

	"github.com/tgrelay/tgrelay/relay/chat"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// menuAgain is when the menu of commands is tried again that Telegram did not take.
const menuAgain = time.Minute

// menu is which commands the bot offers.
type menu struct{ selfService, alerts bool }

func menuOf(c *config.Config) menu { return menu{c.Onboarding.SelfService, len(c.Alertmanagers) > 0} }

// menuChanged says that the menu may be another one now. It never blocks.
func (b *bot) menuChanged() {
	select {
	case b.menus <- struct{}{}:
	default: // it is known already
	}
}

// keepMenu gives the bot its menu as soon as Telegram can be reached, and another after a reload that changes it, until ctx ends.
func (b *bot) keepMenu(ctx context.Context) error {
	if _, err := b.client.Bot(ctx); err != nil {
		return nil // ctx ended first
	}
	var has *menu
	for {
		var again <-chan time.Time
		if wanted := menuOf(b.inForce.Load()); has == nil || *has != wanted {
			has = &wanted
			if err := b.setMenu(ctx, wanted); err != nil && ctx.Err() == nil {
				b.log.Warn("cannot set the bot's menu of commands; the commands work all the same, and it is tried again", "error", err)
				has, again = nil, time.After(menuAgain)
			}
		}
		select {
		case <-b.menus:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// setMenu offers the commands to those who may use them, in their languages. Ordinary members of a group are offered none.
func (b *bot) setMenu(ctx context.Context, m menu) error {
	for _, scope := range []string{"all_private_chats", "all_chat_administrators"} {
		for _, words := range chat.Menus(m.selfService && scope == "all_private_chats", m.alerts) {
			p := telegram.SetMyCommands{Commands: words.Commands, Scope: &telegram.CommandScope{Type: scope}, LanguageCode: words.Language}
			if err := b.client.SetMyCommands(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}
