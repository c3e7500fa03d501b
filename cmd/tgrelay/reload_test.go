package main_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What cannot change while the daemon runs is named by the answer, the log and the status; all else of the same file takes effect.
func TestReloadOfEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.link(`{"recipient":"ops"}`)
	config := func(more ...string) {
		w.write("relay.toml", strings.Join(append([]string{"[telegram]\ntoken_file = \"bot-token\"\napi_url = \"" + w.sim + "\"\n"}, more...), "\n"))
	}
	reload := func() (answer struct {
		Restart []string `json:"restart_required"`
	},
	) {
		t.Helper()
		w.do("POST", w.relay+"/-/reload", "", &answer)
		return answer
	}
	listen := "[server]\nlisten = [\"" + strings.TrimPrefix(w.relay, "http://") + "\"]\n"

	config("link_url = \"https://links.example\"\n", listen, "public_url = \"https://relay.example\"\nmax_body = \"100B\"\n", "[onboarding]\nself_service = true\n", "[log]\nlevel = \"debug\"\nformat = \"json\"\n",
		"[storage]\nretention = \"1h\"\ncache_size = 5\n[delivery]\nconcurrency = 3\nallow_private_addresses = true\n")
	if got := reload(); got.Restart != nil {
		t.Errorf("these wait for a restart: %v", got.Restart)
	}
	w.process.await(t, `"level":"INFO","msg":"the configuration was read again".*public_url`)
	var link struct {
		URL  string
		Page string `json:"page_url"`
	}
	w.do("POST", w.relay+"/api/v1/links", `{"recipient":"ops"}`, &link)
	if !strings.HasPrefix(link.URL, "https://links.example/") || !strings.HasPrefix(link.Page, "https://relay.example/link/") {
		t.Errorf("%+v", link)
	}
	if status, answer := w.call("POST", w.relay+"/hooks/json/ops", `{"text":"`+strings.Repeat("x", 200)+`"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("max_body: %d %s", status, answer)
	}
	w.eventually(func() bool { return slices.Contains(w.commands(), "token") }) // what self_service brings stands in the menu

	w.write("another", "1:another-token-that-nobody-may-see\n")
	w.write("relay.toml", "[telegram]\ntoken_file = \"another\"\nmode = \"polling\"\napi_url = \"http://127.0.0.1:1\"\n"+
		"[server]\nlisten = [\"127.0.0.1:1\"]\nmax_connections = 7\n[storage]\nurl = \"sqlite:other.db\"\n[delivery]\nfallback = \"ops\"\n")
	want := []string{"server.listen", "server.max_connections", "storage.url", "telegram.api_url", "telegram.token"}
	if got := reload(); !slices.Equal(got.Restart, want) {
		t.Errorf("%v wait for a restart, want %v", got.Restart, want)
	}
	w.process.await(t, strings.Join(want, ", ")+" changed: takes effect after a restart")
	if strings.Contains(w.process.text(), "nobody-may-see") {
		t.Error("the log holds a token")
	}
	if status, answer := w.call("POST", w.relay+"/hooks/json", `{"text":"x"}`); status != http.StatusAccepted { // the fallback is in force
		t.Errorf("%d %s", status, answer)
	}
	w.eventually(func() bool { return !slices.Contains(w.commands(), "token") })
	if _, metrics := w.call("GET", w.relay+"/metrics", ""); !strings.Contains(metrics, "\ntgrelay_config_last_reload_successful 1\n") ||
		!strings.Contains(metrics, "\ntgrelay_config_last_reload_success_timestamp_seconds 1") {
		t.Errorf("metrics of reloads:\n%.500s", metrics)
	}

	config(listen, "[delivery]\nfallback = \"not a recipient\"\n")
	if status, answer := w.call("POST", w.relay+"/-/reload", ""); status != http.StatusConflict || !strings.Contains(answer, "delivery.fallback") {
		t.Errorf("%d %s", status, answer)
	}
	w.process.await(t, "the configuration was not reloaded")
	if _, metrics := w.call("GET", w.relay+"/metrics", ""); !strings.Contains(metrics, "\ntgrelay_config_last_reload_successful 0\n") {
		t.Error("the metric does not tell of the failure")
	}
	if status, _ := w.call("POST", w.relay+"/hooks/json", `{"text":"x"}`); status != http.StatusAccepted {
		t.Errorf("what was in force is not any more: %d", status)
	}
}

// commands are those of the bot's menu for private chats.
func (w *world) commands() (names []string) {
	w.t.Helper()
	var answer struct {
		Result []struct{ Command string }
	}
	w.do("POST", w.sim+"/bot"+botToken+"/getMyCommands", `{"scope":{"type":"all_private_chats"}}`, &answer)
	for _, c := range answer.Result {
		names = append(names, c.Command)
	}
	return names
}
