package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

// What no decent client sends is refused, and the next caller is served.
func TestHostileRequests(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.Tokens = tokens() })
	server := h.web.HTTPServer()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	h.URL = "http://" + l.Addr().String()
	const boss = "Host: relay\r\nAuthorization: Bearer boss\r\n"
	for name, c := range map[string]struct{ request, status string }{
		"no host":               {"GET /-/healthy HTTP/1.1\r\n\r\n", "400"},
		"two hosts":             {"GET /-/healthy HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		"no HTTP":               {"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400"},
		"a large header":        {"GET /-/healthy HTTP/1.1\r\n" + boss + "X-Large: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", "431"},
		"many headers":          {"GET /-/healthy HTTP/1.1\r\n" + boss + strings.Repeat("X-Many: x\r\n", 8<<10) + "\r\n", "431"},
		"a long path":           {"GET /" + strings.Repeat("a/", 30<<10) + " HTTP/1.1\r\n" + boss + "\r\n", "404"},
		"a header in a header":  {"GET /-/healthy HTTP/1.1\r\n" + boss + "X-A: b\rX-C: d\r\n\r\n", "400"},
		"a name with a space":   {"GET /-/healthy HTTP/1.1\r\n" + boss + "X A: b\r\n\r\n", "400"},
		"a negative length":     {"POST /hooks/json/ops HTTP/1.1\r\n" + boss + "Content-Length: -1\r\n\r\n", "400"},
		"two lengths":           {"POST /hooks/json/ops HTTP/1.1\r\n" + boss + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		"an unknown transfer":   {"POST /hooks/json/ops HTTP/1.1\r\n" + boss + "Transfer-Encoding: gzip\r\n\r\n{}", "501"},
		"a broken chunk":        {"POST /hooks/json/ops HTTP/1.1\r\n" + boss + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", "400"},
		"too much, announced":   {"POST /hooks/json/ops HTTP/1.1\r\n" + boss + "Expect: 100-continue\r\nContent-Length: 10000000\r\n\r\n", "413"},
		"an expectation":        {"POST /hooks/json/ops HTTP/1.1\r\n" + boss + "Expect: miracles\r\nContent-Length: 2\r\n\r\n{}", "417"},
		"out of the tree":       {"GET /hooks/../../etc/passwd HTTP/1.1\r\n" + boss + "\r\n", "404"},
		"out of it, hidden":     {"GET /hooks/..%2f..%2fapi%2fv1%2ftokens HTTP/1.1\r\n" + boss + "\r\n", "404"},
		"out of it, doubled":    {"GET //hooks/%2e%2e%2fapi/v1/tokens HTTP/1.1\r\n" + boss + "\r\n", "404"},
		"slashes of its own":    {"POST //hooks/json/a%2fb HTTP/1.1\r\n" + boss + "Content-Length: 2\r\n\r\n{}", "400"},
		"NUL in a recipient":    {"POST /hooks/json/a%00b HTTP/1.1\r\n" + boss + "Content-Length: 2\r\n\r\n{}", "400"},
		"no UTF-8":              {"POST /hooks/json/%ff%fe HTTP/1.1\r\n" + boss + "Content-Length: 2\r\n\r\n{}", "400"},
		"a broken escape":       {"GET /hooks/%zz HTTP/1.1\r\n" + boss + "\r\n", "400"},
		"a proxy's request":     {"CONNECT example.org:443 HTTP/1.1\r\n" + boss + "\r\n", "405"},
		"another's address":     {"GET http://example.org/-/healthy HTTP/1.1\r\n" + boss + "\r\n", "200"},
		"a preflight":           {"OPTIONS /api/v1/messages HTTP/1.1\r\n" + boss + "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n", "405"},
		"another site's page":   {"POST /api/v1/messages HTTP/1.1\r\n" + boss + "Sec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n\r\n{}", "403"},
		"a form of a page":      {"POST /api/v1/messages HTTP/1.1\r\n" + boss + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", "415"},
		"a token of nothing":    {"GET /api/v1/token HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer \r\n\r\n", "401"},
		"a token in the query":  {"GET /api/v1/token?token=boss HTTP/1.1\r\nHost: relay\r\n\r\n", "401"},
		"a token with a tail":   {"GET /api/v1/token HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer boss2\r\n\r\n", "401"},
		"a cursor that is none": {"GET /api/v1/deliveries?after=' HTTP/1.1\r\n" + boss + "\r\n", "400"},
		"a cursor of links":     {"GET /api/v1/links?after=%00 HTTP/1.1\r\n" + boss + "\r\n", "400"},
		"a cursor beyond all":   {"GET /api/v1/deliveries?after=99999999999999999999 HTTP/1.1\r\n" + boss + "\r\n", "400"},
		"a request ID to log":   {"GET /-/healthy HTTP/1.1\r\n" + boss + "X-Request-Id: a level=ERROR\r\n\r\n", "200"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := h.dial(t)
			go func() { _, _ = io.WriteString(conn, c.request) }() // what is refused early is not read to its end
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if !strings.HasPrefix(answer.Status, c.status) {
				t.Errorf("%s, want %s", answer.Status, c.status)
			}
			for name := range answer.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("CORS is on: %s", name)
				}
			}
			if id := answer.Header.Get("X-Request-Id"); strings.Contains(id, "level") {
				t.Errorf("a request ID %q", id)
			}
		})
	}
	if a := h.call(t, "GET", "/-/healthy", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if strings.Contains(h.log.String(), "panicked") {
		t.Error(h.log.String())
	}
}

// pipes is a listener without sockets, so that time is the bubble's.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// Whoever sends slowly, or takes its answer slowly, is cut, however regularly a byte comes.
func TestSlowCallersAreCut(t *testing.T) {
	for name, c := range map[string]struct {
		begin string
		atol  time.Duration // at the latest
	}{
		"headers": {"POST /hooks/json/ops HTTP/1.1\r\nHost: relay\r\nX-Slow: ", 10 * time.Second},
		"body":    {"POST /hooks/json/ops HTTP/1.1\r\nHost: relay\r\nContent-Length: 9000\r\n\r\n", time.Minute},
		"chunks":  {"POST /hooks/json/ops HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n2328\r\n", time.Minute},
		"nothing": {"GET /-/healthy HTTP/1.1\r\nHost: relay\r\n\r\n", 2*time.Minute + 10*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newIndoors(t, nil)
				server, listener := h.web.HTTPServer(), make(pipes)
				var all sync.WaitGroup
				all.Go(func() { _ = server.Serve(listener) })
				mine, theirs := net.Pipe()
				listener <- theirs
				all.Go(func() {
					_, err := io.WriteString(mine, c.begin)
					for name != "nothing" && err == nil { // a byte a second
						time.Sleep(time.Second)
						_, err = io.WriteString(mine, "x")
					}
				})
				began := time.Now()
				if _, err := io.ReadAll(mine); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > c.atol+time.Second { // of the bubble's own time
					t.Errorf("it was held for %s", took)
				}
				mine.Close()
				close(listener)
				server.Close()
				all.Wait()
			})
		})
	}
}

// requests are the ways in, with what is said of their bodies.
var requests = []struct{ method, path, contentType string }{
	{"POST", "/api/v1/messages", "application/json"},
	{"POST", "/api/v1/messages", "multipart/form-data; boundary=x"},
	{"POST", "/api/v1/messages:batch", "application/json"},
	{"POST", "/api/v1/render", "application/json"},
	{"POST", "/api/v1/links", "application/json"},
	{"PATCH", "/api/v1/recipients/ops", "application/json"},
	{"POST", "/api/v1/recipients/import", "application/jsonl"},
	{"POST", "/hooks/alertmanager/ops", "application/json"},
	{"POST", "/hooks/grafana/ops", "application/json"},
	{"POST", "/hooks/json/ops", "application/json"},
	{"POST", "/hooks/json/ops", "application/x-www-form-urlencoded"},
	{"POST", "/hooks/json/ops", "application/cloudevents-batch+json"},
	{"POST", "/link/01890a5d-ac96-774b-bcce-b302099a8057", "application/json"},
}

// FuzzRequest sends any bytes by any way in: there is an answer, it is JSON, and never a fault of ours.
func FuzzRequest(f *testing.F) {
	files, err := filepath.Glob("../../receivers/testdata/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for i, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(7+i%5), uint8(0), body)
	}
	for way, body := range []string{
		`{"to":["ops"],"text":"*a*","parse_mode":"MarkdownV2","key":"k","reply_markup":{"inline_keyboard":[[{"text":"a","url":"https://a.example/"}]]},"entities":null}`,
		"--x\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n{\"to\":\"ops\",\"text\":\"x\"}\r\n--x\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\nabc\r\n--x--\r\n",
		`{"messages":[{"to":"ops","text":"x","idempotency_key":"1"},7]}`, `{"receiver":"json","payload":{"a":1}}`, `{"recipient":"a","max_uses":2,"expires_in":"1h","qr":true}`,
		`{"paused":true,"quiet_hours":"22:00-07:00 hold","time_zone":"Europe/Berlin","locale":"de"}`, `{"recipient":"a","chat_id":1,"quiet_hours":"none"}` + "\n" + `{"recipient":"b","chat_id":2,"digest":"08:00"}`,
	} {
		f.Add(uint8(way), uint8(0), []byte(body))
		f.Add(uint8(way), uint8(1), []byte(gzipped(f, body)))
		f.Add(uint8(way), uint8(2), []byte(zstandard(f, body)))
	}
	h := newHouse(f, func(o *web.Options, _ *intake.Rules) { o.MaxBody = 1 << 20 })
	f.Fuzz(func(t *testing.T, way, packed uint8, body []byte) {
		to := requests[int(way)%len(requests)]
		r := httptest.NewRequestWithContext(context.Background(), to.method, to.path, bytes.NewReader(body))
		r.Header.Set("Content-Type", to.contentType)
		r.Header.Set("Content-Encoding", []string{"", "gzip", "zstd", "zstd, gzip"}[packed%4])
		w := httptest.NewRecorder()
		h.web.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s: %d %s\n%s", to.method, to.path, w.Code, w.Body, h.log.String())
		}
		if kind := w.Header().Get("Content-Type"); w.Code >= 300 && kind != "application/problem+json" {
			t.Fatalf("%s %s: %d %s", to.method, to.path, w.Code, kind)
		}
	})
}
