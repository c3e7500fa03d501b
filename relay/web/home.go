package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// atHome refuses a request to a relay without tokens that came by a name which is not this machine's. A web page can give its own name our
// address (DNS rebinding), and is then the same site to its reader's browser; by its name alone it can be told from us.
// Error: relay.CodeForbidden.
func (s *Server) atHome(r *http.Request) error {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() || len(termsOf(r).keys.tokens) > 0 || ownName(r) {
		return nil // no browser speaks to unix sockets
	}
	return &relay.Error{Code: relay.CodeForbidden, Detail: "without tokens this relay is called by an IP address, by localhost or a name without dots, or by public_url of relay.toml only"}
}

// ownName reports whether a Host is one that no page of another site can have. A name without a dot is of the network around us.
func ownName(r *http.Request) bool {
	name := r.Host
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") {
		return true
	}
	public, err := url.Parse(termsOf(r).PublicURL)
	return err == nil && name == strings.ToLower(public.Hostname())
}

// unguarded reports whether a caller may do everything because there are no tokens: one on this machine.
func unguarded(r *http.Request) bool { return len(termsOf(r).keys.tokens) == 0 && local(r) }

// local reports whether the caller is on this machine. What came through a proxy only looks so, unless the proxy is trusted and says for whom it
// speaks.
func local(r *http.Request) bool {
	if forwarded(r) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !termsOf(r).trusted(peer.Addr().Unmap()) || r.Header.Get("X-Forwarded-For") == "" {
			return false
		}
	}
	addr := remote(r)
	return !addr.IsValid() || addr.IsLoopback()
}

// forwarded reports whether a proxy says that it speaks for another.
func forwarded(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if r.Header[name] != nil {
			return true
		}
	}
	return false
}

// encrypted reports whether the caller's connection is, up to us or to a proxy that we trust.
func (s *Server) encrypted(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return r.TLS != nil || err == nil && termsOf(r).trusted(peer.Addr().Unmap()) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// baseURL is how others reach this server: by public_url, else as the caller did.
func (s *Server) baseURL(r *http.Request) string {
	switch {
	case termsOf(r).PublicURL != "":
		return termsOf(r).PublicURL
	case s.encrypted(r):
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
