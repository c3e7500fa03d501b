package receivers

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// MaxAge is how far the time that a sender signed may be from ours, in either direction.
const MaxAge = 5 * time.Minute

// GrafanaHeader is where Grafana puts its signature unless it is told otherwise.
const GrafanaHeader = "X-Grafana-Alerting-Signature"

// Headers of signatures that are not the hexadecimal HMAC-SHA256 of the body.
const (
	gitlabHeader   = "X-Gitlab-Token"   // the secret itself
	stripeHeader   = "Stripe-Signature" // https://docs.stripe.com/webhooks#verify-manually
	standardHeader = "Webhook-Signature"
	svixHeader     = "Svix-Signature" // what Standard Webhooks was before it was a standard
)

// Where no header is configured, it is the first of these that a request carries. Which of the two lists is asked depends on the
// secret, not on the sender, so that nobody can choose the weaker of two: one that begins with whsec_ signs a time, always.
// GitLab's token is in neither, for it proves nothing of the body; who wants it says so.
var (
	timedHeaders = []string{standardHeader, svixHeader, stripeHeader}
	plainHeaders = []string{"X-Hub-Signature-256", "X-Gitea-Signature", "X-Forgejo-Signature", "Sentry-Hook-Signature", GrafanaHeader}
)

// standardPrefix begins the secrets of Standard Webhooks, and those of Stripe.
const standardPrefix = "whsec_"

// Signature is how the requests of a receiver are signed.
type Signature struct {
	Secret secret.Value // zero: they are not
	Header string       // that holds it; empty: the one that the request carries, of those that are known
	// TimestampHeader holds Unix seconds, which are signed before the body (Grafana); empty: the body alone is.
	TimestampHeader string
}

// Wanted reports whether requests must be signed.
func (s Signature) Wanted() bool { return !s.Secret.IsZero() }

// Check finds what cannot work together. The error says what to do.
func (s Signature) Check() error {
	header := http.CanonicalHeaderKey(s.Header)
	timed := slices.Contains(timedHeaders, header)
	switch {
	case !s.Wanted():
		return nil
	case s.TimestampHeader != "" && header == "":
		return errors.New("hmac_timestamp_header needs hmac_header beside it")
	case s.TimestampHeader != "" && (timed || header == gitlabHeader):
		return fmt.Errorf("leave hmac_timestamp_header out: %s needs none", s.Header)
	}
	if header == standardHeader || header == svixHeader {
		_, err := s.standardKey()
		return err
	}
	return nil
}

// standardKey is the key of Standard Webhooks.
func (s Signature) standardKey() ([]byte, error) {
	encoded, ok := strings.CutPrefix(s.Secret.Reveal(), standardPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) == 0 {
		return nil, fmt.Errorf("the secret must be as the sender shows it, %s and base64 behind it", standardPrefix)
	}
	return key, nil
}

// Verify checks a request's signature. All comparisons take constant time, and the time that was signed is looked at only once it is
// known who signed it. Error: relay.CodeInvalidSignature, which says what the sender's operator should check.
func (r Request) Verify(now time.Time) error {
	s := r.Signature
	if !s.Wanted() {
		return nil
	}
	name := s.header(r.Header)
	if name == "" {
		return r.refuse("this receiver takes signed requests only, and there is no signature (%s): give the sender the secret of [receivers.%s]", strings.Join(s.candidates(), ", "), r.Receiver)
	}
	value, rest := strings.TrimSpace(r.Header.Get(name)), ""
	var signed bool
	var at string // Unix seconds, if some were signed
	switch name {
	case gitlabHeader:
		signed = subtle.ConstantTimeCompare(digest(value), digest(s.Secret.Reveal())) == 1
	case stripeHeader:
		at, signed = s.stripe(value, r.Body)
	case standardHeader, svixHeader:
		at, signed = s.standard(strings.TrimSuffix(name, "Signature"), r)
	default:
		at = r.Header.Get(s.TimestampHeader)
		signed = s.plain(value, at, r.Body)
		rest = ", and that hmac_timestamp_header is set here if the sender signs a time, and only then"
	}
	if !signed {
		return r.refuse("the signature in %s is not that of this body: check that the sender has the secret of [receivers.%s], that no proxy changes the body%s", name, r.Receiver, rest)
	}
	return r.inTime(at, now)
}

func (r Request) refuse(format string, args ...any) error {
	return &relay.Error{Code: relay.CodeInvalidSignature, Detail: fmt.Sprintf(format, args...)}
}

// inTime checks the time that was signed.
func (r Request) inTime(at string, now time.Time) error {
	if at == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return r.refuse("the signed time is no Unix time in seconds")
	}
	if off := now.Sub(time.Unix(seconds, 0)).Abs(); off > MaxAge {
		return r.refuse("the signed time is %s away from this server's; at most %s are allowed: check both clocks, and that no queue holds requests back", off.Round(time.Second), MaxAge)
	}
	return nil
}

// header is the name of the header that holds the signature; empty if the request has none.
func (s Signature) header(h http.Header) string {
	for _, name := range s.candidates() {
		if h.Get(name) != "" {
			return http.CanonicalHeaderKey(name)
		}
	}
	return ""
}

func (s Signature) candidates() []string {
	switch {
	case s.Header != "":
		return []string{s.Header}
	case strings.HasPrefix(s.Secret.Reveal(), standardPrefix):
		return timedHeaders
	}
	return plainHeaders
}

// plain is the HMAC of the body, in hexadecimal with or without sha256= before it (GitHub, Gitea, Sentry, Grafana) or in base64.
func (s Signature) plain(value, at string, body []byte) bool {
	var before string
	if s.TimestampHeader != "" {
		if at == "" {
			return false
		}
		before = at + ":"
	}
	value = strings.TrimPrefix(value, "sha256=")
	given, err := hex.DecodeString(value)
	if err != nil {
		given, err = base64.StdEncoding.DecodeString(value)
	}
	return err == nil && hmac.Equal(given, mac([]byte(s.Secret.Reveal()), before, body))
}

// stripe is t=SECONDS,v1=HEX[,v1=HEX] over the time and the body; several while a secret is rolled.
func (s Signature) stripe(value string, body []byte) (at string, signed bool) {
	var given []string
	for part := range strings.SplitSeq(value, ",") {
		switch name, v, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			at = v
		case "v1":
			given = append(given, v)
		}
	}
	want := mac([]byte(s.Secret.Reveal()), at+".", body)
	for _, v := range given {
		b, err := hex.DecodeString(v)
		signed = signed || err == nil && hmac.Equal(b, want)
	}
	return at, signed && at != ""
}

// standard is "v1,BASE64[ v1,BASE64]" over ID, time and body (https://www.standardwebhooks.com); prefix is that of the three headers.
func (s Signature) standard(prefix string, r Request) (at string, signed bool) {
	key, err := s.standardKey()
	if err != nil {
		return "", false
	}
	id := r.Header.Get(prefix + "Id")
	at = r.Header.Get(prefix + "Timestamp")
	want := mac(key, id+"."+at+".", r.Body)
	for given := range strings.FieldsSeq(r.Header.Get(prefix + "Signature")) {
		encoded, ok := strings.CutPrefix(given, "v1,")
		b, err := base64.StdEncoding.DecodeString(encoded)
		signed = signed || ok && err == nil && hmac.Equal(b, want)
	}
	return at, signed && id != "" && at != ""
}

func mac(key []byte, before string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(before))
	h.Write(body)
	return h.Sum(nil)
}

// digest makes texts of equal length, so that comparing them does not tell it.
func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}
