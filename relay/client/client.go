// Package client speaks tgrelay's own HTTP interface, for the commands and for other Go programs.
//
// What the server refuses comes back as the *relay.Error that the server had: code, detail, fields, Retry-After. Whatever
// else goes wrong is one sentence that says what to do. The package keeps nothing, tries nothing twice, and follows no
// redirects, so that the token is shown to the named server only.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// DefaultServer is where a daemon listens that is not told otherwise.
const DefaultServer = "http://127.0.0.1:9786"

// Options says which server, and who asks.
type Options struct {
	Server     string       // http://host:port, https://host/path, host:port or unix:/path; empty: DefaultServer
	Token      secret.Value // empty: none is shown
	HTTPClient *http.Client // nil: one that waits 30 s for an answer; its Transport is not used for unix sockets
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base  string // to put paths behind
	shown string // the server as people know it
	token secret.Value
	http  *http.Client
}

// New makes a client; it does not connect. The error says how Server is written.
func New(o Options) (*Client, error) {
	c := &Client{token: o.Token, http: &http.Client{Timeout: 30 * time.Second}}
	if o.HTTPClient != nil {
		own := *o.HTTPClient
		c.http = &own
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if socket, ok := strings.CutPrefix(o.Server, "unix:"); ok && socket != "" {
		c.base, c.shown, c.http.Transport = "http://localhost", o.Server, unixTransport(socket)
		return c, nil
	}
	u, err := parseServer(o.Server)
	if err != nil {
		return nil, err
	}
	c.base, c.shown = strings.TrimRight(u.String(), "/"), u.Redacted()
	return c, nil
}

func parseServer(server string) (*url.URL, error) {
	switch {
	case server == "":
		server = DefaultServer
	case !strings.Contains(server, "://"):
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Host == "unix:" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("this is no address of a server; write it like %s or unix:/run/tgrelay/relay.sock", DefaultServer)
	}
	return u, nil
}

func unixTransport(socket string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
}

// Ready reports whether the server can deliver; where it cannot, the error is an *relay.Error with CodeNotReady that says why.
func (c *Client) Ready(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/-/ready", nil, nil)
}

// call sends in as JSON (a json.RawMessage as it is, nil as nothing) and reads the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := encode(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.do(ctx, c.http, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.read(resp, out)
}

// do makes a request. contentType is that of a body that is not nil.
func (c *Client) do(ctx context.Context, by *http.Client, method, path, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	resp, err := by.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return resp, nil
}

// fetch is call with an answer of type T; nil with an error.
func fetch[T any](ctx context.Context, c *Client, method, path string, in any) (*T, error) {
	out := new(T)
	if err := c.call(ctx, method, path, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// encode leaves a hook's body alone, be it JSON or not: what it is worth is for the server to say.
func encode(in any) ([]byte, error) {
	if raw, ok := in.(json.RawMessage); ok {
		return raw, nil
	}
	return json.Marshal(in)
}

func (c *Client) read(resp *http.Response, out any) error {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.refused(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s: %w; is there really tgrelay, of this version?", c.shown, err)
	}
	return nil
}

// list is the shape of every list.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"` // null at the end
}

func page[T any](ctx context.Context, c *Client, path string, query url.Values) (relay.Page[T], error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	l, err := fetch[list[T]](ctx, c, http.MethodGet, path, nil)
	if err != nil {
		return relay.Page[T]{}, err
	}
	return relay.Page[T]{Items: l.Items, Next: l.Next}, nil
}

// values builds a query out of what is set: pairs of a name and a value.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}
