package receivers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// slow reads a webhook by the tolerant way alone.
func slow(body []byte) (*Notification, error) {
	var e envelope
	if err := decode(body, &e); err != nil {
		return nil, err
	}
	return e.notification(), nil
}

// FuzzQuick holds that the quick way reads a webhook as the tolerant one does, or leaves it to that.
func FuzzQuick(f *testing.F) {
	for _, glob := range []string{"testdata/alertmanager/*.json", "testdata/grafana/*.json"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			f.Fatal(glob, err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	for _, seed := range quickSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := quick(body)
		if !ok {
			return
		}
		want, err := slow(body)
		if err != nil {
			t.Fatalf("%q was read; %v", body, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Notification{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", body, diff)
		}
	})
}

var quickSeeds = []string{
	`{}`, `{"status":"firing","alerts":[]}`, `{"status":"firing","alerts":[{"labels":{}}]} x`, `{"status":"a","status":"b","alerts":[{"labels":{"a":"b","a":"c"}}]}`,
	`{"STATUS":"firing","alerts":[{"labels":{"a":"b"}}]}`, `{"status":"firing","alerts":[{"Labels":{"a":"b"},"labels":{}}]}`, `{"status":"firing","alerts":[{"labels":{"a":1}}]}`,
	`{"status":"firing","alerts":[{"labels":{"a\"b":"\u0061\n"},"startsAt":"yesterday","endsAt":"2026-01-02T03:04:05Z"}]}`, `{"status":"firing","alerts":[{"labels":{},"values":{"A":1.50e3}}]}`,
	`{"status":"firing","alerts":[{"labels":{},"values":{"A":1},"values":null}],"orgId":1}`, `{"status":"firing","alerts":[null,{"labels":{}}],"orgId":1.0}`, `{"status":null,"alerts":[{"labels":{}}]}`,
	`{"status":"firing","more":{"deep":[1,{"x":null}]},"alerts":[{"status":"resolved","labels":{},"annotations":null}]}`, `{"status":"firing","alerts":[{"labels":{}}],"alerts":[{"status":"x","labels":{}}]}`,
}

// Every webhook of the senders as they are goes the quick way: else it would be there for nothing.
func TestUsualWebhooksGoTheQuickWay(t *testing.T) {
	for _, glob := range []string{"testdata/alertmanager/*.json", "testdata/grafana/*.json"} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatal(glob, err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := quick(body); !ok && !strings.Contains(file, "custom-payload") {
				t.Errorf("%s took the tolerant way", file)
			}
		}
	}
}
