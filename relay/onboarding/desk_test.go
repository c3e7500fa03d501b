package onboarding_test

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/onboarding"
)

// storage names the interface so that its method Links does not clash with the field.
type storage interface{ relay.Links }

// memory keeps links as a storage would; a test of its own holds the real one to the same rules.
type memory struct {
	storage
	mu    sync.Mutex
	links map[relay.TokenHash]*relay.Link
	asked int
}

func (m *memory) CreateLink(_ context.Context, l *relay.Link, token relay.TokenHash) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links[token] = l
	return nil
}

func (m *memory) Link(_ context.Context, id relay.ID, _ time.Time) (*relay.Link, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.links {
		if l.ID == id {
			found := *l
			return &found, nil
		}
	}
	return nil, &relay.Error{Code: relay.CodeNotFound}
}

func (m *memory) Revoke(_ context.Context, id relay.ID, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.links {
		if l.ID == id {
			l.State = relay.LinkRevoked
		}
	}
	return nil
}

func (m *memory) Redeem(_ context.Context, r relay.Redemption) (*relay.Redeemed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if l := m.links[r.Token]; l != nil {
		return &relay.Redeemed{Link: *l}, nil
	}
	return nil, &relay.Error{Code: relay.CodeLinkNotOpen}
}

func (m *memory) LinkOf(_ context.Context, token relay.TokenHash, _ time.Time) (*relay.Link, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.links[token]; l != nil {
		return l, nil
	}
	return nil, &relay.Error{Code: relay.CodeNotFound}
}

func newDesk(username string) (*onboarding.Desk, *memory) {
	m := &memory{links: map[relay.TokenHash]*relay.Link{}}
	return onboarding.New(onboarding.Options{
		Links: m, Username: func(string) string { return username }, LinkURL: func(string) string { return "https://t.me" }, TTL: func() time.Duration { return 24 * time.Hour }, Registerer: prometheus.NewRegistry(),
	}), m
}

func TestMakeAndRedeem(t *testing.T) {
	for target, want := range map[relay.Target]struct{ parameter, command string }{
		relay.TargetPrivate: {"start", "/start "},
		relay.TargetGroup:   {"startgroup", "/start@relay_bot "},
	} {
		desk, kept := newDesk("relay_bot")
		link, err := desk.Make(t.Context(), onboarding.Request{Recipient: "alice", Target: target})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(link.URL)
		if err != nil || u.Host != "t.me" || u.Path != "/relay_bot" {
			t.Fatalf("URL %q", link.URL)
		}
		token := u.Query().Get(want.parameter)
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{22,64}$`).MatchString(token) {
			t.Errorf("token %q: want at least 128 bits (22 characters) and at most 64 of A-Za-z0-9_-", token)
		}
		if link.StartCommand != want.command+token {
			t.Errorf("start command %q", link.StartCommand)
		}
		if link.MaxUses != 1 || link.State != relay.LinkOpen || link.ExpiresAt.Sub(link.CreatedAt) != 24*time.Hour {
			t.Errorf("link %+v", link.Link)
		}
		for hash := range kept.links {
			if strings.Contains(string(hash[:]), token) {
				t.Error("the storage was given the token itself")
			}
		}
		got, err := desk.Redeem(t.Context(), token, 1, relay.Redemption{At: time.Now()})
		if err != nil || got.Link.Recipient != "alice" {
			t.Errorf("redeem: %+v, %v", got, err)
		}
	}
}

func TestMakeTellsEveryFault(t *testing.T) {
	desk, _ := newDesk("relay_bot")
	_, err := desk.Make(t.Context(), onboarding.Request{Recipient: "no spaces", Target: "channel", TTL: -time.Second, MaxUses: -1})
	var e *relay.Error
	if !errors.As(err, &e) || e.Code != relay.CodeInvalidField {
		t.Fatalf("error %v", err)
	}
	var pointers []string
	for _, f := range e.Fields {
		pointers = append(pointers, f.Pointer)
	}
	if got := strings.Join(pointers, " "); got != "/recipient /target /expires_in /max_uses" {
		t.Errorf("faults at %s", got)
	}
}

func TestMakeBeforeTelegramIsKnown(t *testing.T) {
	desk, _ := newDesk("")
	for bot, why := range map[string]string{"": "the bot's name is not known yet", "team": "the name of the bot team is not known yet"} {
		_, err := desk.Make(t.Context(), onboarding.Request{Recipient: "alice", Bot: bot})
		if relay.ErrorCode(err) != relay.CodeOverloaded || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v", err)
		}
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	desk, kept := newDesk("relay_bot")
	link, err := desk.Make(t.Context(), onboarding.Request{Recipient: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.URL, "start=")
	at := time.Now()
	guess := func(user int64, token string) relay.Code {
		_, err := desk.Redeem(t.Context(), token, user, relay.Redemption{At: at})
		if err == nil {
			return ""
		}
		return relay.ErrorCode(err)
	}
	for range 5 {
		if code := guess(7, "wrong"); code != relay.CodeLinkNotOpen {
			t.Fatalf("an early wrong token got %s", code)
		}
	}
	asked := kept.asked
	if code := guess(7, token); code != relay.CodeRateLimited {
		t.Errorf("the sixth try within a minute got %q, want a wait", code)
	}
	if kept.asked != asked {
		t.Error("a slowed down person still reached the storage")
	}
	if code := guess(8, token); code != "" {
		t.Errorf("another person was slowed down too: %s", code)
	}
	at = at.Add(time.Minute)
	if code := guess(7, token); code != "" {
		t.Errorf("after a minute: %s", code)
	}
}

func TestWhatCannotBeATokenIsNotLookedUp(t *testing.T) {
	desk, kept := newDesk("relay_bot")
	for _, token := range []string{"a b", strings.Repeat("x", 65), "ü", "a.b"} {
		_, err := desk.Redeem(t.Context(), token, 1, relay.Redemption{At: time.Now()})
		if relay.ErrorCode(err) != relay.CodeLinkNotOpen {
			t.Errorf("%q: %v", token, err)
		}
	}
	if kept.asked != 0 {
		t.Errorf("%d look-ups", kept.asked)
	}
}

// A link of a bot that is not in the configuration any more leads nowhere: whoever shows it is told so, instead of being sent to nobody.
func TestLinkOfABotThatIsGone(t *testing.T) {
	kept := &memory{links: map[relay.TokenHash]*relay.Link{}}
	usernames := map[string]string{"": "relay_bot", "team": "team_bot"}
	desk := onboarding.New(onboarding.Options{
		Links: kept, Username: func(bot string) string { return usernames[bot] }, LinkURL: func(string) string { return "https://t.me" },
		TTL: func() time.Duration { return time.Hour }, Registerer: prometheus.NewRegistry(),
	})
	link, err := desk.Make(t.Context(), onboarding.Request{Recipient: "alice", Bot: "team"})
	if err != nil {
		t.Fatal(err)
	}
	if shown, err := desk.Show(t.Context(), link.ID, link.Token); err != nil || shown.URL != link.URL {
		t.Errorf("while it is there: %+v, %v", shown, err)
	}
	delete(usernames, "team")
	if _, err := desk.Show(t.Context(), link.ID, link.Token); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("when it is gone: %v", err)
	}
}
