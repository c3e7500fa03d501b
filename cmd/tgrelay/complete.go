package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/config"
)

// completeCommand answers the scripts of `tgrelay completion`: what may stand for the last word of a line, one a line with its help behind
// a tab, or ":files" where a file is wanted. It reads the table of commands, so that no script can be out of date.
type completeCommand struct {
	Line  *string  `help:"The line as it stands before the cursor."`
	Words []string `arg:"" optional:"" passthrough:"" help:"Its words behind the program, where the shell knows them."`
}

func (c *completeCommand) Run(ctx context.Context, k *kong.Context, std *streams) error {
	words := c.Words
	switch {
	case c.Line != nil:
		words = splitLine(*c.Line)[1:]
	case len(words) > 0 && words[0] == "--":
		words = words[1:]
	}
	if len(words) == 0 {
		return usageError{errors.New("there is no word to complete; `tgrelay completion` prints what asks for it")}
	}
	read, last := words[:len(words)-1], words[len(words)-1]
	p := place{node: k.Model.Node, given: map[string]string{}}
	for _, word := range read {
		p.read(word)
	}
	for _, o := range p.offers(ctx, last) {
		fmt.Fprintln(std.out, strings.TrimSuffix(o.value+"\t"+o.help, "\t"))
	}
	return nil
}

// splitLine takes a line apart as a shell does, without expanding anything. The last word is what stands before the cursor: maybe nothing.
func splitLine(line string) []string {
	words := []string{""}
	var quote rune
	escaped, spaced := false, false
	for _, r := range line {
		if r == ' ' && quote == 0 && !escaped {
			spaced = true
			continue
		}
		if spaced {
			words, spaced = append(words, ""), false
		}
		last := &words[len(words)-1]
		switch {
		case escaped:
			*last, escaped = *last+string(r), false
		case r == '\\' && quote != '\'':
			escaped = true
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		default:
			*last += string(r)
		}
	}
	if spaced || len(words) == 1 {
		words = append(words, "")
	}
	return words
}

// place is how far a line was read.
type place struct {
	node  *kong.Node
	args  int               // positional arguments read
	value *kong.Flag        // whose value comes next
	plain bool              // behind --: no flags any more
	given map[string]string // flags by their names
}

func (p *place) read(word string) {
	switch {
	case p.value != nil:
		p.given[p.value.Name], p.value = word, nil
	case p.plain || !strings.HasPrefix(word, "-"):
		p.argument(word)
	case word == "--":
		p.plain = true
	default:
		p.flag(word)
	}
}

func (p *place) argument(word string) {
	for _, child := range p.node.Children {
		if child.Name == word || slices.Contains(child.Aliases, word) {
			p.node, p.args = child, 0
			return
		}
	}
	p.args++
}

func (p *place) flag(word string) {
	name, value, valued := strings.Cut(word, "=")
	for _, f := range p.flags() {
		if name != "--"+f.Name && name != "-"+string(f.Short) {
			continue
		}
		p.given[f.Name] = value
		if !valued && !f.IsBool() && !f.IsCounter() {
			p.value = f
		}
	}
}

// flags are those that may stand here: also those of a command that is the default.
func (p *place) flags() []*kong.Flag {
	flags := slices.Concat(p.node.AllFlags(true)...)
	if d := p.node.DefaultCmd; d != nil {
		flags = append(flags, d.Flags...)
	}
	return flags
}

// offer is what may stand at a place.
type offer struct{ value, help string }

func (p *place) offers(ctx context.Context, word string) []offer {
	if p.value != nil {
		return p.valuesOf(ctx, p.value.Value, "", word)
	}
	if name, value, valued := strings.Cut(word, "="); valued && strings.HasPrefix(word, "--") && !p.plain {
		for _, f := range p.flags() {
			if "--"+f.Name == name {
				return p.valuesOf(ctx, f.Value, name+"=", value)
			}
		}
		return nil
	}
	if strings.HasPrefix(word, "-") && !p.plain {
		return p.flagOffers(word)
	}
	if len(p.node.Children) > 0 && p.args == 0 {
		return p.commands(word)
	}
	if a := p.positional(); a != nil {
		return p.valuesOf(ctx, a, "", word)
	}
	if word == "" {
		return p.flagOffers(word)
	}
	return nil
}

func (p *place) commands(word string) []offer {
	var found []offer
	for _, child := range p.node.Children {
		if !child.Hidden && strings.HasPrefix(child.Name, word) {
			found = append(found, offer{child.Name, child.Help})
		}
	}
	return found
}

// flagOffers are the flags that are not there yet, or may be there again.
func (p *place) flagOffers(word string) []offer {
	var found []offer
	for _, f := range p.flags() {
		_, given := p.given[f.Name]
		if name := "--" + f.Name; strings.HasPrefix(name, word) && (!given || f.IsCumulative()) {
			found = append(found, offer{name, f.Help})
		}
	}
	return found
}

// positional is the argument that comes next; the last may come again if it is a list.
func (p *place) positional() *kong.Value {
	args := p.node.Positional
	if len(args) == 0 {
		return nil
	}
	last := args[len(args)-1]
	if p.args >= len(args) {
		if !last.IsCumulative() {
			return nil
		}
		return last
	}
	return args[p.args]
}

// valuesOf are the values of a flag or argument: those of its enum, names that are known, or files. What stands before the word in the
// shell's eyes is repeated: the flag, and the members of a list before the last.
func (p *place) valuesOf(ctx context.Context, v *kong.Value, head, word string) []offer {
	if v.Flag != nil && v.IsSlice() {
		if i := strings.LastIndexByte(word, ','); i >= 0 {
			head, word = head+word[:i+1], word[i+1:]
		}
	}
	kind := v.Tag.Get("complete")
	switch {
	case kind == "files" || v.Tag.Type == "path":
		return []offer{{":files", ""}}
	case kind != "":
		return offerAll(p.named(ctx, kind, word), head, word)
	case v.Enum != "":
		return offerAll(v.EnumSlice(), head, word)
	}
	return nil
}

func offerAll(values []string, head, word string) []offer {
	var found []offer
	for _, value := range values {
		if value != "" && strings.HasPrefix(value, word) {
			found = append(found, offer{head + value, ""})
		}
	}
	return found
}

// named are names that the configuration or the daemon knows. Where neither can be asked there are none: nobody waits for a completion.
func (p *place) named(ctx context.Context, kind, prefix string) []string {
	switch kind {
	case "receivers":
		return slices.Sorted(maps.Keys(p.config().Receivers))
	case "bots":
		return asked(p.config().BotNames())
	case "recipients":
		return p.recipients(ctx, prefix)
	case "states":
		var states []string
		for _, s := range relay.States {
			states = append(states, string(s))
		}
		return states
	}
	return nil
}

// config is as far as it can be read: a fault elsewhere, or a token that is not to be read, is none of what is looked for.
func (p *place) config() *config.Config {
	path := p.given["config"]
	if path != "" {
		path = kong.ExpandPath(path)
	}
	cfg, _ := config.Load(config.Find(path))
	if cfg == nil {
		cfg = config.Default()
	}
	return cfg
}

func (p *place) recipients(ctx context.Context, prefix string) []string {
	const patience, few = time.Second, 100
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	api, err := p.server().client()
	if err != nil {
		return nil
	}
	page, err := api.Recipients(ctx, relay.RecipientQuery{Prefix: prefix, Limit: few})
	if err != nil {
		return nil
	}
	var ids []string
	for _, r := range page.Items {
		ids = append(ids, r.ID)
	}
	return ids
}

// server is the daemon that the command would talk to.
func (p *place) server() serverFlags {
	var f serverFlags
	for _, flag := range p.flags() {
		value, given := p.given[flag.Name]
		if !given {
			value = fallback(flag)
		}
		switch flag.Name {
		case "server":
			f.Server = value
		case "token-file":
			if value != "" {
				f.TokenFile = kong.ExpandPath(value)
			}
		}
	}
	return f
}

// fallback is what a flag is where it is not given.
func fallback(f *kong.Flag) string {
	for _, name := range f.Tag.Envs {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return f.Default
}
