package markup_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCleanAgreesWithTelegram(t *testing.T) {
	for _, c := range readGolden[norm](t, "norm.jsonl") {
		in := golden(c.Text, c.Entities)
		if diff := cmp.Diff(golden(c.NormText, c.NormEntities), in.Clean(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q %+v: (-Telegram +ours)\n%s", c.Text, c.Entities, diff)
		}
	}
}
