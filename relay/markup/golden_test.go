package markup_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// goldenEntity is an entity as the vectors write it: the user's ID flat.
type goldenEntity struct {
	markup.Entity
	UserID int64 `json:"user_id"`
}

type visible struct {
	Mode     markup.Mode    `json:"parse_mode"`
	Text     string         `json:"text"`
	OK       bool           `json:"ok"`
	OutText  string         `json:"out_text"`
	Entities []goldenEntity `json:"entities"`
	Error    string         `json:"error"`
}

type norm struct {
	Text         string         `json:"text"`
	Entities     []goldenEntity `json:"entities"`
	NormText     string         `json:"norm_text"`
	NormEntities []goldenEntity `json:"norm_entities"`
}

func golden(text string, entities []goldenEntity) markup.Text {
	t := markup.Text{Text: text}
	for _, g := range entities {
		e := g.Entity
		if g.UserID != 0 {
			e.User = &markup.User{ID: g.UserID}
		}
		t.Entities = append(t.Entities, e)
	}
	return t
}

// readGolden reads a file of JSON Lines.
func readGolden[T any](tb testing.TB, name string) (all []T) {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		tb.Fatalf("%s is empty", name)
	}
	return all
}

func TestParseAgreesWithTelegram(t *testing.T) {
	for _, c := range readGolden[visible](t, "visible.jsonl") {
		got, err := markup.Parse(c.Mode, c.Text)
		if !c.OK {
			if e, ok := err.(*markup.ParseError); !ok || e.Description() != c.Error {
				t.Errorf("%s %q: error %v, want %s", c.Mode, c.Text, err, c.Error)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %q: error %v", c.Mode, c.Text, err)
			continue
		}
		if diff := cmp.Diff(golden(c.OutText, c.Entities), got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s %q: (-Telegram +ours)\n%s", c.Mode, c.Text, diff)
		}
	}
}
