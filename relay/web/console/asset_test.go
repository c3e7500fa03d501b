package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// vendored are the files that are not ours, as they were published, and where from.
var vendored = map[string]string{
	"assets/htmx.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717", // htmx.org 2.0.11, dist/htmx.min.js
}

func TestVendoredFilesAreAsPublished(t *testing.T) {
	for name, want := range vendored {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has the SHA-256 %x; a new version is noted here and in docs/dependencies.md", name, sum)
		}
	}
}

func TestAssetsArePackedAndKept(t *testing.T) {
	total := 0
	all, _ := assets()
	for name, a := range all {
		for _, accepts := range []string{"", "br;q=1, gzip;q=0.8", "gzip; q=0"} {
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/assets/"+name, nil)
			r.SetPathValue("name", name)
			r.Header.Set("Accept-Encoding", accepts)
			if err := new(Console).Asset(w, r, nil); err != nil {
				t.Fatal(err)
			}
			body := w.Body.Bytes()
			if w.Header().Get("Content-Encoding") == "gzip" {
				total += len(body)
				unpack, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(unpack); err != nil {
					t.Fatal(err)
				}
			} else if strings.Contains(accepts, "0.8") {
				t.Errorf("%s is not packed", name)
			}
			if !bytes.Equal(body, a.plain) || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") != a.kind {
				t.Errorf("%s: %v", name, w.Header())
			}
		}
	}
	if total == 0 || total > 40<<10 {
		t.Errorf("%d bytes of assets go over the wire", total)
	}
}

func TestWithinLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"": "/", "/deliveries?state=failed": "/deliveries?state=failed", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/",
		"javascript:alert(1)": "/", "/%2f/evil": "/", "relative": "/", "/a\nb": "/",
	} {
		if got := Within(next); got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}
