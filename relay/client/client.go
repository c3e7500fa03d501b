// Package client speaks tgrelay's own HTTP interface, for the commands and for other Go programs: a method for each call of it.
//
//	c, err := client.New(client.Options{Server: "https://relay.example.org", Token: secret.New(os.Getenv("TGRELAY_TOKEN"))})
//	…
//	_, err = c.SendMessage(ctx, client.MessageRequest{To: []string{"alice"}, Text: "hello"})
//
// What the server refuses comes back as the *relay.Error that the server had: code, detail, fields, and how long to wait before another try
// (RetryAfter). Each method names the codes that are its own. Besides, each that sends something may get the codes for a wrong body, those that ask for a
// token CodeUnauthenticated and CodeForbidden, and all of them CodeStorageUnavailable, CodeOverloaded and CodeInternal. Whatever
// else goes wrong, as a server that cannot be reached, is one sentence that says what to do, and wraps its cause (context.Canceled and the like).
//
// The package keeps nothing, tries nothing twice, and follows no redirects, so that the token is shown to the named server only. A message
// whose answer was lost may be sent again with the same IdempotencyKey, and is made once.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// DefaultServer is where a daemon listens that is not told otherwise.
const DefaultServer = "http://127.0.0.1:9786"

// Options says which server, and who asks.
type Options struct {
	Server     string       // http://host:port, https://host/path, host:port or unix:/path; empty: DefaultServer
	Token      secret.Value // empty: none is shown
	HTTPClient *http.Client // nil: one that waits 30 s for an answer, and longer where a method says so; its Transport is not used for unix sockets
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

// request is one of a client's. Its zero fields say nothing.
type request struct {
	method, path string
	header       http.Header
	contentType  string // of the body
	body         io.Reader
	patience     time.Duration // beyond the client's time limit; forever: as long as the context allows
}

// forever lifts the client's time limit, for bodies of any length.
const forever = time.Duration(math.MaxInt64)

// call sends in as JSON (a json.RawMessage as it is, nil as nothing) and reads the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	r := request{method: method, path: path}
	if in != nil {
		b, err := encode(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		r.contentType, r.body = "application/json", bytes.NewReader(b)
	}
	_, err := c.exchange(ctx, r, out)
	return err
}

// exchange makes a request and reads the answer into out: what an io.Writer takes as it is, and all else as JSON; nothing if out is nil. It
// returns the answer's header.
func (c *Client) exchange(ctx context.Context, r request, out any) (http.Header, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return resp.Header, c.read(resp, out)
}

func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, r.body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	maps.Copy(req.Header, r.header)
	if r.body != nil {
		req.Header.Set("Content-Type", r.contentType)
	}
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	by := *c.http
	switch {
	case r.patience == forever:
		by.Timeout = 0
	case by.Timeout > 0:
		by.Timeout += r.patience
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
	switch out := out.(type) {
	case nil:
		return nil
	case io.Writer:
		if _, err := io.Copy(out, resp.Body); err != nil {
			return fmt.Errorf("read the answer of %s: %w", c.shown, err)
		}
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s: %w; is there really tgrelay, of this version?", c.shown, err)
	}
	return nil
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
