package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// health asks what relay.toml says is served, plainly or by TLS, and its exit status is the answer.
func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.health(0, "healthy\n")
	w.eventually(func() bool {
		_, _, status := run(t, "", "health", "--ready", "--config", w.config())
		return status == 0
	})
	w.process.kill()
	w.health(1, "tgrelay: ")

	certified := &world{t: t, dir: t.TempDir(), sim: w.sim}
	certified.certify("relay")
	certified.write("web.yml", "tls_server_config:\n  cert_file: relay.crt\n  key_file: relay.key\n")
	certified.server = "web_config_file = \"web.yml\"\n"
	certified.begin()
	certified.health(0, "healthy\n")
	certified.write("web.yml", "tls_server_config:\n  cert_file: relay.crt\n  key_file: relay.key\n  client_ca_file: relay.crt\n  client_auth_type: RequireAndVerifyClientCert\n")
	certified.health(1, "let `listen` name a unix socket first")

	socket := &world{t: t, dir: t.TempDir(), sim: w.sim}
	socket.write("bot-token", botToken)
	socket.write("relay.toml", "[telegram]\ntoken_file = \"bot-token\"\napi_url = \""+w.sim+"\"\n[server]\nlisten = [\"unix:s\"]\n")
	p := start(t, "serve", "--config", socket.config())
	p.await(t, `msg=listening address=(\S+)`)
	socket.health(0, "healthy\n")
	if _, errs, status := run(t, "", "health", "--config", filepath.Join(w.dir, "absent.toml")); status != 2 {
		t.Errorf("without a configuration: %d %s", status, errs)
	}
}

func (w *world) health(status int, says string) {
	w.t.Helper()
	out, errs, got := run(w.t.(*testing.T), "", "health", "--config", w.config())
	if got != status || !strings.Contains(out+errs, says) {
		w.t.Errorf("status %d, want %d and %q: %s%s", got, status, says, out, errs)
	}
}
