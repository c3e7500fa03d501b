package chat

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// talkBurst answers a chat gets at once, and then one every talkEvery: 20 a minute is what Telegram takes in a group, too.
	talkBurst = 20
	talkEvery = 3 * time.Second
	// talkers is how many chats are remembered. A chat that is new among them draws on what all new ones share, so that a flood of
	// strangers neither fills the storage nor stands in the way of what others wait for.
	talkers       = 10_000
	newcomerBurst = 200
	newcomerRate  = 10 // a second
)

// talk bounds how much the bot answers. The connecting of chats by links is not bounded here: whoever holds a link is no stranger.
type talk struct {
	mu        sync.Mutex
	of        *lru.Cache[int64, *rate.Limiter]
	newcomers *rate.Limiter
}

func newTalk() *talk {
	of, err := lru.New[int64, *rate.Limiter](talkers)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &talk{of: of, newcomers: rate.NewLimiter(newcomerRate, newcomerBurst)}
}

// allow reports whether a chat gets an answer. One that is connected is no newcomer, however many of these there are.
func (t *talk) allow(chatID int64, connected bool, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit, known := t.of.Get(chatID)
	if !known {
		if !connected && !t.newcomers.AllowN(now, 1) {
			return false
		}
		limit = rate.NewLimiter(rate.Every(talkEvery), talkBurst)
		t.of.Add(chatID, limit)
	}
	return limit.AllowN(now, 1)
}

// told remembers what was told when.
type told struct {
	mu sync.Mutex
	at *lru.Cache[[2]int64, time.Time]
}

func newTold() *told {
	at, err := lru.New[[2]int64, time.Time](talkers)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &told{at: at}
}

// first reports whether something was not told lately, and counts it as told.
func (t *told) first(what [2]int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, known := t.at.Get(what); known && now.Sub(last) < topicTold {
		return false
	}
	t.at.Add(what, now)
	return true
}
