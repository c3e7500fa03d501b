package doctor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/doctor"
	"github.com/tgrelay/tgrelay/relay/simulator"
	"github.com/tgrelay/tgrelay/relay/store"
)

const (
	half  = "AAthe-secret-token-of-the-doctor-00"
	token = "123456:" + half
)

// house is a relay's surroundings, well unless a test makes them ill.
type house struct {
	t       *testing.T
	dir     string
	sim     *simulator.Server
	options doctor.Options
}

// newHouse has a simulated Telegram, a storage, and a relay.toml with more lines.
func newHouse(t *testing.T, more string) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), sim: simulator.New(simulator.Options{Token: token})}
	t.Setenv("HTTP_PROXY", "")
	h.write("bot-token", token, 0o600)
	h.write("relay.toml", "", 0o600)
	cfg, err := config.Parse(h.path("relay.toml"), []byte("[telegram]\ntoken_file = \"bot-token\"\napi_url = \"http://127.0.0.1:9\"\n"+more))
	if err != nil {
		t.Fatal(err)
	}
	h.options = doctor.Options{Config: cfg, Transport: h.sim.Transport()}
	db, err := store.Open(t.Context(), store.Options{URL: cfg.Storage.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

func (h *house) write(name, text string, mode os.FileMode) {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), mode); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chmod(h.path(name), mode); err != nil {
		h.t.Fatal(err)
	}
}

// call calls a method of the Bot API.
func (h *house) call(ctx context.Context, method, body string) (int, string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:9/bot"+token+"/"+method, strings.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return 0, ""
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := h.sim.Transport().RoundTrip(r)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	b, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(b)
}

// look examines, and returns the findings of a check in one text. No finding holds the token.
func (h *house) look(check string) string {
	h.t.Helper()
	var text string
	h.options.Only = []string{check}
	for _, f := range doctor.Examine(h.t.Context(), h.options) {
		if f.Check == check {
			text += fmt.Sprintf("%s: %s → %s\n", f.State, f.Found, f.Remedy)
		}
		if strings.Contains(f.Found+f.Remedy, half) {
			h.t.Errorf("a finding shows the token: %+v", f)
		}
		if (f.State == doctor.Failure || f.State == doctor.Warning) && f.Remedy == "" {
			h.t.Errorf("there is no remedy: %+v", f)
		}
	}
	return text
}

func (h *house) expect(check, state string, says ...string) {
	h.t.Helper()
	got := h.look(check)
	if !strings.HasPrefix(got, state+": ") && !strings.Contains(got, "\n"+state+": ") {
		h.t.Errorf("%s is not %s: %s", check, state, got)
	}
	for _, want := range says {
		if !strings.Contains(got, want) {
			h.t.Errorf("%s does not say %q: %s", check, want, got)
		}
	}
}

func TestAllIsWell(t *testing.T) {
	h := newHouse(t, "")
	checks := map[string]bool{}
	begun := time.Now()
	for _, f := range doctor.Examine(t.Context(), h.options) {
		checks[f.Check] = true
		if f.State == doctor.Failure || f.State == doctor.Warning && f.Check != "disk" && f.Check != "fsync" {
			t.Errorf("%+v", f)
		}
	}
	if len(checks) != len(doctor.Checks()) || time.Since(begun) > 11*time.Second {
		t.Errorf("%d checks in %s: %v", len(checks), time.Since(begun), checks)
	}
}

func TestBot(t *testing.T) {
	for name, c := range map[string]struct {
		fault simulator.Fault
		state string
		says  string
	}{
		"well":    {simulator.Fault{Kind: simulator.Slow, Method: "getMe"}, "ok", "@relay_bot (123456)"},
		"revoked": {simulator.Fault{Kind: simulator.Status, Method: "getMe", Code: 401, Description: "Unauthorized"}, "failure", "→ the bot token is wrong or revoked"},
		"gateway": {simulator.Fault{Kind: simulator.Gateway, Method: "getMe"}, "failure", "502"},
		"reset":   {simulator.Fault{Kind: simulator.ResetBefore, Method: "getMe"}, "failure", "check the network, api_url and proxy_url"},
		"empty":   {simulator.Fault{Kind: simulator.Empty, Method: "getMe"}, "failure", "no Bot API server"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, "")
			h.sim.Fail(c.fault)
			h.expect("bot", c.state, c.says)
		})
	}
}

// rewritten is a transport whose answers are changed.
type rewritten struct {
	next   http.RoundTripper
	change func(*http.Response)
}

func (r rewritten) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil {
		r.change(response)
	}
	return response, err
}

func TestGroups(t *testing.T) {
	h := newHouse(t, "")
	h.options.Transport = rewritten{h.sim.Transport(), func(r *http.Response) {
		b, _ := io.ReadAll(r.Body)
		b = bytes.ReplaceAll(b, []byte(`"can_join_groups":true`), []byte(`"can_join_groups":false`))
		b = bytes.ReplaceAll(b, []byte(`"can_read_all_group_messages":false`), []byte(`"can_read_all_group_messages":true`))
		r.Body = io.NopCloser(bytes.NewReader(b))
	}}
	h.expect("bot", "note", "/setjoingroups", "privacy mode is off", "/setprivacy")
}

func TestClock(t *testing.T) {
	for ahead, want := range map[time.Duration]string{0: "ok", 10 * time.Second: "note", -time.Minute: "warning", time.Hour: "failure"} {
		h := newHouse(t, "")
		h.options.Transport = rewritten{h.sim.Transport(), func(r *http.Response) {
			r.Header.Set("Date", time.Now().Add(-ahead).UTC().Format(http.TimeFormat))
		}}
		h.expect("clock", want)
	}
}

func TestWebhookState(t *testing.T) {
	h := newHouse(t, "")
	h.call(t.Context(), "setWebhook", `{"url":"https://other.example.org/secret-path"}`)
	h.expect("webhook", "warning", "https://other.example.org", "delete-webhook")
	if got := h.look("webhook"); strings.Contains(got, "secret-path") {
		t.Errorf("it shows the path: %s", got)
	}
	h.expect("pollers", "ok", "a webhook takes the updates")

	const webhook = "mode = \"webhook\"\n[telegram.webhook]\nurl = \"https://127.0.0.1:8443/telegram\"\n"
	h = newHouse(t, webhook)
	h.expect("webhook", "warning", "none", "set-webhook")
	h.call(t.Context(), "setWebhook", `{"url":"https://other.example.org/x"}`)
	h.expect("webhook", "warning", "another address")
	h.call(t.Context(), "setWebhook", `{"url":"https://127.0.0.1:8443/telegram"}`)
	h.expect("webhook", "ok", "Telegram sends to https://127.0.0.1:8443")
	h.options.Transport = rewritten{h.sim.Transport(), func(r *http.Response) {
		b, _ := io.ReadAll(r.Body)
		late := fmt.Sprintf(`"pending_update_count":150,"last_error_message":"SSL error","last_error_date":%d`, time.Now().Add(-time.Minute).Unix())
		r.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(b, []byte(`"pending_update_count":0`), []byte(late))))
	}}
	h.expect("webhook", "failure", "SSL error", "149.154.160.0/20", "150 updates wait")
}

// A second poller gets 409 when ours begins, and ends ours when it tries again. No update is lost to it.
func TestOtherPollers(t *testing.T) {
	h := newHouse(t, "")
	ctx, stop := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for ctx.Err() == nil {
			h.call(ctx, "getUpdates", `{"timeout":10}`)
			time.Sleep(200 * time.Millisecond)
		}
	}()
	h.expect("pollers", "failure", "another program fetches")
	stop()
	<-gone
	h.call(t.Context(), "getUpdates", `{"timeout":0}`)
	h.expect("pollers", "ok", "none within")

	lock, err := store.Acquire(h.options.Config.Storage.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	h.expect("pollers", "ok", "left to the running daemon")
}

// A daemon that starts while somebody looks is not kept off its storage.
func TestDaemonMayStartMeanwhile(t *testing.T) {
	h := newHouse(t, "")
	user := h.control("/sim/users", `{"name":"Ada"}`) // an update waits: the poll ends at once
	h.control(fmt.Sprintf("/sim/users/%v/open", user["id"]), `{"link":"https://t.me/relay_bot?start=x"}`)
	var tried error
	h.options.Transport = rewritten{h.sim.Transport(), func(*http.Response) {
		lock, err := store.Acquire(h.options.Config.Storage.URL)
		if tried = err; err == nil {
			tried = lock.Release()
		}
	}}
	h.expect("pollers", "ok", "1 updates wait")
	if tried != nil {
		t.Error(tried)
	}
}

func TestUpdatesStay(t *testing.T) {
	h := newHouse(t, "")
	user := h.control("/sim/users", `{"name":"Ada"}`)
	h.control(fmt.Sprintf("/sim/users/%v/open", user["id"]), `{"link":"https://t.me/relay_bot?start=x"}`)
	h.expect("pollers", "ok", "1 updates wait")
	if _, answer := h.call(t.Context(), "getUpdates", `{}`); !strings.Contains(answer, "/start x") {
		t.Errorf("the update is gone: %s", answer)
	}
}

func (h *house) control(path, body string) map[string]any {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	h.sim.ServeHTTP(w, r)
	var answer map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	if w.Code/100 != 2 {
		h.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return answer
}

func TestStorage(t *testing.T) {
	h := newHouse(t, "")
	h.expect("storage", "ok", "is whole, schema")
	whole, err := os.ReadFile(h.path("relay.db"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	for i := 4096; i < len(damaged); i++ {
		damaged[i] = 'x'
	}
	h.write("relay.db", string(damaged), 0o600)
	h.expect("storage", "failure", "tgrelay restore")
	h.write("relay.db", "this is no database, but long enough to be taken for one if nobody looked at its head: "+strings.Repeat("x", 4096), 0o600)
	h.expect("storage", "failure", "no SQLite database")
	if err := os.Remove(h.path("relay.db")); err != nil {
		t.Fatal(err)
	}
	h.expect("storage", "ok", "not there yet")

	h = newHouse(t, "")
	h.options.Config.Storage.URL = "sqlite:" + h.path("absent/relay.db")
	h.expect("storage", "failure", "there is no folder")
	h.expect("fsync", "failure", "cannot be written")
}

func TestFiles(t *testing.T) {
	h := newHouse(t, "")
	h.write("relay.toml", "", 0o644)                           // it names files of secrets only
	h.expect("files", "ok", "files with secrets and data: 2,") // the token's and the storage
	h.write("bot-token", token, 0o644)
	h.expect("files", "warning", "every user of this machine may read", "chmod o-r")
	h.write("bot-token", token, 0o666)
	h.expect("files", "failure", "others may change", "chmod go-w")
	h.write("bot-token", token, 0o600)
	if err := os.Chmod(h.path("relay.db"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.expect("files", "warning", "relay.db")

	h = newHouse(t, "[events]\nurl = \"https://example.org/\"\nsecret = \"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\"\n")
	h.expect("files", "ok")
	h.write("relay.toml", "", 0o644)
	h.expect("files", "warning", "relay.toml", "holds secrets itself")
}

func TestNetwork(t *testing.T) {
	h := newHouse(t, "")
	h.options.Config.Telegram.APIURL = "http://nosuch.invalid"
	h.expect("dns", "failure", "nosuch.invalid cannot be found", "/etc/resolv.conf")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h = newHouse(t, "proxy_url = \"http://me:password-of-mine@"+l.Addr().String()+"\"\n")
	h.expect("proxy", "ok", "takes connections")
	l.Close()
	h.options.Transport = nil
	h.expect("proxy", "failure", "cannot be reached", "telegram.proxy_url")
	h.options.Only = nil
	for _, f := range doctor.Examine(t.Context(), h.options) {
		if strings.Contains(f.Found+f.Remedy, "password-of-mine") {
			t.Errorf("it shows the proxy's password: %+v", f)
		}
	}
}

func TestDaemonAndPublicURL(t *testing.T) {
	status, body := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	h := newHouse(t, "[server]\npublic_url = \""+server.URL+"\"\n")
	h.options.Server = server.URL
	h.expect("daemon", "ok", "is ready")
	h.expect("public_url", "ok", "from here")
	status, body = http.StatusServiceUnavailable, `{"code":"storage_unavailable","detail":"the disk is full","status":503}`
	h.expect("daemon", "failure", "the disk is full", "journalctl")
	h.expect("public_url", "warning", "503", "from here")
	server.Close()
	h.expect("daemon", "note", "none answers")
	h.expect("public_url", "warning", "cannot be reached")
}

func TestWarningsOfTheConfiguration(t *testing.T) {
	h := newHouse(t, "")
	h.options.Warnings = []string{"relay.toml:3: receivers.x.template: warning: odd"}
	h.expect("configuration", "warning", "odd")
}
