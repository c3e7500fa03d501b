package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// Auth is who may call the HTTP interface.
type Auth struct {
	Tokens map[string]Token `toml:"tokens"`
}

// Token is what a caller shows, and what it may do.
type Token struct {
	SHA256     string       `toml:"sha256"` // of the token, in hexadecimal
	Token      secret.Value `toml:"token"`  // empty where only the hash is known
	TokenFile  string       `toml:"token_file"`
	TokenEnv   string       `toml:"token_env"`
	Scopes     []string     `toml:"scopes" one_of:"hooks|send|links|read|admin"`
	Receivers  []string     `toml:"receivers"`  // "heartbeat" for the calls of /hooks/heartbeat/NAME; empty: all
	Recipients []string     `toml:"recipients"` // globs (path.Match); empty: all
	Namespace  string       `toml:"namespace"`  // of recipients and links, which nobody else has; empty: none

	Rate    Rate           `toml:"rate"`    // of requests; zero: any
	Sources []netip.Prefix `toml:"sources"` // where the token may be shown; empty: anywhere

	// Hash is the token's SHA-256, however the token was given.
	Hash [sha256.Size]byte
}

func (k *checker) auth(a *Auth) {
	owner := map[[sha256.Size]byte]string{}
	for _, name := range slices.Sorted(maps.Keys(a.Tokens)) {
		t, key := a.Tokens[name], child("auth.tokens", name)
		k.require(recipientID.MatchString(name), key, "%.140q cannot name a token: use 1 to 128 letters, digits and . _ : @ + -, beginning with a letter or digit", name)
		if k.token(key, &t) {
			if other, taken := owner[t.Hash]; taken {
				k.fault(key, "this is the same token as that of [%s]: make one for each with `tgrelay token new NAME`", other)
			}
			owner[t.Hash] = key
		}
		k.bounds(key, t)
		a.Tokens[name] = t
	}
}

// token finds out the token's hash; false where it is not known.
func (k *checker) token(key string, t *Token) bool {
	v, err := k.secret(key+".token", secret.Source{Value: t.Token, File: t.TokenFile, Env: t.TokenEnv})
	t.Token, t.TokenFile = v, k.c.path(t.TokenFile)
	switch {
	case t.SHA256 != "" && !errors.Is(err, secret.ErrNone):
		k.fault(key+".sha256", "give sha256 or the token itself, not both")
		return false
	case t.SHA256 != "":
		b, bad := hex.DecodeString(t.SHA256)
		if bad != nil || len(b) != sha256.Size {
			k.fault(key+".sha256", "want 64 hexadecimal digits, as `tgrelay token new NAME` prints them")
			return false
		}
		t.Hash = [sha256.Size]byte(b)
		return true
	case errors.Is(err, secret.ErrNone) && !k.faulty(key+".sha256"):
		k.fault(key, "there is no token: give sha256, as `tgrelay token new NAME` prints it, or token_file or token_env")
	}
	t.Hash = sha256.Sum256([]byte(v.Reveal()))
	return err == nil
}

var namespace = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)

// bounds checks what a token may do.
func (k *checker) bounds(key string, t Token) {
	if len(t.Scopes) == 0 && !k.faulty(key+".scopes") {
		k.fault(key+".scopes", "a token without scopes may do nothing; give some of hooks, send, links, read, admin")
	}
	if t.Namespace != "" {
		k.require(namespace.MatchString(t.Namespace), key+".namespace", "%.60q is no namespace: use 1 to 32 letters, digits and . _ -, beginning with a letter or digit", t.Namespace)
	}
	for _, r := range t.Receivers {
		if _, known := k.c.Receivers[r]; !known && r != "heartbeat" {
			k.fault(key+".receivers", "there is no receiver %.60q; there are %s", r, strings.Join(slices.Sorted(maps.Keys(k.c.Receivers)), ", "))
		}
	}
	for _, glob := range t.Recipients {
		_, err := path.Match(glob, "")
		k.require(err == nil && glob != "", key+".recipients", `%.60q is no glob; want one such as "ops" or "team-*"`, glob)
	}
}
