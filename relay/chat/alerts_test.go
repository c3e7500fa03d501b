package chat_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/chat"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/telegram"
	"github.com/tgrelay/tgrelay/relay/thread"
)

func TestParseSilence(t *testing.T) {
	for text, want := range map[string]string{
		`alertname=Down 2h`:                           `{alertname="Down"} 2h0m0s "" true`,
		`InstanceDown instance=~"web.*" 2h new disks`: `{alertname="InstanceDown",instance=~"web.*"} 2h0m0s "new disks" true`,
		`alertname=“Disk full” 1d30m it's 5" long`:    `{alertname="Disk full"} 24h30m0s "it's 5\" long" true`,
		`alertname=„Platte voll“ 1h`:                  `{alertname="Platte voll"} 1h0m0s "" true`,
		`alertname=«Диск» 1h`:                         `{alertname="Диск"} 1h0m0s "" true`,
		`severity=critical, team!=infra 90m`:          `{severity="critical",team!="infra"} 1h30m0s "" true`,
		`{severity="critical",team=~"a|b"} 1h`:        `{severity="critical",team=~"a|b"} 1h0m0s "" true`,
		`note="a \" b" 1h`:                            `{note="a \" b"} 1h0m0s "" true`,
		`path="C:\\" 1h x`:                            `{path="C:\\"} 1h0m0s "x" true`,
		`instance=~"web 1|web 2"   1h`:                `{instance=~"web 1|web 2"} 1h0m0s "" true`,
		"alertname=Down\n2h\nwith a\nreason":          `{alertname="Down"} 2h0m0s "with a reason" true`,
		`5m 1h`:                                       `{alertname="5m"} 1h0m0s "" true`,
		`team=a 1h 2h`:                                `{team="a"} 1h0m0s "2h" true`,
		`, 2h`:                                        `false`,
		`{} 2h`:                                       `false`,
		``:                                            `false`,
		`2h`:                                          `false`,
		`alertname=Down`:                              `false`,
		`alertname=Down 0s`:                           `false`,
		`alertname=Down 2y`:                           `false`,
		`alertname="Down 2h`:                          `false`,
		`instance=~"(" 2h`:                            `false`,
		`= 2h`:                                        `false`,
	} {
		matchers, length, comment, ok := chat.ParseSilence(text)
		got := fmt.Sprintf("%s %v %q %t", matchers, length, comment, ok)
		if !ok {
			got = "false"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func FuzzParseSilence(f *testing.F) {
	f.Add(`alertname=“Disk \" full” {a=~"b"} 1d30m it's`)
	f.Fuzz(func(t *testing.T, text string) {
		matchers, length, _, ok := chat.ParseSilence(text)
		if ok && (len(matchers) == 0 || length <= 0) {
			t.Errorf("%q: %s for %v", text, matchers, length)
		}
		_, _ = chat.ParseFilter(text)
	})
}

func TestFilterOf(t *testing.T) {
	list := func(parts ...markup.Text) *telegram.Message {
		text := markup.Text{}.Append(parts...)
		return &telegram.Message{Text: text.Text, Entities: text.Entities}
	}
	code := func(text string) markup.Text {
		return markup.Text{Text: text, Entities: []markup.Entity{{Type: "code", Length: len(utf16.Encode([]rune(text)))}}}
	}
	for _, filter := range []string{"severity=critical", `name="💥🇩🇪 é"`, "a=b\nc=d", strings.Repeat("x=y ", 150) + "z"} {
		if got := chat.FilterOf(list(markup.Text{Text: "🔥 12 alerts "}, code(filter), markup.Text{Text: " (1/2)\n"}, code("instance=x"))); got != filter {
			t.Errorf("%q is read as %q", filter, got)
		}
	}
	if got := chat.FilterOf(list(markup.Text{Text: "🔥 12 alerts (1/2)\n"}, code("instance=x"))); got != "" {
		t.Errorf("nothing was asked for: %q", got)
	}
	if got := chat.FilterOf(&telegram.Message{Text: "x", Entities: []markup.Entity{{Type: "code", Offset: 0, Length: 99}}}); got != "" {
		t.Errorf("an entity that is too long: %q", got)
	}
}

// manager is an Alertmanager that knows some alerts and silences.
type manager struct {
	alerts   []alertmanager.Alert
	silences []alertmanager.Silence
	asked    []string
}

func (m *manager) RoundTrip(r *http.Request) (*http.Response, error) {
	m.asked = append(m.asked, r.Method+" "+r.URL.Path)
	var b []byte
	switch r.URL.Path {
	case "/api/v2/alerts":
		b, _ = json.Marshal(m.alerts)
	default:
		b, _ = json.Marshal(m.silences)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(b)))}, nil
}

// managed gives a room an Alertmanager, with alerts that ops may see.
func (r *room) managed(visible string) *manager {
	r.t.Helper()
	set, err := render.New(render.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	kind, _ := receivers.Get("alertmanager")
	rc := &intake.Receiver{Name: "alertmanager", Type: kind, Fixed: []string{"ops"}}
	if visible != "" {
		inline, err := set.Inline(visible)
		if err != nil {
			r.t.Fatal(err)
		}
		rc.Visible = []*render.Inline{inline}
	}
	log := slog.New(slog.DiscardHandler)
	door := intake.New(intake.Options{Outbox: r.db, Directory: r.db, Threads: r.db, Log: log, Registerer: prometheus.NewRegistry()},
		&intake.Rules{Templates: set, Builtin: set, MaxAge: time.Hour, Receivers: map[string]*intake.Receiver{"alertmanager": rc}})
	m := &manager{}
	r.bot.OnCall = oncall.New(oncall.Options{Door: door, Threads: r.db, Log: log})
	r.bot.OnCall.SetManagers([]oncall.Manager{{Client: alertmanager.New(alertmanager.Options{Name: "am", URL: "http://am", Transport: m}), Receivers: []string{"alertmanager"}}})
	return m
}

// last is the last answer.
func (r *room) last() relay.Content {
	r.t.Helper()
	page, err := r.db.Deliveries(r.t.Context(), relay.DeliveryQuery{Limit: 1})
	if err != nil || len(page.Items) == 0 {
		r.t.Fatal(err)
	}
	m, err := r.db.Message(r.t.Context(), page.Items[0].MessageID)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.Content
}

// turn presses a button of a list as it is shown.
func (r *room) turn(c telegram.Chat, from int64, button string) {
	r.t.Helper()
	content := r.last()
	var k struct {
		Rows [][]struct {
			Text string
			Data string `json:"callback_data"`
		} `json:"inline_keyboard"`
	}
	if err := json.Unmarshal(content.ReplyMarkup, &k); err != nil {
		r.t.Fatalf("no buttons: %s", content.ReplyMarkup)
	}
	m := &telegram.Message{Chat: c, Date: 1, Text: content.Text.Text, Entities: content.Text.Entities}
	for _, b := range k.Rows[0] {
		if b.Text == button {
			r.handle(telegram.Update{CallbackQuery: &telegram.CallbackQuery{ID: "1", From: telegram.User{ID: from}, Message: m, Data: b.Data}})
			return
		}
	}
	r.t.Fatalf("no button %s in %s", button, content.ReplyMarkup)
}

var hostile = strings.Repeat("`*_[💥](http://x)\n\u202e", 15)

func TestListsOfAThousand(t *testing.T) {
	for name, value := range map[string]string{"small": "x", "large": hostile, "wide": strings.Repeat("ü", 100)} {
		r := newRoom(t)
		r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
		m := r.managed("")
		for i := range 1000 {
			a := alertmanager.Alert{Labels: map[string]string{"alertname": fmt.Sprint("Down", i), "severity": value}, Annotations: map[string]string{"summary": value}, StartsAt: time.Now().Add(-time.Duration(i) * time.Minute), Fingerprint: fmt.Sprint(i)}
			s := alertmanager.Silence{ID: fmt.Sprint("silence-", i), EndsAt: time.Now().Add(time.Hour), CreatedBy: value, Comment: value}
			for j := range 20 {
				a.Labels[fmt.Sprint("label", j)] = value
				s.Matchers = append(s.Matchers, alertmanager.Matcher{Name: fmt.Sprint("label", j), Value: value})
			}
			m.alerts, m.silences = append(m.alerts, a), append(m.silences, s)
		}
		for command, item := range map[string]string{`/alerts@relay_bot severity!="💥 x", team!=y`: "Down%d", "/silences": ""} {
			r.say(private, 7, command)
			for page := range 3 {
				text := r.last().Text
				if text.Len() > markup.MaxText || len(text.Entities) > markup.MaxEntities || markup.Check(text) != nil {
					t.Errorf("%s, %s, page %d: %d units, %d entities, %v", name, command, page+1, text.Len(), len(text.Entities), markup.Check(text))
				}
				first, _, _ := strings.Cut(text.Text, "\n")
				if !strings.Contains(first, "1000") || !strings.Contains(first, fmt.Sprintf("(%d/125)", page+1)) || item != "" && !strings.Contains(first, `severity!="💥 x", team!=y`) {
					t.Errorf("%s, page %d begins %q", name, page+1, first)
				}
				if item != "" && (!strings.Contains(text.Text, fmt.Sprintf(item, page*8)) || !strings.Contains(text.Text, fmt.Sprintf(item, page*8+7))) {
					t.Errorf("%s, page %d does not name all: %s", name, page+1, text.Text)
				}
				r.turn(private, 7, "›")
			}
		}
		if r.say(private, 7, "/alerts "+strings.Repeat("x", 601)); !strings.Contains(r.last().Text.Text, "no matcher") {
			t.Errorf("a filter that leaves no room: %s", r.last().Text.Text)
		}
	}
}

// A page is made of what the chat may see when it is turned to.
func TestPagesAfterAReload(t *testing.T) {
	r := newRoom(t)
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	m := r.managed("")
	for i := range 20 {
		m.alerts = append(m.alerts, alertmanager.Alert{Labels: map[string]string{"alertname": "Secret", "team": "b"}, StartsAt: time.Now(), Fingerprint: fmt.Sprint(i)})
	}
	r.say(private, 7, "/alerts")
	if !strings.Contains(r.last().Text.Text, "Secret") {
		t.Fatal(r.last().Text.Text)
	}
	list := r.last()
	other := r.managed("team=a")
	other.alerts = m.alerts
	r.turn(private, 7, "›")
	if got := r.last().Text.Text; strings.Contains(got, "Secret") || got == list.Text.Text {
		t.Errorf("turned to: %s", got)
	}
	r.say(private, 7, "/alerts team=b")
	if got := r.last().Text.Text; strings.Contains(got, "Secret") {
		t.Errorf("asked for: %s", got)
	}
	if got := r.say(group, 8, "/alerts"); strings.Contains(got, "Secret") {
		t.Errorf("a chat that is not connected: %s", got)
	}
}

// People who are not allowed to ask nothing of an Alertmanager, in whichever chat they write.
func TestAllowedUsersAndAlerts(t *testing.T) {
	r := newRoom(t, 7)
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	if err := r.db.Bind(t.Context(), "ops", relay.Chat{ChatID: group.ID, Type: "group"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	m := r.managed("")
	for _, command := range []string{"/alerts", "/silences", "/silence alertname=x 1h", "/expire 1"} {
		r.say(group, 8, command)
		post := &telegram.Message{Chat: group, SenderChat: &telegram.Chat{ID: group.ID}, Text: command}
		r.handle(telegram.Update{ChannelPost: post})
	}
	if len(m.asked) > 0 {
		t.Errorf("asked: %v", m.asked)
	}
	if r.say(group, 7, "/alerts"); len(m.asked) != 1 {
		t.Errorf("who is allowed asked: %v", m.asked)
	}
}

// What is said about alerts in each language, with values that would be markup.
func TestTemplatesAboutAlerts(t *testing.T) {
	const value = "`*_[💥](http://x)~||"
	set, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	until := &thread.Silence{ID: value, By: value, Until: time.Now().Add(50 * time.Hour), Zone: "Asia/Tokyo"}
	alert, silence := oncall.Alert{Manager: "am"}, oncall.Silence{Manager: "am"}
	alert.Labels, alert.Annotations, alert.StartsAt = map[string]string{"alertname": value, "severity": value, value: value}, map[string]string{"summary": value}, time.Now()
	silence.Silence = alertmanager.Silence{ID: value, Matchers: []alertmanager.Matcher{{Name: "a", Value: "b"}}, EndsAt: until.Until, CreatedBy: value, Comment: value}
	lists := []any{chat.NewList([]oncall.Alert{alert}, []oncall.Silence{silence}, value), chat.NewList(nil, nil, "")}
	data := map[string][]any{
		oncall.AnswerTaken: {&thread.Ack{By: value}}, oncall.AnswerSilenced: {until}, oncall.AnswerAlready: {until, &thread.Silence{Until: until.Until}},
		oncall.AnswerTrouble: {value}, "chat.alerts.list": lists, "chat.alerts.items": lists, "chat.alerts.silences": lists, "chat.alerts.silence_items": lists,
		"chat.alerts.silence_made": {chat.NewMade(until, value)}, "chat.alerts.expired": {&silence}, "chat.alerts.expire_usage": {true, false},
	}
	valueless := []string{"chat.alerts.silenced", "chat.alerts.expired", "chat.alerts.expire_usage"}
	seen := 0
	for _, name := range set.Names() {
		base, isAlerts := name, strings.HasPrefix(name, "chat.alerts.")
		for _, language := range []string{".de", ".es", ".ru", ".zh"} {
			base = strings.TrimSuffix(base, language)
		}
		if !isAlerts {
			continue
		}
		seen++
		all, has := data[base]
		if !has {
			all = []any{nil}
		}
		for i, d := range all {
			text, err := set.Execute(name, markup.MarkdownV2, d)
			if err == nil {
				err = markup.Check(text)
			}
			empty := strings.HasSuffix(base, "items") && i == 1
			if err != nil || (text.Text == "") != empty || strings.Contains(text.Text, "<no value>") {
				t.Errorf("%s: %q, %v", name, text.Text, err)
			}
			if has && i == 0 && !slices.Contains(valueless, base) && !strings.Contains(text.Text, value) {
				t.Errorf("%s: the value is not there as it is: %s", name, text.Text)
			}
			if !has && text.Len() > 200 {
				t.Errorf("%s: Telegram shows 200 characters of %q", name, text.Text)
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d templates", seen)
	}
}
