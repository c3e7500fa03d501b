package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Errors of Source.Load that do not depend on what is in the file or the environment.
var (
	ErrNone = errors.New("no secret is given")
	ErrMany = errors.New("a secret is given more than once")
)

// maxFile bounds a secret's file, in bytes: whoever names a log by mistake gets an error and not a giant token.
const maxFile = 64 << 10

// Source is where a secret comes from: the value itself, a file, or an environment variable. Empty means not given.
type Source struct {
	Value Value
	File  string // path
	Env   string // name of the variable
}

// Given is how many of the three are given.
func (s Source) Given() int {
	n := 0
	for _, given := range []bool{!s.Value.IsZero(), s.File != "", s.Env != ""} {
		if given {
			n++
		}
	}
	return n
}

// Load returns the secret, line ends at its end taken off. Errors: ErrNone, ErrMany, and one that names the file or
// the variable (never what is in it) where that is missing, empty or unreadable.
func (s Source) Load() (Value, error) {
	switch {
	case s.Given() == 0:
		return Value{}, ErrNone
	case s.Given() > 1:
		return Value{}, ErrMany
	case s.File != "":
		return fromFile(s.File)
	case s.Env != "":
		return fromEnv(s.Env)
	}
	return s.Value, nil
}

// absent is what our unit brings in place of a credential whose file is not there (SetCredential=): systemd would not even start us.
const absent = "missing"

// Credential is the Source of a systemd credential (LoadCredential=, systemd.exec(5)); ok is false where there is none of that name.
func Credential(name string) (src Source, ok bool) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return Source{}, false
	}
	path := filepath.Join(dir, name)
	content, err := os.ReadFile(path)
	return Source{File: path}, !errors.Is(err, fs.ErrNotExist) && strings.TrimSpace(string(content)) != absent
}

func fromFile(path string) (Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return Value{}, fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Value{}, fmt.Errorf("read secret: %w", err)
	}
	if len(b) > maxFile {
		return Value{}, fmt.Errorf("read secret: %s is larger than %d KiB: is it the right file?", path, maxFile>>10)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return Value{}, fmt.Errorf("read secret: %s is empty", path)
	}
	return New(s), nil
}

func fromEnv(name string) (Value, error) {
	s := strings.TrimRight(os.Getenv(name), "\r\n")
	if s == "" {
		return Value{}, fmt.Errorf("read secret: the environment variable %s is empty or not set", name)
	}
	return New(s), nil
}
