package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/web/console"
)

const (
	sessionCookie = "tgrelay"
	sessionAge    = 12 * time.Hour
	maxSessions   = 1000 // in memory: the one that was used least lately makes room

	// Wrong tokens from one address: some at once, then one in so long. The token itself is past guessing; this keeps the log and the
	// machine quiet.
	guessBurst = 10
	guessEvery = 10 * time.Second
	maxGuesser = 10_000 // addresses that are remembered
)

// sessions are those who signed in. They are in the storage, so that each replica knows them and a restart ends none; while that takes no writes,
// new ones are in memory. The cookie holds a random name, of which only the hash is kept, and never the token.
type sessions struct {
	notes   relay.Notes
	here    *lru.Cache[[32]byte, session]
	mu      sync.Mutex
	guesses *lru.Cache[netip.Prefix, *rate.Limiter]
}

// session is of whoever showed a token. It ends with the token.
type session struct {
	token   [32]byte // the token's SHA-256
	expires time.Time
}

func newSessions(notes relay.Notes) *sessions {
	here, err := lru.New[[32]byte, session](maxSessions)
	if err != nil {
		panic(err) // not reached: the size is right
	}
	guesses, err := lru.New[netip.Prefix, *rate.Limiter](maxGuesser)
	if err != nil {
		panic(err) // not reached either
	}
	return &sessions{notes: notes, here: here, guesses: guesses}
}

// noteOf names what is kept of a session.
func noteOf(hash [32]byte) string { return "session " + hex.EncodeToString(hash[:]) }

// begin makes a session and returns its name for the cookie.
func (s *sessions) begin(ctx context.Context, token [32]byte) (string, error) {
	name, expires := rand.Text(), time.Now().Add(sessionAge)
	hash := sha256.Sum256([]byte(name))
	err := s.notes.Note(ctx, noteOf(hash), hex.EncodeToString(token[:]), expires)
	if relay.ErrorCode(err) == relay.CodeStorageUnavailable {
		s.here.Add(hash, session{token, expires})
		err = nil
	}
	return name, err
}

// token is that of a session's owner; not ok for none, and for one that is over. Error: the storage's.
func (s *sessions) token(ctx context.Context, name string) (token [32]byte, ok bool, err error) {
	hash, now := sha256.Sum256([]byte(name)), time.Now()
	if found, ok := s.here.Get(hash); ok && now.Before(found.expires) {
		return found.token, true, nil
	}
	kept, err := s.notes.Noted(ctx, noteOf(hash), now)
	if err != nil || kept == "" {
		return token, false, err
	}
	n, err := hex.Decode(token[:], []byte(kept))
	return token, n == len(token), err
}

func (s *sessions) end(ctx context.Context, name string) error {
	hash := sha256.Sum256([]byte(name))
	s.here.Remove(hash)
	return s.notes.Unnote(ctx, noteOf(hash))
}

// wait is how long an address has to wait before it may show a token; 0: it need not. One that has come this far may try once.
func (s *sessions) wait(addr netip.Addr, now time.Time) time.Duration {
	limiter := s.guesser(addr)
	if tokens := limiter.TokensAt(now); tokens < 1 {
		return time.Duration((1 - tokens) * float64(guessEvery))
	}
	return 0
}

// wrong notes a wrong token.
func (s *sessions) wrong(addr netip.Addr, now time.Time) { s.guesser(addr).AllowN(now, 1) }

// guesser is what an address may still try. Of IPv6 a whole network counts as one: everybody has that many addresses.
func (s *sessions) guesser(addr netip.Addr) *rate.Limiter {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	network, _ := addr.Prefix(bits) // that of a unix socket, which has no address, is the zero one
	s.mu.Lock()
	defer s.mu.Unlock()
	limiter, known := s.guesses.Get(network)
	if !known {
		limiter = rate.NewLimiter(rate.Every(guessEvery), guessBurst)
		s.guesses.Add(network, limiter)
	}
	return limiter
}

// visitor is who visits a page, nil on one that is open to nobody in particular. Errors: relay.CodeUnauthenticated, CodeForbidden.
func (s *Server) visitor(r *http.Request, scope Scope) (*Token, error) {
	caller, err := s.signedIn(r)
	switch {
	case err != nil:
		return nil, err
	case scope == open:
		return caller, nil
	case caller == nil:
		return nil, &relay.Error{Code: relay.CodeUnauthenticated, Detail: "sign in at /sign-in"}
	case !caller.has(scope):
		return caller, &relay.Error{Code: relay.CodeForbidden, Detail: "this token may look and change nothing; sign in with one of scope " + string(scope)}
	}
	return caller, caller.spend(1, scope)
}

// signedIn is the token behind a request's cookie, as it is now; nil for none. Where no tokens are configured nobody on this machine needs one. Error: the
// storage's.
func (s *Server) signedIn(r *http.Request) (*Token, error) {
	if unguarded(r) {
		return everything, nil
	}
	keys := termsOf(r).keys
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, nil
	}
	hash, ok, err := s.sessions.token(r.Context(), cookie.Value)
	if !ok || err != nil {
		return nil, err
	}
	for i := range keys.tokens {
		if t := &keys.tokens[i]; t.SHA256 == hash && t.from(remote(r)) {
			return t, nil
		}
	}
	return nil, nil
}

// maxSignIn bounds the form with a token, in bytes.
const maxSignIn = 4 << 10

// signIn takes a token and begins a session.
func (s *Server) signIn(_ *console.Console, w http.ResponseWriter, r *http.Request, viewer *console.Viewer) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxSignIn)
	next := r.PostFormValue("next")
	caller, refused := s.admit(r, r.PostFormValue("token"))
	if refused != nil {
		w.Header().Set("Retry-After", "10")
		return s.console.Refused(w, r, viewer, next, refused)
	}
	name, err := s.sessions.begin(r.Context(), caller.SHA256)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(r, name, int(sessionAge.Seconds())))
	http.Redirect(w, r, console.Within(next), http.StatusSeeOther)
	return nil
}

// admit tells who shows a token that may read. A wrong one, and one that may not be shown here, are refused alike.
func (s *Server) admit(r *http.Request, token string) (caller *Token, refused *relay.Error) {
	addr := remote(r)
	if wait := s.sessions.wait(addr, time.Now()); wait > 0 {
		return nil, &relay.Error{Code: relay.CodeRateLimited, Detail: "too many wrong tokens came from your address; try again in a few seconds", RetryAfter: wait}
	}
	caller = termsOf(r).keys.find(token)
	if caller == nil || !caller.from(addr) {
		s.sessions.wrong(addr, time.Now())
		s.Log.Warn("somebody tried to sign in with a token that is not known, or not from there", "address", addr)
		return nil, &relay.Error{Code: relay.CodeUnauthenticated, Detail: "this token is not known, or not from where you are"}
	}
	if !caller.has(ScopeRead) {
		return nil, &relay.Error{Code: relay.CodeForbidden, Detail: "this token has neither scope read nor admin"}
	}
	s.Log.Info("somebody signed in", "token", caller.Name, "address", addr)
	return caller, nil
}

// signOut ends a session.
func (s *Server) signOut(_ *console.Console, w http.ResponseWriter, r *http.Request, _ *console.Viewer) error {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if err := s.sessions.end(r.Context(), cookie.Value); err != nil {
			return err
		}
	}
	http.SetCookie(w, s.cookie(r, "", -1))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// cookie is what a browser is given to show: to us alone, and in no request that another site caused.
func (s *Server) cookie(r *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.encrypted(r),
	}
}
