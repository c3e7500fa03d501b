package main_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// verdict is what is to be said of a run, by what Telegram has seen.
type verdict struct {
	f        *fleet
	s        *senders
	sent     []sent // in the order in which they came
	lost     int
	repeats  []sent
	arrivals []arrival
}

// sent is a message that Telegram took.
type sent struct {
	chat int // its index
	n    int
	at   time.Time
}

// arrival is the first time that a message came.
type arrival struct {
	chat int
	waited
}

// judge ends the senders, and holds that nothing is lost, that each chat's messages came in their order, and that of each chat at most what was under way at a fault came
// twice.
func (s *senders) judge() *verdict {
	s.f.t.Helper()
	s.end()
	s.drained()
	v := &verdict{f: s.f, s: s}
	for chat, id := range s.chats {
		v.chat(chat, id)
	}
	v.times()
	v.fewRepeats()
	if n := s.f.sim.Violations(); n != 0 {
		s.f.t.Errorf("Telegram's limits were run into %d times", n)
	}
	for i, m := range s.f.members() {
		for _, p := range m.world.logs {
			if strings.Contains(p.text(), "panic") {
				s.f.t.Errorf("relay %d:\n%s", i, p.tail())
			}
		}
	}
	return v
}

// chat looks at what stands in a chat: the order in which its messages first came.
func (v *verdict) chat(chat int, id int64) {
	v.f.t.Helper()
	next, came := 0, map[int]bool{}
	for _, m := range simulator.FromBot(v.f.sim.Messages(id)) {
		n, err := strconv.Atoi(m.Text)
		if err != nil || came[n] {
			continue // the welcome, or once more
		}
		if came[n] = true; n != next {
			v.f.t.Errorf("r%d: %d came where %d should", chat, n, next)
		}
		next = n + 1
	}
	if missing := len(v.s.posts[chat]) - len(came); missing > 0 {
		v.lost += missing
		v.f.t.Errorf("r%d: %d of %d messages are lost\n%s", chat, missing, len(v.s.posts[chat]), v.f.logs())
	}
}

// times finds when what came.
func (v *verdict) times() {
	index := map[int64]int{}
	for i, id := range v.s.chats {
		index[id] = i
	}
	came := map[[2]int]bool{}
	for _, c := range v.f.sim.Calls() {
		chat, ours := index[c.ChatID]
		if c.Method != "sendmessage" || c.Status != 200 {
			continue
		}
		n, err := strconv.Atoi(c.Arguments["text"])
		if !ours || err != nil {
			v.sent = append(v.sent, sent{-1, 0, c.At}) // a welcome
			continue
		}
		this := sent{chat, n, c.At}
		v.sent = append(v.sent, this)
		if came[[2]int{chat, n}] {
			v.repeats = append(v.repeats, this)
		} else if came[[2]int{chat, n}] = true; n < len(v.s.posts[chat]) {
			v.arrivals = append(v.arrivals, arrival{chat, waited{v.s.posts[chat][n].came, c.At}})
		}
	}
	slices.SortStableFunc(v.sent, func(a, b sent) int { return a.at.Compare(b.at) })
}

// during finds the fault whose consequence something at a time may be: the last before it; -1: there was none.
func (f *fleet) during(at time.Time) int {
	for i := len(f.faults) - 1; i >= 0; i-- {
		if !at.Before(f.faults[i].began) {
			return i
		}
	}
	return -1
}

// fewRepeats holds that at each fault at most one message of a chat came once more, where some met one for each, and no more than so many as a process has under way.
func (v *verdict) fewRepeats() {
	v.f.t.Helper()
	const underWay = 32 // concurrency of [delivery]
	ofChat, of := map[[2]int]int{}, map[int]int{}
	for _, r := range v.repeats {
		at := v.f.during(r.at)
		of[at]++
		if ofChat[[2]int{at, r.chat}]++; ofChat[[2]int{at, r.chat}] == v.f.met(at)+1 {
			v.f.t.Errorf("%s: more than %d messages of r%d came twice, %d among them", v.f.nameOf(at), v.f.met(at), r.chat, r.n)
		}
	}
	for at, n := range of {
		if most := underWay * v.f.hit(at); n > most {
			v.f.t.Errorf("%s: %d messages came twice, of at most %d under way", v.f.nameOf(at), n, most)
		}
	}
}

func (f *fleet) nameOf(fault int) string {
	if fault < 0 {
		return "before anything happened"
	}
	return f.faults[fault].name
}

// met is how many faults it was that met.
func (f *fleet) met(fault int) int {
	if fault < 0 {
		return 1
	}
	return f.faults[fault].many
}

func (f *fleet) hit(fault int) int {
	if fault < 0 {
		return 0
	}
	return f.faults[fault].hit
}

// paced holds the whole of the relays to the rates of one, in messages a second for all chats and for a private one, and in a minute for a group. Moments
// are those of arrival: what the way shifts is a tenth at most.
func (v *verdict) paced(rate int) {
	v.f.t.Helper()
	var all []time.Time
	chats := map[int][]time.Time{}
	for _, m := range v.sent {
		all = append(all, m.at)
		if m.chat >= 0 {
			chats[m.chat] = append(chats[m.chat], m.at)
		}
	}
	for _, span := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		if n, limit := most(all, span), float64(rate)*(span.Seconds()+1.1); float64(n) > limit {
			v.f.t.Errorf("the bot sent %d messages in %s; %.0f are allowed", n, span, limit)
		}
	}
	for chat, moments := range chats {
		if n := most(moments, time.Minute); v.s.chats[chat] < 0 && n > 21 {
			v.f.t.Errorf("the group r%d got %d messages in a minute", chat, n)
		}
		if n := most(moments, 10*time.Second); v.s.chats[chat] > 0 && n > 12 {
			v.f.t.Errorf("r%d got %d messages in 10 s", chat, n)
		}
	}
}

// most is the largest number of moments in any span of a length.
func most(moments []time.Time, span time.Duration) int {
	best, from := 0, 0
	for i, at := range moments {
		for at.Sub(moments[from]) >= span {
			from++
		}
		best = max(best, i-from+1)
	}
	return best
}

// longest are the longest times of what came about in the consequence of each fault.
func (f *fleet) longest(all []waited) []time.Duration {
	of := make([]time.Duration, len(f.faults))
	for _, w := range all {
		if at := f.during(w.came); at >= 0 {
			of[at] = max(of[at], w.long())
		}
	}
	return of
}

// costs are the longest times after each fault: until a message was taken by somebody, from there until Telegram had it, and from a link that is opened
// until the welcome.
func (v *verdict) costs() (taken, sent, welcomed []time.Duration) {
	var posts, ways []waited
	for _, chat := range v.s.posts {
		posts = append(posts, chat...)
	}
	for _, a := range v.arrivals {
		ways = append(ways, a.waited)
	}
	return v.f.longest(posts), v.f.longest(ways), v.f.longest(v.s.welcomes)
}

// figures is a table of what each fault has cost.
func (v *verdict) figures() string {
	taken, sent, welcomed := v.costs()
	twice := make([]int, len(v.f.faults))
	for _, r := range v.repeats {
		if at := v.f.during(r.at); at >= 0 {
			twice[at]++
		}
	}
	var b strings.Builder
	b.WriteString("| what happened | longest until taken | longest from there to Telegram | longest from link to welcome | came twice |\n|---|---|---|---|---|\n")
	for i, fault := range v.f.faults {
		seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s" }
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d |\n", fault.name, seconds(taken[i]), seconds(sent[i]), seconds(welcomed[i]), twice[i])
	}
	fmt.Fprintf(&b, "\n%d messages accepted, %d lost, %d came twice; %d people were welcomed", v.s.total.Load(), v.lost, len(v.repeats), len(v.s.welcomes))
	return b.String()
}

// quick holds that after each fault nobody waited longer than it may take until others go on; a busy machine takes so many times as long.
func (v *verdict) quick(times time.Duration) {
	v.f.t.Helper()
	_, sent, welcomed := v.costs()
	for i, fault := range v.f.faults {
		if limit := times * fault.limit; limit > 0 && max(sent[i], welcomed[i]) > limit {
			v.f.t.Errorf("%s: a message waited for %s, a link for %s; %s are allowed", fault.name, sent[i], welcomed[i], limit)
		}
	}
}
