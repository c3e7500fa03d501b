package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"
)

// lookAtCertificates looks at the dates of our own certificates, and at those that others see.
func lookAtCertificates(ctx context.Context, o *Options) []Finding {
	var all []Finding
	files := []string{served(o.Config.Server.WebConfigFile)}
	addresses := []string{o.Config.Server.PublicURL}
	selfSigned := map[string]bool{} // by address
	for _, name := range o.Config.BotNames() {
		b, _ := o.Config.Bot(name)
		files = append(files, b.Webhook.CertificateFile)
		if b.Mode == "webhook" {
			addresses = append(addresses, b.Webhook.URL)
			selfSigned[b.Webhook.URL] = b.Webhook.CertificateFile != ""
		}
	}
	seen := map[string]bool{"": true}
	for _, file := range files {
		if !seen[file] {
			seen[file], all = true, append(all, ofFile(file))
		}
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || seen[u.Host] {
			continue
		}
		seen[u.Host] = true
		all = append(all, ofAddress(ctx, u, selfSigned[address]))
	}
	if len(all) == 0 {
		return fine("none are used")
	}
	return all
}

// served is the certificate of a web configuration file, empty where it has none. A relative path is relative to the file.
func served(webConfigFile string) string {
	var file struct {
		TLS struct {
			CertFile string `yaml:"cert_file"`
		} `yaml:"tls_server_config"`
	}
	text, err := os.ReadFile(webConfigFile)
	if err != nil || yaml.Unmarshal(text, &file) != nil || file.TLS.CertFile == "" {
		return ""
	}
	if filepath.IsAbs(file.TLS.CertFile) {
		return file.TLS.CertFile
	}
	return filepath.Join(filepath.Dir(webConfigFile), file.TLS.CertFile)
}

func ofFile(path string) Finding {
	text, err := os.ReadFile(path)
	if err != nil {
		return Finding{State: Failure, Found: err.Error(), Remedy: "name a file that is there and may be read"}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return Finding{State: Failure, Found: path + " holds no certificate", Remedy: "put one there in PEM form (-----BEGIN CERTIFICATE-----)"}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Finding{State: Failure, Found: path + ": " + err.Error(), Remedy: "put a whole certificate there"}
	}
	return dated(path, c, time.Now())
}

func dated(name string, c *x509.Certificate, now time.Time) Finding {
	until := c.NotAfter.Format(time.DateOnly)
	const soon = 14 * 24 * time.Hour
	switch {
	case now.Before(c.NotBefore):
		return Finding{State: Failure, Found: fmt.Sprintf("%s: valid from %s only", name, c.NotBefore.Format(time.DateTime)), Remedy: "check this machine's clock"}
	case now.After(c.NotAfter):
		return Finding{State: Failure, Found: fmt.Sprintf("%s: expired on %s", name, until), Remedy: "renew it; what stands on web_config_file is read again by itself"}
	case c.NotAfter.Sub(now) < soon:
		return Finding{State: Warning, Found: fmt.Sprintf("%s: expires on %s", name, until), Remedy: "renew it, and see why that did not happen by itself"}
	}
	return Finding{State: OK, Found: fmt.Sprintf("%s: valid until %s", name, until)}
}

// ofAddress looks at the certificate that callers are shown. Its dates are told even where it is not trusted: ours is uploaded to Telegram where it is
// self-signed.
func ofAddress(ctx context.Context, u *url.URL, selfSigned bool) Finding {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	var leaf *x509.Certificate
	var trust error
	d := tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		leaf = s.PeerCertificates[0]
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, trust = leaf.Verify(x509.VerifyOptions{DNSName: u.Hostname(), Intermediates: between})
		return nil
	}}}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil && leaf == nil {
		return Finding{State: Warning, Found: fmt.Sprintf("%s shows none: %v (from here: others may fare differently)", u.Host, plain(err)), Remedy: "check the name, the firewall, and the server that ends TLS there"}
	}
	if err == nil {
		conn.Close()
	}
	f := dated(u.Host, leaf, time.Now())
	if f.State != Failure && trust != nil && !selfSigned {
		return Finding{State: Failure, Found: fmt.Sprintf("%s: not trusted: %v", u.Host, trust), Remedy: "have a known authority sign it, with the whole chain; for Telegram's webhook a self-signed one can be uploaded (certificate_file)"}
	}
	return f
}

// plain is an error without the address, which its caller has named.
func plain(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	return err
}
