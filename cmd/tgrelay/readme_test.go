package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fences are the code blocks of a page, by language.
func fences(t *testing.T, file, language string) []string {
	t.Helper()
	page, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range regexp.MustCompile("(?ms)^ *```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(string(page), -1) {
		indent := regexp.MustCompile(`^ *`).FindString(found[1])
		blocks = append(blocks, strings.ReplaceAll("\n"+found[1], "\n"+indent, "\n"))
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no %s blocks", file, language)
	}
	return blocks
}

// The README's configuration makes a real Alertmanager send what arrives in the chat.
func TestAlertmanagerSnippet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	snippet := strings.ReplaceAll(fences(t, "README.md", "yaml")[0], documented, w.relay)
	am := w.alertmanager(strings.Replace(snippet, "  receiver: telegram\n", "  receiver: telegram\n  group_wait: 1s\n  group_interval: 1s\n", 1))
	const labels = `{"alertname":"Disk_full","severity":"critical","instance":"nas"}`
	w.do("POST", am.url+"/api/v2/alerts", fmt.Sprintf(`[{"labels":%s,"annotations":{"summary":"*90%%* of <nas> is full"},"generatorURL":"http://prometheus.example.org/graph"}]`, labels), nil)
	got := w.messages(ada, 2)[1]
	if !strings.HasPrefix(got.Text, "🔥 Disk_full (critical)\n*90%* of <nas> is full\n") {
		t.Errorf("firing: %q", got.Text)
	}
	w.do("POST", am.url+"/api/v2/alerts", fmt.Sprintf(`[{"labels":%s,"endsAt":"2020-01-01T00:00:00Z","startsAt":"2019-01-01T00:00:00Z"}]`, labels), nil)
	got = w.messages(ada, 3)[2]
	if !strings.HasPrefix(got.Text, "✅ Disk_full (critical) resolved") || !got.Silent {
		t.Errorf("resolved: %+v", got)
	}
}

// The address of the README's contact point takes what Grafana's own code sends.
func TestGrafanaSnippet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	found := regexp.MustCompile(`url: (\S+)`).FindStringSubmatch(fences(t, "README.md", "yaml")[1])
	if found == nil {
		t.Fatal("the contact point has no url")
	}
	w.do("POST", strings.ReplaceAll(found[1], documented, w.relay), payload(t, "grafana/firing.json"), nil)
	if got := w.messages(ada, 2)[1].Text; !strings.HasPrefix(got, "🔥 High CPU (warning)") {
		t.Errorf("arrived: %q", got)
	}
}

// The relay.toml of the project is a configuration as soon as the token stands beside it.
func TestReadmesConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	reference, err := os.ReadFile("../../relay.toml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "relay.toml")
	if err := os.WriteFile(config, reference, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := run(t, "", "check", "--config", config); status != 2 || !strings.Contains(errs, "telegram.token_file") {
		t.Errorf("without the token: status %d\n%s%s", status, out, errs)
	}
	if err := os.WriteFile(filepath.Join(dir, "bot-token"), []byte(botToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := run(t, "", "check", "--config", config); status != 0 {
		t.Errorf("with it: status %d\n%s%s", status, out, errs)
	}
}
