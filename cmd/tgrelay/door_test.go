package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Telegram's webhook comes through a proxy, and nothing else does while there are no tokens.
func TestProxyWithoutTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, webhookMode+fast)
	if !strings.Contains(w.process.text(), "there are no tokens, and others are to reach this server") {
		t.Errorf("it says nothing of it:\n%s", w.process.text())
	}
	for _, path := range []string{"/api/v1/recipients", "/metrics"} {
		if response, answer := w.exchange("GET", w.relay+path, "", "X-Forwarded-For", "203.0.113.7"); response.StatusCode != 401 {
			t.Errorf("%s through a proxy: %d %s", path, response.StatusCode, answer)
		}
	}
}

// certify makes a certificate of one's own for 127.0.0.1, which is a CA too.
func (w *world) certify(name string) *x509.CertPool {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	w.write(name+".crt", string(certificate))
	w.write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
}

// hello asks the relay over TLS how it is; who says what is trusted and shown.
func (w *world) hello(who *tls.Config) (string, error) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: who, DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Get(strings.Replace(w.relay, "http:", "https:", 1) + "/-/healthy")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestClientCertificates(t *testing.T) {
	w := &world{t: t, dir: t.TempDir(), sim: "http://127.0.0.1:1"}
	first := w.certify("relay")
	w.certify("sender")
	w.write("web.yml", "tls_server_config:\n  cert_file: relay.crt\n  key_file: relay.key\n  client_ca_file: sender.crt\n  client_auth_type: RequireAndVerifyClientCert\n")
	w.server = "web_config_file = \"web.yml\"\n"
	w.begin()
	sender, err := tls.LoadX509KeyPair(filepath.Join(w.dir, "sender.crt"), filepath.Join(w.dir, "sender.key"))
	if err != nil {
		t.Fatal(err)
	}
	known := &tls.Config{RootCAs: first, Certificates: []tls.Certificate{sender}}
	if body, err := w.hello(known); err != nil || !strings.Contains(body, "healthy") {
		t.Errorf("with a certificate: %q, %v", body, err)
	}
	if body, err := w.hello(&tls.Config{RootCAs: first}); err == nil {
		t.Errorf("without one: %q", body)
	}
	known.RootCAs = w.certify("relay") // it is renewed, and taken up without a word
	if body, err := w.hello(known); err != nil || !strings.Contains(body, "healthy") {
		t.Errorf("with a renewed certificate: %q, %v", body, err)
	}
	if status := w.process.stop(t); status != 0 {
		t.Errorf("exit status %d:\n%s", status, w.process.text())
	}
}

func TestTokenCommands(t *testing.T) {
	w := &world{t: t, dir: t.TempDir(), sim: "http://127.0.0.1:1"}
	for _, args := range [][]string{{"boss", "--scopes", "admin"}, {"ci", "--scopes", "send,hooks", "--recipients", "team-*", "--rate", "60/1m", "--sources", "127.0.0.0/8"}} {
		out, errs, status := run(t, "", append([]string{"token", "new"}, args...)...)
		token, block, _ := strings.Cut(out, "\n")
		if status != 0 || !strings.Contains(block, "[auth.tokens."+args[0]+"]") {
			t.Fatalf("%d %s %s", status, out, errs)
		}
		w.write(args[0]+".token", token)
		w.extra += block
	}
	w.begin()
	ask := func(command, token string, more ...string) (string, string, int) {
		return run(t, "", append([]string{"token", command, "--server", w.relay, "--token-file", filepath.Join(w.dir, token)}, more...)...)
	}
	if out, errs, status := ask("check", "ci.token"); status != 0 || out != "ci works: send, hooks; recipients team-*; from 127.0.0.0/8; 60/1m\n" {
		t.Errorf("check: %d %s %s", status, out, errs)
	}
	if out, errs, status := ask("list", "boss.token"); status != 0 || !strings.Contains(out, "ci  send, hooks; recipients team-*; from 127.0.0.0/8; 60/1m  last used ") || !strings.Contains(out, "boss  admin  last used ") {
		t.Errorf("list: %d %s %s", status, out, errs)
	}
	w.write("wrong.token", "tgr_nonsense")
	if _, errs, status := ask("check", "wrong.token"); status != 1 || !strings.Contains(errs, "not known") {
		t.Errorf("a wrong token: %d %s", status, errs)
	}
	for _, bad := range [][]string{{"--rate", "60"}, {"--sources", "here"}} {
		if _, errs, status := run(t, "", append([]string{"token", "new", "x"}, bad...)...); status != 2 {
			t.Errorf("%v: %d %s", bad, status, errs)
		}
	}
	before := w.lastUsed("ci")
	if status := w.process.stop(t); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	w.serve()
	if after := w.lastUsed("ci"); after.IsZero() || !after.Equal(before) {
		t.Errorf("it was used at %s, and after a restart at %s", before, after)
	}
}

// lastUsed asks with the token boss.
func (w *world) lastUsed(name string) time.Time {
	w.t.Helper()
	out, errs, status := run(w.t.(*testing.T), "", "token", "list", "--json", "--server", w.relay, "--token-file", filepath.Join(w.dir, "boss.token"))
	for line := range strings.Lines(out) {
		var token struct {
			Name string
			At   time.Time `json:"last_used_at"`
		}
		if err := json.Unmarshal([]byte(line), &token); err != nil {
			w.t.Fatal(err)
		}
		if token.Name == name {
			return token.At
		}
	}
	w.t.Fatalf("%d %s %s", status, out, errs)
	return time.Time{}
}

// Senders that hold on to connections keep nobody out for long: those that never finish their headers are cut, and the next are served.
func TestSlowSendersAreCut(t *testing.T) {
	w := &world{t: t, dir: t.TempDir(), sim: "http://127.0.0.1:1", server: "max_connections = 3\n"}
	w.begin()
	var slow []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.relay, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST /hooks/json/ops HTTP/1.1\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	if status, answer := w.call("GET", w.relay+"/-/healthy", ""); status != http.StatusOK { // it waits for its turn
		t.Errorf("%d %s", status, answer)
	}
	for _, conn := range slow {
		if answer, err := io.ReadAll(conn); err != nil || strings.Contains(string(answer), "202") {
			t.Errorf("%q, %v", answer, err)
		}
	}
}
