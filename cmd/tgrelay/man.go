package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// manCommand writes manual pages, man(7), for packages: tgrelay(1) of the table of commands, relay.toml(5) of the commented reference. They
// bear no date, so that the same sources make the same pages.
type manCommand struct {
	Reference string `arg:"" optional:"" type:"path" placeholder:"FILE" help:"The commented relay.toml, to print relay.toml(5) instead of tgrelay(1)."`
}

func (c *manCommand) Run(k *kong.Context, std *streams) error {
	page := &page{}
	if c.Reference == "" {
		page.commands(k.Model.Node)
	} else {
		text, err := os.ReadFile(c.Reference)
		if err != nil {
			return usageError{err}
		}
		page.reference(string(text))
	}
	_, err := io.WriteString(std.out, page.text.String())
	return err
}

// page is a manual page that grows.
type page struct{ text strings.Builder }

// macro writes a request with its arguments, each quoted.
func (p *page) macro(name string, args ...string) {
	p.text.WriteString("." + name)
	for _, a := range args {
		p.text.WriteString(` "` + strings.ReplaceAll(roff(a), `"`, `\(dq`) + `"`)
	}
	p.text.WriteByte('\n')
}

// line writes a line of text.
func (p *page) line(text string) {
	text = roff(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text // else a request
	}
	p.text.WriteString(text + "\n")
}

// roff escapes what roff would read as its own, and says that a hyphen is one, so that it can be copied.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
}

// commands writes tgrelay(1).
func (p *page) commands(app *kong.Node) {
	p.macro("TH", strings.ToUpper(app.Name), "1", "", app.Name+" "+versionText(), "User Commands")
	p.macro("SH", "NAME")
	p.line(app.Name + " - bring any webhook into Telegram")
	p.macro("SH", "SYNOPSIS")
	p.macro("B", app.Name)
	p.line("COMMAND [ARGUMENT...] [--FLAG...]")
	p.macro("SH", "DESCRIPTION")
	p.line(app.Help)
	p.line("tgrelay COMMAND --help shows what is said here of a command.")
	p.macro("SH", "COMMANDS")
	for _, command := range app.Leaves(true) {
		p.command(command)
	}
	p.notes()
}

func (p *page) command(n *kong.Node) {
	p.macro("SS", n.Summary())
	p.line(n.Help)
	for _, argument := range n.Positional {
		p.item(argument.Summary(), argument.Help)
	}
	for _, flags := range n.AllFlags(true) {
		for _, flag := range flags {
			if flag.Name != "help" {
				p.item(term(flag), describe(flag))
			}
		}
	}
}

// item writes a term and what it means.
func (p *page) item(term, meaning string) {
	p.macro("TP")
	p.macro("B", term)
	p.line(cmp.Or(meaning, "See above."))
}

// term is how a flag is written, its default left to describe.
func term(flag *kong.Flag) string {
	text := "--" + flag.Name
	if flag.Short != 0 {
		text = fmt.Sprintf("-%c, %s", flag.Short, text)
	}
	if flag.IsBool() {
		return text
	}
	return text + "=" + cmp.Or(flag.PlaceHolder, strings.ToUpper(flag.Name))
}

func describe(flag *kong.Flag) string {
	text := flag.Help
	if flag.HasDefault && flag.Default != "" {
		text += fmt.Sprintf(" Default: %s.", flag.Default)
	}
	if len(flag.Envs) > 0 {
		text += fmt.Sprintf(" Environment: %s.", strings.Join(flag.Envs, ", "))
	}
	return strings.TrimSpace(text)
}

// notes writes what the table of commands does not know.
func (p *page) notes() {
	p.macro("SH", "EXIT STATUS")
	p.item("0", "Done.")
	p.item("1", "It failed; standard error says why, and what to do.")
	p.item("2", "Wrong usage or configuration.")
	p.macro("SH", "SIGNALS")
	p.item("SIGTERM", "The daemon finishes what is under way, 10 seconds at most, leaves the rest durable, and ends.")
	p.item("SIGHUP", "The daemon reads relay.toml again, all but [server], [storage] and [telegram]; a file with faults changes nothing.")
	p.macro("SH", "FILES")
	p.item("./relay.toml, /etc/tgrelay/relay.toml", "The configuration, where neither --config nor TGRELAY_CONFIG names another; see relay.toml(5).")
	p.item("/etc/tgrelay/bot-token", "The bot's token, as packages have it.")
	p.item("/var/lib/tgrelay/relay.db", "The storage, as packages have it.")
	p.macro("SH", "SEE ALSO")
	p.line("relay.toml(5), https://github.com/tgrelay/tgrelay")
}

var (
	tableLine = regexp.MustCompile(`^(?:# )?(\[[a-z_.]+\])$`)
	keyLine   = regexp.MustCompile(`^(?:# )?([a-z0-9_]+ = .*)$`)
)

// reference writes relay.toml(5) of the commented file: tables are sections, and the keys of a block stand before what is said of them.
func (p *page) reference(text string) {
	p.macro("TH", "RELAY.TOML", "5", "", "tgrelay "+versionText(), "File Formats")
	p.macro("SH", "NAME")
	p.line("relay.toml - configuration of tgrelay")
	p.macro("SH", "DESCRIPTION")
	for block := range strings.SplitSeq(text, "\n\n") {
		p.block(strings.Split(strings.TrimSpace(block), "\n"))
	}
	p.macro("SH", "SEE ALSO")
	p.line("tgrelay(1)")
}

func (p *page) block(lines []string) {
	var prose, keys []string
	flush := func() {
		p.explained(keys, prose)
		prose, keys = nil, nil
	}
	for _, line := range lines {
		switch {
		case tableLine.MatchString(line):
			before := slices.Clone(prose)
			prose = nil
			flush()
			p.macro("SH", tableLine.FindStringSubmatch(line)[1])
			prose = before // a table's comment may stand above it
		case keyLine.MatchString(line):
			keys = append(keys, keyLine.FindStringSubmatch(line)[1])
		default:
			if len(keys) > 0 {
				flush() // the next key's comment
			}
			prose = append(prose, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		}
	}
	flush()
}

// explained writes the keys of a block with their defaults, and what the file says of them.
func (p *page) explained(keys, prose []string) {
	for i, key := range keys {
		p.macro(map[bool]string{true: "TP", false: "TQ"}[i == 0])
		p.macro("B", key)
	}
	paragraph := len(keys) == 0
	for _, line := range prose {
		if line == "" {
			paragraph = true
			continue
		}
		if paragraph {
			p.macro("PP")
			paragraph = false
		}
		p.line(line)
	}
	if len(keys) > 0 && len(prose) == 0 {
		p.line("See above.")
	}
}
