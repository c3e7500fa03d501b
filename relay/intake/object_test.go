package intake_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

func TestParseObjectRefusesWhatIsNone(t *testing.T) {
	for body, want := range map[string]string{
		"":                 "the body is empty",
		"null":             "the body is null",
		"[]":               "not array",
		`"x"`:              "not string",
		"{":                "ends too early",
		`{"a":1}{}`:        "more than one JSON value",
		`{"a":1} x`:        "more than one JSON value",
		`{"a":}`:           "at byte 6",
		"{\"a\":\"\xff\"}": "UTF-8",
	} {
		_, err := intake.ParseObject([]byte(body))
		if relay.ErrorCode(err) != relay.CodeInvalidJSON || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want invalid_json with %q", body, err, want)
		}
	}
}

func TestObjectTellsEveryFaultAtOnce(t *testing.T) {
	o, err := intake.ParseObject([]byte(`{"text": 1, "silent": "yes", "to": null, "te/xt~": 2, "count": 1.5}`))
	if err != nil {
		t.Fatal(err)
	}
	var text string
	var silent bool
	var to []string
	var count int
	if o.Field("text", &text) || o.Field("silent", &silent) || o.Field("to", &to) || o.Field("count", &count) {
		t.Error("a wrong or absent field was said to be right")
	}
	err = o.Err()
	var e *relay.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	want := []relay.FieldError{
		{Pointer: "/text", Detail: "a string is wanted, not number"},
		{Pointer: "/silent", Detail: "true or false is wanted, not string"},
		{Pointer: "/count", Detail: "a whole number is wanted, not number 1.5"},
		{Pointer: "/te~1xt~0", Detail: "unknown field; the fields are count, silent, text, to"},
	}
	if diff := cmp.Diff(want, e.Fields); diff != "" {
		t.Error(diff)
	}
	if e.Code != relay.CodeInvalidField {
		t.Errorf("code %s", e.Code)
	}
}

func TestObjectUnknownFieldAlone(t *testing.T) {
	o, err := intake.ParseObject([]byte(`{"text": "x", "sneaky": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	var text string
	o.Field("text", &text)
	if err := o.Err(); relay.ErrorCode(err) != relay.CodeUnknownField {
		t.Errorf("error %v", err)
	}
}

func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{`{"to":"a","text":"x"}`, `{"a":{"b":[1,2]}}`, "", "{", "null", `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := intake.ParseObject(body)
		if err != nil {
			if relay.ErrorCode(err) != relay.CodeInvalidJSON {
				t.Fatalf("code %s", relay.ErrorCode(err))
			}
			return
		}
		var v any
		o.Field("a", &v)
		o.Err()
	})
}
