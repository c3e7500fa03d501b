package receivers_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// chosen are the senders whose documents have no shape of their own, by the beginning of the payload's name: their templates have
// to be chosen.
var chosen = []string{"argocd", "healthchecks", "home-assistant", "proxmox", "watchtower", "uptime-kuma"}

// templateOf is the template that shows a payload: what the docs tell users to choose, else what is chosen by itself.
func templateOf(file string, draft receivers.Draft) string {
	for _, sender := range chosen {
		if strings.HasPrefix(filepath.Base(file), sender) {
			return sender + ".message"
		}
	}
	return draft.Template
}

// senders are those who have a template.
var senders = []string{
	"argocd", "arr", "cloudevents", "diun", "gitea", "github", "gitlab", "healthchecks", "home-assistant", "json", "proxmox", "sentry", "uptime-kuma", "watchtower",
}

// odd are documents of no sender, and some that look like one and have everything of another kind.
var odd = []string{
	`null`, `{}`, `[]`, `""`, `"text"`, `5`, `true`, `[{"a":1},"b",null]`, `{"message":null}`, `{"message":{"a":[1]},"title":["x"]}`,
	`{"ref":5,"commits":"x","repository":"r","sender":[1]}`, `{"ref":{},"commits":[null,5,"x",{"id":null,"message":[1]}],"total_commits":"many"}`,
	`{"pull_request":"x"}`, `{"pull_request":[],"action":5}`, `{"pull_request":{"number":{},"head":null,"base":7,"title":["a"]},"action":null}`,
	`{"issue":5,"comment":"x"}`, `{"issue":{"labels":["a",null]}}`, `{"release":[1,2]}`, `{"workflow_run":"done"}`, `{"workflow_run":{"conclusion":{"a":1},"steps":5}}`,
	`{"check_run":{"conclusion":"success","output":null,"app":5}}`, `{"alert":{"security_advisory":"x","number":null}}`, `{"deployment_status":{"state":7}}`,
	`{"zen":5}`, `{"ref_type":[]}`, `{"context":1,"state":2,"sha":3}`, `{"review":{"state":null},"pull_request":5}`, `{"forkee":true}`,
	`{"object_kind":"pipeline","object_attributes":{"status":"failed","duration":"long"},"builds":{"a":1}}`, `{"object_kind":"pipeline","object_attributes":"x"}`,
	`{"object_kind":"push","commits":5,"project":[]}`, `{"object_kind":"note","object_attributes":null}`, `{"object_kind":"build","build_status":"failed","build_id":{}}`,
	`{"object_kind":"issue","labels":"x"}`, `{"object_kind":"merge_request"}`, `{"object_kind":{"a":1},"project":5}`,
	`{"heartbeat":5,"monitor":{"name":{"a":1}}}`, `{"heartbeat":{"status":"x"},"monitor":{"name":"n","url":7}}`, `{"msg":["a"]}`,
	`{"status":"down","check":"x"}`, `{"status":{"a":1},"check":{"name":[1],"last_ping":5}}`, `{"name":5,"status":6}`,
	`{"eventType":"Grab"}`, `{"eventType":"Download","release":{"size":"big","quality":{"quality":{"name":"x"}}},"movie":5,"episodes":"x","instanceName":[]}`,
	`{"eventType":"Grab","release":{"size":1e400,"quality":"q"},"episodes":[{"seasonNumber":null,"episodeNumber":"two"}]}`, `{"eventType":{},"instanceName":1}`,
	`{"eventType":"Health","wikiUrl":[1]}`, `{"image":{"a":1},"diun_version":5,"metadata":"x"}`, `{"app":["a"],"health":{"b":1},"revision":5}`,
	`{"data":{"event":"x"}}`, `{"data":{"event":{"tags":"x","level":[]}}}`, `{"data":{"issue":[1],"metric_alert":null}}`, `{"data":{"metric_alert":5}}`, `{"data":[]}`,
	`{"specversion":1,"type":{"a":1},"source":[1],"data":null}`, `{"specversion":"1.0","type":"t","source":"s","data":[1,{"a":2}],"subject":{}}`, `{"specversion":"1.0","type":"t","source":"s","data_base64":5}`,
	`{"report":{"updated":"x","failed":[5]}}`, `{"report":[],"message":""}`, `{"title":"_*[]()~` + "`" + `>#+-=|{}.!","message":"</b> & [x](y)"}`,
}

// Any template shows any document, its own sender's or not: never an error, and never what Telegram would refuse.
func TestAnySendersTemplateShowsAnyDocument(t *testing.T) {
	set := newSet(t)
	kind, _ := receivers.Get("json")
	requests := map[string]receivers.Request{}
	for _, file := range payloads(t, "others") {
		requests[file] = receivers.Request{Body: read(t, file), Header: headers(t, file)}
		requests[file+", hostile"] = receivers.Request{Body: hostile(t, read(t, file)), Header: headers(t, file)}
	}
	for _, body := range odd {
		requests[body] = receivers.Request{Body: []byte(body)}
	}
	for name, r := range requests {
		drafts, err := kind.Decode(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, draft := range drafts {
			for _, sender := range senders {
				text, err := set.Execute(sender+".message", markup.MarkdownV2, draft.Data)
				if err != nil {
					t.Errorf("%s of %s: %v", sender, name, err)
					continue
				}
				if shown := text.Normalize(); shown.Text != "" {
					if err := markup.Check(shown); err != nil {
						t.Errorf("%s of %s: Telegram would refuse it: %v", sender, name, err)
					}
				}
			}
		}
	}
}

// hostile is a payload whose every text holds the characters that markup is made of.
func hostile(t *testing.T, body []byte) []byte {
	t.Helper()
	var document any
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(spoil(document))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func spoil(v any) any {
	switch v := v.(type) {
	case string:
		return v + "_*[]()~`>#+-=|{}.!\\ </b>\n```\uFDD0"
	case map[string]any:
		for name := range v {
			v[name] = spoil(v[name])
		}
	case []any:
		for i := range v {
			v[i] = spoil(v[i])
		}
	}
	return v
}
