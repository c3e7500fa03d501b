package config

import (
	"encoding/pem"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// Telegram is how the bot reaches Telegram, and how Telegram reaches the bot.
type Telegram struct {
	Token     secret.Value `toml:"token"` // the bot's, wherever it came from
	TokenFile string       `toml:"token_file"`
	TokenEnv  string       `toml:"token_env"`
	Mode      string       `toml:"mode" one_of:"polling|webhook"`
	APIURL    string       `toml:"api_url"`   // without a slash at its end
	LinkURL   string       `toml:"link_url"`  // without a slash at its end
	ProxyURL  secret.Value `toml:"proxy_url"` // may hold a password
	Webhook   Webhook      `toml:"webhook"`
}

// Webhook is Telegram.Webhook, used with mode "webhook" (Bot API: setWebhook).
type Webhook struct {
	URL             string         `toml:"url"`
	SecretToken     secret.Value   `toml:"secret_token"` // empty: made and kept in the storage
	SecretTokenFile string         `toml:"secret_token_file"`
	SecretTokenEnv  string         `toml:"secret_token_env"`
	CertificateFile string         `toml:"certificate_file"`
	MaxConnections  int            `toml:"max_connections"`
	AllowedSources  []netip.Prefix `toml:"allowed_sources"` // empty: any
}

const officialAPI = "api.telegram.org"

func defaultTelegram() Telegram {
	return Telegram{
		Mode:    "polling",
		APIURL:  "https://" + officialAPI,
		LinkURL: "https://t.me",
		Webhook: Webhook{MaxConnections: 40},
	}
}

var (
	botToken     = regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`)
	webhookToken = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`) // Bot API: setWebhook, secret_token
)

// telegram checks the table at of a bot, whose token may come as a credential of systemd.
func (k *checker) telegram(at, credential string, t *Telegram) {
	k.botToken(at, credential, t)
	t.APIURL = k.baseURL(at+".api_url", t.APIURL)
	t.LinkURL = k.baseURL(at+".link_url", t.LinkURL)
	if p := t.ProxyURL.Reveal(); p != "" {
		u, err := url.Parse(p)
		fine := err == nil && u.Host != "" && slices.Contains([]string{"http", "https", "socks5"}, u.Scheme)
		k.require(fine, at+".proxy_url", `want an address such as "http://proxy:3128", "https://proxy:3128" or "socks5://proxy:1080"`)
	}
	k.webhook(at+".webhook.", t, &t.Webhook)
}

func (k *checker) botToken(at, credential string, t *Telegram) {
	src := secret.Source{Value: t.Token, File: t.TokenFile, Env: t.TokenEnv}
	if brought, ok := secret.Credential(credential); ok && src.Value.IsZero() && src.Env == "" {
		src = brought // the file itself is often for root only, as commands run by root read it
	}
	v, err := k.secret(at+".token", src)
	t.TokenFile = k.c.path(t.TokenFile)
	switch {
	case errors.Is(err, secret.ErrNone):
		k.fault(at+".token_file", "there is no bot token: ask @BotFather for one, %s, or name an environment variable with token_env", tokenPlace(credential))
	case err == nil && !botToken.MatchString(v.Reveal()):
		k.fault(givenAs(at+".token", src), "what is there is no bot token: it looks like 123456:AA…, as @BotFather gives it")
	}
	t.Token = v
}

// tokenPlace is where to write a bot's token. Our unit for systemd has a place for the first one's that needs no key.
func tokenPlace(credential string) string {
	if os.Getenv("CREDENTIALS_DIRECTORY") != "" && credential == "bot-token" {
		return "write it into the file /etc/tgrelay/bot-token, which systemd hands on as the credential bot-token"
	}
	return "write it into a file and name that file here"
}

func (k *checker) webhook(at string, t *Telegram, w *Webhook) {
	src := secret.Source{Value: w.SecretToken, File: w.SecretTokenFile, Env: w.SecretTokenEnv}
	v, err := k.secret(at+"secret_token", src)
	w.SecretToken, w.SecretTokenFile = v, k.c.path(w.SecretTokenFile)
	k.require(err != nil || webhookToken.MatchString(v.Reveal()), givenAs(at+"secret_token", src), "want 1 to 256 letters, digits, _ and -")
	k.require(w.MaxConnections >= 1 && w.MaxConnections <= 100, at+"max_connections", "%d is out of range; 1 to 100", w.MaxConnections)
	if w.CertificateFile != "" {
		w.CertificateFile = k.c.path(w.CertificateFile)
		k.certificate(at+"certificate_file", w.CertificateFile)
	}
	switch {
	case w.URL != "":
		k.webhookURL(at+"url", w.URL, t.APIURL)
	case t.Mode == "webhook" && !k.faulty(at+"url"):
		k.fault(at+"url", `mode = "webhook" needs it: the address at which Telegram reaches this server, such as "https://relay.example.org/telegram"`)
	}
}

// webhookURL checks what Telegram will accept; another Bot API server may also be told an http address and any port.
func (k *checker) webhookURL(key, raw, apiURL string) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		k.fault(key, `want an address such as "https://relay.example.org/telegram"`)
		return
	}
	if api, err := url.Parse(apiURL); err == nil && api.Hostname() == officialAPI {
		k.require(u.Scheme == "https", key, "want https: Telegram sends to nothing else")
		port := u.Port()
		k.require(port == "" || slices.Contains([]string{"443", "80", "88", "8443"}, port), key, "Telegram sends to the ports 443, 80, 88 and 8443 only")
	}
	if u.Path == "" || u.Path == "/" {
		k.fault(key, `want a path that is Telegram's own, such as "/telegram"`)
	}
	for _, taken := range []string{"/hooks", "/api", "/-", "/metrics"} {
		if u.Path == taken || strings.HasPrefix(u.Path, taken+"/") {
			k.fault(key, "the path %s is this server's own: use another, such as /telegram", taken)
		}
	}
}

func (k *checker) certificate(key, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		k.fault(key, "%v", err)
		return
	}
	block, _ := pem.Decode(b)
	k.require(block != nil && block.Type == "CERTIFICATE", key, "%s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", path)
}
