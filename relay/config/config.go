// Package config turns relay.toml into a checked Config.
//
// It promises that a Config it returns can be run with: every key is known and of its type, every value is possible,
// every secret was read, every relative path was joined to the folder of the file. All faults of a file come at once,
// each with its line and with what would be valid. It keeps nothing on disk, writes nothing, and asks nobody: it reads
// the file, the files that it names, and the environment. No secret ever shows in a fault.
//
// To add a key: add a field with its toml tag (and one_of, where the value is a word of a closed set) to the table's
// struct, its default to Default, what makes its value impossible to the table's check, and its line to relay.toml.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// Config is relay.toml. Fields are named after its keys.
type Config struct {
	// File is the file's path, as it was named.
	File string

	Telegram      Telegram                `toml:"telegram"`
	Bots          map[string]Bot          `toml:"bots"` // beside the one of Telegram
	Server        Server                  `toml:"server"`
	Storage       Storage                 `toml:"storage"`
	Delivery      Delivery                `toml:"delivery"`
	Onboarding    Onboarding              `toml:"onboarding"`
	Templates     Templates               `toml:"templates"`
	Auth          Auth                    `toml:"auth"`
	Events        Events                  `toml:"events"`
	Receivers     map[string]Receiver     `toml:"receivers"` // the built-in ones included
	Alertmanagers map[string]Alertmanager `toml:"alertmanagers"`
	Heartbeats    map[string]Heartbeat    `toml:"heartbeats"`
	Log           Log                     `toml:"log"`

	lines map[string]int // of each key in the file
}

// Default is the configuration of an empty file: complete but for the bot token. Its paths are relative to the working directory.
func Default() *Config {
	c := &Config{
		Telegram:   defaultTelegram(),
		Server:     defaultServer(),
		Storage:    defaultStorage(),
		Delivery:   defaultDelivery(),
		Onboarding: defaultOnboarding(),
		Log:        defaultLog(),
		Receivers:  map[string]Receiver{},
	}
	c.completeReceivers()
	return c
}

// Find is the file to read: the one named by --config, else by $TGRELAY_CONFIG, else ./relay.toml, else
// /etc/tgrelay/relay.toml. It is empty where nothing is named and neither file is there, and Load then says what to do.
func Find(flag string) string {
	if flag != "" {
		return flag
	}
	if env := os.Getenv("TGRELAY_CONFIG"); env != "" {
		return env
	}
	for _, path := range []string{"relay.toml", "/etc/tgrelay/relay.toml"} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path // also one that cannot be read: saying so is better than passing it over
		}
	}
	return ""
}

// Load reads and checks a file. What is wrong in it comes as Faults, as Parse tells them; a file that cannot be read is another error.
func Load(path string) (*Config, error) {
	const howTo = `make a relay.toml with the two lines

[telegram]
token_file = "bot-token"

and put the token that @BotFather gave you into the file bot-token beside it`
	if path == "" {
		return nil, errors.New("find configuration: none is named by --config or $TGRELAY_CONFIG, and neither ./relay.toml nor /etc/tgrelay/relay.toml is there: " + howTo)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read configuration: %s is not there: name another file with --config, or %s", path, howTo)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse checks a file's content. Relative paths in it are relative to the folder of name. The error is Faults; where the file could be
// read, what is right in it comes too, for whoever needs no more than that.
func Parse(name string, data []byte) (*Config, error) {
	top, err := readDocument(data)
	if err != nil {
		return nil, syntaxFaults(name, data, err)
	}
	c := Default()
	c.File, c.lines = name, map[string]int{}
	top.addLines(c.lines, "")

	k := &checker{c: c}
	k.table(top, "", reflect.ValueOf(c).Elem())
	k.completeBots()
	c.completeReceivers()
	c.completeHeartbeats()
	k.check()
	if len(k.faults) > 0 {
		return c, k.faults.sorted()
	}
	return c, nil
}

// Line is the line of a key ("receivers.ops.to") in the file; of the nearest table above it where the key is not in the
// file; 0 where there is none.
func (c *Config) Line(key string) int {
	for key != "" {
		if line, ok := c.lines[key]; ok {
			return line
		}
		key = parent(key)
	}
	return 0
}

// Fault is a fault of a key of this file, for what only others can check: templates, for one.
func (c *Config) Fault(key, format string, args ...any) Fault {
	return Fault{File: c.File, Line: c.Line(key), Key: key, Detail: fmt.Sprintf(format, args...)}
}

// path joins a relative path to the folder of the file; an empty one stays empty.
func (c *Config) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(c.File), p)
}

// checker collects what is wrong.
type checker struct {
	c      *Config
	faults Faults
}

func (k *checker) fault(key, format string, args ...any) {
	k.faults = append(k.faults, k.c.Fault(key, format, args...))
}

// require adds a fault to a key unless it is fine.
func (k *checker) require(fine bool, key, format string, args ...any) {
	if !fine {
		k.fault(key, format, args...)
	}
}

func (k *checker) check() {
	k.bots()
	k.server(&k.c.Server)
	k.storage(&k.c.Storage)
	k.delivery(&k.c.Delivery)
	k.onboarding(&k.c.Onboarding)
	k.templates(&k.c.Templates)
	for _, name := range slices.Sorted(maps.Keys(k.c.Receivers)) {
		r := k.c.Receivers[name]
		k.receiver(name, r)
		k.signature(child("receivers", name), &r)
		k.compatible(child("receivers", name), &r)
		k.c.Receivers[name] = r
	}
	k.aliases()
	for _, name := range slices.Sorted(maps.Keys(k.c.Alertmanagers)) {
		k.alertmanager(name, k.c.Alertmanagers[name])
	}
	k.heartbeats(k.c.Heartbeats)
	k.auth(&k.c.Auth)
	k.events(&k.c.Events)
}
