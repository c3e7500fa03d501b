package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/config"
)

// What no test can have here, disks and their tricks, is judged by numbers.
func TestJudgements(t *testing.T) {
	for _, c := range []struct {
		got   []Finding
		state State
		says  string
	}{
		{judge(10 * time.Microsecond), Warning, "too fast to be true"},
		{judge(300 * time.Microsecond), OK, "3333 commits a second"},
		{judge(5 * time.Millisecond), OK, "200 commits a second"},
		{judge(80 * time.Millisecond), Warning, "slow"},
		{space(disk{free: 1 << 20, total: 1 << 40}), Failure, "1.0 MiB of 1.0 TiB"},
		{space(disk{free: 50 << 20, total: 1 << 40}), Warning, "50.0 MiB"},
		{space(disk{free: 50 << 20, total: 100 << 20}), OK, "50.0 MiB"},
		{space(disk{free: 1 << 40, total: 1 << 40, files: 3, max: 1000}), Warning, "inodes"},
		{kind(disk{kind: "tmpfs"}), Warning, "gone with the power"},
		{kind(disk{kind: "overlay"}), Warning, "volume"},
		{kind(disk{kind: "nfs"}), Warning, "network file system"},
		{kind(disk{kind: "fuse"}), Note, "FUSE"},
	} {
		if len(c.got) != 1 || c.got[0].State != c.state || !strings.Contains(c.got[0].Found+c.got[0].Remedy, c.says) {
			t.Errorf("%+v, want %s with %q", c.got, c.state, c.says)
		}
	}
	if got := kind(disk{}); got != nil {
		t.Errorf("an ordinary disk: %+v", got)
	}
	if d, err := diskOf(t.TempDir()); err != nil || d.total == 0 {
		t.Errorf("this disk: %+v %v", d, err)
	}
}

func certificate(t *testing.T, from, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificates(t *testing.T) {
	now, day := time.Now(), 24*time.Hour
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]State{
		certificate(t, now.Add(-day), now.Add(90*day)): OK,
		certificate(t, now.Add(-day), now.Add(5*day)):  Warning,
		certificate(t, now.Add(-9*day), now.Add(-day)): Failure,
		certificate(t, now.Add(day), now.Add(90*day)):  Failure,
		"no certificate": Failure,
	} {
		write("relay.crt", text)
		o := &Options{Config: config.Default()}
		o.Config.Server.WebConfigFile = write("web.yml", "tls_server_config:\n  cert_file: relay.crt\n  key_file: relay.key\n")
		if got := lookAtCertificates(t.Context(), o); len(got) != 1 || got[0].State != want {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	o := &Options{Config: config.Default()}
	o.Config.Server.PublicURL = server.URL
	if got := lookAtCertificates(t.Context(), o); len(got) != 1 || got[0].State != Failure || !strings.Contains(got[0].Found, "not trusted") {
		t.Errorf("self-signed: %+v", got)
	}
	o.Config.Telegram.Mode = "webhook"
	o.Config.Telegram.Webhook.URL, o.Config.Telegram.Webhook.CertificateFile = server.URL+"/telegram", write("up.crt", certificate(t, now, now.Add(90*day)))
	o.Config.Server.PublicURL = ""
	if got := lookAtCertificates(t.Context(), o); len(got) != 2 || got[0].State != OK || got[1].State != OK {
		t.Errorf("self-signed and uploaded: %+v", got)
	}
}
