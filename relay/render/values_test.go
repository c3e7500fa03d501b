package render_test

import (
	"errors"
	"testing"

	"github.com/tgrelay/tgrelay/relay/render"
)

func TestWithoutValues(t *testing.T) {
	for text, want := range map[string]string{
		`my.tmpl:2:5: executing "json.message" at <atoi .x>: error calling atoi: strconv.Atoi: parsing "a \"secret\"": invalid syntax`: `my.tmpl:2:5: executing "json.message" at <atoi .x>: error calling atoi`,
		`my.tmpl:2:5: executing "a" at <.x.y>: can't evaluate field y in type string`:                                                  `my.tmpl:2:5: executing "a" at <.x.y>: can't evaluate field y in type string`,
		`invalid_field: "no body" cannot name a recipient`:                                                                             `invalid_field: "…" cannot name a recipient`,
		`unknown priority "a \" b"; one of high, normal, low`:                                                                          `unknown priority "…"; one of high, normal, low`,
		`my.tmpl:1:8: executing "a" at <.x>: range can't iterate over secret`:                                                          `my.tmpl:1:8: executing "a" at <.x>: range can't iterate over …`,
		`it wrote "cut off where`:                `it wrote "…"`,
		`template "x" was stopped: it is slow`:   `template "x" was stopped: it is slow`,
		"a: error calling f: one\ntwo \"three\"": "a: error calling f",
	} {
		if got := render.WithoutValues(errors.New(text)); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
