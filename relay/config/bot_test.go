package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// TestBotsAreAsTheFirst holds bots to have the values of [telegram], but for what is each one's own.
func TestBotsAreAsTheFirst(t *testing.T) {
	c := parse(t, `
mode = "webhook"
api_url = "http://127.0.0.1:8081/"
proxy_url = "socks5://user:secret@127.0.0.1:1080"
[telegram.webhook]
url = "http://127.0.0.1:9786/telegram/"
secret_token = "secret"
max_connections = 7
allowed_sources = ["149.154.160.0/20"]
[delivery]
global_rate = 20
[bots.team]
token = "2:AA-secret"
[bots.apart]
token = "3:AA-secret"
mode = "polling"
api_url = "https://bots.example.org/"
link_url = "https://t.example.org/"
proxy_url = ""
global_rate = 5.5
[receivers.json]
bot = "team"
[receivers.text]
bot = "telegram"
`)
	first := c.Telegram
	team := first
	team.Token = secret.New("2:AA-secret")
	team.Webhook.URL, team.Webhook.SecretToken = "http://127.0.0.1:9786/telegram/team", secret.Value{}
	apart := team
	apart.Token = secret.New("3:AA-secret")
	apart.Mode, apart.APIURL, apart.LinkURL, apart.ProxyURL = "polling", "https://bots.example.org", "https://t.example.org", secret.Value{}
	apart.Webhook.URL = "http://127.0.0.1:9786/telegram/apart"
	apart.Webhook.AllowedSources = []netip.Prefix{netip.MustParsePrefix("149.154.160.0/20")}
	want := map[string]config.Bot{"team": {Telegram: team, GlobalRate: 20}, "apart": {Telegram: apart, GlobalRate: 5.5}}
	if d := cmp.Diff(want, c.Bots, equal); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"", "apart", "team"}, c.BotNames()); d != "" {
		t.Errorf("names: %s", d)
	}
	if b, known := c.Bot(""); !known || b.GlobalRate != 20 || b.Token != first.Token {
		t.Errorf("the first: %t, %v", known, b.GlobalRate)
	}
	if b, known := c.Bot("team"); !known || b.Token != team.Token {
		t.Error("team is not known")
	}
	if _, known := c.Bot(config.FirstBot); known {
		t.Error("the first bot's name in code and storage is empty")
	}
}

func TestBotTokenIsACredential(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	write(t, filepath.Join(dir, "bot-token"), "1:first\n")
	write(t, filepath.Join(dir, "bot-token.team"), "2:team\n")
	c, err := config.Parse(filepath.Join(dir, "relay.toml"), []byte("[bots.team]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Bots["team"].Token.Reveal(); got != "2:team" {
		t.Errorf("token %q", got)
	}
}

// TestCertificateOfTheFirst is about a relative path, which starts at the folder of the file once.
func TestCertificateOfTheFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("conf", 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, "conf/cert.pem", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")
	c, err := config.Parse("conf/relay.toml", []byte(minimal+"webhook = { certificate_file = \"cert.pem\" }\n[bots.team]\ntoken = \"2:a\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Bots["team"].Webhook.CertificateFile; got != "conf/cert.pem" {
		t.Errorf("certificate_file %q", got)
	}
}

func TestBotsAtAReload(t *testing.T) {
	before := parse(t, "[bots.team]\ntoken = \"2:a\"\n[bots.old]\ntoken = \"3:a\"\n")
	after := parse(t, "[bots.team]\ntoken = \"4:a\"\nlink_url = \"https://t.example.org\"\nglobal_rate = 9\nmode = \"webhook\"\nwebhook = { url = \"https://x.example.org/t\", max_connections = 9 }\n[bots.new]\ntoken = \"5:a\"\n")
	atStart := map[string]bool{
		"bots.new": true, "bots.old": true, "bots.team.token": true, "bots.team.mode": true, "bots.team.webhook.url": true,
		"bots.team.link_url": false, "bots.team.global_rate": false, "bots.team.webhook.max_connections": false,
	}
	got := map[string]bool{}
	for _, key := range config.Differences(before, after) {
		got[key] = config.TakesStart(key)
	}
	if d := cmp.Diff(atStart, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
