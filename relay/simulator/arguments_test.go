package simulator_test

import (
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// A body with a defect gives the parameters before it, and of two with one name the first counts.
func TestBrokenAndDoubledArguments(t *testing.T) {
	b := newBot(t, simulator.Options{})
	ada := b.ada()
	const form, json = "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct{ kind, body, want string }{
		{json, `{"chat_id":1001,"text":"cut","parse_mode":`, "cut"},
		{json, `{"chat_id":1001,"text":"rubbish after it"} }`, "rubbish after it"},
		{json, `{"chat_id":1001,"text":"first","text":"second"}`, "first"},
		{json, `{"chat_id":1001,"text":"null is absent","parse_mode":null}`, "null is absent"},
		{json, `{"chat_id":1001,"text":12.50}`, "12.50"},
		{json, `[{"chat_id":1001}]`, "Bad Request: chat_id is empty"},
		{json, `{"chat_id":1001,"text":`, "Bad Request: message text is empty"},
		{json, `{"chat_id":1001,"text":""}`, "Bad Request: message text is empty"},
		{form, "text=first&chat_id=1001&text=second", "first"},
		{form, "text=a%20b+c&chat_id=1001&parse_mode=", "a b c"},
		{form, "chat_id=1001&text=%ff", "Bad Request: strings must be encoded in UTF-8"},
		{"multipart/form-data", "chat_id=1001", "Bad Request: chat_id is empty"},
	} {
		a := b.request("POST", b.path("sendMessage"), c.kind, strings.NewReader(c.body))
		got := a.Description
		if a.OK {
			sent := simulator.FromBot(b.sim.Messages(ada.ID))
			got = sent[len(sent)-1].Text
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.body, got, c.want)
		}
	}
}

func TestIntegersAreLenient(t *testing.T) {
	b := newBot(t, simulator.Options{})
	write(t, b.sim.User("Ada"), "1", "2", "3")
	for limit, want := range map[string]int{
		"2": 2, " 2 ": 2, "2.9": 2, "2nd": 2, "1e9": 1, "many": 1, "0": 1, "-7": 1, "": 3, "1000": 3, "99999999999999999999": 3,
	} {
		if got := b.updates(object{"limit": limit}); len(got) != want {
			t.Errorf("limit %q: %d updates, want %d", limit, len(got), want)
		}
	}
}

// More than 1 MiB of parameters is answered with a status and nothing else.
func TestTooManyArguments(t *testing.T) {
	b := newBot(t, simulator.Options{})
	b.ada()
	for kind, body := range map[string]string{
		"application/x-www-form-urlencoded": "chat_id=1001&text=x&unknown=" + strings.Repeat("x", 1<<20),
		"application/json":                  `{"chat_id":1001,"text":"x","unknown":"` + strings.Repeat("x", 1<<20) + `"}`,
		"multipart/form-data; boundary=b":   "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n" + strings.Repeat("x", 1<<20+1) + "\r\n--b--",
	} {
		if a := b.request("POST", b.path("sendMessage"), kind, strings.NewReader(body)); a.status != 413 || a.Description != "" {
			t.Errorf("%s: %d %q", kind, a.status, a.Description)
		}
	}
}
