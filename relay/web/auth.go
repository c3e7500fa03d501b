package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/onboarding"
)

// Token is a key to the interface: what it may do, for which receivers and recipients.
type Token struct {
	Name       string
	SHA256     [32]byte // of the token itself
	Scopes     []Scope
	Receivers  []string // empty: all
	Recipients []string // globs over recipient IDs as the token's owner names them; empty: all
	// Namespace keeps applications apart: an owner's "alice" is stored as "NAMESPACE:alice". Empty: none.
	Namespace string
	Rate      Rate
	Sources   []netip.Prefix // where the token may be shown; empty: anywhere
	// Personal is that of a person who made it oneself, for messages to that person.
	Personal bool

	usage *usage // nil: nobody counts
}

// signer is who shows no token to a receiver that takes signed requests only. It is nobody yet: the door checks the signature before
// it does anything.
var signer = &Token{Scopes: []Scope{ScopeHooks}}

// everything is who calls where no tokens are configured.
var everything = &Token{Scopes: []Scope{ScopeAdmin}}

func (t *Token) has(s Scope) bool {
	return slices.Contains(t.Scopes, s) || slices.Contains(t.Scopes, ScopeAdmin)
}

func (t *Token) receiver(name string) bool {
	return len(t.Receivers) == 0 || slices.Contains(t.Receivers, name)
}

// apart reports whether the token has recipients of its own. The operator's heartbeats are nothing of theirs.
func (t *Token) apart() bool { return t.Personal || t.Namespace != "" }

// heartbeats reports whether the token may give signs of life; one that is kept apart may where its receivers say so.
func (t *Token) heartbeats() bool {
	return slices.Contains(t.Receivers, "heartbeat") || len(t.Receivers) == 0 && !t.apart()
}

// prefix begins the IDs of all recipients of the token's namespace; empty without one.
func (t *Token) prefix() string {
	if t.Namespace == "" {
		return ""
	}
	return t.Namespace + ":"
}

// full is the ID under which an owner's recipient is stored, and own the one that the owner knows. An empty one stays empty.
func (t *Token) full(id string) string {
	if id == "" {
		return id
	}
	return t.prefix() + id
}

func (t *Token) own(id string) string { return strings.TrimPrefix(id, t.prefix()) }

// recipient reports whether the token reaches a recipient, by the ID under which it is stored. The globs are path.Match's; IDs hold no slash.
func (t *Token) recipient(id string) bool {
	id, within := strings.CutPrefix(id, t.prefix())
	if !within {
		return false
	}
	return len(t.Recipients) == 0 || slices.ContainsFunc(t.Recipients, func(glob string) bool {
		ok, err := path.Match(glob, id)
		return ok && err == nil
	})
}

func (t *Token) caller() intake.Caller {
	return intake.Caller{Owner: t.Name, May: t.recipient, Full: t.full, Bounded: len(t.Recipients) > 0, Apart: t.apart(), Unproven: t == signer}
}

type keyring struct{ tokens []Token }

// find compares with every token, so that the time taken tells nothing.
func (k *keyring) find(token string) *Token {
	hash := sha256.Sum256([]byte(token))
	var found *Token
	for i := range k.tokens {
		if subtle.ConstantTimeCompare(hash[:], k.tokens[i].SHA256[:]) == 1 {
			found = &k.tokens[i]
		}
	}
	return found
}

// authorize tells who calls, if that one may. Errors: relay.CodeUnauthenticated, CodeForbidden.
func (s *Server) authorize(r *http.Request, scope Scope) (*Token, error) {
	keys := termsOf(r).keys
	switch {
	case scope == open, scope == openLocal && local(r), unguarded(r):
		return everything, nil
	case scope == openLocal:
		scope = ScopeRead
	}
	token := s.presented(r)
	if rc := termsOf(r).door.Rules().Receivers[r.PathValue("receiver")]; token == "" && scope == ScopeHooks && rc != nil && rc.Signature.Wanted() {
		return signer, nil
	}
	if token == "" && len(keys.tokens) == 0 {
		return nil, &relay.Error{Code: relay.CodeUnauthenticated, Detail: "without tokens this relay serves callers on its own machine only, and none through a proxy: make tokens with `tgrelay token new NAME`"}
	}
	if token == "" {
		return nil, &relay.Error{Code: relay.CodeUnauthenticated, Detail: "send a token: Authorization: Bearer TOKEN; `tgrelay token new NAME` makes one"}
	}
	caller := keys.find(token)
	if caller != nil && !caller.from(remote(r)) {
		s.Log.WarnContext(r.Context(), "a token was shown at an address that its sources leave out", "token", caller.Name, "address", remote(r))
		return nil, notKnown()
	}
	if caller == nil {
		var err error
		if caller, err = s.sender(r, token); err != nil {
			return nil, err
		}
	}
	if caller == nil {
		return nil, notKnown()
	}
	if scope != anyScope && !caller.has(scope) {
		return nil, &relay.Error{Code: relay.CodeForbidden, Detail: "this token lacks the scope " + string(scope)}
	}
	return caller, nil
}

// notKnown is the answer to every wrong token, so that it tells nothing.
func notKnown() error {
	return &relay.Error{Code: relay.CodeUnauthenticated, Detail: "this token is not known, or not from where you call; check that it is one of [auth.tokens] in relay.toml, and its sources"}
}

// sender is a person who made a token of one's own, nil if nobody has it.
func (s *Server) sender(r *http.Request, token string) (*Token, error) {
	recipient, err := s.Senders.SenderOf(r.Context(), onboarding.Hash(token))
	if relay.ErrorCode(err) == relay.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Token{Name: recipient, Scopes: []Scope{ScopeSend, ScopeHooks}, Recipients: []string{recipient}, Personal: true}, nil
}

// presented is the token of a request: where callers of the receiver's kind put one, as bearer, as password of basic auth, as Gotify's clients
// send it, or in the query where the receiver allows it.
func (s *Server) presented(r *http.Request) string {
	if server, ok := s.standIn(r); ok {
		if token := server.Token(r, standPath(r)); token != "" {
			return token
		}
	}
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(credentials)
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if key := r.Header.Get("X-Gotify-Key"); key != "" {
		return key
	}
	if receiver := termsOf(r).door.Rules().Receivers[r.PathValue("receiver")]; receiver != nil && receiver.AllowQueryToken {
		return r.URL.Query().Get("token")
	}
	return ""
}
