// Package telegram speaks the Bot API: calls whose errors are classified, long polling, the webhook's handler, and whether
// Telegram is in reach.
//
// It promises that the bot token never shows in an error, a log or an answer; that an error tells "not sent" from "outcome
// unknown", since Telegram knows no idempotency key; and that an update is acknowledged only after it was handled.
// It keeps nothing on disk. It retries only what asks Telegram for something of its own accord (updates, the webhook, the
// bot's name); a failed send is returned, and package delivery decides.
package telegram

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// DefaultAPIURL is where the hosted Bot API stands.
const DefaultAPIURL = "https://api.telegram.org"

const (
	// callTimeout is for a whole call: Telegram itself may hold a send for some 60 s while it waits out a short flood limit.
	callTimeout = 60 * time.Second
	// uploadTimeout is for a call that carries a file, of 50 MB at most.
	uploadTimeout = 5 * time.Minute
	// probeTimeout is for a call whose only purpose is to learn whether Telegram answers.
	probeTimeout = 8 * time.Second
	// maxAnswer bounds an answer, in bytes: getUpdates' are cut at about 4 MiB by Telegram.
	maxAnswer = 16 << 20
)

// Options are what a Client needs. Only Token is required.
type Options struct {
	Token      secret.Value
	APIURL     string                // of a Bot API server; empty: DefaultAPIURL
	ProxyURL   secret.Value          // http, https or socks5; may hold a password; empty: none
	Transport  http.RoundTripper     // instead of the network; ProxyURL has no effect then
	Log        *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: the metrics are not registered
}

// Client calls the Bot API as one bot. Its methods are safe for concurrent use; their errors are *Error.
type Client struct {
	token     secret.Value
	base      *url.URL // without user info
	user      *url.Userinfo
	transport http.RoundTripper
	redact    redactor
	log       *slog.Logger
	metrics   *metrics
	health    health
	me        atomic.Pointer[User]
	closed    atomic.Int64 // Unix nanoseconds: until then Telegram wants no call at all
}

var tokenForm = regexp.MustCompile(`^[0-9A-Za-z:_-]{1,256}$`)

// New returns a Client. It asks Telegram for nothing.
func New(o Options) (*Client, error) {
	if o.Token.IsZero() {
		return nil, errors.New("there is no bot token: ask @BotFather for one")
	}
	if !tokenForm.MatchString(o.Token.Reveal()) {
		return nil, errors.New("the bot token has a character that no token has: it looks like 123456:AA…, as @BotFather gives it")
	}
	base, err := parseURL("Bot API", cmpOr(o.APIURL, DefaultAPIURL), "http", "https")
	if err != nil {
		return nil, err
	}
	c := &Client{
		token: o.Token, base: base, user: base.User, transport: o.Transport, log: o.Log, metrics: newMetrics(o.Registerer),
		redact: newRedactor(o.Token, password(base)),
	}
	base.User = nil
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.transport == nil {
		return c, c.useNetwork(o.ProxyURL)
	}
	return c, nil
}

func cmpOr(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// parseURL does not pass on net/url's error, which shows the whole URL.
func parseURL(what, raw string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(raw, "/"))
	if err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("the address of the %s cannot be read: want %s://host:port", what, strings.Join(schemes, ":// or "))
	}
	return u, nil
}

func password(u *url.URL) secret.Value {
	word, _ := u.User.Password()
	return secret.New(word)
}

// useNetwork makes the transport. HTTP/1.1 only: with it "nothing was written" is known for certain, and one lost packet
// holds up one call instead of all.
func (c *Client) useNetwork(proxyURL secret.Value) error {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t := &http.Transport{
		Protocols: protocols, DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 45 * time.Second, // shorter than a server's: what the server closes first may cost an outcome
	}
	if !proxyURL.IsZero() {
		proxy, err := parseURL("proxy (telegram.proxy_url)", proxyURL.Reveal(), "http", "https", "socks5")
		if err != nil {
			return err
		}
		c.redact = newRedactor(c.token, password(&url.URL{User: c.user}), password(proxy))
		t.Proxy = http.ProxyURL(proxy)
	}
	c.transport = t
	return nil
}

// Redact takes the bot token, in any percent-encoding, out of a text.
func (c *Client) Redact(s string) string { return c.redact.text(s) }

// request is one call.
type request struct {
	method  string
	params  any
	files   []part
	timeout time.Duration // 0: callTimeout
	result  any           // pointer; nil: only success matters
	lenient bool          // an odd result is no error: the call has acted
}

// call makes the request, once. The error is an *Error or nil.
func (c *Client) call(ctx context.Context, r request) error {
	body, contentType, err := encode(r)
	if err != nil {
		return &Error{Method: r.method, Reason: BadRequest, Description: "the parameters cannot be written as JSON", Err: c.redact.error(err)}
	}
	if r.timeout == 0 {
		r.timeout = callTimeout
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	failed := c.exchange(limited, r, body, contentType)
	c.observe(ctx, r.method, time.Since(start), failed)
	if failed != nil {
		return failed
	}
	return nil
}

// observe counts and feeds the health. What the caller itself called off says nothing about Telegram.
func (c *Client) observe(ctx context.Context, method string, took time.Duration, failed *Error) {
	c.metrics.call(method, took, failed)
	if failed != nil && failed.Reason == RateLimited && !aboutChat(method) {
		c.closed.Store(time.Now().Add(failed.RetryAfter).UnixNano())
	}
	if failed == nil || ctx.Err() == nil {
		c.health.note(time.Now(), failed)
	}
}

// aboutChat reports whether a limit on the method may be one chat's.
func aboutChat(method string) bool {
	return strings.HasPrefix(method, "send") || strings.HasPrefix(method, "edit") || strings.HasPrefix(method, "getChat") || method == "leaveChat"
}

// ClosedUntil is the end of the wait that Telegram asked for (retry_after) in answer to a call that is about no chat: until
// then the bot is to send nothing. It may be past or zero.
func (c *Client) ClosedUntil() time.Time {
	if ns := c.closed.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

func (c *Client) exchange(ctx context.Context, r request, body []byte, contentType string) *Error {
	var p progress
	req, err := http.NewRequestWithContext(p.trace(ctx), http.MethodPost, c.base.String(), bytes.NewReader(body))
	if err != nil {
		return c.lost(r, &p, err)
	}
	req.URL.Path += "/bot" + c.token.Reveal() + "/" + r.method
	req.Header.Set("Content-Type", contentType)
	if c.user != nil {
		word, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), word)
	}
	// Not http.Client: it would follow redirects, with the token, and put the URL into its errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return c.lost(r, &p, err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && resp.StatusCode == http.StatusOK {
		p.answered = true
		return c.lost(r, &p, err)
	}
	return c.read(r, resp, content)
}

// lost is the error of a request that got no whole answer.
func (c *Client) lost(r request, p *progress, err error) *Error {
	e := &Error{Method: r.method, Reason: OutcomeUnknown, Description: "no answer, and whether the request acted is unknown", Err: c.redact.error(err)}
	if p.unsent(err) {
		e.Reason, e.Description = NotSent, "the request did not reach Telegram"
	}
	return e
}
