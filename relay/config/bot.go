package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// FirstBot is what the bot of [telegram] is called where a bot is named. In code and storage its name is empty.
const FirstBot = "telegram"

// Bot is a bot of [bots.NAME]. Each key that is not in the file is as in [telegram], but for token, webhook.url and webhook.secret_token.
type Bot struct {
	Telegram
	GlobalRate float64 `toml:"global_rate"` // messages per second, this bot; as in [delivery] where the file has none
}

// BotNames are the names of all bots: the empty one of [telegram] first, then those of [bots.NAME], sorted.
func (c *Config) BotNames() []string {
	return append([]string{""}, slices.Sorted(maps.Keys(c.Bots))...)
}

// Bot is a bot by its name; the empty one is that of [telegram].
func (c *Config) Bot(name string) (b Bot, known bool) {
	if name == "" {
		return Bot{Telegram: c.Telegram, GlobalRate: c.Delivery.GlobalRate}, true
	}
	b, known = c.Bots[name]
	return b, known
}

// BotTable is the table of a bot, as its keys begin: telegram or bots.NAME.
func BotTable(name string) string {
	if name == "" {
		return "telegram"
	}
	return child("bots", name)
}

// ofFirst are the keys of a bot that are as in [telegram] where the file has none.
var ofFirst = map[string]func(b, first *Telegram){
	"mode":                     func(b, first *Telegram) { b.Mode = first.Mode },
	"api_url":                  func(b, first *Telegram) { b.APIURL = first.APIURL },
	"link_url":                 func(b, first *Telegram) { b.LinkURL = first.LinkURL },
	"proxy_url":                func(b, first *Telegram) { b.ProxyURL = first.ProxyURL },
	"webhook.certificate_file": func(b, first *Telegram) { b.Webhook.CertificateFile = first.Webhook.CertificateFile },
	"webhook.max_connections":  func(b, first *Telegram) { b.Webhook.MaxConnections = first.Webhook.MaxConnections },
	"webhook.allowed_sources":  func(b, first *Telegram) { b.Webhook.AllowedSources = first.Webhook.AllowedSources },
}

// completeBots gives each key of a bot that is not in the file, or has a fault there, its value. Telegram calls each bot at an address of
// its own.
func (k *checker) completeBots() {
	c := k.c
	for name, b := range c.Bots {
		given := func(key string) bool { return c.lines[BotTable(name)+"."+key] > 0 && !k.faulty(BotTable(name)+"."+key) }
		for key, copied := range ofFirst {
			if !given(key) {
				copied(&b.Telegram, &c.Telegram)
			}
		}
		if first := c.Telegram.Webhook.URL; !given("webhook.url") && first != "" {
			b.Webhook.URL = strings.TrimSuffix(first, "/") + "/" + name
		}
		if !given("global_rate") {
			b.GlobalRate = c.Delivery.GlobalRate
		}
		c.Bots[name] = b
	}
}

func (k *checker) bots() {
	k.telegram(BotTable(""), "bot-token", &k.c.Telegram)
	for _, name := range slices.Sorted(maps.Keys(k.c.Bots)) {
		b, key := k.c.Bots[name], BotTable(name)
		k.require(receiverName.MatchString(name), key, "%.60q cannot name a bot: use small letters, digits, _ and -, beginning with a letter or digit", name)
		k.require(name != FirstBot, key, "the name %s is that of the bot in [telegram]; use another", FirstBot)
		k.telegram(key, "bot-token."+name, &b.Telegram)
		k.rate(key+".global_rate", b.GlobalRate)
		k.c.Bots[name] = b
	}
	k.faults = slices.DeleteFunc(k.faults, k.toldBefore)
	k.apart()
}

// toldBefore reports whether a fault is that of a value which a bot has from [telegram] or [delivery], where it is told of.
func (k *checker) toldBefore(f Fault) bool {
	rest, ofBot := strings.CutPrefix(f.Key, "bots.")
	_, key, ofKey := strings.Cut(rest, ".")
	if !ofBot || !ofKey || k.c.lines[f.Key] > 0 {
		return false
	}
	return k.faulty("telegram."+key) || key == "global_rate"
}

// apart holds the bots to be different ones, with different addresses for Telegram to call. The number in a token is the bot's ID.
func (k *checker) apart() {
	ids, paths := map[string]string{}, map[string]string{}
	for _, name := range k.c.BotNames() {
		b, _ := k.c.Bot(name)
		table := BotTable(name)
		if id, _, is := strings.Cut(b.Token.Reveal(), ":"); is {
			other, taken := ids[id]
			k.require(!taken, k.tokenKey(table), "this is the bot of [%s] too: ask @BotFather for another, each table has a bot of its own", other)
			ids[id] = table
		}
		u, err := url.Parse(b.Webhook.URL)
		if b.Mode != "webhook" || b.Webhook.URL == "" || err != nil {
			continue
		}
		other, taken := paths[u.Path]
		k.require(!taken || k.faulty(table+".webhook.url"), table+".webhook.url", "the path %s is that of [%s] already: Telegram calls each bot at a path of its own", u.Path, other)
		paths[u.Path] = table
	}
}

// tokenKey is the key of a bot's token that is in the file.
func (k *checker) tokenKey(table string) string {
	for _, key := range []string{table + ".token_file", table + ".token_env"} {
		if k.c.lines[key] > 0 {
			return key
		}
	}
	return table + ".token"
}

// knownBot checks the name of a bot that something is to go by; empty names none.
func (k *checker) knownBot(key, name string) {
	if _, known := k.c.Bots[name]; known || name == "" || name == FirstBot {
		return
	}
	if len(k.c.Bots) == 0 {
		k.fault(key, "there is no bot %.60q: bots beside the one of [telegram] are tables [bots.NAME]", name)
		return
	}
	names := slices.AppendSeq([]string{FirstBot}, maps.Keys(k.c.Bots))
	slices.Sort(names)
	k.fault(key, "there is no bot %.60q; there are %s", name, strings.Join(slices.Compact(names), ", "))
}
