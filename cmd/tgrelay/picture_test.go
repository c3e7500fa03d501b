package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const private = fast + "allow_private_addresses = true\n"

// gallery serves pictures as Grafana does; some are gone, behind a login, or never come.
func gallery(t *testing.T, chart []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/panel-"):
			_, _ = w.Write(chart)
		case r.URL.Path == "/login.png":
			_, _ = w.Write([]byte("<!DOCTYPE html><title>Log in</title>"))
		case r.URL.Path == "/slow.png":
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// grafana posts a recorded webhook with some words replaced, pair by pair.
func (w *world) grafana(receiver, file string, pairs ...string) {
	w.t.Helper()
	w.do("POST", w.relay+"/hooks/"+receiver+"/ops", strings.NewReplacer(pairs...).Replace(payload(w.t, "grafana/"+file+".json")), nil)
	w.allSent()
}

// panel is an alert of one host with a picture; none if it is empty.
type panel struct{ host, image, status string }

// panels posts what Grafana sends of alerts of several hosts.
func (w *world) panels(panels ...panel) {
	w.t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(payload(w.t, "grafana/image.json")), &document); err != nil {
		w.t.Fatal(err)
	}
	model, err := json.Marshal(document["alerts"].([]any)[0])
	if err != nil {
		w.t.Fatal(err)
	}
	var alerts []any
	document["status"] = "resolved"
	for _, p := range panels {
		var alert map[string]any
		if err := json.Unmarshal(model, &alert); err != nil {
			w.t.Fatal(err)
		}
		alert["labels"].(map[string]any)["host"], alert["imageURL"], alert["status"], alert["fingerprint"] = p.host, p.image, p.status, p.host
		if p.status == "firing" {
			document["status"] = "firing"
		} else {
			alert["endsAt"] = "2026-11-20T07:15:00Z"
		}
		alerts = append(alerts, alert)
	}
	document["alerts"] = alerts
	if len(panels) > 1 {
		delete(document["commonLabels"].(map[string]any), "host")
	}
	body, err := json.Marshal(document)
	if err != nil {
		w.t.Fatal(err)
	}
	w.do("POST", w.relay+"/hooks/grafana/ops", string(body), nil)
	w.allSent()
}

const images = "https://images.example.org/grafana/"

// over turns a firing alert into one that is over.
var over = []string{`"status":"firing"`, `"status":"resolved"`, `"endsAt":"0001-01-01T00:00:00Z"`, `"endsAt":"2026-11-20T07:15:00Z"`}

// One picture: the message is its caption and stays so to the end.
func TestPictureOfAnAlert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, private)
	ada := w.connect("Ada", "ops")
	chart := picture(t)
	local := gallery(t, chart)

	w.panels(panel{"nas", local + "/panel-1.png", "firing"})
	first := w.messages(ada, 2)[1]
	w.expect(first, "🔥 High CPU (warning)\n", "CPU of nas is high")
	if w.fileOf(first.Photo) != string(chart) || first.buttons()[0] != "✋ Ack" || strings.Contains(first.Text, "panel-1") {
		t.Errorf("the first message: %+v", first)
	}
	w.press(ada, first.ID, "✋ Ack")
	w.eventually(func() bool { return strings.Contains(w.messages(ada, 2)[1].Text, "Ada") })
	w.allSent()

	// Another alert joins: what is new is a caption itself.
	w.panels(panel{"nas", local + "/panel-1.png", "firing"}, panel{"web-1", local + "/panel-2.png", "firing"})
	got := w.messages(ada, 3)
	w.expect(got[1], "🔥 2 firing: High CPU (warning)\n", "host=nas", "host=web-1", "Ada")
	w.expect(got[2], "🔥 High CPU (warning)\n", "host=web-1")
	if got[1].Photo != first.Photo || got[1].ID != first.ID || got[2].Photo == "" || got[2].ReplyTo != first.ID || got[2].Silent || got[2].FileName != "panel-2.png" {
		t.Errorf("after news: %+v", got[1:])
	}

	w.restart()
	w.panels(panel{"nas", local + "/panel-1.png", "resolved"}, panel{"web-1", local + "/panel-2.png", "resolved"})
	got = w.messages(ada, 4)
	w.expect(got[1], "✅ High CPU (warning) resolved after ")
	w.expect(got[3], "✅ High CPU (warning) resolved after ")
	if len(got) != 4 || got[1].Photo != first.Photo || strings.Contains(got[1].Text, "://") || got[3].Photo != "" || got[3].ReplyTo != first.ID {
		t.Errorf("the end: %+v", got[1:])
	}
}

// What has outgrown a caption goes on below it, without a sound; it shrinks again.
func TestCaptionIsOutgrown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+"[receivers.grafana]\non_update = \"edit\"\n")
	ada := w.connect("Ada", "ops")
	hosts := []panel{{"nas", images + "panel-1.png", "firing"}}
	w.panels(hosts...)
	first := w.messages(ada, 2)[1]
	for i := range 25 {
		hosts = append(hosts, panel{fmt.Sprintf("a-host-with-quite-a-long-name-%d.example.org", i), "", "firing"})
	}
	w.panels(hosts...)
	got := w.messages(ada, 3)
	w.expect(got[1], "🔥 26 firing", "host=nas")
	w.expect(got[2], "", "and 6 more")
	if got[1].Photo != first.Photo || !got[2].Silent || len(got[1].buttons()) > 0 || len(got[2].buttons()) == 0 {
		t.Errorf("%+v", got[1:])
	}
	for i := range hosts {
		hosts[i].status = "resolved"
	}
	w.panels(hosts...)
	if got := w.messages(ada, 2); len(got) != 2 || got[1].Photo != first.Photo || !strings.HasPrefix(got[1].Text, "✅ High CPU") {
		t.Errorf("%+v", got[1:])
	}
}

// Several pictures answer the message as an album, in its topic.
func TestAlbumOfAlerts(t *testing.T) {
	t.Parallel()
	f := newWorld(t, private+"[receivers.grafana]\ntopic = \"{{ .CommonLabels.team }}\"\n").forum("forum", "")
	f.grafana("grafana", "images-three", images, gallery(t, picture(t))+"/")
	got := f.messages(f.id, 4)[1:]
	f.expect(got[0], "🔥 3 firing, 1 resolved: High CPU (warning)\n", "host=web-1")
	f.expect(got[1], "📈 High CPU\n• host=nas\n• host=web-1")
	if len(got) != 3 || got[0].Photo != "" || len(got[0].buttons()) == 0 || got[0].ThreadID == 0 {
		t.Errorf("the message: %+v", got[0])
	}
	for i, m := range got[1:] {
		if m.AlbumID == "" || m.AlbumID != got[1].AlbumID || m.ReplyTo != got[0].ID || !m.Silent || m.ThreadID != got[0].ThreadID || m.FileName != fmt.Sprintf("panel-%d.png", i+1) {
			t.Errorf("picture %d: %+v", i+1, m)
		}
	}
	f.grafana("grafana", "images-three", over...)
	if all := f.messages(f.id, 5); len(all) != 5 || !strings.HasPrefix(all[1].Text, "✅ High CPU") || all[2].Text != got[1].Text || all[4].ReplyTo != got[0].ID {
		t.Errorf("the end: %+v", all[1:])
	}
}

// What Telegram can fetch it is left to fetch.
func TestAlbumByAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	w.grafana("grafana", "images-three")
	if got := w.messages(ada, 4); len(got) != 4 || got[3].FileName != "panel-2.png" || got[3].AlbumID != got[2].AlbumID {
		t.Errorf("%+v", got[1:])
	}
}

// A picture that cannot be had costs neither the text nor the other pictures anything.
func TestBrokenPictures(t *testing.T) {
	t.Parallel()
	local := gallery(t, picture(t)) + "/"
	three := []string{`"status":"resolved"`, `"status":"firing"`}
	for name, c := range map[string]struct {
		setting, file string
		pairs         []string
		want          func(w *world, chat int64, got []message)
	}{
		"one of three": {private, "images-three", append(three, images+"panel-2", local+"gone", images, local), func(w *world, _ int64, got []message) {
			w.expect(got[0], "🔥 4 firing: High CPU")
			w.expect(got[1], "📈 High CPU\n• host=nas\n• host=web-1\n• host=db-1\n"+local+"gone.png")
			if len(got) != 3 || got[1].FileName != "panel-1.png" || got[2].FileName != "panel-3.png" || got[2].AlbumID == "" || got[2].AlbumID != got[1].AlbumID {
				t.Errorf("one of three: %+v", got)
			}
		}},
		"two of three": {private, "images-three", append(three, images+"panel-2", local+"gone", images+"panel-1", local+"login", images, local), func(w *world, _ int64, got []message) {
			w.expect(got[1], "📈 High CPU\n", local+"gone.png", local+"login.png")
			if len(got) != 2 || got[1].FileName != "panel-3.png" || got[1].AlbumID != "" || got[1].ReplyTo != got[0].ID {
				t.Errorf("two of three: %+v", got)
			}
		}},
		"all": {private, "images-three", []string{images + "panel-1", local + "gone", images, local + "404-"}, func(w *world, _ int64, got []message) {
			w.expect(got[0], "🔥 3 firing, 1 resolved: High CPU")
			w.expect(got[1], "📈 High CPU\n", local+"gone.png\n"+local+"404-panel-2.png")
			if len(got) != 2 || got[1].Photo != "" {
				t.Errorf("all: %+v", got)
			}
		}},
		"the only one, that never comes": {private, "image", []string{images + "panel-1", local + "slow"}, func(w *world, chat int64, got []message) {
			w.expect(got[0], "🔥 High CPU (warning)\n", local+"slow.png")
			if len(got) != 1 || got[0].Photo != "" || got[0].buttons()[0] != "✋ Ack" {
				t.Errorf("slow: %+v", got)
			}
			w.grafana("grafana", "image", append(over, images+"panel-1", local+"slow")...)
			if all := w.messages(chat, 3); all[1].ID != got[0].ID || !strings.HasPrefix(all[1].Text, "✅ High CPU (warning) resolved") {
				t.Errorf("the end of a text: %+v", all)
			}
		}},
		"within the house": {fast, "image", []string{images, local}, func(w *world, _ int64, got []message) {
			w.expect(got[0], "🔥 High CPU (warning)\n", local+"panel-1.png")
			if len(got) != 1 || got[0].Photo != "" {
				t.Errorf("within the house: %+v", got)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.setting)
			ada := w.connect("Ada", "ops")
			w.grafana("grafana", c.file, c.pairs...)
			c.want(w, ada, w.messages(ada, 2)[1:])
		})
	}
}

// Telegram names the picture of an album that it cannot have; the others go as they are.
func TestTelegramRefusesAPicture(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","method":"sendMediaGroup","times":1,"code":400,"description":"Bad Request: failed to send message #2 with the error message \"WEBPAGE_MEDIA_EMPTY\""}`, nil)
	// The name has no address anywhere (RFC 6761), so that it cannot be fetched here either.
	w.grafana("grafana", "images-three", images+"panel-2", "https://images.invalid/panel-2", `"status":"resolved"`, `"status":"firing"`)
	got := w.messages(ada, 4)[1:]
	w.expect(got[1], "📈 High CPU\n", "https://images.invalid/panel-2.png")
	if len(got) != 3 || got[1].FileName != "panel-1.png" || got[2].FileName != "panel-3.png" {
		t.Errorf("%+v", got)
	}
}

// The text is told before its pictures, which a restart between the two does not cost.
func TestRestartBeforeTheAlbum(t *testing.T) {
	t.Parallel()
	w := newWorld(t, private)
	ada := w.connect("Ada", "ops")
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMediaGroup"}`, nil)
	w.do("POST", w.relay+"/hooks/grafana/ops", strings.ReplaceAll(payload(t, "grafana/images-three.json"), images, gallery(t, picture(t))+"/"), nil)
	w.expect(w.messages(ada, 2)[1], "🔥 3 firing")
	w.eventually(func() bool { // it is noted that the text arrived
		_, metrics := w.call("GET", w.relay+"/metrics", "")
		return strings.Contains(metrics, "tgrelay_outbox_deliveries{state=\"sent\"} 2\n")
	})
	w.restart()
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	w.allSent()
	if got := w.messages(ada, 4); len(got) != 4 || got[3].AlbumID == "" || got[3].ReplyTo != got[1].ID {
		t.Errorf("%+v", got[1:])
	}
	w.restart()
	w.allSent()
	if got := w.messages(ada, 4); len(got) != 4 {
		t.Errorf("the album came twice: %+v", got[1:])
	}
}

// With on_update = "new" each message has its picture; so has what belongs to no conversation.
func TestPicturesOfMessagesThatStandAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast+"[receivers.anew]\ntype = \"grafana\"\non_update = \"new\"\nbuttons = false\n")
	ada := w.connect("Ada", "ops")
	w.grafana("anew", "image")
	w.grafana("anew", "image", `"2026-11-20T06:15:00Z"`, `"2026-11-20T06:20:00Z"`)
	w.grafana("anew", "image", append(over, `"2026-11-20T06:15:00Z"`, `"2026-11-20T06:20:00Z"`)...)
	got := w.messages(ada, 4)
	if len(got) != 4 || got[1].Photo == "" || got[2].Photo == "" || got[3].Photo != "" || !strings.Contains(got[3].Text, " · Image") || strings.Contains(got[1].Text, "Image") {
		t.Errorf("%+v", got[1:])
	}
	w.grafana("grafana", "images-three", `"groupKey":`, `"noKey":`)
	got = w.messages(ada, 7)[4:]
	if len(got) != 3 || got[0].Photo != "" || got[1].AlbumID == "" || got[1].ReplyTo != got[0].ID || got[2].ReplyTo != got[0].ID {
		t.Errorf("without a group key: %+v", got)
	}
}
