package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/config"
)

// healthCommand is the health check of containers, which have no curl.
type healthCommand struct {
	configFlag
	Server  string        `placeholder:"ADDRESS" help:"Address of the daemon (http://…, or unix:/path); by default the first that relay.toml listens on."`
	Ready   bool          `help:"Ask whether it can deliver too: storage writable, Telegram within reach."`
	Timeout time.Duration `default:"5s" help:"How long an answer may take."`
}

func (c *healthCommand) Run(ctx context.Context, std *streams) error {
	server := c.Server
	if server == "" {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		server = listener(cfg)
	}
	// It is its own server that is asked, by an address that no certificate names, and nothing secret is told.
	own := &http.Client{Timeout: c.Timeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	api, err := client.New(client.Options{Server: server, HTTPClient: own})
	if err != nil {
		return usageError{err}
	}
	ask, state := api.Healthy, "healthy"
	if c.Ready {
		ask, state = api.Ready, "ready"
	}
	if err := ask(ctx); err != nil {
		var alert *net.OpError
		if errors.As(err, &alert) && alert.Op == "remote error" { // of crypto/tls
			return fmt.Errorf("%w: callers need a certificate there; let `listen` name a unix socket first, which speaks plainly", err)
		}
		return err
	}
	_, err = fmt.Fprintln(std.out, state)
	return err
}

// listener is the address by which this machine reaches the first listener.
func listener(c *config.Config) string {
	address := c.Server.Listen[0]
	if strings.HasPrefix(address, "unix:") {
		return address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address // not reached: the configuration was checked
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return scheme(c.Server.WebConfigFile) + net.JoinHostPort(host, port)
}

// scheme is https where the web configuration file names a certificate: it may be there for other things alone.
func scheme(webConfigFile string) string {
	var file struct {
		TLS struct {
			CertFile string `yaml:"cert_file"`
			Cert     string `yaml:"cert"`
		} `yaml:"tls_server_config"`
	}
	text, err := os.ReadFile(webConfigFile)
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil || file.TLS.CertFile+file.TLS.Cert == "" {
		return "http://"
	}
	return "https://"
}
