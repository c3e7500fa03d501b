package markup

import (
	"net/netip"
	"strconv"
	"strings"
)

// URLError says why Telegram takes no link to a URL, in Telegram's words.
type URLError struct {
	URL    string
	Reason string // "Wrong HTTP URL", "URL host is empty", ...
}

func (e *URLError) Error() string { return e.Reason }

// For is the Bot API's description of the error, without "Bad Request: ", for the URL of an "entity" or an
// "inline keyboard button".
func (e *URLError) For(what string) string {
	return what + " URL '" + e.URL + "' is invalid: " + e.Reason
}

// Reasons that more than one place gives.
const (
	reasonHTTP = "Wrong HTTP URL"
	reasonPort = "Wrong port number specified in the URL"
)

// address is a URL as Telegram reads it.
type address struct {
	scheme   string // "http" or "https"
	explicit bool   // the scheme was written
	userinfo string
	host     string // in small letters
	port     int    // 0 if there is none
	ipv6     bool
	rest     string // path, query and fragment, never empty
}

// CheckURL reports whether Telegram takes a link to url, and how it writes it: scheme and host in small letters, a path
// always there. The error is a *URLError. A host needs a dot: http://localhost/ and http://prometheus:9090/ are no links.
func CheckURL(url string) (string, error) {
	normal, reason := checkURL(url)
	if reason != "" {
		return "", &URLError{URL: url, Reason: reason}
	}
	return normal, nil
}

func checkURL(url string) (normal, reason string) {
	own, rest := ownScheme(url)
	a, reason := parseAddress(rest)
	if reason != "" {
		return "", reason
	}
	if own != "" {
		return a.own(own)
	}
	if !a.ipv6 && strings.IndexByte(a.host, '.') < 0 {
		return "", reasonHTTP
	}
	return a.String(), ""
}

// ownScheme cuts off one of Telegram's own schemes, with the optional slashes behind it.
func ownScheme(url string) (scheme, rest string) {
	for _, s := range []string{"tg:", "ton:", "tonsite:"} {
		if hasPrefixFold(url, s) {
			return s[:len(s)-1], strings.TrimPrefix(url[len(s):], "//")
		}
	}
	return "", url
}

// own checks and writes a link of one of Telegram's own schemes, which was read as if it were http.
func (a *address) own(scheme string) (normal, reason string) {
	if a.explicit || a.userinfo != "" || a.port != 0 || a.ipv6 {
		return "", "Wrong " + scheme + " URL"
	}
	for i := range len(a.host) {
		c := a.host[i]
		if !isAlnum(c) && c != '-' && c != '_' && (c != '.' || scheme != "tonsite") {
			return "", "Unallowed characters in URL host"
		}
	}
	if strings.HasPrefix(a.rest, "/?") {
		a.rest = a.rest[1:]
	}
	return scheme + "://" + a.host + a.rest, ""
}

func (a *address) String() string {
	b := make([]byte, 0, len(a.userinfo)+len(a.host)+len(a.rest)+16)
	b = append(append(b, a.scheme...), "://"...)
	if a.userinfo != "" {
		b = append(append(b, a.userinfo...), '@')
	}
	b = append(b, a.host...)
	if a.port != 0 {
		b = strconv.AppendInt(append(b, ':'), int64(a.port), 10)
	}
	return string(append(b, a.rest...))
}

// parseAddress reads [http[s]://][userinfo@]host[:port][rest].
func parseAddress(url string) (a address, reason string) {
	a.scheme = "http"
	if i := strings.IndexAny(url, ":/?#@[]"); i >= 0 && strings.HasPrefix(url[i:], "://") {
		a.scheme, a.explicit = strings.ToLower(url[:i]), true
		if a.scheme != "http" && a.scheme != "https" {
			return a, "Unsupported URL protocol"
		}
		url = url[i+3:]
	}
	authority := url
	if i := strings.IndexAny(url, "/?#"); i >= 0 {
		authority, a.rest = url[:i], url[i:]
	}
	if reason = a.setAuthority(authority); reason != "" {
		return a, reason
	}
	a.rest = normalRest(a.rest)
	return a, ""
}

func (a *address) setAuthority(s string) (reason string) {
	if i := strings.LastIndexAny(s, ":]@"); i > 0 && s[i] == ':' {
		if a.port = parsePort(s[i+1:]); a.port == 0 {
			return reasonPort
		}
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		a.userinfo, s = s[:i], s[i+1:]
		if strings.IndexByte(a.userinfo, 0) >= 0 { // no other place of a link has one, and HTML cannot say it
			return "Disallowed character in URL host"
		}
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		ip, err := netip.ParseAddr(s[1 : len(s)-1])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "Wrong IPv6 address specified in the URL"
		}
		a.ipv6 = true
		a.host = strings.ToLower(s)
		return ""
	}
	switch s {
	case "":
		return "URL host is empty"
	case ".":
		return "Host is invalid"
	}
	a.host = lowerASCII(s)
	return checkHost(a.host)
}

// parsePort is 0 for what is no port. Leading zeros are allowed.
func parsePort(s string) int {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

func checkHost(host string) (reason string) {
	for i := 0; i < len(host); i++ {
		c := host[i]
		if c == '%' {
			if len(host)-i < 3 || !isHex(host[i+1]) || !isHex(host[i+2]) {
				return "Wrong percent-encoded symbol in URL host"
			}
			i += 2
			continue
		}
		if !isAlnum(c) && c < 0x80 && strings.IndexByte("._-!$,~*'();&+=", c) < 0 {
			return "Disallowed character in URL host"
		}
	}
	return ""
}

// normalRest begins with a slash, has no space at its end, and no control character or space in it.
func normalRest(s string) string {
	s = strings.TrimRight(s, spaces)
	if s == "" || s[0] != '/' {
		s = "/" + s
	}
	if strings.IndexFunc(s, func(r rune) bool { return r <= ' ' }) < 0 {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; c <= ' ' {
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// spaces are what Telegram's parsers call space: not form feed, but NUL.
const spaces = " \t\n\r\v\x00"

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == 0
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }
func isHex(c byte) bool   { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// lowerASCII leaves letters beyond ASCII as they are, as Telegram does.
func lowerASCII(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0 {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
