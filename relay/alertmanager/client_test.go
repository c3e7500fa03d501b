package alertmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// serve answers every call with a status and body, and tells what was asked.
func serve(t *testing.T, status int, body string) (o alertmanager.Options, asked *http.Request, sent *string) {
	t.Helper()
	asked, sent = new(http.Request), new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r
		b, _ := io.ReadAll(r.Body)
		*sent = string(b)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return alertmanager.Options{Name: "main", URL: server.URL + "/"}, asked, sent
}

func parse(t *testing.T, text string) alertmanager.Matchers {
	t.Helper()
	m, err := alertmanager.ParseMatchers(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSetSilence(t *testing.T) {
	for status, answer := range map[int]string{200: `{"silenceID":"s-1"}`, 202: `{"silenceID":"s-1"}`} { // Alertmanager's and Grafana's
		o, asked, sent := serve(t, status, answer)
		o.Token = secret.New("the-token")
		id, err := alertmanager.New(o).SetSilence(t.Context(), parse(t, `alertname="Down",instance!~"web.*"`), alertmanager.Silence{CreatedBy: "Ada", EndsAt: time.Unix(60, 0).UTC()})
		if err != nil || id != "s-1" {
			t.Fatalf("%q %v", id, err)
		}
		if asked.Method != "POST" || asked.URL.Path != "/api/v2/silences" || asked.Header.Get("Authorization") != "Bearer the-token" {
			t.Errorf("%s %s %v", asked.Method, asked.URL, asked.Header)
		}
		for _, want := range []string{`{"name":"alertname","value":"Down","isRegex":false,"isEqual":true}`, `{"name":"instance","value":"web.*","isRegex":true,"isEqual":false}`, `"endsAt":"1970-01-01T00:01:00Z"`, `"createdBy":"Ada"`} {
			if !strings.Contains(*sent, want) {
				t.Errorf("no %s in %s", want, *sent)
			}
		}
	}
	o, asked, _ := serve(t, 200, `{}`)
	if _, err := alertmanager.New(o).SetSilence(t.Context(), nil, alertmanager.Silence{}); err == nil || asked.Method != "" {
		t.Errorf("a silence for everything: %v", err)
	}
}

func TestAlerts(t *testing.T) {
	o, asked, _ := serve(t, 200, `[{"labels":{"alertname":"Down"},"status":{"state":"suppressed","silencedBy":["s-1"]},"fingerprint":"f"}]`)
	o.Username, o.Password = "relay", secret.New("geheim")
	alerts, err := alertmanager.New(o).Alerts(t.Context(), parse(t, `severity=~"page|warn",note="q\"uo"`))
	if err != nil || len(alerts) != 1 || alerts[0].Status.SilencedBy[0] != "s-1" {
		t.Fatalf("%+v %v", alerts, err)
	}
	if got := asked.URL.Query()["filter"]; len(got) != 2 || got[0] != `severity=~"page|warn"` || got[1] != `note="q\"uo"` {
		t.Errorf("filters %q", got)
	}
	if user, password, _ := asked.BasicAuth(); user != "relay" || password != "geheim" {
		t.Error("no basic auth")
	}
}

func TestErrorsAreForPeople(t *testing.T) {
	for _, c := range []struct {
		status       int
		answer, want string
	}{
		{400, `"end time can't be in the past"`, "Alertmanager main refused: 400 end time can't be in the past"},
		{422, `{"code":612,"message":"matchers is required"}`, "refused: 422 matchers is required"},
		{401, `<html>proxy</html>`, "refused: 401 Unauthorized"},
		{302, ``, "refused: 302 Found"},
		{200, `<html>a page</html>`, "writes no such JSON"},
	} {
		o, _, _ := serve(t, c.status, c.answer)
		if _, err := alertmanager.New(o).Silences(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %s: %v", c.status, c.answer, err)
		}
	}
	o, _, _ := serve(t, 404, ``)
	if err := alertmanager.New(o).Expire(t.Context(), "x/y"); !errors.Is(err, alertmanager.ErrNotFound) {
		t.Errorf("an unknown silence: %v", err)
	}
	o = alertmanager.Options{Name: "main", URL: "http://relay:geheim@127.0.0.1:1"}
	if _, err := alertmanager.New(o).Alerts(t.Context(), nil); err == nil || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestOneThatHangs(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := alertmanager.New(alertmanager.Options{Name: "main", URL: server.URL}).Alerts(ctx, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "main does not answer") {
		t.Errorf("%v", err)
	}
}

func TestMatchers(t *testing.T) {
	set := map[string]string{"team": "infra", "severity": "critical"}
	for text, want := range map[string]bool{
		`team=infra`: true, `team="infra",severity=~"critical|warning"`: true, `severity=~critical|warning`: true, `team!=infra`: false,
		`region=""`: true, `region=eu`: false, `{team="infra"}`: true, `"team"="infra"`: true,
	} {
		if got := alertmanager.Match(parse(t, text), set); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, text := range []string{`team`, `=x`, `a=~"("`, `team infra`} {
		if m, err := alertmanager.ParseMatchers(text); err == nil {
			t.Errorf("%s is taken as %s", text, m)
		}
	}
	b, _ := json.Marshal(alertmanager.Matcher{Name: "a", Value: "b"})
	if string(b) != `{"name":"a","value":"b","isRegex":false}` {
		t.Error(string(b))
	}
	f := false
	if got := (alertmanager.Matcher{Name: "a", Value: "b", IsRegex: true, IsEqual: &f}).String(); got != `a!~"b"` {
		t.Error(got)
	}
}
