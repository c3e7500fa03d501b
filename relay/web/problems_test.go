package web_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/web"
)

func TestEachCodeIsExplained(t *testing.T) {
	h := newHouse(t, nil)
	docs, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range web.Codes(t) {
		text := h.call(t, "GET", "/problems/"+string(code), "")
		lines := strings.Split(string(text.body), "\n")
		if text.status != 200 || len(lines) != 5 || text.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %s", code, text.status, text.body)
			continue
		}
		page := h.call(t, "GET", "/problems/"+string(code), "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		if !strings.Contains(string(page.body), "<h1>"+lines[0]+"</h1>") || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") ||
			!strings.Contains(page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || page.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s %v", code, page.body, page.header)
		}
		status := strconv.Itoa(code.Status())
		if !strings.Contains(lines[0], "(") {
			status = "–"
		}
		if row := "| `" + string(code) + "` | " + status + " | " + lines[2] + " | " + lines[3] + " |\n"; !strings.Contains(string(docs), row) {
			t.Errorf("docs/http.md lacks the row\n%s", row)
		}
	}
	if p := h.call(t, "GET", "/problems/nonsense", "").problem(t); p.Code != "not_found" {
		t.Errorf("%+v", p)
	}
}

// Grafana shows the first kilobyte of an answer: the sentence stands there, and the type leads to the page.
func TestProblemsBeginWithTheSentence(t *testing.T) {
	h := newHouse(t, nil)
	for base, server := range map[string]*house{"": h, "https://relay.example.org": newHouse(t, publicly)} {
		a := server.call(t, "POST", "/hooks/nosuch/ops", alert)
		var p struct{ Type string }
		if err := json.Unmarshal(a.body, &p); err != nil || !strings.HasPrefix(string(a.body), `{"detail":"there is no receiver`) || p.Type != base+"/problems/unknown_receiver" {
			t.Errorf("%s, %v", a.body, err)
		}
	}
}

func TestUnchangedThingsAreNotSentAgain(t *testing.T) {
	h := newHouse(t, nil)
	h.bind(t, "alice", 1001)
	first := h.call(t, "GET", "/api/v1/recipients/alice", "")
	tag := first.header.Get("ETag")
	for _, known := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if a := h.call(t, "GET", "/api/v1/recipients/alice", "", "If-None-Match", known); a.status != 304 || len(a.body) != 0 || a.header.Get("ETag") != tag {
			t.Errorf("%s: %d %s", known, a.status, a.body)
		}
	}
	if a := h.call(t, "PATCH", "/api/v1/recipients/alice", `{"note":"on call"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := h.call(t, "GET", "/api/v1/recipients/alice", "", "If-None-Match", tag); a.status != 200 || a.header.Get("ETag") == tag {
		t.Errorf("after a change: %d %v", a.status, a.header)
	}
}

// An export that fails half way is cut off, and any other panic is told with the request's ID alone.
func TestPanics(t *testing.T) {
	h := newHouse(t, failing)
	a := h.call(t, "GET", "/metrics", "", "X-Request-Id", "mine")
	if p := a.problem(t); p.Code != "internal" || strings.Contains(string(a.body), "boom") || !strings.Contains(p.Detail, "mine") {
		t.Errorf("%s", a.body)
	}
	if log := h.log.String(); !strings.Contains(log, "request_id=mine") || !strings.Contains(log, "boom") || !strings.Contains(log, "panic_test.go") {
		t.Errorf("the log does not tell: %s", log)
	}
	h.ready = errHalf
	if _, err := h.try(t, "GET", "/metrics"); err == nil {
		t.Error("half an answer looks whole")
	}
	if a := h.call(t, "GET", "/-/healthy", ""); a.status != 200 {
		t.Errorf("and it goes on: %d", a.status)
	}
}
