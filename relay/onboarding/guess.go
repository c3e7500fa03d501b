package onboarding

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// guessBurst wrong tokens are taken as slips: a link tapped twice, an old message.
	guessBurst = 5
	// guessEvery is how long each further wrong token costs.
	guessEvery = time.Minute
	// guessers is how many people's tries are remembered, the last ones first.
	guessers = 10_000
)

// guesses slows down whoever tries tokens. With 144 bits nobody finds one; this keeps the tries cheap for us.
type guesses struct {
	of *lru.Cache[int64, *rate.Limiter]
}

func newGuesses() *guesses {
	of, err := lru.New[int64, *rate.Limiter](guessers)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &guesses{of}
}

// wait is how long a person must wait before the next try, 0 for almost everyone.
func (g *guesses) wait(userID int64, now time.Time) time.Duration {
	limit, known := g.of.Get(userID)
	if !known || limit.TokensAt(now) >= 1 {
		return 0
	}
	return time.Duration((1 - limit.TokensAt(now)) * float64(guessEvery))
}

func (g *guesses) wrong(userID int64, now time.Time) {
	limit, known := g.of.Get(userID)
	if !known {
		limit = rate.NewLimiter(rate.Every(guessEvery), guessBurst)
		g.of.Add(userID, limit)
	}
	limit.AllowN(now, 1)
}
