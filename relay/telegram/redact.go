package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/tgrelay/tgrelay/relay/secret"
)

const hidden = "[secret]"

// redactor takes secrets out of texts that others wrote: the network's errors, Telegram's descriptions, a panic's message.
type redactor struct {
	pattern *regexp.Regexp // nil: there are none
}

// newRedactor knows the secrets in any mix of plain and percent-encoded characters (RFC 3986). Of a bot token only the part
// behind the colon is secret; the number before it is the bot's public ID.
func newRedactor(secrets ...secret.Value) redactor {
	var forms []string
	for _, v := range secrets {
		s := v.Reveal()
		if id, key, ok := strings.Cut(s, ":"); ok && id != "" && len(key) >= 8 {
			s = key
		}
		if s != "" {
			forms = append(forms, anyEncoding(s))
		}
	}
	if len(forms) == 0 {
		return redactor{}
	}
	return redactor{regexp.MustCompile(strings.Join(forms, "|"))}
}

func anyEncoding(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "(?:%s|%%(?i:%02x))", regexp.QuoteMeta(s[i:i+1]), s[i])
	}
	return b.String()
}

func (r redactor) text(s string) string {
	if r.pattern == nil {
		return s
	}
	return r.pattern.ReplaceAllLiteralString(s, hidden)
}

// cause is what remains of a foreign error: its text without secrets. The error itself is not kept, since unwrapping would
// bring the secret back.
type cause struct {
	text              string
	timeout, canceled bool
}

// error strips an error of its URL and of secrets.
func (r redactor) error(err error) error {
	if err == nil {
		return nil
	}
	c := &cause{timeout: os.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded), canceled: errors.Is(err, context.Canceled)}
	for u := (*url.Error)(nil); errors.As(err, &u); {
		err = u.Err
	}
	c.text = r.text(err.Error())
	return c
}

func (c *cause) Error() string { return c.text }

// Timeout implements net.Error's question.
func (c *cause) Timeout() bool { return c.timeout }

func (c *cause) Is(target error) bool {
	return target == context.DeadlineExceeded && c.timeout || target == context.Canceled && c.canceled
}
