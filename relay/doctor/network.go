package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
)

// proxy is what stands before the Bot API: that of the configuration, else that of the environment; nil: none.
func (o *Options) proxy() (u *url.URL, from string) {
	if configured := o.Config.Telegram.ProxyURL.Reveal(); configured != "" {
		u, err := url.Parse(configured)
		if err != nil {
			return nil, ""
		}
		return u, "telegram.proxy_url"
	}
	r, err := http.NewRequest(http.MethodGet, o.Config.Telegram.APIURL, nil)
	if err != nil {
		return nil, ""
	}
	if u, err := http.ProxyFromEnvironment(r); err == nil && u != nil {
		return u, "the environment"
	}
	return nil, ""
}

func lookUpName(ctx context.Context, o *Options) []Finding {
	target, what := o.Config.Telegram.APIURL, "api_url"
	u, err := url.Parse(target)
	if err != nil {
		return one(Failure, "api_url is no address", "")
	}
	if proxy, from := o.proxy(); proxy != nil {
		u, what = proxy, "the proxy of "+from
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return fine("not needed: " + what + " is a number")
	}
	begun := time.Now()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	took := time.Since(begun).Round(time.Millisecond)
	switch {
	case err != nil:
		return one(Failure, fmt.Sprintf("%s cannot be found: %v", host, err), "check the name in "+what+", /etc/resolv.conf, and whether this machine may ask its name server")
	case took > 2*time.Second:
		return one(Warning, fmt.Sprintf("%s was found after %s only", host, took), "a name server in /etc/resolv.conf seems not to answer: take it out")
	}
	return fine(fmt.Sprintf("%s is %s (%s)", host, strings.Join(addresses[:min(2, len(addresses))], ", "), took))
}

func lookAtProxy(ctx context.Context, o *Options) []Finding {
	u, from := o.proxy()
	if u == nil {
		return fine("none")
	}
	address := u.Host
	if u.Port() == "" {
		port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
		if port == "" {
			port = "1080" // socks5
		}
		address = net.JoinHostPort(u.Hostname(), port)
	}
	shown := u.Scheme + "://" + u.Host + " of " + from
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return one(Failure, fmt.Sprintf("%s cannot be reached: %v", shown, err), "check the proxy's address, or take it out of "+from)
	}
	conn.Close()
	return fine(shown + " takes connections")
}

// lookAtDaemon asks a running daemon whether it is ready. It is this machine's own: by what name its certificate goes does not matter.
func lookAtDaemon(ctx context.Context, o *Options) []Finding {
	if o.Server == "" {
		return fine("not asked")
	}
	own := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	c, err := client.New(client.Options{Server: o.Server, HTTPClient: own})
	if err != nil {
		return one(Note, err.Error(), "")
	}
	err = c.Ready(ctx)
	if e, refused := errors.AsType[*relay.Error](err); refused {
		return one(Failure, o.Server+" is not ready: "+e.Detail, "`journalctl -u tgrelay` has what led to it")
	}
	if err != nil {
		return one(Note, "none answers at "+o.Server, "if one should run: `systemctl status tgrelay`, or `tgrelay serve`")
	}
	return fine(o.Server + " is ready")
}

// lookAtPublicURL goes the way of others, as far as it can be gone from here.
func lookAtPublicURL(ctx context.Context, o *Options) []Finding {
	public := o.Config.Server.PublicURL
	if public == "" {
		return one(OK, "none is configured: links are shown without a page of their own", "")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, public+"/-/healthy", nil)
	if err != nil {
		return one(Failure, "public_url is no address", "")
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	response, err := (&http.Client{Transport: t}).Do(r)
	const elsewhere = " (from here: others may fare differently)"
	if err != nil {
		return one(Warning, fmt.Sprintf("%s cannot be reached: %v%s", origin(public), reasonOf(err), elsewhere), "check its name, the proxy before tgrelay, the firewall, and that tgrelay serve runs; a router may not let this machine reach itself from outside")
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return one(Warning, fmt.Sprintf("%s/-/healthy answers %s%s", origin(public), response.Status, elsewhere), "have the proxy pass everything below public_url on to tgrelay, /-/healthy too")
	}
	return fine(origin(public) + " reaches a tgrelay" + elsewhere)
}

// reasonOf is an error without the address, which its caller has named.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
