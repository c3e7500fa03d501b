package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/web"
)

// answered is a batch's answer in short: for each message its first delivery, or its code and the pointers of its errors.
func (a answer) answered(t *testing.T) string {
	t.Helper()
	var batch struct {
		Messages []struct {
			ID, Code   string
			Deliveries []relay.Delivery
			Errors     []relay.FieldError
		}
	}
	if err := json.Unmarshal(a.body, &batch); err != nil || a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var all []string
	for _, m := range batch.Messages {
		text := m.Code
		for _, d := range m.Deliveries {
			text += d.Recipient + " " + string(d.State)
		}
		for _, e := range m.Errors {
			text += " " + e.Pointer
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func (h *house) stored(t *testing.T) int {
	t.Helper()
	page, err := h.db.Deliveries(t.Context(), relay.DeliveryQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Items)
}

func TestBatch(t *testing.T) {
	h := newHouse(t, func(o *web.Options, r *intake.Rules) {
		o.Tokens = []web.Token{{Name: "shop", SHA256: hash("shop"), Scopes: []web.Scope{web.ScopeSend}, Recipients: []string{"a*", "b*"}}}
		r.Reject = true
	})
	h.bind(t, "alice", 1001)
	send := func(body string, headers ...string) answer {
		return h.call(t, "POST", "/api/v1/messages:batch", body, append([]string{"Authorization", "Bearer shop"}, headers...)...)
	}
	const mixed = `{"messages":[{"to":"alice","text":"one"},{"to":"alice","text":"","colour":1},{"to":["alice","bob"],"text":"x"},7,{"to":"eve","text":"x"},
		{"to":"alice","text":"*","parse_mode":"MarkdownV2"},{"to":"alice","template":"nothing"},{"to":"alice","text":"last","idempotency_key":""},{"to":"alice","text":"two"}]}`
	const want = "alice queued, invalid_field /messages/1/text /messages/1/colour, recipient_not_linked /messages/2/to/1, invalid_field /messages/3, forbidden /messages/4/to/0, " +
		"invalid_markup /messages/5/text, , invalid_field /messages/7/idempotency_key, alice queued"
	a := send(mixed)
	if got := a.answered(t); got != want {
		t.Errorf("got  %s\nwant %s\n%s", got, want, a.body)
	}
	if n := h.stored(t); n != 2 {
		t.Errorf("%d deliveries are stored, want 2", n)
	}
	if !strings.Contains(string(a.body), `{"detail":"/messages/1/text: the text is empty`) {
		t.Errorf("the sentence comes first and says where: %s", a.body)
	}
	for body, code := range map[string]string{
		`{"messages":[]}`: "invalid_field", `{}`: "invalid_field", `{"messages":7}`: "invalid_field", `{"messages":[{"to":"alice","text":"x"}],"to":"alice"}`: "unknown_field", `[]`: "invalid_json",
		`{"messages":[` + strings.Repeat(`{},`, 1000) + `{}]}`: "invalid_field", `{"messages":[{"to":"alice","to":"alice","text":"x"}]}`: "invalid_field",
	} {
		if p := send(body).problem(t); p.Code != code {
			t.Errorf("%.60s: %+v, want %s", body, p, code)
		}
	}
	if n := h.stored(t); n != 2 {
		t.Errorf("%d deliveries are stored after what was refused as a whole, want 2", n)
	}
}

func TestBatchIsTakenOnce(t *testing.T) {
	h := newHouse(t, func(_ *web.Options, r *intake.Rules) { r.Reject = true })
	h.bind(t, "alice", 1001)
	const batch = `{"messages":[{"to":"bob","text":"early"},{"to":"alice","text":"one"},{"to":"alice","text":"two","idempotency_key":"two"},{"to":"alice","text":"two","idempotency_key":"two"}]}`
	send := func(body, key string) answer {
		return h.call(t, "POST", "/api/v1/messages:batch", body, "Idempotency-Key", key)
	}
	first := send(batch, "k")
	if got := first.answered(t); got != "recipient_not_linked /messages/0/to/0, alice queued, alice queued, alice queued" || h.stored(t) != 2 {
		t.Errorf("%s; %d stored", got, h.stored(t))
	}
	if again := send(batch, "k"); string(again.body) != string(first.body) || h.stored(t) != 2 {
		t.Errorf("the same again:\n%s\n%s", first.body, again.body)
	}
	if p := send(strings.Replace(batch, "one", "1", 1), "k").problem(t); p.Code != "idempotency_mismatch" {
		t.Errorf("another body: %+v", p)
	}
	if got := send(strings.Replace(batch, `"text":"two"`, `"text":"2"`, 1), "k2").answered(t); !strings.Contains(got, "alice queued, idempotency_mismatch, alice queued") {
		t.Errorf("another message with the key of an old one: %s", got)
	}
	h.bind(t, "bob", 1002)
	mended := send(batch, "k")
	if got := mended.answered(t); got != "bob queued, alice queued, alice queued, alice queued" || mended.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("what was refused is tried again: %s", got)
	}
	if again := send(batch, "k"); string(again.body) != string(mended.body) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("all the same again: %s %v", again.body, again.header)
	}
	if p := send(batch, "é").problem(t); p.Code != "invalid_field" || p.Status != 400 {
		t.Errorf("%+v", p)
	}
}

// A storage that takes no writes takes no part of a batch.
func TestBatchIsOneTransaction(t *testing.T) {
	h := newHouse(t, func(o *web.Options, _ *intake.Rules) { o.MaxBody = 1 << 20 })
	h.bind(t, "alice", 1001)
	var all []string
	for i := range intake.MaxBatch {
		all = append(all, fmt.Sprintf(`{"to":"alice","text":"%d"}`, i))
	}
	body := `{"messages":[` + strings.Join(all, ",") + `]}`
	if got := h.call(t, "POST", "/api/v1/messages:batch", body).answered(t); strings.Count(got, "alice queued") != intake.MaxBatch || h.stored(t) != intake.MaxBatch {
		t.Errorf("%.100s; %d stored", got, h.stored(t))
	}
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	if p := h.call(t, "POST", "/api/v1/messages:batch", body).problem(t); p.Code != "storage_unavailable" {
		t.Errorf("%+v", p)
	}
}
