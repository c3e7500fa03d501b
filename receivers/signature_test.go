package receivers_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/secret"
)

// The secret of all signed payloads in testdata; as Standard Webhooks shows it, it is the second.
const (
	corpusSecret   = "corpus-test-secret"
	standardSecret = "whsec_Y29ycHVzLXRlc3Qtc2VjcmV0"
)

// headers are those that a payload came with, if they were kept.
func headers(t testing.TB, payload string) http.Header {
	t.Helper()
	b, err := os.ReadFile(strings.TrimSuffix(payload, ".json") + ".headers")
	if os.IsNotExist(err) {
		return http.Header{}
	}
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.Add(textproto.TrimString(name), textproto.TrimString(value))
		}
	}
	return h
}

func signed(t testing.TB, payload string, s receivers.Signature) receivers.Request {
	t.Helper()
	return receivers.Request{Receiver: "mine", Header: headers(t, payload), Body: read(t, payload), Signature: s}
}

func signature(key, header, timestamp string) receivers.Signature {
	return receivers.Signature{Secret: secret.New(key), Header: header, TimestampHeader: timestamp}
}

var (
	grafanaTime = time.Unix(1795452916, 0)
	otherTime   = time.Unix(1795155303, 0)
)

var signedPayloads = []struct {
	file      string
	signature receivers.Signature
	at        time.Time // that was signed; zero: none was
	carries   string    // the header
}{
	{"grafana/signed", signature(corpusSecret, receivers.GrafanaHeader, ""), time.Time{}, "X-Grafana-Alerting-Signature"},
	{"grafana/signed-timestamp", signature(corpusSecret, receivers.GrafanaHeader, "X-Grafana-Alerting-Timestamp"), grafanaTime, "X-Grafana-Alerting-Signature"},
	{"grafana/signed-own-headers-put", signature(corpusSecret, "X-Signature", "X-Signature-Timestamp"), grafanaTime, "X-Signature"},
	{"others/github-push", signature(corpusSecret, "", ""), time.Time{}, "X-Hub-Signature-256"},
	{"others/github-release", signature(corpusSecret, "x-hub-signature-256", ""), time.Time{}, "X-Hub-Signature-256"},
	{"others/gitea-push", signature(corpusSecret, "X-Gitea-Signature", ""), time.Time{}, "X-Gitea-Signature"},
	{"others/gitlab-pipeline", signature(corpusSecret, "X-Gitlab-Token", ""), time.Time{}, "X-Gitlab-Token"},
	{"others/sentry-event-alert", signature(corpusSecret, "", ""), time.Time{}, "Sentry-Hook-Signature"},
	{"others/stripe-invoice", signature(corpusSecret, "Stripe-Signature", ""), otherTime, "Stripe-Signature"},
	{"others/standard-webhooks-user", signature(standardSecret, "", ""), otherTime, "Webhook-Signature"},
	{"others/standard-webhooks-user", signature(standardSecret, "webhook-signature", ""), otherTime, "Webhook-Signature"},
}

// What real senders sign is taken, within five minutes where they sign a time, and everything else is refused with a sentence.
func TestSignatures(t *testing.T) {
	for _, c := range signedPayloads {
		t.Run(c.file+" "+c.signature.Header, func(t *testing.T) {
			file := "testdata/" + c.file + ".json"
			now := c.at.Add(4 * time.Minute)
			if err := c.signature.Check(); err != nil {
				t.Errorf("Check: %v", err)
			}
			if err := signed(t, file, c.signature).Verify(now); err != nil {
				t.Fatal(err)
			}
			refused := func(what string, at time.Time, says string, spoil func(*receivers.Request)) {
				t.Helper()
				r := signed(t, file, c.signature)
				spoil(&r)
				err := r.Verify(at)
				if relay.ErrorCode(err) != relay.CodeInvalidSignature || !strings.Contains(err.Error(), says) {
					t.Errorf("%s: %v; want invalid_signature with %q", what, err, says)
				}
				checkTellsNothing(t, err, r)
			}
			whole := func(*receivers.Request) {}
			if !c.at.IsZero() {
				refused("old", c.at.Add(5*time.Minute+time.Second), "5m1s away", whole)
				refused("from the future", c.at.Add(-6*time.Minute), "6m0s away", whole)
			}
			refused("without signature", now, "there is no signature", func(r *receivers.Request) { r.Header.Del(c.carries) })
			refused("empty", now, "there is no signature", func(r *receivers.Request) { r.Header.Set(c.carries, "") })
			refused("another secret", now, c.carries, func(r *receivers.Request) {
				r.Signature.Secret = secret.New("whsec_b3RoZXI=")
				r.Signature.Header = c.carries
			})
			refused("nonsense", now, c.carries, func(r *receivers.Request) { r.Header.Set(c.carries, "sha256=zz,t=1,v1=") })
			if c.carries != "X-Gitlab-Token" {
				refused("another body", now, c.carries, func(r *receivers.Request) { r.Body = append(r.Body, ' ') })
			}
		})
	}
}

// checkTellsNothing holds that a refusal holds neither secret nor the MAC that was wanted.
func checkTellsNothing(t *testing.T, err error, r receivers.Request) {
	t.Helper()
	h := hmac.New(sha256.New, []byte(r.Signature.Secret.Reveal()))
	h.Write(r.Body)
	for _, private := range []string{r.Signature.Secret.Reveal(), corpusSecret, hex.EncodeToString(h.Sum(nil))} {
		if strings.Contains(err.Error(), private) {
			t.Errorf("the refusal tells %q: %v", private, err)
		}
	}
}

// Nobody chooses a weaker way than the receiver's.
func TestNoWeakerSignature(t *testing.T) {
	for name, r := range map[string]receivers.Request{
		"GitLab's token, not asked for":         {Header: http.Header{"X-Gitlab-Token": {corpusSecret}}, Signature: signature(corpusSecret, "", "")},
		"a whsec_ secret over the body alone":   {Header: http.Header{"X-Hub-Signature-256": {"sha256=" + hexMAC(standardSecret, "body")}}, Signature: signature(standardSecret, "", "")},
		"another header than the one wanted":    {Header: http.Header{"X-Gitea-Signature": {hexMAC(corpusSecret, "body")}}, Signature: signature(corpusSecret, "X-Hub-Signature-256", "")},
		"without the time that is to be signed": {Header: http.Header{"X-Signature": {hexMAC(corpusSecret, "body")}}, Signature: signature(corpusSecret, "X-Signature", "X-Time")},
		"a time that was not signed":            {Header: http.Header{"X-Signature": {hexMAC(corpusSecret, "body")}, "X-Time": {"1795155303"}}, Signature: signature(corpusSecret, "X-Signature", "X-Time")},
		"Stripe without a time":                 {Header: http.Header{"Stripe-Signature": {"v1=" + hexMAC(corpusSecret, ".body")}}, Signature: signature(corpusSecret, "Stripe-Signature", "")},
		"a standard webhook without an ID":      {Header: http.Header{"Webhook-Signature": {"v1," + standardMAC(".1795155303.body")}, "Webhook-Timestamp": {"1795155303"}}, Signature: signature(standardSecret, "", "")},
		"a time that is none":                   {Header: http.Header{"X-Signature": {hexMAC(corpusSecret, "soon:body")}, "X-Time": {"soon"}}, Signature: signature(corpusSecret, "X-Signature", "X-Time")},
		"part of a signature":                   {Header: http.Header{"X-Hub-Signature-256": {"sha256=" + hexMAC(corpusSecret, "body")[:32]}}, Signature: signature(corpusSecret, "", "")},
	} {
		r.Body = []byte("body")
		if err := r.Verify(otherTime); relay.ErrorCode(err) != relay.CodeInvalidSignature {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What senders do besides: several signatures while a secret is rolled, the older names of Standard Webhooks, base64.
func TestOtherFormsOfSignatures(t *testing.T) {
	const id, at = "msg_1", "1795155303"
	standard := "v1a,AAAA v1,AAAA v1," + standardMAC(id+"."+at+".body")
	raw, err := hex.DecodeString(hexMAC(corpusSecret, "body"))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]receivers.Request{
		"several":     {Header: http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {standard}}, Signature: signature(standardSecret, "", "")},
		"older names": {Header: http.Header{"Svix-Id": {id}, "Svix-Timestamp": {at}, "Svix-Signature": {standard}}, Signature: signature(standardSecret, "", "")},
		"Stripe's": {
			Header:    http.Header{"Stripe-Signature": {"t=" + at + ",v0=00,v1=" + hexMAC("x", "y") + ",v1=" + hexMAC("whsec_no.base64", at+".body")}},
			Signature: signature("whsec_no.base64", "", ""),
		},
		"base64":         {Header: http.Header{"X-Shop-Hmac": {base64.StdEncoding.EncodeToString(raw)}}, Signature: signature(corpusSecret, "X-Shop-Hmac", "")},
		"no secret here": {Header: http.Header{}},
	} {
		r.Body = []byte("body")
		if err := r.Verify(otherTime); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImpossibleSignatures(t *testing.T) {
	for says, s := range map[string]receivers.Signature{
		"needs hmac_header":           signature("s", "", "X-Time"),
		"Stripe-Signature needs none": signature("s", "Stripe-Signature", "X-Time"),
		"X-Gitlab-Token needs none":   signature("s", "X-Gitlab-Token", "X-Time"),
		"base64 behind it":            signature("s", "webhook-signature", ""),
	} {
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v; want %q", s, err, says)
		}
	}
}

func hexMAC(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return fmt.Sprintf("%x", h.Sum(nil))
}

func standardMAC(text string) string {
	h := hmac.New(sha256.New, []byte(corpusSecret))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Whatever stands in the headers, it is no signature without the secret.
func FuzzSignature(f *testing.F) {
	for _, c := range signedPayloads {
		h := headers(f, "testdata/"+c.file+".json")
		f.Add(h.Get(c.carries), h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), string(read(f, "testdata/"+c.file+".json")))
	}
	f.Fuzz(func(t *testing.T, value, id, at, body string) {
		h := http.Header{"Webhook-Id": {id}, "Svix-Id": {id}, "Webhook-Timestamp": {at}, "Svix-Timestamp": {at}, "X-Time": {at}}
		for _, name := range []string{"Webhook-Signature", "Svix-Signature", "Stripe-Signature", "X-Hub-Signature-256", "X-Gitlab-Token", "X-Other"} {
			h.Set(name, value)
		}
		for _, name := range []string{"", "Webhook-Signature", "Svix-Signature", "Stripe-Signature", "X-Hub-Signature-256", "X-Gitlab-Token", "X-Other"} {
			for _, timestamp := range []string{"", "X-Time"} {
				r := receivers.Request{Header: h, Body: []byte(body), Signature: signature("whsec_YSBzZWNyZXQgdGhhdCBpcyBub3QgZ3Vlc3NlZA==", name, timestamp)}
				if err := r.Verify(otherTime); relay.ErrorCode(err) != relay.CodeInvalidSignature {
					t.Fatalf("%q in %q: %v", value, name, err)
				}
			}
		}
	})
}
