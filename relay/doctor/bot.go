package doctor

import (
	"context"
	"strings"

	"github.com/tgrelay/tgrelay/relay/config"
)

// ofBot are the options with a bot in the place of the first: the looks at a bot know of one only.
func (o *Options) ofBot(name string) *Options {
	own, c := *o, *o.Config
	b, _ := o.Config.Bot(name)
	c.Telegram = b.Telegram
	own.Config = &c
	return &own
}

// eachBot makes a look at every bot. Where there are several, findings say whose they are, and so do the keys and commands in what mends them.
func eachBot(look func(context.Context, *Options) []Finding) func(context.Context, *Options) []Finding {
	return ofBots(look, func(*config.Telegram) string { return "" })
}

// eachWay makes a look at the way to the Bot API once for all bots that have the same.
func eachWay(look func(context.Context, *Options) []Finding) func(context.Context, *Options) []Finding {
	return ofBots(look, func(t *config.Telegram) string { return t.APIURL + " " + t.ProxyURL.Reveal() })
}

// ofBots makes a look at every bot, at all at once. Of those that are the same in what counts, one is enough; nothing counts where it is empty.
func ofBots(look func(context.Context, *Options) []Finding, counts func(*config.Telegram) string) func(context.Context, *Options) []Finding {
	return func(ctx context.Context, o *Options) []Finding {
		var names []string
		seen := map[string]bool{}
		for _, name := range o.Config.BotNames() {
			b, _ := o.Config.Bot(name)
			same := counts(&b.Telegram)
			if same == "" || !seen[same] {
				seen[same], names = true, append(names, name)
			}
		}
		if len(names) == 1 {
			return look(ctx, o)
		}
		found := make([]chan []Finding, len(names))
		for i, name := range names {
			found[i] = make(chan []Finding, 1)
			go func() { found[i] <- whose(name, look(ctx, o.ofBot(name))) }()
		}
		var all []Finding
		for _, f := range found {
			all = append(all, <-f...)
		}
		return all
	}
}

// called is what a bot is called where one is named.
func called(name string) string {
	if name == "" {
		return config.FirstBot
	}
	return name
}

// whose says of findings which bot they are of.
func whose(name string, findings []Finding) []Finding {
	table := config.BotTable(name)
	keys := strings.NewReplacer("telegram.webhook.url", table+".webhook.url", "telegram.proxy_url", table+".proxy_url",
		"`tgrelay telegram set-webhook`", "`tgrelay telegram set-webhook --bot "+called(name)+"`",
		"`tgrelay telegram delete-webhook", "`tgrelay telegram delete-webhook --bot "+called(name),
		"into [telegram]", "into ["+table+"]")
	for i, f := range findings {
		findings[i].Found = "[" + table + "] " + keys.Replace(f.Found)
		findings[i].Remedy = keys.Replace(f.Remedy)
	}
	return findings
}
