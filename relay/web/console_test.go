package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

// visit is a browser without JavaScript.
type visit struct {
	t      *testing.T
	h      *house
	client *http.Client
	header http.Header // of each request
}

func (h *house) visit(t *testing.T) *visit {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visit{t, h, &http.Client{Jar: jar, CheckRedirect: stay}, http.Header{"Accept": {"text/html,*/*;q=0.8"}}}
}

// page is what was answered.
type page struct {
	*http.Response
	body string
}

func (v *visit) do(method, path string, form url.Values) page {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.h.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header = v.header.Clone()
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return page{response, string(body)}
}

func (v *visit) get(path string) page { v.t.Helper(); return v.do("GET", path, nil) }

func (v *visit) post(path string, pairs ...string) page {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return v.do("POST", path, form)
}

// signIn shows a token, which is taken.
func (v *visit) signIn(token string) *visit {
	v.t.Helper()
	if p := v.post("/session/start", "token", token); p.StatusCode != 303 {
		v.t.Fatalf("%d %s", p.StatusCode, p.body)
	}
	return v
}

// operators are tokens for the console.
func operators(o *web.Options, _ *intake.Rules) {
	o.Tokens = append(tokens(),
		web.Token{Name: "eyes", SHA256: hash("eyes"), Scopes: []web.Scope{web.ScopeRead}},
		web.Token{Name: "team", SHA256: hash("team"), Scopes: []web.Scope{web.ScopeAdmin}, Recipients: []string{"team-*"}})
}

func TestSignIn(t *testing.T) {
	h := newHouse(t, operators)
	v := h.visit(t)
	if p := v.get("/"); p.StatusCode != 303 || p.Header.Get("Location") != "/sign-in" {
		t.Fatalf("%d %v", p.StatusCode, p.Header)
	}
	if p := v.get("/sign-in?next=/api"); p.StatusCode != 200 || !strings.Contains(p.body, `name="next" value="/api"`) {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
	p := v.post("/session/start", "token", "boss", "next", "/api")
	if p.StatusCode != 303 || p.Header.Get("Location") != "/api" {
		t.Fatalf("%d %v %s", p.StatusCode, p.Header, p.body)
	}
	cookie := p.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || strings.Contains(p.Header.Get("Set-Cookie"), "boss") || cookie.MaxAge != 12*3600 {
		t.Errorf("%+v", cookie)
	}
	if p := v.get("/api"); p.StatusCode != 200 || !strings.Contains(p.body, "Sign out") || !strings.Contains(p.body, "boss") {
		t.Errorf("%d %s", p.StatusCode, p.body)
	}
	if p := v.get("/sign-in"); p.StatusCode != 303 {
		t.Errorf("signed in already, and asked again: %d", p.StatusCode)
	}
	if p := h.visit(t).get("/api"); p.StatusCode != 200 || strings.Contains(p.body, "Sign out") {
		t.Errorf("the reference is no secret: %d", p.StatusCode)
	}
	// The cookie lets nobody into the interface itself.
	if p := v.get("/api/v1/deliveries"); p.StatusCode != 401 {
		t.Errorf("the API takes the cookie: %d", p.StatusCode)
	}
	if p := v.post("/session/end"); p.StatusCode != 303 || p.Cookies()[0].MaxAge != -1 {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	v.client.Jar.SetCookies(p.Request.URL, []*http.Cookie{cookie})
	if p := v.get("/"); p.StatusCode != 303 || p.Header.Get("Location") != "/sign-in" {
		t.Errorf("the session goes on after signing out: %d", p.StatusCode)
	}
	if log := h.log.String(); strings.Contains(log, cookie.Value) {
		t.Error(log)
	}
}

func TestSignInIsRefused(t *testing.T) {
	h := newHouse(t, operators)
	for token, want := range map[string]int{"": 401, "wrong": 401, "slow": 403, "near": 401} { // near is for another address
		p := h.visit(t).post("/session/start", "token", token, "next", "/deliveries")
		if p.StatusCode != want || len(p.Cookies()) > 0 || !strings.Contains(p.body, `role="alert"`) || !strings.Contains(p.body, `value="/deliveries"`) {
			t.Errorf("%s: %d %s", token, p.StatusCode, p.body)
		}
	}
	// Another site's form, a form that is too large, and a cookie that is none.
	v := h.visit(t)
	v.header.Set("Sec-Fetch-Site", "cross-site")
	if p := v.post("/session/start", "token", "boss"); p.StatusCode != 403 || len(p.Cookies()) > 0 {
		t.Errorf("%d", p.StatusCode)
	}
	if p := h.visit(t).post("/session/start", "token", "boss", "next", strings.Repeat("x", 5000)); len(p.Cookies()) > 0 {
		t.Errorf("%d", p.StatusCode)
	}
	v = h.visit(t)
	v.header.Set("Cookie", "tgrelay=x")
	if p := v.get("/"); p.StatusCode != 303 {
		t.Errorf("%d", p.StatusCode)
	}
	v.header.Set("HX-Request", "true")
	if p := v.get("/"); p.StatusCode != 401 || p.Header.Get("HX-Redirect") != "/sign-in" {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
	if a := h.call(t, "GET", "/", ""); a.status != 401 || a.problem(t).Code != "unauthenticated" {
		t.Errorf("programs are told otherwise: %d %s", a.status, a.body)
	}
	// Guessing is slowed down, for the right token too.
	limited := 0
	for range 20 {
		if p := h.visit(t).post("/session/start", "token", "guess"); p.StatusCode == 429 {
			limited++
		}
	}
	if p := h.visit(t).post("/session/start", "token", "boss"); limited < 5 || p.StatusCode != 429 {
		t.Errorf("%d guesses of 20 were refused, and then %d", limited, p.StatusCode)
	}
}

// A session is worth what its token is now.
func TestSessionsEndWithTheirToken(t *testing.T) {
	h := newHouse(t, operators)
	v := h.visit(t).signIn("eyes")
	if p := v.get("/"); p.Header.Get("Location") == "/sign-in" {
		t.Fatalf("%d", p.StatusCode)
	}
	h.setTokens([]web.Token{{Name: "eyes", SHA256: hash("eyes"), Scopes: []web.Scope{web.ScopeRead}, Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}})
	if p := v.get("/"); p.Header.Get("Location") != "/sign-in" {
		t.Errorf("from an address that is left out: %d", p.StatusCode)
	}
	h.setTokens([]web.Token{{Name: "eyes", SHA256: hash("another"), Scopes: []web.Scope{web.ScopeRead}}})
	if p := v.get("/"); p.Header.Get("Location") != "/sign-in" {
		t.Errorf("with a token that was changed: %d", p.StatusCode)
	}
}

// Without tokens the console is open on this machine, but not to a page that gave its own name our address.
func TestConsoleIsOpenWithoutTokens(t *testing.T) {
	h := newHouse(t, publicly)
	for host, want := range map[string]int{"": 200, "localhost:9786": 200, "[::1]:9786": 200, "relay.example.org": 200, "relay": 200, "evil.example": 403, "127.0.0.1.evil.example:9786": 403} {
		for _, path := range []string{"/api", "/-/healthy"} {
			r, err := http.NewRequestWithContext(t.Context(), "GET", h.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s of %q: %d, want %d", path, host, response.StatusCode, want)
			}
		}
	}
	if p := h.visit(t).get("/api"); strings.Contains(p.body, "Sign out") {
		t.Error("there is nothing to sign out of")
	}
}

func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	h := newHouse(t, nil)
	p := h.visit(t).get("/api")
	policy := p.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self';", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%q lacks %q", policy, want)
		}
	}
	if strings.Contains(p.body, "<style") || strings.Contains(p.body, " style=") || strings.Contains(p.body, " onclick") || strings.Contains(p.body, "<script>") {
		t.Error("there is a style or script in the page")
	}
	if p.Header.Get("Referrer-Policy") != "same-origin" {
		t.Error("without TLS a browser would not say that our forms are ours")
	}
	if !strings.Contains(p.body, "-H &#34;Authorization: Bearer $TOKEN&#34;") || !strings.Contains(p.body, h.URL+"/api/v1/messages") {
		t.Error("there is no command to copy")
	}
	if p := h.visit(t).get("/assets/nothing.css"); p.StatusCode != 404 {
		t.Errorf("%d", p.StatusCode)
	}
}

// Behind a proxy that we trust, the cookie is for encrypted connections only.
func TestCookieIsSecureBehindAProxy(t *testing.T) {
	h := newHouse(t, func(o *web.Options, rules *intake.Rules) {
		operators(o, rules)
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	v := h.visit(t)
	v.header.Set("X-Forwarded-Proto", "https")
	v.header.Set("X-Forwarded-For", "198.51.100.7")
	if p := v.post("/session/start", "token", "eyes"); p.StatusCode != 303 || !p.Cookies()[0].Secure {
		t.Errorf("%d %v", p.StatusCode, p.Header)
	}
}

// Without TLS a browser says of a form only where it comes from.
func TestFormsWithoutTLS(t *testing.T) {
	h := newHouse(t, operators)
	for origin, want := range map[string]int{h.URL: 303, "http://evil.example": 403, "null": 403} {
		v := h.visit(t)
		v.header.Set("Origin", origin)
		if p := v.post("/session/start", "token", "boss"); p.StatusCode != want {
			t.Errorf("from %s: %d", origin, p.StatusCode)
		}
	}
}
