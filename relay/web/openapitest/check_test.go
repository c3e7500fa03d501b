package openapitest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	aProblem    = `{"detail":"no","code":"not_found","title":"Not found","status":404,"type":"about:blank"}`
	anID        = "019a0000-0000-7000-8000-000000000001"
	anAccepted  = `{"id":"` + anID + `","deliveries":[]}`
	aLink       = `{"id":"` + anID + `","recipient":"a","target":"private","state":"open","uses":0,"max_uses":1,"created_at":"2026-01-01T08:00:00Z","expires_at":"2026-01-01T08:00:00Z"`
)

func TestCheck(t *testing.T) {
	const send, hook = "POST /api/v1/messages", "POST /hooks/json/ops"
	for name, c := range map[string]struct {
		call, sent         string
		status             int
		answered, received string
		want               string // empty: nothing is wrong
	}{
		"right":                       {send, `{"to":"a","text":"x"}`, 202, jsonType, anAccepted, ""},
		"right, with charset":         {send, `{"to":"a","text":"x"}`, 202, jsonType + "; charset=utf-8", anAccepted, ""},
		"wrong and refused":           {send, `{"too":"a"}`, 400, problemType, aProblem, ""},
		"wrong and taken":             {send, `{"to":"a b","text":"x"}`, 202, jsonType, anAccepted, "'/to'"},
		"unknown field taken":         {send, `{"to":"a","text":"x","more":1}`, 202, jsonType, anAccepted, "more"},
		"nothing to say":              {send, `{"to":"a"}`, 202, jsonType, anAccepted, "text"},
		"both":                        {send, `{"to":"a","text":"x","template":"y"}`, 202, jsonType, anAccepted, "'not'"},
		"no body":                     {send, ``, 202, jsonType, anAccepted, "no JSON"},
		"unknown parameter taken":     {send + "?x=1", `{"to":"a","text":"x"}`, 202, jsonType, anAccepted, "parameter x is not described"},
		"status":                      {send, `{"to":"a","text":"x"}`, 201, jsonType, anAccepted, "status 201"},
		"content type":                {send, `{"to":"a","text":"x"}`, 202, "text/html", anAccepted, "content type text/html"},
		"answer":                      {send, `{"to":"a","text":"x"}`, 202, jsonType, `{"id":"7"}`, "uuid"},
		"answer is no JSON":           {send, `{"to":"a","text":"x"}`, 202, jsonType, `{`, "no JSON"},
		"problem without a code":      {send, `{}`, 400, problemType, `{"detail":"no"}`, "code"},
		"unknown code":                {send, `{}`, 400, problemType, strings.Replace(aProblem, "not_found", "nonsense", 1), "'/code'"},
		"another code":                {"GET /api/v1/links/" + anID, "", 404, problemType, strings.Replace(aProblem, "not_found", "conflict", 1), "code conflict"},
		"plain error":                 {send, `{}`, 500, "text/plain", "oops", "content type text/plain"},
		"hooks take anything":         {hook + "?team=a", `<xml>`, 202, jsonType, `{"messages":[` + anAccepted + `]}`, ""},
		"but not anybody":             {"POST /hooks/json/a%20b", `{}`, 202, jsonType, `{"messages":[]}`, "parameter recipient"},
		"slashes":                     {"POST //hooks/json//ops/", `{}`, 202, jsonType, `{"messages":[]}`, ""},
		"limit":                       {"GET /api/v1/links?limit=1001", "", 200, jsonType, `{"items":[],"next":null}`, "parameter limit"},
		"limit is no number":          {"GET /api/v1/links?limit=x", "", 200, jsonType, `{"items":[],"next":null}`, "parameter limit"},
		"list":                        {"GET /api/v1/links?limit=10", "", 200, jsonType, `{"items":[` + aLink + `}],"next":"x"}`, ""},
		"item":                        {"GET /api/v1/links", "", 200, jsonType, `{"items":[{"id":"` + anID + `"}],"next":null}`, "recipient"},
		"no header":                   {"POST /api/v1/links", `{"recipient":"a"}`, 201, jsonType, aLink + `,"url":"https://t.me/b?start=x","start_command":"/start x","page_url":"http://h/link/1#x"}`, "Location"},
		"no content":                  {"DELETE /api/v1/links/" + anID, "", 204, "", "", ""},
		"content where there is none": {"DELETE /api/v1/links/" + anID, "", 204, jsonType, "{}", "none is described"},
		"lines":                       {"GET /api/v1/recipients/export", "", 200, "application/jsonl", `{"recipient":"a"}`, "chat_id"},
		"unknown call":                {"GET /api/v1/nowhere", "", 404, problemType, aProblem, ""},
		"unknown call answered":       {"GET /api/v1/nowhere", "", 200, jsonType, "{}", "no such call"},
		"unknown method, plain":       {"PATCH /api/v1/links", "", 405, "text/plain", "no", "content type"},
		"not the interface":           {"POST /telegram", "{}", 200, "", "", ""},
	} {
		method, target, _ := strings.Cut(c.call, " ")
		r := httptest.NewRequest(method, "http://relay"+target, nil)
		answer := &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {c.answered}}}
		err := the().check(exchange{r, []byte(c.sent), answer, []byte(c.received)})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestForm(t *testing.T) {
	form := func(parts ...string) string {
		var b strings.Builder
		for i := 0; i < len(parts); i += 2 {
			b.WriteString("--x\r\nContent-Disposition: form-data; name=\"" + parts[i] + "\"\r\n\r\n" + parts[i+1] + "\r\n")
		}
		return b.String() + "--x--\r\n"
	}
	for name, c := range map[string]struct{ body, want string }{
		"right":     {form("message", `{"to":"a"}`, "photo", "\xff\xd8"), ""},
		"message":   {form("message", `{"to":7}`), "'/message/to'"},
		"part":      {form("message", `{"to":"a"}`, "video", "x"), "video"},
		"no JSON":   {form("message", `{`), "EOF"},
		"no form":   {"--y", "missing property 'message'"},
		"only file": {form("photo", "x"), "message"},
	} {
		r := httptest.NewRequest("POST", "http://relay/api/v1/messages", nil)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		answer := &http.Response{StatusCode: 202, Header: http.Header{"Content-Type": {jsonType}}}
		err := the().check(exchange{r, []byte(c.body), answer, []byte(anAccepted)})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// Whoever is checked notices nothing of it.
func TestTransport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || string(b) != `{"x":1}` || r.ContentLength != 7 {
			t.Errorf("%q of %d bytes: %v", b, r.ContentLength, err)
		}
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"messages":[]}`)
	}))
	t.Cleanup(server.Close)
	c := http.Client{Transport: Transport{TB: t, Base: server.URL}}
	answer, err := c.Post(server.URL+"/hooks/json/ops", jsonType, strings.NewReader(`{"x":1}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if b, err := io.ReadAll(answer.Body); err != nil || string(b) != `{"messages":[]}` {
		t.Errorf("%s, %v", b, err)
	}
}
