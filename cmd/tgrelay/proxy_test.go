package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// front is a reverse proxy as packaging/proxy has it, before a relay that gets its updates by webhook through it.
type front struct {
	*world
	url    string // of the interface, through the proxy
	hook   string // where the proxy takes the webhook
	other  string // the second relay's address, for configurations of several
	client *http.Client
	proxy  *process
}

// A relay behind each proxy whose configuration is shipped: Telegram's webhook and the interface.
func TestBehindProxies(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Caddyfile", "nginx.conf", "Caddyfile-replicas", "nginx-replicas.conf", "haproxy.cfg"} { // of several relays one is down
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			f.serve()
			f.before(name)
			f.check()
		})
	}
}

// before starts a proxy with a configuration of packaging/proxy.
func (f *front) before(name string) {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "packaging", "proxy", name))
	if err != nil {
		f.t.Fatal(err)
	}
	program, _, _ := strings.Cut(strings.ReplaceAll(name, "-", "."), ".")
	start := map[string]func(*front, string) *exec.Cmd{"Caddyfile": (*front).caddy, "nginx": (*front).nginx, "haproxy": (*front).haproxy}[program]
	f.proxy = startAs(f.t, start(f, f.moved(string(text))))
	f.t.Cleanup(func() {
		if f.t.Failed() {
			f.t.Logf("%s said:\n%s", name, f.proxy.tail())
		}
	})
	f.eventually(func() bool {
		response, err := f.client.Get(f.url + "/")
		if err == nil {
			response.Body.Close()
		}
		return err == nil
	})
}

const proxied = "the-token-of-the-tests-behind-a-proxy"

func newFront(t *testing.T) *front {
	f := &front{world: &world{t: t, dir: t.TempDir()}}
	cert, key := selfSigned(t, "relay.example.org")
	f.write("relay.crt", string(cert))
	f.write("relay.key", string(key))
	f.write("relay.pem", string(cert)+string(key)) // as HAProxy wants it
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	f.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	f.url = "https://127.0.0.1:" + freePort(t)
	f.hook = "127.0.0.1:" + freePort(t)
	f.other = "127.0.0.1:" + freePort(t)
	f.sim = start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken).await(t, `serves (http://\S+)`)
	f.write("bot-token", botToken+"\n")
	f.extra = fmt.Sprintf("mode = \"webhook\"\n[telegram.webhook]\nurl = \"https://%s/telegram\"\ncertificate_file = \"relay.crt\"\nallowed_sources = [\"127.0.0.0/8\"]\n"+
		"[auth.tokens.all]\ntoken = %q\nscopes = [\"admin\"]\n[auth.tokens.far]\ntoken = %q\nscopes = [\"admin\"]\nsources = [\"192.0.2.0/24\"]\n", f.hook, proxied, "far-"+proxied)
	f.server = "trusted_proxies = [\"127.0.0.1/32\"]\n"
	f.relay = "http://127.0.0.1:" + freePort(t)
	return f
}

// moved has a configuration serve our addresses with our certificate.
func (f *front) moved(text string) string {
	own := strings.TrimPrefix(f.url, "https://")
	_, hookPort, _ := strings.Cut(f.hook, ":")
	_, ownPort, _ := strings.Cut(own, ":")
	certificate := "\n\ttls " + filepath.Join(f.dir, "relay.crt") + " " + filepath.Join(f.dir, "relay.key")
	return strings.NewReplacer(
		"relay.example.org:8443 {", "https://"+f.hook+" {"+certificate, "relay.example.org {", "https://"+own+" {"+certificate, "127.0.0.1:9786", strings.TrimPrefix(f.relay, "http://"),
		"relay-a.example.org:9786", strings.TrimPrefix(f.relay, "http://"), "relay-b.example.org:9786", f.other,
		"bind :443", "bind "+own, "bind :8443", "bind "+f.hook, "dst_port 8443", "dst_port "+hookPort,
		"listen 443 ssl", "listen 127.0.0.1:"+ownPort+" ssl", "listen 8443 ssl", "listen 127.0.0.1:"+hookPort+" ssl",
		"/etc/ssl/", f.dir+"/",
	).Replace(text)
}

func (f *front) caddy(text string) *exec.Cmd {
	path, err := exec.LookPath("caddy")
	if err != nil {
		without(f.t, "caddy", err)
	}
	f.write("Caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+text)
	cmd := exec.Command(path, "run", "--adapter", "caddyfile", "--config", filepath.Join(f.dir, "Caddyfile"))
	cmd.Env = []string{"HOME=" + f.dir, "XDG_DATA_HOME=" + f.dir, "XDG_CONFIG_HOME=" + f.dir}
	return cmd
}

func (f *front) nginx(text string) *exec.Cmd {
	path, err := exec.LookPath("nginx")
	if err != nil {
		without(f.t, "nginx", err)
	}
	temps := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temps += kind + "_temp_path " + filepath.Join(f.dir, kind) + ";\n"
	}
	f.write("nginx.conf", "daemon off; pid "+f.dir+"/pid; error_log stderr; master_process off;\nevents {}\nhttp {\naccess_log off;\n"+temps+text+"}\n")
	return exec.Command(path, "-p", f.dir, "-e", "stderr", "-c", filepath.Join(f.dir, "nginx.conf"))
}

func (f *front) haproxy(text string) *exec.Cmd {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		without(f.t, "haproxy", err)
	}
	f.write("haproxy.cfg", text)
	return exec.Command(path, "-db", "-f", filepath.Join(f.dir, "haproxy.cfg"))
}

// ask makes a request with a token, through the proxy or not.
func (f *front) ask(method, url, token, body string, headers ...string) (int, string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func (f *front) check() {
	t := f.t
	t.Helper()
	// A person's /start comes by the webhook, whose certificate Telegram knows from its upload; a caller who waits for it hears at once.
	var made struct{ ID, URL string }
	f.eventually(func() bool {
		status, answer := f.ask("POST", f.url+"/api/v1/links", proxied, `{"recipient":"ops"}`)
		return status == http.StatusCreated && json.Unmarshal([]byte(answer), &made) == nil
	})
	ada := f.user("Ada")
	time.AfterFunc(500*time.Millisecond, func() { f.open(ada, made.URL) })
	began := time.Now()
	status, answer := f.ask("GET", f.url+"/api/v1/links/"+made.ID+"?wait=30s", proxied, "")
	if took := time.Since(began); status != http.StatusOK || !strings.Contains(answer, `"used"`) || took > 25*time.Second {
		t.Errorf("waited %s: %d %s", took, status, answer)
	}
	if status, answer := f.ask("POST", f.url+"/hooks/json/ops", proxied, `{"text":"`+strings.Repeat("x", 1000_000)+`"}`); status != http.StatusAccepted {
		t.Errorf("a large body: %d %.200s", status, answer)
	}
	if status, answer := f.ask("POST", f.url+"/hooks/json/ops", proxied, `{"text":"`+strings.Repeat("x", 2_000_000)+`"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("one that is too large: %d %.200s", status, answer)
	}
	// The relay believes the proxy and the proxy nobody.
	if status, _ := f.ask("GET", f.url+"/api/v1/recipients", "far-"+proxied, "", "X-Forwarded-For", "192.0.2.7"); status != http.StatusUnauthorized {
		t.Errorf("an address that the caller invented counts: %d", status)
	}
	if status, _ := f.ask("GET", f.relay+"/api/v1/recipients", "far-"+proxied, "", "X-Forwarded-For", "192.0.2.7"); status != http.StatusOK {
		t.Errorf("the address that a trusted proxy names does not count: %d", status)
	}
	for _, path := range []string{"/metrics", "/-/ready", "/-/healthy"} {
		if status, _ := f.ask("GET", f.url+path, proxied, ""); status != http.StatusNotFound {
			t.Errorf("%s is open: %d", path, status)
		}
	}
}
