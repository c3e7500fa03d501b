package main_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// A server's certificate, clients' certificates, a renewal without a restart, and files that cannot be.
func TestTLS(t *testing.T) {
	t.Parallel()
	w := &world{t: t, dir: t.TempDir()}
	w.sim = start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken).await(t, `serves (http://\S+)`)
	ca, senders := newAuthority(t), newAuthority(t)
	cert, key := filepath.Join(w.dir, "relay.crt"), filepath.Join(w.dir, "relay.key")
	ca.pair(cert, key)
	w.write("senders.crt", string(senders.pem))
	w.write("web.yml", "tls_server_config: {cert_file: relay.crt, key_file: relay.key, client_ca_file: senders.crt, client_auth_type: RequireAndVerifyClientCert}\n")
	w.server = "web_config_file = \"web.yml\"\n"
	w.begin()
	url := strings.Replace(w.relay, "http://", "https://", 1)

	own, err := tls.X509KeyPair(senders.issue("a sender"))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := tls.X509KeyPair(ca.issue("a stranger"))
	if err != nil {
		t.Fatal(err)
	}
	serial := func(client *http.Client) (string, error) {
		response, err := client.Get(url + "/-/healthy")
		if err != nil {
			return "", err
		}
		response.Body.Close()
		return response.TLS.PeerCertificates[0].SerialNumber.String(), nil
	}
	first, err := serial(ca.client(own))
	if err != nil {
		t.Fatal(err)
	}
	for name, client := range map[string]*http.Client{"none": ca.client(), "a stranger's": ca.client(stranger)} {
		if _, err := serial(client); err == nil {
			t.Errorf("with %s certificate it lets in", name)
		}
	}
	ca.pair(cert, key) // renewed
	if second, err := serial(ca.client(own)); err != nil || second == first {
		t.Errorf("the renewed certificate is not shown: %s, %v", second, err)
	}

	for fault, config := range map[string]string{
		"relay.pem": "tls_server_config: {cert_file: relay.pem, key_file: relay.key}\n", "client_authtype": "tls_server_config: {client_authtype: x}\n",
		"key": "tls_server_config: {cert_file: relay.crt}\n",
	} {
		w.write("web.yml", config)
		for _, command := range []string{"check", "serve"} {
			_, errs, status := run(t, "", command, "--config", w.config())
			if status != 2 || !strings.Contains(errs, "server.web_config_file") || !strings.Contains(errs, fault) {
				t.Errorf("%s with %s: status %d: %s", command, fmt.Sprintf("%.60q", config), status, errs)
			}
		}
	}
	if response, err := http.Get(w.relay + "/-/healthy"); err == nil && response.StatusCode == http.StatusOK {
		t.Error("it speaks without TLS")
	}
}
