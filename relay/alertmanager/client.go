// Package alertmanager asks an Alertmanager what fires, and makes and ends silences: the few calls of its API v2 that are needed
// (api/v2/openapi.yaml), as Grafana has them too.
//
// Every call has its deadline from its ctx. An error is what Alertmanager said, or why it could not be asked, in words for people and
// without the address's password. Nothing is kept on disk, and nothing is tried twice.
package alertmanager

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// Options say where an Alertmanager is and how to be let in.
type Options struct {
	Name      string // for errors
	URL       string // below which /api/v2 is; Grafana's ends in /api/alertmanager/grafana
	Username  string // of basic auth
	Password  secret.Value
	Token     secret.Value      // bearer
	Transport http.RoundTripper // nil: http.DefaultTransport
}

// Client speaks to one Alertmanager. Its methods are safe for concurrent use.
type Client struct {
	o    Options
	http *http.Client
}

// New returns a Client. It asks nothing yet.
func New(o Options) *Client {
	o.URL = strings.TrimSuffix(o.URL, "/")
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{o: o, http: &http.Client{Transport: o.Transport, CheckRedirect: stay}}
}

// Name is what the Alertmanager is called in relay.toml.
func (c *Client) Name() string { return c.o.Name }

// Alert is one that Alertmanager has.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
	Status       Status            `json:"status"`
}

// Status says whether an alert is suppressed, and by which silences.
type Status struct {
	State       string   `json:"state"` // active, suppressed or unprocessed
	SilencedBy  []string `json:"silencedBy"`
	InhibitedBy []string `json:"inhibitedBy"`
}

// Silence keeps alerts that match from being told.
type Silence struct {
	ID        string    `json:"id,omitempty"`
	Matchers  []Matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	Status    *struct {
		State string `json:"state"` // active, pending or expired
	} `json:"status,omitempty"`
}

// Over reports whether a silence holds no longer.
func (s *Silence) Over() bool { return s.Status != nil && s.Status.State == "expired" }

// Matcher is a condition as the API writes it.
type Matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual,omitempty"` // absent: true
}

// Equal reports whether the condition is to hold, or not to.
func (m Matcher) Equal() bool { return m.IsEqual == nil || *m.IsEqual }

func (m Matcher) String() string {
	kind := labels.MatchEqual
	switch {
	case m.IsRegex && m.Equal():
		kind = labels.MatchRegexp
	case m.IsRegex:
		kind = labels.MatchNotRegexp
	case !m.Equal():
		kind = labels.MatchNotEqual
	}
	return (&labels.Matcher{Type: kind, Name: m.Name, Value: m.Value}).String()
}

func matchersOf(all Matchers) []Matcher {
	out := make([]Matcher, len(all))
	for i, m := range all {
		equal := m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp
		out[i] = Matcher{Name: m.Name, Value: m.Value, IsRegex: m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp, IsEqual: &equal}
	}
	slices.SortFunc(out, func(a, b Matcher) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
	return out
}

// Alerts returns what fires and matches, silenced and inhibited alerts too.
func (c *Client) Alerts(ctx context.Context, matchers Matchers) ([]Alert, error) {
	var alerts []Alert
	return alerts, c.call(ctx, http.MethodGet, "/api/v2/alerts"+filter(matchers), nil, &alerts)
}

// Silences returns those that match (a filter looks at a silence's own matchers), expired ones too.
func (c *Client) Silences(ctx context.Context) ([]Silence, error) {
	var silences []Silence
	return silences, c.call(ctx, http.MethodGet, "/api/v2/silences", nil, &silences)
}

// Silence returns one. Error: ErrNotFound.
func (c *Client) Silence(ctx context.Context, id string) (*Silence, error) {
	var s Silence
	return &s, c.call(ctx, http.MethodGet, "/api/v2/silence/"+url.PathEscape(id), nil, &s)
}

// SetSilence makes a silence and returns its ID.
func (c *Client) SetSilence(ctx context.Context, matchers Matchers, s Silence) (string, error) {
	s.Matchers = matchersOf(matchers)
	if len(s.Matchers) == 0 {
		return "", errors.New("a silence without matchers would silence everything")
	}
	body, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	var made struct {
		SilenceID string `json:"silenceID"`
		ID        string `json:"id"` // some of Grafana's versions
	}
	if err := c.call(ctx, http.MethodPost, "/api/v2/silences", body, &made); err != nil {
		return "", err
	}
	return cmp.Or(made.SilenceID, made.ID), nil
}

// Expire ends a silence. Ending one that is over already is no error. Error: ErrNotFound.
func (c *Client) Expire(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/api/v2/silence/"+url.PathEscape(id), nil, nil)
}

func filter(matchers Matchers) string {
	if len(matchers) == 0 {
		return ""
	}
	query := url.Values{}
	for _, m := range matchers {
		query.Add("filter", m.String())
	}
	return "?" + query.Encode()
}

// ErrNotFound is the error of a silence that Alertmanager does not know.
//
//lint:ignore ST1005 a name
var ErrNotFound = errors.New("Alertmanager does not know it")

// unreachable is the error of a call that was not answered.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// Unreachable reports whether an Alertmanager could not be asked, so that another of its cluster may serve.
func Unreachable(err error) bool {
	_, yes := errors.AsType[unreachable](err)
	return yes
}

// maxAnswer bounds what is read of an answer, in bytes: some ten thousand alerts.
const maxAnswer = 64 << 20

func (c *Client) call(ctx context.Context, method, path string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.o.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the address of Alertmanager %s is wrong", c.o.Name)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if !c.o.Token.IsZero() {
		r.Header.Set("Authorization", "Bearer "+c.o.Token.Reveal())
	} else if c.o.Username != "" {
		r.SetBasicAuth(c.o.Username, c.o.Password.Reveal())
	}
	response, err := c.http.Do(r)
	if err != nil {
		return c.unreachable(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return c.unreachable(err)
	case response.StatusCode == http.StatusNotFound && strings.HasPrefix(path, "/api/v2/silence/"):
		return ErrNotFound
	case response.StatusCode/100 != 2:
		return c.refused(response.StatusCode, answer)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("what answers at the address of Alertmanager %s is none: it writes no such JSON", c.o.Name)
	}
	return nil
}

// unreachable leaves out the address, which net/http puts into its errors.
func (c *Client) unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		//lint:ignore ST1005 a name
		return unreachable{fmt.Errorf("Alertmanager %s does not answer: %w", c.o.Name, context.DeadlineExceeded)}
	}
	//lint:ignore ST1005 a name
	return unreachable{fmt.Errorf("Alertmanager %s cannot be reached: %w", c.o.Name, err)}
}

// maxReason is how much of a refusal is told, in characters.
const maxReason = 200

// refused reads a refusal: Alertmanager writes a JSON string or {code, message}, Grafana {message}.
func (c *Client) refused(status int, answer []byte) error {
	var text string
	var object struct{ Message string }
	if json.Unmarshal(answer, &text) != nil {
		_ = json.Unmarshal(answer, &object) // else it is something else, such as a proxy's page
		text = object.Message
	}
	if text == "" {
		text = http.StatusText(status)
	}
	if runes := []rune(text); len(runes) > maxReason {
		text = string(runes[:maxReason]) + "…"
	}
	//lint:ignore ST1005 a name
	return fmt.Errorf("Alertmanager %s refused: %d %s", c.o.Name, status, strings.TrimSpace(text))
}
