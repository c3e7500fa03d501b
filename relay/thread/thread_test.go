package thread_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/thread"
)

var t0 = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

// said is a webhook about a group: alerts as "a" that fires or "a!" that is over, with the minute after t0 in which each began behind "@".
func said(reason string, truncated int, alerts ...string) receivers.Draft {
	return saidBy("g", reason, truncated, alerts...)
}

func saidBy(group, reason string, truncated int, alerts ...string) receivers.Draft {
	n := &receivers.Notification{Receiver: "r", GroupKey: group, Status: "resolved", NotificationReason: reason, TruncatedAlerts: int64(truncated)}
	var all receivers.Alerts
	for _, word := range alerts {
		name, minute, _ := strings.Cut(word, "@")
		var a receivers.Alert
		var began int
		fmt.Sscan(minute, &began)
		a.Status, a.StartsAt = "firing", t0.Add(time.Duration(began)*time.Minute)
		if over, isOver := strings.CutSuffix(name, "!"); isOver {
			name, a.Status, a.EndsAt = over, "resolved", t0.Add(time.Hour)
		}
		a.Labels = map[string]string{"alertname": "Down", "instance": name}
		a.Fingerprint = "f" + name
		all = append(all, a)
	}
	return n.With(all).Draft("alertmanager.message")
}

func names(alerts receivers.Alerts) string {
	var all []string
	for _, a := range alerts {
		all = append(all, a.Labels["instance"])
	}
	return strings.Join(all, " ")
}

func TestTurns(t *testing.T) {
	const first, more, some, all, repeat = "first notification", "new alerts added", "some alerts resolved", "all alerts resolved", "repeat interval elapsed"
	type step struct {
		says    receivers.Draft
		turn    thread.Turn
		news    string
		minutes int // since the step before
	}
	for name, c := range map[string]struct {
		watched bool
		steps   []step
	}{
		"grows and ends": {steps: []step{
			{says: said(first, 0, "a"), turn: thread.News, news: "a"},
			{says: said(more, 0, "a", "b", "c"), turn: thread.News, news: "b c", minutes: 5},
			{says: said(some, 0, "a", "b!", "c"), turn: thread.Changed, minutes: 5},
			{says: said(all, 0, "a!", "c!"), turn: thread.Over, minutes: 5},
		}},
		"the same body comes many times": {steps: []step{
			{says: said(first, 0, "a"), turn: thread.News, news: "a"},
			{says: said(first, 0, "a"), turn: thread.Nothing},
			{says: said(first, 0, "a"), turn: thread.Nothing, minutes: 4},
		}},
		"repeats": {steps: []step{
			{says: said(first, 0, "a"), turn: thread.News, news: "a"},
			{says: said(repeat, 0, "a"), turn: thread.Repeated, minutes: 240},
			{says: said(repeat, 0, "a"), turn: thread.Nothing},
			{says: said(repeat, 0, "a"), turn: thread.Repeated, minutes: 240},
		}},
		"repeats of versions that give no reason": {steps: []step{
			{says: said("", 0, "a"), turn: thread.News, news: "a"},
			{says: said("", 0, "a"), turn: thread.Nothing, minutes: 1},
			{says: said("", 0, "a"), turn: thread.Repeated, minutes: 240},
		}},
		"one is silenced, the other is resolved, nobody can be asked": {steps: []step{
			{says: said(first, 0, "a", "b"), turn: thread.News, news: "a b"},
			{says: said(all, 0, "b!"), turn: thread.Over, minutes: 5},
		}},
		"one is silenced, the other is resolved, an Alertmanager can be asked": {watched: true, steps: []step{
			{says: said(first, 0, "a", "b"), turn: thread.News, news: "a b"},
			{says: said(all, 0, "b!"), turn: thread.Changed, minutes: 5},
			{says: said(more, 0, "a"), turn: thread.Changed, minutes: 5},
			{says: said(all, 0, "a!"), turn: thread.Over, minutes: 5},
		}},
		"max_alerts hides what fires": {steps: []step{
			{says: said(first, 2, "a", "b"), turn: thread.News, news: "a b"},
			{says: said(some, 2, "a!", "b!"), turn: thread.Changed, minutes: 5},
			{says: said(some, 0, "c", "d"), turn: thread.News, news: "c d", minutes: 5},
			{says: said(all, 0, "c!", "d!"), turn: thread.Over, minutes: 5},
		}},
		"all of a group that max_alerts cuts": {steps: []step{
			{says: said(first, 2, "a", "b"), turn: thread.News, news: "a b"},
			{says: said(all, 2, "a!", "b!"), turn: thread.Over, minutes: 5},
		}},
		"an alert flaps beside another": {steps: []step{
			{says: said(first, 0, "a", "b"), turn: thread.News, news: "a b"},
			{says: said(some, 0, "a!", "b"), turn: thread.Changed, minutes: 5},
			{says: said(more, 0, "a@9", "b"), turn: thread.News, news: "a", minutes: 5},
		}},
		"an alert is named twice": {steps: []step{
			{says: said(first, 0, "a", "a"), turn: thread.News, news: "a"},
			{says: said(more, 0, "a!", "a@9"), turn: thread.News, news: "a", minutes: 5},
			{says: said(all, 0, "a!@9"), turn: thread.Over, minutes: 5},
		}},
	} {
		s, now := &thread.State{}, t0
		for i, step := range c.steps {
			now = now.Add(time.Duration(step.minutes) * time.Minute)
			turn, fresh := s.Hear(step.says, now, c.watched)
			if turn != step.turn || names(fresh) != step.news {
				t.Errorf("%s, step %d: turn %d with news %q, want %d and %q", name, i, turn, names(fresh), step.turn, step.news)
			}
			s = again(t, s)
		}
	}
}

// again is a state as it is read back.
func again(t *testing.T, s *thread.State) *thread.State {
	t.Helper()
	var kept relay.Thread
	if err := s.Write(&kept); err != nil {
		t.Fatal(err)
	}
	read, err := thread.Read(&kept)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(asJSON(t, s), asJSON(t, read)); d != "" {
		t.Errorf("read back: %s", d)
	}
	return read
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestResumes(t *testing.T) {
	for name, c := range map[string]struct {
		before receivers.Draft
		says   receivers.Draft
		want   bool
	}{
		"more of the same":                {said("first notification", 0, "a"), said("new alerts added", 0, "a", "b"), true},
		"Alertmanager lost its log":       {said("first notification", 0, "a"), said("first notification", 0, "a"), true},
		"the end was never told":          {said("first notification", 0, "a"), said("first notification", 0, "a@99"), false},
		"another alert, beginning anew":   {said("first notification", 0, "a"), said("first notification", 0, "b"), false},
		"no reason is given, all is anew": {said("", 0, "a", "b"), said("", 0, "a@99", "b@99"), false},
		"no reason is given, one is anew": {said("", 0, "a", "b"), said("", 0, "a@99", "b"), true},
		"another group joins":             {said("first notification", 0, "a"), saidBy("h", "first notification", 0, "z"), true},
		"all are over":                    {said("first notification", 0, "a"), said("all alerts resolved", 0, "a!"), true},
	} {
		s := &thread.State{}
		s.Hear(c.before, t0, false)
		if got := s.Resumes(c.says); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A receiver's key may join several groups in one conversation: each speaks for its own alerts only.
func TestGroupsThatAreJoined(t *testing.T) {
	s := &thread.State{}
	s.Hear(saidBy("g", "first notification", 0, "a", "b"), t0, false)
	if turn, fresh := s.Hear(saidBy("h", "first notification", 0, "z"), t0, false); turn != thread.News || names(fresh) != "z" {
		t.Errorf("another group: turn %d with %q", turn, names(fresh))
	}
	if len(s.Muted()) != 0 {
		t.Errorf("silenced: %v", s.Muted())
	}
	ends := saidBy("h", "all alerts resolved", 0, "z!")
	if turn, _ := s.Hear(ends, t0.Add(time.Hour), false); turn != thread.Changed {
		t.Errorf("one of two groups has ended: turn %d", turn)
	}
	if whole := s.Whole(ends); whole.Status != "firing" || names(whole.Alerts.Firing()) != "a b" || names(whole.Alerts.Resolved()) != "z" {
		t.Errorf("the whole: %s, %s fire, %s are over", whole.Status, names(whole.Alerts.Firing()), names(whole.Alerts.Resolved()))
	}
	if turn, _ := s.Hear(said("all alerts resolved", 0, "a!", "b!"), t0.Add(time.Hour), false); turn != thread.Over {
		t.Errorf("the other has, too: turn %d", turn)
	}
}

func TestWhole(t *testing.T) {
	s := &thread.State{}
	s.Hear(said("first notification", 0, "a", "b", "c"), t0, false)
	s.Hear(said("some alerts resolved", 0, "a!", "b", "c"), t0, false)
	last := said("all alerts resolved", 0, "b!", "c!")
	s.Hear(last, t0, false)
	whole := s.Whole(last)
	if names(whole.Alerts) != "b c a" || whole.Status != "resolved" || whole.CommonLabels["alertname"] != "Down" || whole.CommonLabels["instance"] != "" {
		t.Errorf("%s %s %v", names(whole.Alerts), whole.Status, whole.CommonLabels)
	}
	if cut := said("some alerts resolved", 5, "b!"); names(s.Whole(cut).Alerts) != "b" {
		t.Error("what the sender has cut is not whole")
	}
}

// What is remembered is bounded, however many alerts come and go, and however large they are.
func TestMemory(t *testing.T) {
	s := &thread.State{}
	big := strings.Repeat("ü", 2_000)
	for round := range 12 {
		var alerts []string
		for i := range 100 {
			alerts = append(alerts, fmt.Sprintf("%d-%d", round, i))
		}
		d := said("", 0, alerts...)
		for i := range d.Notification.Alerts {
			d.Notification.Alerts[i].Labels[big] = big
			d.Notification.Alerts[i].Labels["number"] = alerts[i] + big
			d.Notification.Alerts[i].Fingerprint = ""
		}
		d = d.Notification.Draft(d.Template)
		if turn, fresh := s.Hear(d, t0.Add(time.Duration(round)*time.Hour), false); turn != thread.News || len(fresh) != 100 {
			t.Fatalf("round %d: turn %d with %d alerts", round, turn, len(fresh))
		}
		if turn, fresh := s.Hear(d, t0.Add(time.Duration(round)*time.Hour+30*time.Minute), false); turn != thread.Repeated {
			t.Errorf("round %d, again: turn %d with %d alerts", round, turn, len(fresh))
		}
		for i := range d.Notification.Alerts {
			d.Notification.Alerts[i].Status, d.Notification.Alerts[i].EndsAt = "resolved", t0.Add(time.Duration(round)*time.Hour)
		}
		if round%3 == 0 {
			s.Hear(d.Notification.With(d.Notification.Alerts).Draft(d.Template), t0.Add(time.Duration(round)*time.Hour+40*time.Minute), true)
		}
	}
	if len(s.Alerts) != thread.MaxAlerts {
		t.Errorf("%d alerts are remembered", len(s.Alerts))
	}
	s.Common, s.Links = nil, nil
	if size := len(asJSON(t, s)); size > 5<<20 {
		t.Errorf("they take %d bytes", size)
	}
}

// More fire than are remembered: what comes again is not news.
func TestMoreThanIsRemembered(t *testing.T) {
	var alerts []string
	for i := range thread.MaxAlerts + 50 {
		alerts = append(alerts, fmt.Sprint(i))
	}
	for name, reasons := range map[string][2]string{"with reasons": {"first notification", "repeat interval elapsed"}, "without": {"", ""}} {
		s := &thread.State{}
		s.Hear(said(reasons[0], 0, alerts...), t0, false)
		if turn, fresh := s.Hear(said(reasons[1], 0, alerts...), t0.Add(4*time.Hour), false); turn != thread.Repeated {
			t.Errorf("%s: a repetition: turn %d with %d alerts", name, turn, len(fresh))
		}
		if turn, fresh := s.Hear(said("new alerts added", 0, append(alerts, "new")...), t0.Add(5*time.Hour), false); turn != thread.News || !strings.HasSuffix(names(fresh), "new") {
			t.Errorf("%s: another alert: turn %d", name, turn)
		}
	}
}

// JSON holds the years 0 to 9999 in offsets below a day; RFC 3339 as Go reads it, more.
func TestMomentsThatJSONCannotHold(t *testing.T) {
	for _, at := range []string{"2026-01-01T00:00:00+24:00", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z"} {
		kind, _ := receivers.Get("alertmanager")
		drafts, err := kind.Decode(receivers.Request{Body: fmt.Appendf(nil, `{"status":"firing","groupKey":"g","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":%q,"endsAt":%[1]q},
			{"status":"resolved","labels":{"a":"c"},"startsAt":%[1]q,"endsAt":%[1]q}]}`, at)})
		if err != nil {
			t.Fatal(err)
		}
		s := &thread.State{}
		s.Hear(drafts[0], t0, true)
		again(t, s)
	}
}

func TestStory(t *testing.T) {
	s := &thread.State{}
	s.Hear(said("first notification", 0, "a", "b", "c", "d", "e", "f@-60"), t0, true)
	s.Hear(said("some alerts resolved", 0, "a!"), t0, true)
	th := &relay.Thread{OpenedAt: t0}
	story := s.Story(th, t0)
	if story.Firing != 5 || story.Resolved != 1 || story.MoreMuted != 2 || strings.Join(story.Muted, ",") != "instance=b,instance=c,instance=d" {
		t.Errorf("%+v", story)
	}
	if !story.OpenedAt.Equal(t0.Add(-time.Hour)) || !story.EndedAt.IsZero() {
		t.Errorf("from %v to %v", story.OpenedAt, story.EndedAt)
	}
	s.Silence = &thread.Silence{Until: t0.Add(time.Minute)}
	if s.Story(th, t0).Silence == nil || s.Story(th, t0.Add(time.Minute)).Silence != nil {
		t.Error("a silence is told of until it ends")
	}
	s.Name, s.Common = "x", map[string]string{"note": strings.Repeat("x", 1<<20)}
	if story := s.Story(th, t0); len(story.Labels["note"]) > 1000 {
		t.Error("a label of a megabyte is no short form")
	}
}

func TestSpans(t *testing.T) {
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	for _, c := range []struct{ span, zone, at, want string }{
		{"1h", "UTC", "2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z"},
		{"monday", "UTC", "2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z"}, // a Monday
		{"monday", "UTC", "2026-01-05T09:00:00Z", "2026-01-12T09:00:00Z"},
		{"monday", "UTC", "2026-01-05T09:30:00Z", "2026-01-12T09:00:00Z"},
		{"monday", "UTC", "2026-01-11T23:59:59Z", "2026-01-12T09:00:00Z"},
		{"tomorrow", "UTC", "2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z"},
		{"tomorrow", "UTC", "2026-01-05T09:30:00Z", "2026-01-06T09:00:00Z"},
		{"monday", "Europe/Berlin", "2026-03-27T12:00:00Z", "2026-03-30T07:00:00Z"}, // over the beginning of summer time
		{"tomorrow", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T08:00:00Z"},
		{"monday", "Pacific/Auckland", "2026-01-04T19:30:00Z", "2026-01-04T20:00:00Z"}, // where it is Monday already
		{"monday", "Pacific/Honolulu", "2026-01-05T09:30:00Z", "2026-01-05T19:00:00Z"}, // where it is Sunday still
		{"1d", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"},
	} {
		span, known := thread.ParseSpan(c.span)
		at, err := time.Parse(time.RFC3339, c.at)
		if !known || err != nil {
			t.Fatal(c, err)
		}
		if got := span.End(at, zone(c.zone)).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s at %s in %s: %s, want %s", c.span, c.at, c.zone, got, c.want)
		}
	}
	if _, known := thread.ParseSpan("forever"); known {
		t.Error("an unknown span")
	}
}

type row []struct {
	Text string
	URL  string
	Data string `json:"callback_data"`
}

func rows(t *testing.T, keyboard json.RawMessage) []row {
	t.Helper()
	var k struct {
		Rows []row `json:"inline_keyboard"`
	}
	if keyboard != nil && json.Unmarshal(keyboard, &k) != nil {
		t.Fatalf("%s", keyboard)
	}
	return k.Rows
}

// check holds a keyboard against what Telegram takes.
func check(t *testing.T, keyboard json.RawMessage) {
	t.Helper()
	n := 0
	for _, row := range rows(t, keyboard) {
		if len(row) == 0 || len(row) > 8 {
			t.Errorf("a row of %d buttons", len(row))
		}
		for _, b := range row {
			n++
			if strings.TrimSpace(b.Text) == "" || len(b.Data) > 64 || (b.Data == "") == (b.URL == "") {
				t.Errorf("button %+v", b)
			}
			if _, err := markup.CheckURL(b.URL); b.URL != "" && err != nil {
				t.Errorf("button %+v: %v", b, err)
			}
			if _, _, _, ok := thread.ParseButton(b.Data); b.Data != "" && !ok {
				t.Errorf("data %q cannot be read", b.Data)
			}
		}
	}
	if n > 100 {
		t.Errorf("%d buttons", n)
	}
}

func label(name string) string { return name }

func TestKeyboards(t *testing.T) {
	th := &relay.Thread{ID: relay.NewID(), OpenedAt: t0}
	d := said("first notification", 0, "a")
	n := d.Notification
	n.ExternalURL = "http://alerts.example.org"
	n.CommonLabels = map[string]string{"alertname": "Down"}
	for i := range 40 {
		name := fmt.Sprintf("%d \n\"`*_%s\u202e", i, strings.Repeat("é", 300))
		n.Alerts[0].Labels[name] = strings.Repeat("\U0001f4a5\n ", 100)
		n.CommonLabels[name] = n.Alerts[0].Labels[name]
	}
	n.Alerts[0].GeneratorURL = "https://prometheus.example.org/graph?g0.expr=up == 0"
	n.CommonAnnotations = map[string]string{"runbook_url": " https://wiki.example.org/x ", "dashboard": "http://grafana:3000/d/1"}
	d = n.Draft(d.Template)
	s := &thread.State{}
	s.Hear(d, t0, true)
	check(t, s.Keyboard(th, true, label, t0))
	check(t, s.Keyboard(th, false, label, t0))
	check(t, s.Menu(th, label))
	s.Ack, s.Silence = &thread.Ack{By: "x"}, &thread.Silence{ID: "1", Until: t0.Add(time.Hour)}
	check(t, s.Keyboard(th, true, label, t0))
	if k := s.Keyboard(th, true, func(string) string { return " " }, t0); k != nil {
		t.Errorf("templates that leave out every button: %s", k)
	}
	ended := *th
	ended.EndedAt = t0
	for _, row := range rows(t, s.Keyboard(&ended, true, label, t0)) {
		for _, b := range row {
			if b.Data != "" {
				t.Errorf("when it is over there is a button %q", b.Text)
			}
		}
	}
}

func TestToggle(t *testing.T) {
	s := &thread.State{Common: map[string]string{"alertname": "Down", "job": "web", "team": "a"}}
	th := &relay.Thread{ID: relay.NewID()}
	abbreviation := map[string]string{}
	for _, row := range rows(t, s.Menu(th, label)) {
		if _, action, argument, _ := thread.ParseButton(row[0].Data); action == thread.Toggle {
			name, _, _ := strings.Cut(strings.TrimPrefix(row[0].Text, "☑️ "), "=")
			abbreviation[name] = argument
		}
	}
	matched := func(want string) {
		t.Helper()
		var names []string
		for _, name := range []string{"alertname", "job", "team"} {
			if s.Matched()[name] != "" {
				names = append(names, name)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("matched: %s, want %s", got, want)
		}
	}
	for _, c := range []struct {
		label string
		ok    bool
		want  string
	}{{"job", true, "alertname team"}, {"alertname", true, "team"}, {"team", false, "team"}, {"job", true, "job team"}, {"nothing", false, "job team"}} {
		if ok := s.Toggle(abbreviation[c.label]); ok != c.ok {
			t.Errorf("toggling %s: %t", c.label, ok)
		}
		matched(c.want)
	}
	// The labels that all have become fewer: a choice that would leave none is no choice.
	d := said("new alerts added", 0, "a", "b")
	s.Hear(d, t0, true)
	matched("alertname")
}

func TestButtonsOfOthers(t *testing.T) {
	for _, data := range []string{"", "tgrelay:t", "tgrelay:t ", "tgrelay:t x s", "tgrelay:l a b", "tgrelay:t " + strings.Repeat("0", 36) + " s"} {
		if _, _, _, ok := thread.ParseButton(data); ok {
			t.Errorf("%q is a button", data)
		}
	}
}
