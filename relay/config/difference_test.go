package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay/config"
)

func TestDifferences(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(text string) *config.Config {
		t.Helper()
		c, err := config.Parse(filepath.Join(dir, "relay.toml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	write("one", "1:AAA\n")
	write("same", "1:AAA\n")
	before := load(`[telegram]
token_file = "one"
[receivers.ops]
type = "json"
to = ["a"]
[auth.tokens.x]
token = "first"
scopes = ["read"]
`)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"the token elsewhere, the rest as it was by default", "[telegram]\ntoken_file = \"same\"\n[server]\nmax_body = \"1MiB\"\ntrusted_proxies = []\n[receivers.ops]\ntype = \"json\"\nto = [\"a\"]\n[auth.tokens.x]\ntoken = \"first\"\nscopes = [\"read\"]\n", nil},
		{
			"values, secrets and tables", "[telegram]\ntoken = \"1:BBB\"\n[server]\nlisten = [\"127.0.0.1:1\"]\n[receivers.ops]\ntype = \"json\"\nto = [\"b\"]\n[receivers.new]\ntype = \"json\"\n[auth.tokens.x]\ntoken = \"second\"\nscopes = [\"read\"]\n",
			[]string{"auth.tokens.x.token", "receivers.new", "receivers.ops.to", "server.listen", "telegram.token"},
		},
	} {
		if d := cmp.Diff(c.want, config.Differences(before, load(c.text))); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	write("one", "1:CCC\n")
	if d := cmp.Diff([]string{"telegram.token"}, config.Differences(before, load("[telegram]\ntoken_file = \"one\"\n[receivers.ops]\ntype = \"json\"\nto = [\"a\"]\n[auth.tokens.x]\ntoken = \"first\"\nscopes = [\"read\"]\n"))); d != "" {
		t.Errorf("another token in the same file: %s", d)
	}
}
