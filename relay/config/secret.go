package config

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay/secret"
)

// errFaulty is the error of a secret that was given in a way that is a fault already.
var errFaulty = errors.New("the key has a fault")

// secret reads a secret that may be given as key, key_file or key_env. What is wrong becomes a fault,
// but for secret.ErrNone: the caller knows whether the secret may be left out.
func (k *checker) secret(key string, src secret.Source) (secret.Value, error) {
	src.File = k.c.path(src.File)
	v, err := src.Load()
	name := key[strings.LastIndexByte(key, '.')+1:]
	switch {
	case errors.Is(err, secret.ErrNone) && (k.faulty(key) || k.faulty(key+"_file") || k.faulty(key+"_env")):
		return v, errFaulty
	case errors.Is(err, secret.ErrMany):
		k.fault(givenAs(key, src), "give one of %s, %s_file and %s_env, not several", name, name, name)
	case errors.Is(err, fs.ErrNotExist):
		k.fault(givenAs(key, src), "the file %s is not there: write the %s into it, readable by the daemon's user only", src.File, strings.ReplaceAll(name, "_", " "))
	case err != nil && !errors.Is(err, secret.ErrNone):
		k.fault(givenAs(key, src), "%v", err)
	}
	return v, err
}

// faulty reports whether a key has a fault already.
func (k *checker) faulty(key string) bool {
	return slices.ContainsFunc(k.faults, func(f Fault) bool { return f.Key == key })
}

// givenAs is the key by which a secret was given.
func givenAs(key string, src secret.Source) string {
	switch {
	case src.File != "":
		return key + "_file"
	case src.Env != "":
		return key + "_env"
	}
	return key
}
