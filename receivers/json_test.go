package receivers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

// shown is what a document becomes, its messages separated by bars.
func shown(t *testing.T, contentType, body string, more ...string) (string, error) {
	t.Helper()
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	kind, _ := receivers.Get("json")
	drafts, err := kind.Decode(receivers.Request{Header: h, Body: []byte(body)})
	var texts []string
	for _, draft := range drafts {
		text, err := newSet(t).Execute(draft.Template, markup.MarkdownV2, draft.Data)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text.Normalize().Text)
	}
	return strings.Join(texts, "|"), err
}

func TestFormsAndEvents(t *testing.T) {
	const form, batch = "application/x-www-form-urlencoded", "application/cloudevents-batch+json"
	for _, c := range []struct {
		contentType, body, want string
		headers                 []string
	}{
		{form, "payload=" + url.QueryEscape(`{"title":"T","text":"a&b=*c*"}`), "T\na&b=*c*", nil},
		{form, "payload=" + url.QueryEscape(`{"zen":"Keep it.","repository":{"full_name":"a/b"}}`), "👋 a/b is connected\nKeep it.", []string{"X-GitHub-Event", "ping"}},
		{form + "; charset=utf-8", "text=hello+there&x=1", "hello there", nil},
		{form, `{"text":"as curl -d says it"}`, "as curl -d says it", nil},
		{batch, `[]`, "", nil},
		{batch, `[{"specversion":"1.0","type":"a","source":"s","data":"x"},7]`, "a\ns\nx|7", nil},
		{"", "", "a\ns", []string{"Ce-Specversion", "1.0", "Ce-Type", "a", "Ce-Source", "s"}},
		{"application/json", `{"text":"x"}`, "a\ns\nx", []string{"Ce-Specversion", "1.0", "Ce-Type", "a", "Ce-Source", "s"}},
	} {
		if got, err := shown(t, c.contentType, c.body, c.headers...); err != nil || got != c.want {
			t.Errorf("%s %s: %q, %v; want %q", c.contentType, c.body, got, err, c.want)
		}
	}
	for body, contentType := range map[string]string{`{"a":1}`: batch, `[{]`: batch, "payload=nonsense": form, "%zz": form, "\xff=\xff": "application/json", "": form} {
		if _, err := shown(t, contentType, body); relay.ErrorCode(err) != relay.CodeInvalidJSON && relay.ErrorCode(err) != relay.CodeInvalidField {
			t.Errorf("%s %q: %v", contentType, body, err)
		}
	}
}

// Templates of every type read headers and parameters, but for those that hold a secret.
func TestSecretsOfARequestCannotBeRead(t *testing.T) {
	set, err := render.New(render.Options{Files: []render.File{{Name: "t.tmpl", Text: `{{ define "t" }}{{ header "x-chat" }} {{ query "team" }}
{{- range stringSlice "Authorization" "authorization" "Proxy-Authorization" "Cookie" "X-Hub-Signature-256" "Webhook-Signature" "X-Gitlab-Token" "X-Gotify-Key" "X-Api-Key" "Api_Key" "X-Own" "x-own" }}{{ header . }}{{ end }}
{{- range stringSlice "token" "TOKEN" "access_token" "auth" "key" "api_key" "apikey" "password" "secret" }}{{ query . }}{{ end }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	const private = "private"
	h, q := http.Header{"X-Chat": {"ops\xff"}}, url.Values{"team": {"*red*"}}
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Hub-Signature-256", "Webhook-Signature", "X-Gitlab-Token", "X-Gotify-Key", "X-Api-Key", "Api_Key", "X-Own"} {
		h.Set(name, private)
	}
	for _, name := range []string{"token", "TOKEN", "access_token", "auth", "key", "api_key", "apikey", "password", "secret"} {
		q.Set(name, private)
	}
	for name, file := range map[string]string{"json": "others/diun", "alertmanager": "alertmanager/single-firing", "grafana": "grafana/firing"} {
		kind, _ := receivers.Get(name)
		drafts, err := kind.Decode(receivers.Request{Header: h, Query: q, Body: read(t, "testdata/"+file+".json"), Signature: signature(corpusSecret, "X-Own", "")})
		if err != nil {
			t.Fatal(err)
		}
		text, err := set.Execute("t", markup.MarkdownV2, drafts[0].Data)
		if got := text.Normalize().Text; err != nil || got != "ops\uFFFD *red*" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
