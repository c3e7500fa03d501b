package oncall_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// onShift runs a test in virtual time, with the desk at work.
func onShift(t *testing.T, test func(*shift)) {
	synctest.Test(t, func(t *testing.T) {
		s := newShift(t)
		ctx, stop := context.WithCancel(s.t.Context())
		done := make(chan error)
		go func() { done <- runAll(ctx, s.desk) }()
		test(s)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

const (
	silenced = "🔇 Silenced by Ada"
	silence  = " s 1h"
	endIt    = "End the silence"
)

func TestSilenceRunsOutBySelf(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerSilenced {
			t.Errorf("answer %s", got)
		}
		s.shows(1, silenced, endIt, "!"+silence)
		if got := s.press(th, thread.SilenceFor, "4h"); got != oncall.AnswerAlready {
			t.Errorf("pressed twice: %s", got)
		}
		if n := len(s.am.holding()); n != 1 {
			t.Errorf("%d silences hold", n)
		}
		s.am.is(func(f *fake) { f.hang = true }) // nobody can be asked when it ends
		wait(time.Hour - time.Second)
		s.shows(1, silenced)
		wait(30 * time.Second) // a round may be waiting for the Alertmanager right then
		s.shows(1, "!"+silenced, silence)
	})
}

func TestSilenceEndsToTheSecond(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		wait(10 * time.Second)
		s.press(th, thread.SilenceFor, "1h")
		wait(time.Hour - time.Second)
		s.shows(1, silenced)
		wait(2 * time.Second)
		s.shows(1, "!"+silenced, silence)
	})
}

func TestAlertmanagerThatHangs(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		s.am.is(func(f *fake) { f.hang = true })
		began := time.Now()
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerAsking || time.Since(began) > time.Second {
			t.Errorf("after %v: %s", time.Since(began), got)
		}
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerAsking {
			t.Errorf("pressed again meanwhile: %s", got)
		}
		if got := s.press(th, thread.AckIt, ""); got != oncall.AnswerAck {
			t.Errorf("to acknowledge needs no Alertmanager: %s", got)
		}
		wait(20 * time.Second)
		s.shows(1, "⚠️", "does not answer", silence)
		s.am.is(func(f *fake) { f.hang = false })
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerSilenced {
			t.Errorf("answer %s", got)
		}
		s.shows(1, silenced, "!⚠️")
	})
}

func TestAlertmanagerThatRefuses(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		s.am.is(func(f *fake) { f.refuse = "no such permission" })
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerTrouble {
			t.Errorf("answer %s", got)
		}
		s.shows(1, "⚠️", "no such permission", silence)
		s.am.is(func(f *fake) { f.refuse = "" })
		s.press(th, thread.SilenceFor, "1h")
		s.shows(1, silenced, "!⚠️")
		s.am.is(func(f *fake) { f.refuse = "gone away" })
		s.press(th, thread.Unsilence, "")
		s.shows(1, silenced, "gone away")
		s.am.is(func(f *fake) { f.refuse = "" })
		if got := s.press(th, thread.Unsilence, ""); got != oncall.AnswerUnsilenced {
			t.Errorf("answer %s", got)
		}
		s.shows(1, "!"+silenced, "!⚠️", silence)
		if got := s.press(th, thread.Unsilence, ""); got != oncall.AnswerNoSilence {
			t.Errorf("pressed twice: %s", got)
		}
	})
}

// The outcome comes when the alerts are over: nothing is told a second time.
func TestAnswerAfterTheEnd(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		s.am.is(func(f *fake) { f.hang = true })
		s.press(th, thread.SilenceFor, "1h")
		err := s.door.Amend(s.t.Context(), th.ID, func(t *relay.Thread, s *thread.State) error {
			s.Alerts[0].Firing, t.EndedAt = false, time.Now()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		before := len(s.said(1))
		wait(30 * time.Second)
		if now := len(s.said(1)); now != before {
			t.Errorf("%d messages after %d", now, before)
		}
		s.shows(1, "✅", "!⚠️")
		if got := s.press(th, thread.AckIt, ""); got != oncall.AnswerOver {
			t.Errorf("answer %s", got)
		}
	})
}

func TestClusterOfWhichOneHangs(t *testing.T) {
	onShift(t, func(s *shift) {
		s.managed(&fake{known: s.am.known, hang: true}, s.am)
		th := s.alert("a/1")
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerAsking {
			t.Errorf("answer %s", got)
		}
		wait(10 * time.Second)
		s.shows(1, silenced)
		if alerts, err := s.desk.Alerts(s.t.Context(), []string{"ops"}, nil); err != nil || len(alerts) != 1 {
			t.Errorf("%d alerts are listed: %v", len(alerts), err)
		}
		s.managed(&fake{known: s.am.known, down: true}, s.am)
		if got := s.press(th, thread.Unsilence, ""); got != oncall.AnswerUnsilenced {
			t.Errorf("answer %s", got)
		}
		s.am.fires()
		wait(7 * time.Minute)
		if !s.ended(th) {
			t.Error("the second knows that it is over")
		}
	})
}

func TestSilencesOfOthers(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		s.am.made("theirs", 2*time.Hour, "alertname", "Down")
		wait(time.Minute)
		s.shows(1, "Silenced by grace", endIt)
		if got := s.press(th, thread.Unsilence, ""); got != oncall.AnswerUnsilenced || len(s.am.holding()) != 0 {
			t.Errorf("answer %s, %v hold", got, s.am.holding())
		}
		s.am.made("again", 30*time.Minute, "alertname", "Down")
		wait(time.Minute)
		s.shows(1, "Silenced by grace")
		wait(30 * time.Minute)
		s.shows(1, "!grace", silence)
		// Ended elsewhere, it is over here too.
		s.press(th, thread.SilenceFor, "1d")
		s.am.is(func(f *fake) { f.silences[len(f.silences)-1].EndsAt = time.Now() })
		if got := s.press(th, thread.Unsilence, ""); got != oncall.AnswerUnsilenced {
			t.Errorf("answer %s", got)
		}
		s.press(th, thread.SilenceFor, "1d")
		s.am.is(func(f *fake) { f.silences[len(f.silences)-1].EndsAt = time.Now() })
		wait(time.Minute)
		s.shows(1, "!"+silenced, silence)
	})
}

func TestEndOfWhatIsSilenced(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1", "a/2")
		s.press(th, thread.SilenceFor, "1d")
		s.am.fires("a/2")
		wait(7 * time.Minute)
		if s.ended(th) {
			t.Fatal("one fires on")
		}
		s.am.fires()
		wait(4 * time.Minute)
		if s.ended(th) {
			t.Fatal("it may have been started just now")
		}
		wait(3 * time.Minute)
		if !s.ended(th) {
			t.Error("it is over")
		}
		s.shows(1, "✅")
	})
}

// An Alertmanager that was started forgets alerts and is told them again; one that cannot be asked says nothing of their end.
func TestRestartsOfAnAlertmanager(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		for range 5 {
			s.am.fires()
			wait(2 * time.Minute)
			s.am.fires("a/1")
			wait(2 * time.Minute)
		}
		s.am.fires()
		wait(2 * time.Minute)
		s.am.is(func(f *fake) { f.down = true })
		wait(20 * time.Minute)
		s.am.is(func(f *fake) { f.down = false })
		wait(2 * time.Minute)
		s.am.fires("a/1")
		wait(10 * time.Minute)
		if s.ended(th) {
			t.Error("it fires on")
		}
	})
}

func TestAlertsWithoutFingerprint(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		err := s.door.Amend(s.t.Context(), th.ID, func(_ *relay.Thread, s *thread.State) error {
			s.Alerts[0].ID = thread.Identity(labelsOf("a/1"))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wait(10 * time.Minute)
		if s.ended(th) {
			t.Error("it is known by its labels")
		}
	})
}

func TestReloadOfManagers(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		s.press(th, thread.SilenceFor, "1h")
		s.managed()
		if got := s.press(th, thread.Unsilence, ""); got != oncall.AnswerTrouble {
			t.Errorf("answer %s", got)
		}
		s.shows(1, silenced, "no Alertmanager is known")
		if _, err := s.desk.Alerts(s.t.Context(), []string{"ops"}, nil); err != oncall.ErrNoManager { //nolint:errorlint // as it is
			t.Error(err)
		}
		wait(61 * time.Minute)
		s.shows(1, "!"+silenced)
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerNoManager {
			t.Errorf("answer %s", got)
		}
	})
}

func TestShutdownWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShift(t)
		s.managed(&fake{known: s.am.known, hang: true}, &fake{known: s.am.known, hang: true}, &fake{known: s.am.known, hang: true})
		ctx, stop := context.WithCancel(s.t.Context())
		done := make(chan error)
		go func() { done <- runAll(ctx, s.desk) }()
		th := s.alert("a/1")
		s.press(th, thread.SilenceFor, "1h")
		began := time.Now()
		stop()
		<-done
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		s.shows(1, "⚠️")
	})
}

func TestMoreThanOneLabel(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		s.press(th, thread.More, "")
		_, button, _ := strings.Cut(s.first(1), "instance=1\",")
		_, label, _ := strings.Cut(before(button, "}"), " l ")
		label = strings.Trim(label, `"`)
		if got := s.press(th, thread.Toggle, label); got != oncall.AnswerNothing {
			t.Fatalf("answer %q to %q", got, label)
		}
		// The choice is the menu's: the buttons below the message are for what all alerts have in common.
		s.press(th, thread.Back, "")
		s.press(th, thread.SilenceFor, "1h")
		if n := len(s.am.silences[0].Matchers); n != 3 {
			t.Errorf("bound to %d labels", n)
		}
		s.press(th, thread.Unsilence, "")
		s.press(th, thread.Toggle, label)
		s.press(th, thread.SilenceChosen, "1w")
		if n := len(s.am.silences[1].Matchers); n != 2 {
			t.Errorf("bound to %d labels", n)
		}
	})
}

func before(text, sep string) string {
	head, _, _ := strings.Cut(text, sep)
	return head
}

func TestForeignPresses(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		for _, action := range []thread.Action{thread.AckIt, thread.SilenceFor, thread.Unsilence, thread.More, thread.Back, thread.Toggle, thread.Unack} {
			if got := s.pressIn(3, th, action, "1h", "stranger"); got != oncall.AnswerForeign {
				t.Errorf("%s: %s", action, got)
			}
		}
		if got := s.press(&relay.Thread{ID: relay.NewID()}, thread.AckIt, ""); got != oncall.AnswerOver {
			t.Errorf("a conversation that is forgotten: %s", got)
		}
		for _, argument := range []string{"", "forever", "1h 1h"} {
			if got := s.press(th, thread.SilenceFor, argument); got != oncall.AnswerNothing || len(s.am.silences) > 0 {
				t.Errorf("%q: %s", argument, got)
			}
		}
	})
}

// A chat sees, silences and ends what its team's alerts are, and nothing of others.
func TestWhatAChatMaySee(t *testing.T) {
	onShift(t, func(s *shift) {
		s.visible(`team="{{ .Recipient }}"`)
		s.receiving(func(rules *intake.Rules, _ *intake.Receiver) { rules.Namespaces = []string{"shop"} })
		s.am.fires("ops/1", "boss/2", "boss/3")
		s.am.made("0-ops", time.Hour, "team", "ops", "instance", "1")
		s.am.made("1-boss", time.Hour, "team", "boss")
		s.am.made("2-all", time.Hour, "alertname", "Down")
		s.am.is(func(f *fake) {
			f.silences = append(f.silences, &alertmanager.Silence{ID: "3-both", EndsAt: time.Now().Add(time.Hour), Matchers: []alertmanager.Matcher{{Name: "team", Value: "ops|boss", IsRegex: true}}})
		})
		not := false
		s.am.is(func(f *fake) {
			f.silences = append(f.silences, &alertmanager.Silence{ID: "4-not", EndsAt: time.Now().Add(time.Hour), Matchers: []alertmanager.Matcher{{Name: "team", Value: "ops", IsEqual: &not}}})
		})
		for recipient, want := range map[string]int{"ops": 1, "boss": 2, "stranger": 0} {
			alerts, err := s.desk.Alerts(s.t.Context(), []string{recipient}, nil)
			if err != nil || len(alerts) != want {
				t.Errorf("%s sees %d alerts: %v", recipient, len(alerts), err)
			}
		}
		silences, err := s.desk.Silences(s.t.Context(), []string{"ops"})
		if err != nil || len(silences) != 1 || silences[0].ID != "0-ops" {
			t.Errorf("ops sees %v: %v", silences, err)
		}
		for _, prefix := range []string{"1", "1-boss", "2-all", "3-both", "4-not", "", "%", "1-BOSS"} {
			if _, err := s.desk.Expire(s.t.Context(), []string{"ops"}, prefix); relay.ErrorCode(err) != relay.CodeNotFound {
				t.Errorf("%q is ended: %v", prefix, err)
			}
		}
		// A silence for another team's alerts is bound to one's own.
		matchers, err := alertmanager.ParseMatchers(`team=~".*",alertname=Down`)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := s.desk.SetSilence(s.t.Context(), []string{"ops"}, matchers, alertmanager.Silence{EndsAt: time.Now().Add(time.Hour)})
		if err != nil || len(ids) != 1 {
			t.Fatal(ids, err)
		}
		if made := s.am.silences[len(s.am.silences)-1]; !strings.Contains(asText(made.Matchers), `team="ops"`) {
			t.Errorf("made: %s", asText(made.Matchers))
		}
		// Whom applications and people made for themselves have nothing to do with it.
		for _, recipient := range []string{"shop:ops", "tg-42"} {
			if s.desk.Connected([]string{recipient}) {
				t.Errorf("%s is connected", recipient)
			}
		}
		s.receiving(func(_ *intake.Rules, rc *intake.Receiver) { rc.Fixed = []string{"tg-42"} })
		if !s.desk.Connected([]string{"tg-42"}) || s.desk.Connected([]string{"ops"}) {
			t.Error("the receiver's `to` says who")
		}
	})
}

func asText(matchers []alertmanager.Matcher) string {
	var all []string
	for _, m := range matchers {
		all = append(all, m.String())
	}
	return strings.Join(all, ",")
}

// By its button a silence is ended that holds a chat's alerts, unless it holds those of others too.
func TestSilenceThatReachesFurther(t *testing.T) {
	onShift(t, func(s *shift) {
		s.visible(`team="{{ .Recipient }}"`)
		th := s.alert("ops/1")
		s.am.made("all", time.Hour, "alertname", "Down")
		wait(time.Minute)
		s.shows(1, "Silenced by grace")
		if got := s.press(th, thread.Unsilence, ""); got != oncall.AnswerTrouble || len(s.am.holding()) != 1 {
			t.Errorf("answer %s, %v hold", got, s.am.holding())
		}
		s.shows(1, "Silenced by grace", "beyond what this chat may see")
	})
}

// Who brings alerts of one's own has no part in the operator's Alertmanager.
func TestAlertsOfOthers(t *testing.T) {
	onShift(t, func(s *shift) {
		th := s.alert("a/1")
		if err := s.door.Amend(s.t.Context(), th.ID, func(_ *relay.Thread, s *thread.State) error {
			s.Apart = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		s.shows(1, "!"+silence, " a\"")
		if got := s.press(th, thread.SilenceFor, "1h"); got != oncall.AnswerNoManager {
			t.Errorf("answer %s", got)
		}
		s.am.fires()
		s.escalates(time.Minute, "boss")
		wait(20 * time.Minute)
		if s.ended(th) || len(s.said(2)) > 0 {
			t.Error("the operator's Alertmanager and people have nothing to do with it")
		}
	})
}

func TestEscalation(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(*shift, *relay.Thread)
		want string // who is told within 20 minutes
	}{
		"nobody reacts": {func(*shift, *relay.Thread) {}, "boss"},
		"acknowledged":  {func(s *shift, th *relay.Thread) { s.press(th, thread.AckIt, "") }, ""},
		"acknowledged no longer": {func(s *shift, th *relay.Thread) {
			s.press(th, thread.AckIt, "")
			wait(16 * time.Minute)
			s.press(th, thread.Unack, "")
		}, "boss"},
		"silenced": {func(s *shift, th *relay.Thread) { s.press(th, thread.SilenceFor, "1h") }, ""},
		"silenced no longer": {func(s *shift, th *relay.Thread) {
			s.press(th, thread.SilenceFor, "1h")
			wait(time.Hour)
		}, "boss"},
	} {
		t.Run(name, func(t *testing.T) {
			onShift(t, func(s *shift) {
				s.escalates(15*time.Minute, "boss, absent")
				th := s.alert("a/1")
				c.act(s, th)
				wait(20 * time.Minute)
				var told string
				if len(s.said(2)) > 0 {
					told = "boss"
				}
				if told != c.want {
					t.Errorf("told: %q", told)
				}
				wait(time.Hour)
				if n := len(s.said(2)); n > 1 {
					t.Errorf("told %d times", n)
				}
				if c.want == "" {
					return
				}
				s.bind("absent", 5)
				if n := len(s.said(5)); n != 1 {
					t.Errorf("who comes later is told %d times", n)
				}
			})
		})
	}
}

// Who is to be told is kept: another desk, after a restart, goes on where the first stopped.
func TestEscalationAfterARestart(t *testing.T) {
	onShift(t, func(s *shift) {
		s.escalates(15*time.Minute, "{{ .Labels.nothing }}")
		s.receiving(func(rules *intake.Rules, _ *intake.Receiver) { rules.Fallback = "boss" })
		s.alert("a/1")
		wait(10 * time.Minute)
		ctx, stop := context.WithCancel(s.t.Context())
		other := oncall.New(oncall.Options{Door: s.door, Threads: s.db, Log: nopLog()})
		done := make(chan error)
		go func() { done <- runAll(ctx, other) }()
		wait(10 * time.Minute)
		if n := len(s.said(2)); n != 1 { // the fallback, for nobody is named
			t.Errorf("told %d times", n)
		}
		stop()
		<-done
	})
}

// Two people press at two replicas at once: one silence is made, and whoever comes second is told so.
func TestPressedAtTwoReplicas(t *testing.T) {
	onShift(t, func(s *shift) {
		other := oncall.New(oncall.Options{Door: s.door, Threads: s.db, Log: nopLog()})
		other.SetManagers(managersOf(s.am))
		ctx, stop := context.WithCancel(s.t.Context())
		done := make(chan error)
		go func() { done <- other.Run(ctx) }() // without the duty
		th := s.alert("a/1")
		for _, slow := range []time.Duration{2 * time.Second, 0} {
			s.am.is(func(f *fake) { f.slow = slow })
			answers := make(chan string, 2)
			for _, desk := range []*oncall.Desk{s.desk, other} {
				go func() { answers <- s.pressAt(desk, 1, th, thread.SilenceFor, "1h", "ops") }()
			}
			wait(30 * time.Second)
			got := []string{<-answers, <-answers}
			if n := len(s.am.holding()); n != 1 {
				t.Errorf("%d silences hold; answers %q", n, got)
			}
			if got := s.pressAt(other, 1, th, thread.Unsilence, "", "ops"); got != oncall.AnswerUnsilenced && got != oncall.AnswerAsking {
				t.Errorf("answer %s", got)
			}
			wait(30 * time.Second)
		}
		stop()
		<-done
	})
}

// A silence of all is looked up once a round, however many conversations it holds.
func TestOneSilenceForMany(t *testing.T) {
	onShift(t, func(s *shift) {
		var names []string
		for i := range 40 {
			names = append(names, fmt.Sprint("a/", i))
			s.alert(names[i])
		}
		s.am.fires(names...)
		wait(30 * time.Second)
		s.am.is(func(f *fake) { f.asked = 0 })
		s.am.made("all", time.Hour, "alertname", "Down")
		wait(time.Minute)
		s.shows(1, "Silenced by grace")
		if s.am.asked > 4 {
			t.Errorf("asked %d times", s.am.asked)
		}
	})
}

// runAll runs a desk that has the duty.
func runAll(ctx context.Context, d *oncall.Desk) error {
	var running errgroup.Group
	running.Go(func() error { return d.Run(ctx) })
	running.Go(func() error { return d.Attend(ctx) })
	return running.Wait()
}
