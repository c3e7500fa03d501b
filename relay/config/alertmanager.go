package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// Alertmanager is one that is asked what fires, and in which silences are made.
type Alertmanager struct {
	URL       string   `toml:"url"`       // without a slash at its end
	Receivers []string `toml:"receivers"` // whose alerts come from it

	Username     string       `toml:"username"` // of basic auth
	Password     secret.Value `toml:"password"`
	PasswordFile string       `toml:"password_file"`
	PasswordEnv  string       `toml:"password_env"`
	Token        secret.Value `toml:"token"` // bearer: of a service account of Grafana, for one
	TokenFile    string       `toml:"token_file"`
	TokenEnv     string       `toml:"token_env"`
}

func (k *checker) alertmanager(name string, a Alertmanager) {
	key := child("alertmanagers", name)
	k.require(receiverName.MatchString(name), key, "%.60q cannot name an Alertmanager: use small letters, digits, _ and -, beginning with a letter or digit", name)
	u, err := url.Parse(a.URL)
	fine := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
	k.require(fine || k.faulty(key+".url"), key+".url", `want an address such as "http://127.0.0.1:9093"; a user name and password have keys of their own`)
	a.URL = strings.TrimSuffix(a.URL, "/")
	k.require(len(a.Receivers) > 0 || k.faulty(key+".receivers"), key+".receivers", "which receivers do its alerts come by? Name some, such as alertmanager")
	for _, r := range a.Receivers {
		switch rc, known := k.c.Receivers[r]; {
		case !known:
			k.fault(key+".receivers", "there is no receiver %.60q", r)
		case !slices.Contains([]string{"alertmanager", "grafana"}, rc.Type):
			k.fault(key+".receivers", "%s is no receiver of alerts", r)
		}
	}
	password, noPassword := k.secret(key+".password", secret.Source{Value: a.Password, File: a.PasswordFile, Env: a.PasswordEnv})
	token, noToken := k.secret(key+".token", secret.Source{Value: a.Token, File: a.TokenFile, Env: a.TokenEnv})
	a.Password, a.PasswordFile, a.Token, a.TokenFile = password, k.c.path(a.PasswordFile), token, k.c.path(a.TokenFile)
	given := func(err error) bool { return !errors.Is(err, secret.ErrNone) }
	k.require(!given(noPassword) || !given(noToken), key, "give a token or a password, not both")
	k.require(given(noPassword) == (a.Username != ""), key+".username", "user name and password go together")
	k.c.Alertmanagers[name] = a
}
