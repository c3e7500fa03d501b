package delivery

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "fe80::1": false,
		"fd00::1": false, "100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "ff02::1": false,
		"198.18.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::ffff:127.0.0.1": false,
		"::127.0.0.1": false, "64:ff9b:1::7f00:1": false, "fec0::1": false, "100::1": false,
	} {
		if got := public(netip.MustParseAddr(address).Unmap()); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestTelegramReaches(t *testing.T) {
	for address, want := range map[string]bool{
		"https://images.example.org/a.png": true, "http://93.184.216.34/a.png": true, "https://EXAMPLE.org./a": true,
		"http://grafana:3000/a.png": false, "http://127.0.0.1/a.png": false, "http://[::1]/a.png": false, "http://192.168.1.2/a.png": false,
		"http://nas.local/a.png": false, "http://grafana.monitoring.svc.cluster.local./a.png": false, "http://x.home.arpa/a": false, "http://%zz": false,
	} {
		if got := telegramReaches(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestFetch(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/small", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 100)) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 101)) })
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Log in")) })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	mux.Handle("/file", http.RedirectHandler("file:///etc/passwd", http.StatusFound))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for path, want := range map[string]string{
		"/small": "", "/large": "larger than", "/empty": "empty", "/gone": "answered 404", "/login": "no picture but text/html", "/round": "too many redirects", "/file": `scheme "file"`,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		content, err := newFetcher(func() bool { return true }).get(ctx, server.URL+path+"?token=SECRET", 100, path == "/login")
		cancel()
		switch {
		case want == "" && (err != nil || len(content) != 100):
			t.Errorf("%s: %d bytes, %v", path, len(content), err)
		case want != "" && (err == nil || !strings.Contains(hideURL(err).Error(), want) || strings.Contains(hideURL(err).Error(), "SECRET")):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := newFetcher(func() bool { return false }).get(t.Context(), server.URL+"/small", 100, false); err == nil || !strings.Contains(err.Error(), "no public address") {
		t.Errorf("from a private address: %v", err)
	}
}
