package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sampled are a payload for each receiver that docs/receivers.md configures, and how its message begins.
var sampled = map[string][2]string{
	"alertmanager":   {"alertmanager/single-firing", "🔥 InstanceDown"},
	"services":       {"alertmanager/single-firing", "🔥 InstanceDown"},
	"deploys":        {"others/home-assistant-rest", "Laundry"},
	"teams":          {"others/home-assistant-rest", "Laundry"},
	"github":         {"others/github-workflow-run-failure", "❌ CI failed in octo-org/relay main"},
	"gitlab":         {"others/gitlab-pipeline", "❌ Pipeline failed in ops/site main"},
	"gitea":          {"others/gitea-push", "📦 ada pushed 1 commit to ada/dotfiles main"},
	"uptime-kuma":    {"others/uptime-kuma-down", "🔴 Home lab / Nextcloud (home) is down"},
	"healthchecks":   {"others/healthchecks-down", "🔴 Nightly backup is down"},
	"home-assistant": {"others/home-assistant-data", "🏠 Camera"},
	"proxmox":        {"others/proxmox-backup", "✅ vzdump backup status (pve-1): backup successful"},
	"arr":            {"others/sonarr-grab", "⬇️ The Example Show S02E05 grabbed"},
	"watchtower":     {"others/watchtower-report", "❌ 1 updated, 1 failed on nas"},
	"diun":           {"others/diun", "🐳 nextcloud:30 has an update"},
	"argocd":         {"others/argocd", "⚠️ shop Degraded, Synced (sync succeeded)"},
	"sentry":         {"others/sentry-issue-created", "🔴 ACME-1C is new in shop"},
	"events":         {"others/cloudevents-structured", "org.example.backup.failed"},
}

// The configuration on the page about receivers is right as it stands, and shows what its senders send.
func TestReceiversOfTheDocs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := fences(t, "docs/receivers.md", "toml")
	all := "[telegram]\ntoken = \"123456:AAabcdefghijklmnopqrstuvwxyz012345\"\n[templates]\nfiles = [\"*.tmpl\"]\n" + strings.Join(blocks, "")
	config := filepath.Join(dir, "relay.toml")
	write("relay.toml", all)
	write("my.tmpl", `{{ define "deploy" }}{{ .title }}{{ end }}`)
	for _, file := range regexp.MustCompile(`hmac_secret_file = "(.+?)"`).FindAllStringSubmatch(all, -1) {
		write(file[1], "corpus-test-secret\n")
	}
	if out, errs, status := run(t, "", "check", "--config", config); status != 0 || errs != "" {
		t.Errorf("check: status %d\n%s%s", status, out, errs)
	}
	if found := strings.Count(all, "\n[receivers."); found != len(sampled) {
		t.Errorf("the page configures %d receivers, and there are samples for %d", found, len(sampled))
	}
	for receiver, sample := range sampled {
		args := append([]string{"render", "--config", config, "--receiver", receiver, "../../receivers/testdata/" + sample[0] + ".json"}, headersOf(t, sample[0])...)
		if out, errs, status := run(t, "", args...); status != 0 || !strings.HasPrefix(out, sample[1]) || strings.Contains(errs, "failed") {
			t.Errorf("%v: status %d, want %q\n%s%s", args, status, sample[1], out, errs)
		}
	}
}

// Each configuration on the page about alerts is right by itself.
func TestAlertsOfTheDocs(t *testing.T) {
	t.Parallel()
	for i, block := range fences(t, "docs/alerts.md", "toml") {
		dir := t.TempDir()
		config := filepath.Join(dir, "relay.toml")
		for file, text := range map[string]string{config: "[telegram]\ntoken = \"123456:AAabcdefghijklmnopqrstuvwxyz012345\"\n" + block, filepath.Join(dir, "grafana-token"): "glsa_x\n"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out, errs, status := run(t, "", "check", "--config", config); status != 0 || errs != "" {
			t.Errorf("block %d: status %d\n%s%s", i+1, status, out, errs)
		}
	}
}

// headersOf are the headers that a payload came with, as arguments.
func headersOf(t *testing.T, sample string) (args []string) {
	t.Helper()
	b, err := os.ReadFile("../../receivers/testdata/" + sample + ".headers")
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		args = append(args, "--header", strings.TrimSpace(line))
	}
	return args
}

// GitHub's signed request brings its message without a token, and an unsigned one is told why it does not.
func TestSignedWebhookArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+"\n[receivers.github]\ntype = \"json\"\nto = [\"ops\"]\nhmac_secret = \"corpus-test-secret\"\n")
	ada := w.connect("Ada", "ops")
	var headers []string
	for _, arg := range headersOf(t, "others/github-push") {
		if name, value, ok := strings.Cut(arg, ": "); ok {
			headers = append(headers, name, value)
		}
	}
	body := payload(t, "others/github-push.json")
	if response, answer := w.exchange("POST", w.relay+"/hooks/github", body, headers...); response.StatusCode != 202 {
		t.Fatalf("%d %s", response.StatusCode, answer)
	}
	if got := w.messages(ada, 2)[1].Text; !strings.HasPrefix(got, "📦 ada pushed 2 commits to octo-org/relay main\n") {
		t.Errorf("arrived: %q", got)
	}
	response, answer := w.exchange("POST", w.relay+"/hooks/github", body+" ", headers...)
	if response.StatusCode != 401 || !strings.Contains(answer, `"invalid_signature"`) || !strings.Contains(answer, "check that the sender has the secret of [receivers.github]") {
		t.Errorf("another body: %d %s", response.StatusCode, answer)
	}
	if strings.Contains(w.process.text()+answer, "corpus-test-secret") {
		t.Error("the secret is told")
	}
}
