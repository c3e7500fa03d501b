package config_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/secret"
)

var update = flag.Bool("update", false, "write testdata/bad/*.want anew")

// TestBad holds each bad file against the whole text of its faults.
func TestBad(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			c, err := config.Load(file)
			if err == nil {
				t.Fatalf("no fault was found: %+v", c)
			}
			got, golden := err.Error()+"\n", strings.TrimSuffix(file, ".toml")+".want"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if strings.Contains(got, "secret\"") || strings.Contains(got, "AAsecret") || strings.Contains(got, "user:secret") {
				t.Errorf("a fault shows a secret:\n%s", got)
			}
		})
	}
}

const minimal = "[telegram]\ntoken = \"123456:AA-secret\"\n"

func parse(t *testing.T, more string) *config.Config {
	t.Helper()
	c, err := config.Parse("/etc/tgrelay/relay.toml", []byte(minimal+more))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMinimal(t *testing.T) {
	got, want := parse(t, ""), config.Default()
	want.File = "/etc/tgrelay/relay.toml"
	want.Telegram.Token = secret.New("123456:AA-secret")
	want.Storage.URL = "sqlite:/etc/tgrelay/relay.db"
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want.Server.Listen[0] != "127.0.0.1:9786" || want.Storage.Retention != 720*time.Hour || want.Server.MaxBody != 1<<20 {
		t.Errorf("defaults: %+v", want)
	}
}

func TestEverything(t *testing.T) {
	t.Setenv("TGRELAY_TEST_TOKEN", "from-env")
	c := parse(t, `
proxy_url = "socks5://user:secret@127.0.0.1:1080"
api_url = "http://127.0.0.1:8081/"
mode = "webhook"
webhook = { url = "http://127.0.0.1:9786/telegram", allowed_sources = ["149.154.160.0/20"] }
[server]
listen = ["0.0.0.0:9786", "unix:run/relay.sock"]
max_body = "512KiB"
public_url = "https://relay.example.org/"
[delivery]
chat_rate = 0.5
group_rate = 10
fallback = "ops"
[onboarding]
link_ttl = "1h30m"
allowed_users = [1001]
[templates]
files = ["*.tmpl", "/srv/*.tmpl"]
[auth.tokens.ci]
token_env = "TGRELAY_TEST_TOKEN"
scopes = ["send", "links"]
receivers = ["ops"]
[auth.tokens.am]
sha256 = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
scopes = ["hooks"]
[receivers.ops]
type = "grafana"
to = ["ops", "team-{{ .CommonLabels.team }}"]
disable_notification = true
hmac_secret_env = "TGRELAY_TEST_TOKEN"
hmac_header = "X-Signature"
hmac_timestamp_header = "X-Time"
priority = "{{ .CommonLabels.priority }}"
on_update = "edit"
key = "{{ .GroupKey }}"
split_by = ["team"]
buttons = false
visible = ["team={{ .Recipient }}", "severity=critical"]
[receivers.ops.escalate]
after = "15m"
to = ["boss"]
[receivers.json]
template = "mine"
[receivers.alertmanager]
type = "json"
parse_mode = "none"
[alertmanagers.home]
url = "http://127.0.0.1:3000/api/alertmanager/grafana/"
receivers = ["ops", "grafana"]
username = "relay"
password_env = "TGRELAY_TEST_TOKEN"
[log]
level = "debug"
`)
	silent := config.Condition(`{{ eq .Status "resolved" }}`)
	for name, check := range map[string]struct{ got, want any }{
		"api_url":        {c.Telegram.APIURL, "http://127.0.0.1:8081"},
		"proxy_url":      {c.Telegram.ProxyURL.Reveal(), "socks5://user:secret@127.0.0.1:1080"},
		"sources":        {c.Telegram.Webhook.AllowedSources, []netip.Prefix{netip.MustParsePrefix("149.154.160.0/20")}},
		"listen":         {c.Server.Listen, []string{"0.0.0.0:9786", "unix:/etc/tgrelay/run/relay.sock"}},
		"max_body":       {c.Server.MaxBody, config.Size(512 << 10)},
		"public_url":     {c.Server.PublicURL, "https://relay.example.org"},
		"chat_rate":      {c.Delivery.ChatRate, 0.5},
		"group_rate":     {c.Delivery.GroupRate, 10.0},
		"link_ttl":       {c.Onboarding.LinkTTL, 90 * time.Minute},
		"allowed_users":  {c.Onboarding.AllowedUsers, []int64{1001}},
		"files":          {c.Templates.Files, []string{"/etc/tgrelay/*.tmpl", "/srv/*.tmpl"}},
		"hash of token":  {c.Auth.Tokens["ci"].Hash, sha256.Sum256([]byte("from-env"))},
		"hash of sha256": {c.Auth.Tokens["am"].Hash, sha256.Sum256([]byte("test"))},
		"level":          {c.Log.Level, slog.LevelDebug},
		"receivers": {c.Receivers, map[string]config.Receiver{
			"ops": {
				Type: "grafana", To: []string{"ops", "team-{{ .CommonLabels.team }}"}, Template: "grafana.message", ParseMode: "MarkdownV2", DisableNotification: "true",
				Priority: "{{ .CommonLabels.priority }}", OnUpdate: "edit", Key: "{{ .GroupKey }}", SplitBy: []string{"team"}, Visible: []string{"team={{ .Recipient }}", "severity=critical"},
				Escalate:   config.Escalate{After: 15 * time.Minute, To: []string{"boss"}},
				HMACSecret: secret.New("from-env"), HMACSecretEnv: "TGRELAY_TEST_TOKEN", HMACHeader: "X-Signature", HMACTimestampHeader: "X-Time",
			},
			"json":         {Type: "json", Template: "mine", ParseMode: "MarkdownV2", DisableNotification: "false", Priority: "normal", OnUpdate: "edit"},
			"alertmanager": {Type: "json", Template: "json.message", ParseMode: "none", DisableNotification: "false", Priority: "normal", OnUpdate: "edit"},
			"grafana":      {Type: "grafana", Template: "grafana.message", ParseMode: "MarkdownV2", DisableNotification: silent, Priority: "normal", OnUpdate: "reply", Buttons: true, HMACHeader: "X-Grafana-Alerting-Signature"},
			"ntfy":         config.Default().Receivers["ntfy"],
			"gotify":       config.Default().Receivers["gotify"],
			"apprise":      config.Default().Receivers["apprise"],
			"text":         config.Default().Receivers["text"],
		}},
		"alertmanagers": {c.Alertmanagers, map[string]config.Alertmanager{"home": {
			URL: "http://127.0.0.1:3000/api/alertmanager/grafana", Receivers: []string{"ops", "grafana"}, Username: "relay", Password: secret.New("from-env"), PasswordEnv: "TGRELAY_TEST_TOKEN",
		}}},
	} {
		if diff := cmp.Diff(check.want, check.got, equal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	c := parse(t, `
proxy_url = "http://user:secret@proxy"
webhook = { secret_token = "secret" }
[auth.tokens.ci]
token = "AA-secret"
scopes = ["send"]
[receivers.json]
hmac_secret = "AA-secret"
`)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v", c, *c, c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("loaded", "config", c)
	if strings.Contains(out.String(), "AA-secret") || strings.Contains(out.String(), "user:secret") || strings.Contains(out.String(), `"secret"`) {
		t.Errorf("a secret shows: %s", out.String())
	}
}

func TestBotTokenSources(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	write(t, filepath.Join(dir, "bot-token"), "1:credential\n")
	write(t, filepath.Join(dir, "file"), "2:file\n")
	t.Setenv("TGRELAY_TEST_TOKEN", "3:env")
	tokens := func(want map[string]string) {
		t.Helper()
		for text, want := range want {
			c, err := config.Parse(filepath.Join(dir, "relay.toml"), []byte(text))
			if err != nil {
				t.Errorf("%q: %v", text, err)
				continue
			}
			if got := c.Telegram.Token.Reveal(); got != want {
				t.Errorf("%q: token %q, want %q", text, got, want)
			}
		}
	}
	tokens(map[string]string{
		"": "1:credential",
		"[telegram]\ntoken_file = \"file\"\ntoken = \"\"":      "1:credential",
		"[telegram]\ntoken_env = \"TGRELAY_TEST_TOKEN\"":       "3:env",
		"telegram = { token = \"4:value\", token_file = \"\"}": "4:value",
	})
	t.Setenv("CREDENTIALS_DIRECTORY", "") // as for commands that root runs beside the service
	tokens(map[string]string{"[telegram]\ntoken_file = \"file\"": "2:file"})
}

func TestLineAndFault(t *testing.T) {
	c := parse(t, "\n[receivers.ops]\ntype = \"json\"\nto = [\n\"a\" ]\n\n[delivery]\n")
	for key, want := range map[string]int{
		"telegram": 1, "telegram.token": 2, "receivers": 4, "receivers.ops": 4, "receivers.ops.type": 5, "receivers.ops.to": 6,
		"receivers.ops.template": 4, "delivery": 9, "delivery.fallback": 9, "receivers.json.to": 4, "log.level": 0, "": 0,
	} {
		if got := c.Line(key); got != want {
			t.Errorf("Line(%q) = %d, want %d", key, got, want)
		}
	}
	got := c.Fault("receivers.ops.to", "no template: %s", "x").Error()
	if want := "/etc/tgrelay/relay.toml:6: receivers.ops.to: no template: x"; got != want {
		t.Errorf("fault %q, want %q", got, want)
	}
}

func TestFaultsAreInOrder(t *testing.T) {
	_, err := config.Parse("relay.toml", []byte("x = 1\n[log]\nlevel = 1\n[delivery]\nmax_age = 1"))
	faults, ok := errors.AsType[config.Faults](err)
	if !ok || len(faults) != 4 {
		t.Fatalf("want 4 faults: %v", err)
	}
	for i, line := range []int{1, 3, 5, 0} {
		if faults[i].Line != line {
			t.Errorf("fault %d is %v, want line %d", i, faults[i], line)
		}
	}
}

func TestTemplatePaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.tmpl", "b.tmpl", "c.txt"} {
		write(t, filepath.Join(dir, name), "")
	}
	c, err := config.Parse(filepath.Join(dir, "relay.toml"), []byte(minimal+"[templates]\nfiles = [\"b.tmpl\", \"*.tmpl\", \"later/*\"]"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "b.tmpl"), filepath.Join(dir, "a.tmpl")}
	if diff := cmp.Diff(want, c.Templates.Paths()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// equal compares a Config, but for its private table of lines.
var equal = cmp.Options{cmpopts.IgnoreUnexported(config.Config{}), cmp.Comparer(func(a, b secret.Value) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStorageLiesInSystemdsStateDirectory(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "/var/lib/tgrelay:/var/lib/other")
	for url, want := range map[string]string{
		"sqlite:relay.db":      "sqlite:/var/lib/tgrelay/relay.db",
		"sqlite:/srv/relay.db": "sqlite:/srv/relay.db",
	} {
		c, err := config.Parse("/etc/tgrelay/relay.toml", []byte("[telegram]\ntoken = \"1:a\"\n[storage]\nurl = \""+url+"\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if c.Storage.URL != want {
			t.Errorf("%s: %s, want %s", url, c.Storage.URL, want)
		}
	}
}
