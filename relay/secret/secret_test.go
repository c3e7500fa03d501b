package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/secret"
)

const plain = "123456:AA-very-secret"

func TestValueNeverPrints(t *testing.T) {
	v := secret.New(plain)
	holder := struct {
		Token secret.Value
		Ptr   *secret.Value
		Map   map[string]secret.Value
		inner secret.Value
		deep  *struct{ v secret.Value }
	}{v, &v, map[string]secret.Value{"x": v}, v, &struct{ v secret.Value }{v}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", v, holder)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("start", "token", v, "all", holder)
	}
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "very-secret") || strings.Contains(out.String(), fmt.Sprintf("%x", plain)) {
		t.Errorf("the secret shows:\n%s", out.String())
	}
	if holder.inner != v || holder.deep.v != secret.New(plain) {
		t.Error("equal secrets are not ==")
	}
	if v.Reveal() != plain || (secret.Value{}).Reveal() != "" || secret.New("") != (secret.Value{}) || v.IsZero() || !(secret.Value{}).IsZero() {
		t.Error("Reveal or IsZero is wrong")
	}
}

func TestValueFromText(t *testing.T) {
	var got struct{ Token secret.Value }
	if err := json.Unmarshal([]byte(`{"Token": "abc"}`), &got); err != nil || got.Token.Reveal() != "abc" {
		t.Errorf("Unmarshal: %q, %v", got.Token.Reveal(), err)
	}
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSourceLoad(t *testing.T) {
	t.Setenv("TGRELAY_TEST_TOKEN", plain)
	t.Setenv("TGRELAY_TEST_EMPTY", "")
	dir := t.TempDir()
	for name, c := range map[string]struct {
		src     secret.Source
		want    string
		wantErr string
	}{
		"value":       {src: secret.Source{Value: secret.New(plain)}, want: plain},
		"file":        {src: secret.Source{File: writeFile(t, plain)}, want: plain},
		"newline":     {src: secret.Source{File: writeFile(t, plain+"\n")}, want: plain},
		"crlf":        {src: secret.Source{File: writeFile(t, plain+"\r\n\n")}, want: plain},
		"inner space": {src: secret.Source{File: writeFile(t, " a b \n")}, want: " a b "},
		"env":         {src: secret.Source{Env: "TGRELAY_TEST_TOKEN"}, want: plain},
		"none":        {wantErr: "no secret is given"},
		"two":         {src: secret.Source{File: "x", Env: "Y"}, wantErr: "more than once"},
		"empty file":  {src: secret.Source{File: writeFile(t, "\n")}, wantErr: "token is empty"},
		"no file":     {src: secret.Source{File: filepath.Join(dir, "absent")}, wantErr: "absent: no such file"},
		"a directory": {src: secret.Source{File: dir}, wantErr: "is a directory"},
		"huge":        {src: secret.Source{File: writeFile(t, strings.Repeat(plain, 5000))}, wantErr: "larger than 64 KiB"},
		"empty env":   {src: secret.Source{Env: "TGRELAY_TEST_EMPTY"}, wantErr: "TGRELAY_TEST_EMPTY is empty or not set"},
		"unset env":   {src: secret.Source{Env: "TGRELAY_TEST_UNSET"}, wantErr: "TGRELAY_TEST_UNSET is empty or not set"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.src.Load()
			if got.Reveal() != c.want {
				t.Errorf("got %q, want %q", got.Reveal(), c.want)
			}
			if (err == nil) != (c.wantErr == "") || err != nil && !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("error %v, want %q", err, c.wantErr)
			}
			if err != nil && strings.Contains(err.Error(), "very-secret") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestCredential(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, ok := secret.Credential("bot-token"); ok {
		t.Error("found a credential without a directory")
	}
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if _, ok := secret.Credential("bot-token"); ok {
		t.Error("found a credential in an empty directory")
	}
	if err := os.WriteFile(filepath.Join(dir, "bot-token"), []byte(plain), 0o400); err != nil {
		t.Fatal(err)
	}
	src, ok := secret.Credential("bot-token")
	if !ok {
		t.Fatal("did not find the credential")
	}
	if v, err := src.Load(); err != nil || v.Reveal() != plain {
		t.Errorf("Load: %q, %v", v.Reveal(), err)
	}
}
