package thread_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// sender is one group of an Alertmanager, with its receiver's settings (notify.DedupStage, dispatch.aggrGroup).
type sender struct {
	t            *rapid.T
	now          time.Time
	reasons      bool // it says why it speaks
	maxAlerts    int  // 0: all
	sendResolved bool

	alerts map[string]*fire
	firing []string // of the notification log: what it last told
	ended  []string
	told   time.Time
	spoke  bool
}

// fire is an alert that Alertmanager has.
type fire struct {
	began, ended time.Time
	suppressed   bool // silenced or inhibited
}

func (f *fire) fires() bool { return f.ended.IsZero() }

// flush is what a tick of the group's interval sends, if anything. Resolved alerts leave the group then.
func (s *sender) flush() (receivers.Draft, bool) {
	var firing, ended []string
	for _, name := range sortedNames(s.alerts) {
		switch f := s.alerts[name]; {
		case f.suppressed:
		case f.fires():
			firing = append(firing, name)
		default:
			ended = append(ended, name)
		}
	}
	reason := s.reason(firing, ended)
	d := s.body(reason, firing, ended)
	for name, f := range s.alerts {
		if !f.fires() {
			delete(s.alerts, name)
		}
	}
	if reason == "" {
		return d, false
	}
	s.firing, s.ended, s.told, s.spoke = firing, ended, s.now, true
	return d, s.sendResolved || len(firing) > 0
}

func (s *sender) reason(firing, ended []string) string {
	subset := func(some, of []string) bool {
		return !slices.ContainsFunc(some, func(name string) bool { return !slices.Contains(of, name) })
	}
	switch {
	case len(s.firing) == 0 && len(firing) > 0:
		return "first notification"
	case !subset(firing, s.firing):
		return "new alerts added"
	case len(firing) == 0 && len(s.firing) > 0:
		return "all alerts resolved"
	case len(firing) > 0 && s.sendResolved && !subset(ended, s.ended):
		return "some alerts resolved"
	case len(firing) > 0 && s.now.Sub(s.told) >= 4*time.Hour:
		return "repeat interval elapsed"
	}
	return ""
}

func (s *sender) body(reason string, firing, ended []string) receivers.Draft {
	if !s.sendResolved {
		ended = nil
	}
	n := &receivers.Notification{Receiver: "r", GroupKey: "g"}
	if s.reasons {
		n.NotificationReason = reason
	}
	all := append(slices.Clone(firing), ended...)
	slices.Sort(all)
	if s.maxAlerts > 0 && len(all) > s.maxAlerts {
		n.TruncatedAlerts = int64(len(all) - s.maxAlerts)
		all = all[:s.maxAlerts]
	}
	var alerts receivers.Alerts
	for _, name := range all {
		f := s.alerts[name]
		var a receivers.Alert
		a.Status, a.Fingerprint, a.StartsAt, a.EndsAt = "firing", "f"+name, f.began, f.ended
		if !f.fires() {
			a.Status = "resolved"
		}
		a.Labels = map[string]string{"alertname": "Down", "instance": name}
		alerts = append(alerts, a)
	}
	return n.With(alerts).Draft("alertmanager.message")
}

func sortedNames(alerts map[string]*fire) []string {
	var names []string
	for name := range alerts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// listener is who hears it, as the door does, and remembers what a reader of the chat was told.
type listener struct {
	t       *rapid.T
	watched bool
	s       *thread.State // nil: no conversation is open
	told    map[string]bool
}

func key(a *receivers.Alert) string { return a.Fingerprint + a.StartsAt.String() }

func (l *listener) hears(from *sender, d receivers.Draft) {
	n := d.Notification
	if l.s != nil && !l.s.Resumes(d) {
		l.mayEnd(from, n)
		l.s = nil
	}
	if l.s == nil {
		if len(n.Alerts.Firing()) == 0 {
			return
		}
		l.s, l.told = &thread.State{}, map[string]bool{}
		l.s.Hear(d, from.now, l.watched)
		l.tell(n.Alerts.Firing())
		return
	}
	turn, fresh := l.s.Hear(d, from.now, l.watched)
	if (turn == thread.News) != (len(fresh) > 0) {
		l.t.Fatalf("turn %d with %d new alerts", turn, len(fresh))
	}
	l.tell(fresh)
	for _, a := range n.Alerts.Firing() {
		if !l.told[key(&a)] {
			l.t.Fatalf("%s fires and was not told", a.Labels["instance"])
		}
	}
	resolved := len(n.Alerts.Firing()) == 0 && (n.TruncatedAlerts == 0 || n.NotificationReason == "all alerts resolved")
	if ends := resolved && (!l.watched || len(l.s.Muted()) == 0); ends != (turn == thread.Over) && turn != thread.Nothing {
		l.t.Fatalf("turn %d of %q with %d left out and %d silenced", turn, n.NotificationReason, n.TruncatedAlerts, len(l.s.Muted()))
	}
	if turn == thread.Over {
		l.mayEnd(from, n)
		l.s = nil
	}
	l.readBack()
}

func (l *listener) tell(fresh receivers.Alerts) {
	for i := range fresh {
		if k := key(&fresh[i]); l.told[k] {
			l.t.Fatalf("%s was told twice", k)
		} else {
			l.told[k] = true
		}
	}
}

// mayEnd fails where something fires of which a reader was told, and that nobody has silenced.
func (l *listener) mayEnd(from *sender, n *receivers.Notification) {
	for name, f := range from.alerts {
		if f.fires() && !f.suppressed && slices.Contains(from.firing, name) && l.told["f"+name+f.began.String()] {
			l.t.Fatalf("the end is told by %q while %s fires", n.NotificationReason, name)
		}
	}
}

func (l *listener) readBack() {
	if l.s == nil {
		return
	}
	var kept relay.Thread
	if err := l.s.Write(&kept); err != nil {
		l.t.Fatal(err)
	}
	s, err := thread.Read(&kept)
	if err != nil {
		l.t.Fatal(err)
	}
	l.s = s
}

// Whatever happens to alerts, their reader is told once of each that begins, and of the end only when it is one.
func TestConversationWithAnAlertmanager(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &sender{t: t, now: t0, alerts: map[string]*fire{}, reasons: rapid.Bool().Draw(t, "reasons"), sendResolved: rapid.Float64Range(0, 1).Draw(t, "send_resolved") > 0.1}
		if rapid.Bool().Draw(t, "truncates") {
			s.maxAlerts = rapid.IntRange(1, 4).Draw(t, "max_alerts")
		}
		l := &listener{t: t, watched: rapid.Bool().Draw(t, "watched")}
		alert := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "alert")) })
		t.Repeat(map[string]func(*rapid.T){
			"fire": func(t *rapid.T) {
				name := alert.Draw(t, "name")
				if f := s.alerts[name]; f == nil {
					s.alerts[name] = &fire{began: s.now}
				} else if !f.fires() { // within the group's interval: it has never stopped, for Alertmanager
					f.ended = time.Time{}
				}
			},
			"end": func(t *rapid.T) {
				if f := s.alerts[alert.Draw(t, "name")]; f != nil && f.fires() {
					f.ended = s.now
				}
			},
			"suppress": func(t *rapid.T) {
				if f := s.alerts[alert.Draw(t, "name")]; f != nil {
					f.suppressed = !f.suppressed
				}
			},
			"restart": func(*rapid.T) { // what is over and not told is forgotten, and what fires is posted again
				for name, f := range s.alerts {
					if !f.fires() {
						delete(s.alerts, name)
					}
				}
			},
			"flush": func(t *rapid.T) {
				s.now = s.now.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "minutes")) * time.Minute)
				d, sends := s.flush()
				if !sends {
					return
				}
				for range rapid.IntRange(1, 3).Draw(t, "copies") { // a retry whose answer was lost, or the other of a pair
					l.hears(s, d)
				}
			},
			"": func(*rapid.T) {},
		})
	})
}

// FuzzHear gives a conversation whatever can be decoded.
func FuzzHear(f *testing.F) {
	files, err := filepath.Glob("../../receivers/testdata/*/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no payloads", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(body) < 20_000 { // large ones only slow the search down
			f.Add(body, body)
		}
	}
	f.Add([]byte(`{"status":"firing","alerts":[{"status":"firing","labels":{"a":"b"},"startsAt":"2026-01-01T00:00:00+24:00"}]}`), []byte(`{"status":"","alerts":[{"status":"x"}]}`))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for _, name := range []string{"alertmanager", "grafana"} {
			kind, _ := receivers.Get(name)
			s, th := &thread.State{}, &relay.Thread{ID: relay.NewID(), OpenedAt: t0}
			for _, body := range [][]byte{one, two, one} {
				drafts, err := kind.Decode(receivers.Request{Body: body})
				if err != nil {
					return
				}
				for _, d := range drafts {
					for _, part := range d.Notification.Split([]string{"alertname", "instance"}) {
						s.Resumes(part.Draft(d.Template))
					}
					s.Knows(d.Notification)
					s.Hear(d, t0, true)
					s.Whole(d)
				}
				again(t, s)
				check(t, s.Keyboard(th, true, label, t0))
				check(t, s.Menu(th, label))
				s.Story(th, t0).For()
			}
		}
	})
}
