package config

import (
	"errors"
	"net/url"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// Events are the signed callbacks to an application.
type Events struct {
	URL        string       `toml:"url"` // empty: none
	Secret     secret.Value `toml:"secret"`
	SecretFile string       `toml:"secret_file"`
	SecretEnv  string       `toml:"secret_env"`

	Key []byte // of the signatures
}

func (k *checker) events(e *Events) {
	v, err := k.secret("events.secret", secret.Source{Value: e.Secret, File: e.SecretFile, Env: e.SecretEnv})
	if e.URL == "" {
		k.require(errors.Is(err, secret.ErrNone), "events.url", "an address is wanted beside the secret")
		return
	}
	u, parsed := url.Parse(e.URL)
	k.require(parsed == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "events.url", "want an address with http or https")
	switch {
	case errors.Is(err, secret.ErrNone):
		k.fault("events.secret_file", "a secret is wanted, to sign the events with: `echo whsec_$(head -c 32 /dev/urandom | base64)` makes one")
	case err == nil:
		e.Secret = v
		if e.Key, err = secret.ParseWebhookKey(v); err != nil {
			k.fault("events.secret", "%v", err)
		}
	}
}
