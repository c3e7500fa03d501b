package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/config"
)

type tokenCommand struct {
	New   tokenNewCommand   `cmd:"" help:"Make a token: printed once, with the block for relay.toml."`
	List  tokenListCommand  `cmd:"" help:"List the tokens of a running daemon: what each may do, and when it was last used."`
	Check tokenCheckCommand `cmd:"" help:"Say whether a token works, and what it may do."`
}

type tokenNewCommand struct {
	Name       string   `arg:"" help:"Name of the token in relay.toml, such as alertmanager."`
	Scopes     []string `default:"hooks" enum:"hooks,send,links,read,admin" help:"What it may do: hooks, send, links, read, admin."`
	Receivers  []string `complete:"receivers" help:"Receivers that it may use; all by default."`
	Recipients []string `complete:"recipients" help:"Recipients that it reaches, with * and ?; all by default."`
	Namespace  string   `help:"Keeps an application's recipients and links apart from others'."`
	Rate       string   `placeholder:"N/TIME" help:"How many requests it may make, such as 60/1m; any number by default."`
	Sources    []string `placeholder:"CIDR" help:"Address ranges that it may be shown from; any by default."`
}

var tokenName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (c *tokenNewCommand) Run(std *streams) error {
	if !tokenName.MatchString(c.Name) {
		return usageError{fmt.Errorf("a token's name has letters, digits, _ and - only, not %q", c.Name)}
	}
	if err := c.check(); err != nil {
		return usageError{err}
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: crypto/rand
	token := "tgr_" + base64.RawURLEncoding.EncodeToString(secret)
	sum := sha256.Sum256([]byte(token))
	fmt.Fprintf(std.err, "The token, shown this once:\n")
	fmt.Fprintln(std.out, token)
	fmt.Fprintf(std.err, "\nFor relay.toml:\n\n")
	fmt.Fprintf(std.out, "[auth.tokens.%s]\nsha256 = %q\nscopes = %s\n", c.Name, hex.EncodeToString(sum[:]), tomlList(c.Scopes))
	if len(c.Receivers) > 0 {
		fmt.Fprintf(std.out, "receivers = %s\n", tomlList(c.Receivers))
	}
	if len(c.Recipients) > 0 {
		fmt.Fprintf(std.out, "recipients = %s\n", tomlList(c.Recipients))
	}
	if c.Namespace != "" {
		fmt.Fprintf(std.out, "namespace = %q\n", c.Namespace)
	}
	if c.Rate != "" {
		fmt.Fprintf(std.out, "rate = %q\n", c.Rate)
	}
	if len(c.Sources) > 0 {
		fmt.Fprintf(std.out, "sources = %s\n", tomlList(c.Sources))
	}
	return nil
}

// check finds what relay.toml would not take.
func (c *tokenNewCommand) check() error {
	var rate config.Rate
	if rate.UnmarshalText([]byte(c.Rate)) != nil {
		return fmt.Errorf("--rate %s is none; write it like 60/1m", c.Rate)
	}
	for _, source := range c.Sources {
		if _, err := netip.ParsePrefix(source); err != nil {
			return fmt.Errorf("--sources %s is no address range; write it like 10.0.0.0/8", source)
		}
	}
	return nil
}

type tokenListCommand struct{ serverFlags }

func (c *tokenListCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	tokens, err := api.Tokens(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, tokens...)
	}
	if len(tokens) == 0 {
		fmt.Fprintln(std.err, "There are no tokens: the daemon serves this machine only, and asks for none.")
	}
	for _, t := range tokens {
		used := "never used"
		if !t.LastUsedAt.IsZero() {
			used = "last used " + t.LastUsedAt.Local().Format(time.DateTime)
		}
		fmt.Fprintf(std.out, "%s  %s  %s\n", t.Name, may(t), used)
	}
	return nil
}

type tokenCheckCommand struct{ serverFlags }

func (c *tokenCheckCommand) Run(ctx context.Context, std *streams) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	token, err := api.Token(ctx)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		return printJSON(std.out, *token)
	case token.Name == "":
		fmt.Fprintln(std.out, "no token is asked for: whoever reaches the daemon may do everything")
	default:
		fmt.Fprintf(std.out, "%s works: %s\n", token.Name, may(*token))
	}
	return nil
}

// may says what a token may do.
func may(t client.Token) string {
	words := strings.Join(t.Scopes, ", ")
	for _, bound := range []struct {
		name string
		list []string
	}{{"receivers", t.Receivers}, {"recipients", t.Recipients}, {"from", t.Sources}} {
		if len(bound.list) > 0 {
			words += "; " + bound.name + " " + strings.Join(bound.list, ", ")
		}
	}
	if t.Namespace != "" {
		words += "; namespace " + t.Namespace
	}
	if t.Rate != "" {
		words += "; " + t.Rate
	}
	return words
}

func tomlList(items []string) string {
	list := "["
	for i, item := range items {
		if i > 0 {
			list += ", "
		}
		list += fmt.Sprintf("%q", item)
	}
	return list + "]"
}
