package chat

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// maxMute is the longest that a chat can be muted.
const maxMute = 365 * 24 * time.Hour

// settings is the data of the templates that tell what a chat has chosen, or how to choose.
type settings struct {
	relay.Settings
	Usage bool // what was written is not understood
	Off   bool // it was turned off
	Until time.Time
}

// change changes the settings of the chat of m, and answers. In a group an administrator has to ask for it. Where nothing is connected
// there is nothing to choose.
func (b *Bot) change(ctx context.Context, m *telegram.Message, template string, change relay.SettingsChange, data settings) error {
	bindings, err := b.bindings(ctx, m)
	if err != nil {
		return err
	}
	if len(bindings) == 0 {
		return b.answer(ctx, m, "chat.status", bindings)
	}
	data.Settings = bindings[0].Settings
	if data.Usage {
		return b.answer(ctx, m, template, data)
	}
	if may, err := b.mayDecide(ctx, m); err != nil || !may {
		return b.refuse(ctx, m, err)
	}
	if err := b.Directory.ChangeSettings(ctx, b.Bot, m.Chat.ID, topic(m), change); err != nil {
		return err
	}
	if bindings, err = b.bindings(ctx, m); err != nil {
		return err
	}
	if len(bindings) > 0 {
		data.Settings = bindings[0].Settings
	}
	data.Until = data.MutedUntil.In(relay.Zone(data.TimeZone))
	return b.answer(ctx, m, template, data)
}

// mute takes the sound away for a while: /mute 2h.
func (b *Bot) mute(ctx context.Context, m *telegram.Message, argument string) error {
	length, err := model.ParseDuration(strings.ReplaceAll(argument, " ", ""))
	if err != nil || length <= 0 || time.Duration(length) > maxMute {
		return b.change(ctx, m, "chat.mute", relay.SettingsChange{}, settings{Usage: true})
	}
	return b.change(ctx, m, "chat.mute", relay.SettingsChange{MutedUntil: new(time.Now().Add(time.Duration(length)))}, settings{})
}

func (b *Bot) unmute(ctx context.Context, m *telegram.Message, _ string) error {
	return b.change(ctx, m, "chat.unmute", relay.SettingsChange{MutedUntil: new(time.Time{})}, settings{Off: true})
}

// isOff reports whether somebody turns something off.
func isOff(argument string) bool {
	switch strings.ToLower(argument) {
	case "off", "aus", "no", "нет", "关":
		return true
	}
	return false
}

// quiet sets quiet hours: /quiet 22:00-07:00, with hold for messages that wait until morning, with a time zone behind it, or off.
func (b *Bot) quiet(ctx context.Context, m *telegram.Message, argument string) error {
	if isOff(argument) {
		return b.change(ctx, m, "chat.quiet", relay.SettingsChange{QuietHours: new(relay.NoQuietHours)}, settings{Off: true})
	}
	argument, zone := cutZone(argument)
	hours, err := relay.ParseQuietHours(strings.ReplaceAll(argument, " - ", "-"))
	if err != nil {
		return b.change(ctx, m, "chat.quiet", relay.SettingsChange{}, settings{Usage: true})
	}
	return b.change(ctx, m, "chat.quiet", relay.SettingsChange{QuietHours: &hours, TimeZone: zone}, settings{})
}

// digest gathers messages for one moment of the day: /digest 08:00, or off.
func (b *Bot) digest(ctx context.Context, m *telegram.Message, argument string) error {
	if isOff(argument) {
		return b.change(ctx, m, "chat.digest", relay.SettingsChange{Digest: new(relay.Clock(""))}, settings{Off: true})
	}
	argument, zone := cutZone(argument)
	at, err := relay.ParseClock(argument)
	if err != nil {
		return b.change(ctx, m, "chat.digest", relay.SettingsChange{}, settings{Usage: true})
	}
	return b.change(ctx, m, "chat.digest", relay.SettingsChange{Digest: &at, TimeZone: zone}, settings{})
}

// timezone says which time quiet hours and the digest mean: /timezone Europe/Berlin.
func (b *Bot) timezone(ctx context.Context, m *telegram.Message, argument string) error {
	zone, err := relay.CheckTimeZone(argument)
	if err != nil {
		return b.change(ctx, m, "chat.timezone", relay.SettingsChange{}, settings{Usage: true})
	}
	return b.change(ctx, m, "chat.timezone", relay.SettingsChange{TimeZone: &zone}, settings{})
}

// cutZone takes a time zone off the end, nil if there is none.
func cutZone(argument string) (rest string, zone *string) {
	i := strings.LastIndexByte(argument, ' ')
	if i < 0 {
		return argument, nil
	}
	name, err := relay.CheckTimeZone(argument[i+1:])
	if err != nil {
		return argument, nil
	}
	return strings.TrimSpace(argument[:i]), &name
}
