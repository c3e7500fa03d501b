package store

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// News are what a storage lets the others on its database know. A notification is the sender's ID and words after it, each a letter with what
// belongs to it:
//
//	q-1001:2   something was queued for chat -1001, with priority 2 at the highest; by another bot than the first: q-1001:2:NAME
//	ralice     recipient alice or its chats changed
//	e          there are events to be told
//	l          leases were given back
//	p17        the sender's 17th ping
//	v1234      the version of the recipients before it; it comes last
//
// A word that is not known comes from a newer tgrelay, and is left alone.
type news struct {
	by         string // the sender's ID
	queued     []arrival
	recipients []string
	version    int64
	events     bool
	leases     bool
	ping       string
}

// largestPayload is what PostgreSQL takes less what is added to it: it must be below 8000 bytes.
const largestPayload = 7900

// leaseNews is the word of leases that were given back.
const leaseNews = "l"

// words are what others have to hear of a transaction.
func (t *tx) words() []string {
	var words []string
	for _, a := range t.arrivals() {
		word := "q" + strconv.FormatInt(a.chat, 10) + ":" + strconv.Itoa(int(a.priority))
		if a.bot != "" {
			word += ":" + a.bot
		}
		words = append(words, word)
	}
	for _, id := range t.changed() {
		words = append(words, "r"+id)
	}
	if t.noted {
		words = append(words, "e")
	}
	return words
}

// arrivals are the chats for which something was queued, each once with the highest priority, in order.
func (t *tx) arrivals() []arrival {
	highest := map[lane]relay.Priority{}
	for _, a := range t.queued {
		if p, known := highest[a.lane]; !known || a.priority > p {
			highest[a.lane] = a.priority
		}
	}
	all := make([]arrival, 0, len(highest))
	for _, l := range slices.SortedFunc(maps.Keys(highest), lane.compare) {
		all = append(all, arrival{l, highest[l]})
	}
	return all
}

// changed are the recipients that are others than before, each once. What cannot be the ID of one was only asked for.
func (t *tx) changed() []string {
	ids := slices.Compact(slices.Sorted(slices.Values(t.stale)))
	return slices.DeleteFunc(ids, func(id string) bool { return relay.CheckRecipientID(id) != nil })
}

// pack makes notifications of words, each as large as one may be.
func pack(by relay.ID, words []string) []string {
	var payloads []string
	var b strings.Builder
	for _, word := range words {
		if b.Len()+1+len(word) > largestPayload {
			payloads = append(payloads, b.String())
			b.Reset()
		}
		if b.Len() == 0 {
			b.WriteString(by.String())
		}
		b.WriteString(" " + word)
	}
	return append(payloads, b.String())
}

// parseNews reads a notification, and leaves out what it does not understand.
func parseNews(payload string) news {
	words := strings.Fields(payload)
	if len(words) == 0 {
		return news{}
	}
	n := news{by: words[0]}
	for _, word := range words[1:] {
		switch rest := word[1:]; word[0] {
		case 'q':
			n.queued = appendArrival(n.queued, rest)
		case 'r':
			n.recipients = append(n.recipients, rest)
		case 'v':
			n.version, _ = strconv.ParseInt(rest, 10, 64)
		case 'e':
			n.events = true
		case 'l':
			n.leases = true
		case 'p':
			n.ping = rest
		}
	}
	return n
}

func appendArrival(all []arrival, word string) []arrival {
	chat, rest, _ := strings.Cut(word, ":")
	priority, bot, _ := strings.Cut(rest, ":")
	id, errChat := strconv.ParseInt(chat, 10, 64)
	p, errPriority := strconv.ParseInt(priority, 10, 8)
	if cmp.Or(errChat, errPriority) != nil {
		return all
	}
	return append(all, arrival{lane{bot, id}, relay.Priority(p)})
}
