// Package telegram speaks the Bot API: calls with classified errors, long polling, the webhook, and whether Telegram can be
// reached.
//
// It promises that an update is acknowledged only after it was handled, that the bot token appears in no error and no log,
// and that a failed call tells whether the request can have had an effect (NotSent) or nobody knows (OutcomeUnknown,
// ServerError, BadAnswer): the Bot API has no idempotency key. A call is made once; whoever calls decides about another try
// by the Reason of the *Error. Redirects are not followed. Nothing is kept on disk.
package telegram

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// DefaultAPIURL is the hosted Bot API.
const DefaultAPIURL = "https://api.telegram.org"

// callTimeout bounds a call. The Bot API server may hold a send for about 60 s to wait out a flood limit, and getUpdates
// for 50 s.
const callTimeout = 75 * time.Second

// Options are what a Client needs.
type Options struct {
	Token      secret.Value
	APIURL     string            // empty: DefaultAPIURL
	ProxyURL   secret.Value      // http, https or socks5, may hold a password; empty: as the environment says
	Transport  http.RoundTripper // nil: one of its own, through the proxy
	Table      string            // the bot's in relay.toml, for errors that say what to do; empty: telegram
	Log        *slog.Logger      // nil: none
	Registerer prometheus.Registerer
}

// Client calls the Bot API for one bot. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	token     secret.Value
	transport http.RoundTripper
	hide      *strings.Replacer
	table     string
	log       *slog.Logger
	metrics   *metrics
	health    health
}

// New makes a client; it does not call. An error says what is wrong with the options.
func New(o Options) (*Client, error) {
	if o.Token.IsZero() {
		return nil, fmt.Errorf("telegram: no bot token: set token_file or token_env in [%s]", cmp.Or(o.Table, "telegram"))
	}
	base, err := parseURL("api_url", cmp.Or(o.APIURL, DefaultAPIURL), "http", "https")
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: base, token: o.Token, transport: o.Transport, hide: hiding(o.Token.Reveal()), table: o.Table,
		log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)),
	}
	c.metrics = newMetrics(o.Registerer, c.Healthy)
	if c.transport == nil {
		c.transport, err = newTransport(o.ProxyURL)
	}
	return c, err
}

// parseURL does not show the URL in its error: it may hold a password.
func parseURL(name, text string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" {
		for _, s := range schemes {
			if u.Scheme == s {
				return u, nil
			}
		}
	}
	return nil, fmt.Errorf("telegram: %s is no URL that begins with %s://", name, strings.Join(schemes, ":// or "))
}

// newTransport speaks HTTP/1.1: a broken connection then takes one request with it and not all that are under way.
func newTransport(proxy secret.Value) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
	}
	if proxy.IsZero() {
		return t, nil
	}
	u, err := parseURL("proxy_url", proxy.Reveal(), "http", "https", "socks5", "socks5h")
	if err != nil {
		return nil, err
	}
	t.Proxy = http.ProxyURL(u)
	return t, nil
}

// hiding replaces the token and its secret half, plain or escaped, by a placeholder.
func hiding(token string) *strings.Replacer {
	var pairs []string
	for _, s := range []string{token, url.PathEscape(token), url.QueryEscape(token)} {
		pairs = append(pairs, s, "[secret]")
	}
	if _, half, ok := strings.Cut(token, ":"); ok && len(half) >= 8 {
		pairs = append(pairs, half, "[secret]")
	}
	return strings.NewReplacer(pairs...)
}

// Hide is a text of Telegram's without the bot's token, which somebody may have put into it: many have it in their webhook's address.
func (c *Client) Hide(text string) string { return c.hide.Replace(text) }

// call makes one call with a JSON body. result may be nil. Every error is an *Error.
func (c *Client) call(ctx context.Context, method string, params, result any) error {
	body := []byte("{}")
	if params != nil {
		var err error
		if body, err = json.Marshal(params); err != nil {
			return &Error{Method: method, Reason: NotSent, Err: fmt.Errorf("encode: %w", err)}
		}
	}
	return c.post(ctx, method, "application/json", body, result)
}

type checkKey struct{}

// Checked has each call with the ctx ask a function directly before it is made, as late as can be. With an error of the function's there is no call: NotSent.
func Checked(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, checkKey{}, check)
}

func (c *Client) post(ctx context.Context, method, contentType string, body []byte, result any) error {
	if check, ok := ctx.Value(checkKey{}).(func() error); ok {
		if err := check(); err != nil {
			return &Error{Method: method, Reason: NotSent, Err: err}
		}
	}
	start := time.Now()
	timed, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	failed := c.exchange(timed, method, contentType, body, result)
	c.metrics.called(method, time.Since(start), failed)
	if failed == nil {
		c.health.answered()
		return nil
	}
	if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) { // otherwise the caller gave up: that says nothing
		c.health.failed(start, failed)
	}
	return failed
}

func (c *Client) exchange(ctx context.Context, method, contentType string, body []byte, result any) *Error {
	var w written
	req, err := http.NewRequestWithContext(w.trace(ctx), http.MethodPost, c.base.String(), bytes.NewReader(body))
	if err != nil {
		return &Error{Method: method, Reason: NotSent, Err: c.clean(err)}
	}
	req.URL.Path = strings.TrimRight(c.base.Path, "/") + "/bot" + c.token.Reveal() + "/" + method
	req.URL.RawPath = ""
	req.Header.Set("Content-Type", contentType)
	if password, ok := c.base.User.Password(); ok {
		req.SetBasicAuth(c.base.User.Username(), password)
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return &Error{Method: method, Reason: w.reason(err), Err: c.clean(err)}
	}
	defer resp.Body.Close()
	return c.read(method, resp, result)
}

// clean takes the token out of an error, which costs what the error wraps.
func (c *Client) clean(err error) error {
	text := err.Error()
	if hidden := c.hide.Replace(text); hidden != text {
		return errors.New(hidden)
	}
	return err
}
