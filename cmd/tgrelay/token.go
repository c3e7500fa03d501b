package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
)

type tokenCommand struct {
	New tokenNewCommand `cmd:"" help:"Make a token: printed once, with the block for relay.toml."`
}

type tokenNewCommand struct {
	Name       string   `arg:"" help:"Name of the token in relay.toml, such as alertmanager."`
	Scopes     []string `default:"hooks" enum:"hooks,send,links,read,admin" help:"What it may do: hooks, send, links, read, admin."`
	Receivers  []string `help:"Receivers that it may use; all by default."`
	Recipients []string `help:"Recipients that it reaches, with * and ?; all by default."`
	Namespace  string   `help:"Keeps an application's recipients and links apart from others'."`
}

var tokenName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (c *tokenNewCommand) Run(std *streams) error {
	if !tokenName.MatchString(c.Name) {
		return usageError{fmt.Errorf("a token's name has letters, digits, _ and - only, not %q", c.Name)}
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
	return nil
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
