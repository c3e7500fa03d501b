package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fetcher gets files from addresses that callers name. Unless allowed it connects to public addresses only: it must not be a way to
// what only this machine reaches.
type fetcher struct{ client *http.Client }

const maxRedirects = 5

func newFetcher(allowPrivate func() bool) *fetcher {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	dialer.Control = func(network, address string, c syscall.RawConn) error { // after the name was resolved, so that no name leads around it
		if allowPrivate() {
			return nil
		}
		return publicOnly(network, address, c)
	}
	return &fetcher{&http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, DisableKeepAlives: true},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
				return fmt.Errorf("redirected to scheme %q", r.URL.Scheme)
			}
			return nil
		},
	}}
}

// get returns at most limit bytes, of a picture where one is wanted: behind many an address stands a page to log in. The error wraps one without the address.
func (f *fetcher) get(ctx context.Context, address string, limit int64, picture bool) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", errors.New("this is no address"))
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err // a *url.Error
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch: %w", fmt.Errorf("the server answered %d", response.StatusCode))
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch: %w", err)
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("fetch: %w", fmt.Errorf("the file is larger than %d MiB", limit>>20))
	case len(content) == 0:
		return nil, fmt.Errorf("fetch: %w", errors.New("the file is empty"))
	}
	kind := http.DetectContentType(content)
	if picture && !strings.HasPrefix(kind, "image/") && !strings.HasPrefix(response.Header.Get("Content-Type"), "image/") {
		return nil, fmt.Errorf("fetch: %w", fmt.Errorf("what is there is no picture but %s", kind))
	}
	return content, nil
}

// telegramReaches reports whether an address can be one that Telegram fetches from: its host is public by its looks.
func telegramReaches(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return public(ip.Unmap())
	}
	inner := slices.ContainsFunc(innerNames, func(suffix string) bool { return strings.HasSuffix(host, suffix) })
	return strings.Contains(host, ".") && !inner
}

// innerNames are ends of names that no public name has (RFC 6761, 6762, 8375; .internal and .lan by custom).
var innerNames = []string{".local", ".localhost", ".internal", ".home.arpa", ".lan"}

// notPublic are ranges that netip does not tell from public ones (RFC 6890).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("fec0::/10"),
}

func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if public(ip) {
		return nil
	}
	return fmt.Errorf("%s is no public address; allow_private_addresses of [delivery] allows it", ip)
}

func public(ip netip.Addr) bool {
	for _, p := range notPublic {
		if p.Contains(ip) {
			return false
		}
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}
