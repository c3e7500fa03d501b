package receivers

import "embed"

// samples are real webhooks, for the linter and the demo.
//
//go:embed testdata/alertmanager/single-firing.json testdata/alertmanager/mixed-1-three-firing.json testdata/alertmanager/mixed-2-one-resolved.json
//go:embed testdata/alertmanager/mixed-3-all-resolved.json testdata/alertmanager/single-resolved.json
//go:embed testdata/grafana/firing.json testdata/grafana/mixed.json testdata/grafana/resolved.json
var samples embed.FS

// Samples are real webhooks of a type, by what they show; none for json, whose documents are the senders' own.
func Samples(kind string) map[string][]byte {
	found := map[string][]byte{}
	entries, err := samples.ReadDir("testdata/" + kind)
	if err != nil {
		return found
	}
	for _, e := range entries {
		b, err := samples.ReadFile("testdata/" + kind + "/" + e.Name())
		if err == nil {
			found[e.Name()] = b
		}
	}
	return found
}
