package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
)

// Server is the HTTP server.
type Server struct {
	Listen         []string       `toml:"listen"`          // host:port or unix:/path
	PublicURL      string         `toml:"public_url"`      // without a slash at its end; may be empty
	MaxBody        Size           `toml:"max_body"`        // of a request, unpacked
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"` // whose X-Forwarded-For is believed
	WebConfigFile  string         `toml:"web_config_file"` // TLS and client certificates, in Prometheus' format; empty: none
	MaxConnections int            `toml:"max_connections"` // to each address at once
}

func defaultServer() Server {
	return Server{Listen: []string{"127.0.0.1:9786"}, MaxBody: 1 << 20, MaxConnections: 10_000}
}

func (k *checker) server(s *Server) {
	k.require(len(s.Listen) > 0, "server.listen", `empty; name at least one address, such as "127.0.0.1:9786" or "unix:/run/tgrelay/relay.sock"`)
	for i, address := range s.Listen {
		s.Listen[i] = k.listen(address)
	}
	if s.PublicURL != "" {
		s.PublicURL = k.baseURL("server.public_url", s.PublicURL)
	}
	k.require(s.MaxBody > 0, "server.max_body", "%d is out of range; at least 1B", s.MaxBody)
	k.require(s.MaxConnections > 0, "server.max_connections", "%d is out of range; at least 1", s.MaxConnections)
	if s.WebConfigFile != "" {
		s.WebConfigFile = k.c.path(s.WebConfigFile)
		if err := web.Validate(s.WebConfigFile); err != nil {
			k.fault("server.web_config_file", "%v; its format is that of Prometheus: https://prometheus.io/docs/prometheus/latest/configuration/https/", err)
		}
	}
}

// listen checks one address. Without tokens whoever reaches the server may do everything: it must not be reached from outside.
func (k *checker) listen(address string) string {
	const key = "server.listen"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		k.require(path != "", key, `%q names no socket; write "unix:/run/tgrelay/relay.sock"`, address)
		return "unix:" + k.c.path(path)
	}
	host, port, err := net.SplitHostPort(address)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		k.fault(key, `%.80q is no address; write host:port, such as "127.0.0.1:9786", or "unix:/path"`, address)
		return address
	}
	if len(k.c.Auth.Tokens) == 0 && !loopback(host) {
		k.fault(key, "%q can be reached from other machines, and with no [auth.tokens] anyone there could send in your bot's name: make a token with `tgrelay token new NAME`, or listen on 127.0.0.1 or a unix socket", address)
	}
	return address
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// baseURL checks an http address to which paths are appended, and takes the slash off its end.
func (k *checker) baseURL(key, raw string) string {
	u, err := url.Parse(raw)
	fine := err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https") && u.RawQuery == "" && u.Fragment == "" && u.User == nil
	k.require(fine, key, `want an address such as "https://relay.example.org", without user, query and fragment`)
	return strings.TrimRight(raw, "/")
}
