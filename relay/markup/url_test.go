package markup_test

import (
	"errors"
	"testing"

	"github.com/tgrelay/tgrelay/relay/markup"
)

func TestCheckURL(t *testing.T) {
	for _, c := range []struct{ url, want, reason string }{
		{url: "https://Example.com", want: "https://example.com/"},
		{url: "example.com?q=1", want: "http://example.com/?q=1"},
		{url: "example.com#f", want: "http://example.com/#f"},
		{url: "http://u:p@e.com:080/a b\n", want: "http://u:p@e.com:80/a%20b"},
		{url: "http://10.0.0.1:9090/graph", want: "http://10.0.0.1:9090/graph"},
		{url: "http://prometheus.:9090/", want: "http://prometheus.:9090/"},
		{url: "http://[::1]:9090/x", want: "http://[::1]:9090/x"},
		{url: "http://日本.jp/π", want: "http://日本.jp/π"},
		{url: "http://%41.com/", want: "http://%41.com/"},
		{url: "mailto:a@b.c", want: "http://mailto:a@b.c/"},
		{url: "TG:resolve?domain=x", want: "tg://resolve?domain=x"},
		{url: "tonsite://foo.ton/x", want: "tonsite://foo.ton/x"},
		{url: "http://localhost/", reason: "Wrong HTTP URL"},
		{url: "http://prometheus:9090/", reason: "Wrong HTTP URL"},
		{url: "", reason: "URL host is empty"},
		{url: "//e.com/x", reason: "URL host is empty"},
		{url: "http://./", reason: "Host is invalid"},
		{url: "ftp://e.com", reason: "Unsupported URL protocol"},
		{url: "http://e.com:99999", reason: "Wrong port number specified in the URL"},
		{url: "http://e.com:0", reason: "Wrong port number specified in the URL"},
		{url: "http://e.com:", reason: "Wrong port number specified in the URL"},
		{url: " http://e.com", reason: "Unsupported URL protocol"},
		{url: "http://\x00@e.com", reason: "Disallowed character in URL host"},
		{url: " e.com", reason: "Disallowed character in URL host"},
		{url: "http://e .com", reason: "Disallowed character in URL host"},
		{url: "http://%zz.com/", reason: "Wrong percent-encoded symbol in URL host"},
		{url: "http://[::x]/", reason: "Wrong IPv6 address specified in the URL"},
		{url: "javascript:alert(1)", reason: "Wrong port number specified in the URL"},
		{url: "tg://a.b", reason: "Unallowed characters in URL host"},
		{url: "tg://u@resolve", reason: "Wrong tg URL"},
	} {
		got, err := markup.CheckURL(c.url)
		if c.reason == "" {
			if err != nil || got != c.want {
				t.Errorf("CheckURL(%q) = %q, %v, want %q", c.url, got, err, c.want)
			}
			continue
		}
		e, ok := errors.AsType[*markup.URLError](err)
		if !ok || e.Reason != c.reason || e.Error() != c.reason || e.URL != c.url {
			t.Errorf("CheckURL(%q): error %#v, want %q", c.url, err, c.reason)
		}
	}
}

func TestURLErrorFor(t *testing.T) {
	_, err := markup.CheckURL("http://localhost/")
	e, _ := errors.AsType[*markup.URLError](err)
	if got, want := e.For("inline keyboard button"), "inline keyboard button URL 'http://localhost/' is invalid: Wrong HTTP URL"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
