package main_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// books are what was accepted and has to arrive. Each message carries a mark of its own, such as §talk-17§, by which it is found again.
type books struct {
	mu      sync.Mutex
	entries map[string]entry // by mark
	count   map[string]int   // by kind
}

type entry struct {
	kind string
	// also stands in the message, once all is over.
	also string
	// delivery may have failed instead, which the application hears; empty: it must arrive.
	delivery string
	// pressed is the data of the message's button, of which the application hears; empty: it was not pressed.
	pressed string
	at      time.Time
}

func newBooks() *books { return &books{entries: map[string]entry{}, count: map[string]int{}} }

func (b *books) enter(mark string, e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.at = time.Now()
	b.entries[mark] = e
	b.count[e.kind]++
}

func (b *books) kinds() []string { return slices.Sorted(maps.Keys(b.count)) }

var (
	markOf   = regexp.MustCompile(`§([a-z]+)-(\d+)(?:-(\d+))?§`)
	streamOf = regexp.MustCompile(`^§(talk|group|batch)-(\d+)-(\d+)§`)
)

// found is what stands in the chats at the end.
type found struct {
	texts   map[string][]string // by mark
	streams map[string][]int    // numbers of a stream, in the order in which they came
	perChat map[int64]int       // messages of the bot
}

// look reads all chats. A group that became a supergroup comes before that: its number is larger.
func (s *soaking) look() found {
	s.t.Helper()
	var chats []struct{ ID int64 }
	s.w.do("GET", s.w.sim+"/sim/chats", "", &chats)
	slices.SortFunc(chats, func(a, b struct{ ID int64 }) int { return int(b.ID - a.ID) })
	f := found{map[string][]string{}, map[string][]int{}, map[int64]int{}}
	for _, c := range chats {
		for _, m := range s.w.messages(c.ID, 0) {
			f.perChat[c.ID]++
			for _, mark := range slices.Compact(markOf.FindAllString(m.Text, -1)) {
				f.texts[mark] = append(f.texts[mark], m.Text)
			}
			if at := streamOf.FindStringSubmatch(m.Text); at != nil {
				n, _ := strconv.Atoi(at[3]) // digits
				f.streams[at[1]+at[2]] = append(f.streams[at[1]+at[2]], n)
			}
		}
	}
	return f
}

// here reports whether a message has arrived, or its application has heard that it failed.
func (e entry) here(s *soaking, texts []string) bool {
	if e.pressed != "" {
		return len(texts) > 0 && s.load.app.heard(e.pressed)
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, e.also) }) || e.delivery != "" && s.load.app.failed(e.delivery)
}

// complete reports whether all has arrived, and the bot has answered all.
func (b *books) complete(s *soaking) bool {
	f := s.look()
	for mark, e := range b.entries {
		if !e.here(s, f.texts[mark]) {
			return false
		}
	}
	for chat, owed := range s.load.answers {
		if f.perChat[chat] < owed {
			return false
		}
	}
	return true
}

// judge compares the books with the chats, and returns how many messages are lost and how many came more than once.
func (b *books) judge(s *soaking) (lost, again int) {
	s.t.Helper()
	f := s.look()
	for mark, e := range b.entries {
		texts := f.texts[mark]
		if !e.here(s, texts) {
			if lost++; lost <= 20 {
				s.t.Errorf("%s, accepted at %s, has not arrived; with its mark: %q", mark, e.at.Format(time.TimeOnly), texts)
			}
		}
		if e.kind != "alert notifications" { // a conversation, of several messages
			again += max(len(texts)-1, 0)
		}
	}
	b.inOrder(s, f)
	s.load.counted(f)
	// What was under way when the relay was killed comes again: at most one message a chat, and 32 are under way at most.
	if most := s.ambiguous + 32*s.kills; again > most {
		s.t.Errorf("%d messages came more than once; after %d kills and %d calls with unknown outcome at most %d may", again, s.kills, s.ambiguous, most)
	}
	return lost, again
}

// inOrder holds that each stream came in its order, but for what came again at once.
func (b *books) inOrder(s *soaking, f found) {
	s.t.Helper()
	if len(f.streams) == 0 {
		s.t.Error("no stream has arrived")
	}
	for stream, numbers := range f.streams {
		next := 0
		for _, n := range numbers {
			switch n {
			case next:
				next++
			case next - 1:
			default:
				s.t.Errorf("%s: %d came where %d should: %s", stream, n, next, around(numbers, next))
				return
			}
		}
	}
}

// around shows the numbers about a place.
func around(numbers []int, at int) string {
	return fmt.Sprint(numbers[max(at-5, 0):min(at+10, len(numbers))])
}
