package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tgrelay/tgrelay/relay"
)

func gzipped(t testing.TB, body string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstandard(t testing.TB, body string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(body), nil))
}

func TestPackedBodies(t *testing.T) {
	h := newHouse(t, nil) // max_body is 10,000 bytes
	h.bind(t, "ops", 1)
	const body = `{"to":"ops","text":"packed"}`
	large := `{"to":"ops","text":"` + strings.Repeat("x", 1<<20) + `"}`
	skippable := "\x50\x2a\x4d\x18\x00\x20\x00\x00" + strings.Repeat("\x00", 0x2000) // a frame of zstd that unpacks to nothing
	for name, c := range map[string]struct {
		encoding, body string
		status         int
		code           string
	}{
		"gzip": {"gzip", gzipped(t, body), 202, ""}, "x-gzip": {"x-gzip", gzipped(t, body), 202, ""}, "capitals": {"GZIP", gzipped(t, body), 202, ""},
		"zstd": {"zstd", zstandard(t, body), 202, ""}, "identity": {"identity", body, 202, ""}, "two": {"gzip, zstd", zstandard(t, gzipped(t, body)), 202, ""},
		"in the wrong order": {"zstd, gzip", zstandard(t, gzipped(t, body)), 400, "invalid_json"},
		"a bomb of gzip":     {"gzip", gzipped(t, large), 413, "body_too_large"}, "a bomb of zstd": {"zstd", zstandard(t, large), 413, "body_too_large"},
		"a bomb in a bomb": {"zstd, gzip", gzipped(t, strings.Repeat(skippable, 500)), 413, "body_too_large"},
		"cut":              {"gzip", gzipped(t, body)[:20], 400, "invalid_json"}, "not packed": {"zstd", body, 400, "invalid_json"}, "empty": {"gzip", "", 400, "invalid_json"},
		"br": {"br", body, 415, "unsupported_media_type"}, "deflate": {"deflate", body, 415, "unsupported_media_type"},
		"too often": {"gzip, gzip, gzip, gzip", gzipped(t, gzipped(t, gzipped(t, gzipped(t, body)))), 415, "unsupported_media_type"},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.call(t, "POST", "/api/v1/messages", c.body, "Content-Encoding", c.encoding)
			if a.status != c.status {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if c.status != 202 && a.problem(t).Code != c.code {
				t.Errorf("%s, want %s", a.body, c.code)
			}
			if c.status == http.StatusUnsupportedMediaType && a.header.Get("Accept-Encoding") != "gzip, zstd" {
				t.Errorf("it does not say what it takes: %v", a.header)
			}
		})
	}
	if a := h.call(t, "POST", "/hooks/alertmanager/ops", zstandard(t, alert), "Content-Encoding", "zstd"); a.status != 202 {
		t.Errorf("a packed webhook: %d %s", a.status, a.body)
	}
	lines := strings.Repeat(`{"recipient":"many","chat_id":7}`+"\n", 5000) // more than max_body: an import is read while it is stored
	if a := h.call(t, "POST", "/api/v1/recipients/import", gzipped(t, lines), "Content-Encoding", "gzip"); !strings.Contains(string(a.body), `"imported":5000,`) {
		t.Errorf("a packed import: %d %s", a.status, a.body)
	}
}

// The answer comes although most of the body never does.
func TestTooLargeIsSaidBeforeTheEnd(t *testing.T) {
	h := newHouse(t, nil)
	for _, header := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked"} {
		conn := h.dial(t)
		begin := ""
		if strings.HasPrefix(header, "Transfer") {
			begin = "2711\r\n" + strings.Repeat("x", 10_001) + "\r\n" // one byte more than max_body, and no end
		}
		fmt.Fprintf(conn, "POST /hooks/json/ops HTTP/1.1\r\nHost: relay\r\n%s\r\n\r\n%s", header, begin)
		answer, err := io.ReadAll(conn) // the server closes
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") || !strings.Contains(string(answer), "body_too_large") {
			t.Errorf("%s: %q, %v", header, answer, err)
		}
	}
}

// What a foreigner sends is faults, all at once, and never half taken.
func TestKeysThatComeTwiceAreFaults(t *testing.T) {
	h := newHouse(t, nil)
	p := h.call(t, "POST", "/api/v1/messages", `{"to":"ops","text":"a","data":{"x":1,"x":2},"text":"b","colour":"red","template":"deploy"}`).problem(t)
	var pointers []string
	for _, e := range p.Errors {
		pointers = append(pointers, e.Pointer)
	}
	if p.Code != "invalid_field" || strings.Join(pointers, " ") != "/data/x /text /template /colour" {
		t.Errorf("%s %v", p.Code, pointers)
	}
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	p = h.call(t, "POST", "/api/v1/messages", `{"to":"ops","template":"deploy","data":`+deep+`}`).problem(t)
	if p.Code != string(relay.CodeInvalidJSON) || !strings.Contains(p.Detail, "nested deeper than 100") {
		t.Errorf("%+v", p)
	}
	twice := strings.Replace(alert, `"version":"4"`, `"version":"4","version":"5"`, 1)
	if a := h.call(t, "POST", "/hooks/alertmanager/ops", twice); a.status != 202 {
		t.Errorf("a webhook with a key that comes twice: %d %s", a.status, a.body)
	}
}
