package main_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	_ "github.com/mattn/go-sqlite3"
)

// works runs a command that is to succeed.
func works(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := run(t, "", args...)
	if status != 0 {
		t.Fatalf("%v: status %d\n%s%s", args, status, out, errs)
	}
	return out + errs
}

// refuses runs a command that is to fail with a sentence.
func refuses(t *testing.T, status int, says string, args ...string) {
	t.Helper()
	out, errs, got := run(t, "", args...)
	if got != status || !strings.Contains(errs, says) {
		t.Errorf("%v: status %d, want %d with %q\n%s%s", args, got, status, says, out, errs)
	}
}

// What an admin does: a backup beside the running daemon, and back to it after a loss.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	w.send("nobody", "is held")
	w.allSent()
	w.leaveCopy(".tgrelay-123")
	file := filepath.Join(w.dir, "copy.db")
	config := []string{"--config", w.config()}
	do := func(args ...string) []string { return append(args, config...) }

	if said := works(t, do("backup", file)...); !strings.Contains(said, "1 recipient, 1 chat") || !strings.Contains(said, "(1 waiting) ") && !strings.Contains(said, "(1 waiting),") {
		t.Errorf("backup says: %s", said)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the backup: %v %v", info, err)
	}
	refuses(t, 1, "exists", do("backup", file)...)
	works(t, do("backup", "--force", file)...)
	if piped, errs, status := run(t, "", do("backup", "-")...); status != 0 || !strings.HasPrefix(piped, "SQLite format 3") || !strings.Contains(errs, "1 recipient") {
		t.Errorf("to standard output: status %d, %.20q, %s", status, piped, errs)
	}
	refuses(t, 1, "is running on this storage", do("restore", "--force", file)...)
	refuses(t, 1, "is running on this storage", do("serve")...)

	w.connect("Eve", "later")
	if status := w.process.stop(t); status != 0 {
		t.Fatal(status)
	}
	refuses(t, 1, "--force", do("restore", file)...)
	said := works(t, do("restore", "--force", file)...)
	if !strings.Contains(said, "1 delivery waiting then: sent once tgrelay starts") {
		t.Errorf("restore says: %s", said)
	}
	aside := regexp.MustCompile(`kept as (\S+\.bak)`).FindStringSubmatch(said)
	if aside == nil {
		t.Fatalf("it does not say where the old storage is: %s", said)
	}
	w.serve()
	if out := works(t, "recipients", "--server", w.relay); strings.Contains(out, "later") || !strings.Contains(out, "ops") {
		t.Errorf("after restore:\n%s", out)
	}
	w.process.stop(t)
	works(t, do("restore", "--force", "--without-waiting", aside[1])...)
	w.serve()
	if out := works(t, "recipients", "--server", w.relay); !strings.Contains(out, "later") {
		t.Errorf("the storage that was kept aside lacks who came later:\n%s", out)
	}
	if out := works(t, "deliveries", "--state", "discarded", "--server", w.relay); !strings.Contains(out, "nobody") {
		t.Errorf("what waited was not discarded:\n%s", out)
	}
	if left, err := filepath.Glob(filepath.Join(w.dir, ".tgrelay-*")); err != nil || left != nil {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// leaveCopy makes what a backup leaves that was killed two days ago.
func (w *world) leaveCopy(name string) {
	w.t.Helper()
	then := time.Now().Add(-48 * time.Hour)
	dir := filepath.Join(w.dir, name)
	for _, err := range []error{os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "relay.db"), []byte("what somebody was told"), 0o600), os.Chtimes(dir, then, then)} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestSealedBackup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	w.process.stop(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w.write("key", key.String()+"\n")
	w.write("pass", "correct horse\n")
	w.write("wrong", "battery staple\n")
	w.write("light", light(t, "correct horse"))
	path := func(name string) string { return filepath.Join(w.dir, name) }
	do := func(args ...string) []string { return append(args, "--config", w.config()) }

	works(t, do("backup", "--recipient", key.Recipient().String(), path("for-key"))...)
	works(t, do("backup", "--passphrase-file", path("pass"), path("for-pass"))...)
	for _, name := range []string{"for-key", "for-pass"} {
		if b, err := os.ReadFile(path(name)); err != nil || strings.Contains(string(b), "SQLite") || !strings.HasPrefix(string(b), "age-encryption.org/v1\n") {
			t.Errorf("%s is not encrypted: %v", name, err)
		}
	}
	refuses(t, 2, "age1", do("backup", "--recipient", "ssh-dss x", path("x"))...)
	refuses(t, 1, "give the right --identity", do("restore", "--force", "--passphrase-file", path("pass"), path("for-key"))...)
	refuses(t, 1, "give the right --identity", do("restore", "--force", "--identity", path("key"), path("for-pass"))...)
	refuses(t, 1, "does not open it", do("restore", "--force", "--passphrase-file", path("wrong"), path("light"))...)
	works(t, do("restore", "--force", "--identity", path("key"), path("for-key"))...)
	if out := works(t, do("restore", "--json", "--force", "--passphrase-file", path("pass"), path("for-pass"))...); !strings.Contains(out, `"recipients":1`) {
		t.Errorf("restored: %s", out)
	}
}

// light is encrypted so that a passphrase is quickly tried.
func light(t *testing.T, passphrase string) string {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(4)
	var b strings.Builder
	to, err := age.Encrypt(&b, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is restored may be a storage itself, as one that was kept aside: its log has what came last. And no backup takes the place of the storage in use.
func TestRestoreOfAStorageWithItsLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	storage, copied := filepath.Join(w.dir, "relay.db"), filepath.Join(w.dir, "kept.db")
	refuses(t, 2, "is the storage itself", "backup", "--force", storage, "--config", w.config())
	link := filepath.Join(w.dir, "link.db")
	if err := os.Symlink(storage, link); err != nil {
		t.Fatal(err)
	}
	refuses(t, 2, "is the storage itself", "backup", "--force", link, "--config", w.config())
	pipe := filepath.Join(w.dir, "pipe") // like /dev/null: a file of that name in its place would be a disaster
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	refuses(t, 2, "is no regular file", "backup", "--force", pipe, "--config", w.config())
	for _, suffix := range []string{"-wal", ""} { // the log first, and nothing writes: together they are whole
		content, err := os.ReadFile(storage + suffix)
		if err != nil {
			t.Fatal(err)
		}
		w.write("kept.db"+suffix, string(content))
	}
	w.process.stop(t)
	if said := works(t, "restore", "--force", copied, "--config", w.config()); !strings.Contains(said, "1 recipient, 1 chat") {
		t.Errorf("restored without its log: %s", said)
	}
	if _, err := os.Stat(copied + "-wal"); err != nil {
		t.Errorf("what was restored was changed: %v", err)
	}
	refuses(t, 2, "is the storage itself", "restore", "--force", storage, "--config", w.config())
}

// A copy that is damaged, cut off, empty or of something else takes nothing's place.
func TestRestoreLooksFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.connect("Ada", "ops")
	file := filepath.Join(w.dir, "copy.db")
	works(t, "backup", file, "--config", w.config())
	w.process.stop(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(w.dir, "relay.db"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := strings.Repeat("x", 4096)
	for name, content := range map[string]string{
		"empty":   "",
		"text":    "hello",
		"cut":     string(whole[:len(whole)/2]),
		"damaged": string(whole[:8192]) + damaged + damaged + string(whole[16384:]),
	} {
		w.write(name, content)
		refuses(t, 1, "check the backup", "restore", "--force", filepath.Join(w.dir, name), "--config", w.config())
	}
	after, err := os.ReadFile(filepath.Join(w.dir, "relay.db"))
	if err != nil || string(after) != string(before) {
		t.Errorf("the storage is another: %v", err)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	loadFixture(t, "../../relay/store/testdata/schema/0001.sql", filepath.Join(dir, "relay.db"))
	if err := os.WriteFile(filepath.Join(dir, "relay.toml"), []byte("[telegram]\ntoken = \""+botToken+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "relay.toml")
	if out := works(t, "migrate", "--dry-run", "--config", config); !strings.Contains(out, "0002_live.sql") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("--dry-run says: %s", out)
	}
	if out := works(t, "migrate", "--config", config); !strings.Contains(out, "relay.db.v1.bak") || strings.Contains(out, "nothing was changed") {
		t.Errorf("migrate says: %s", out)
	}
	if out := works(t, "migrate", "--config", config); !strings.Contains(out, "newest schema") {
		t.Errorf("again: %s", out)
	}
	if out := works(t, "restore", "--force", filepath.Join(dir, "relay.db.v1.bak"), "--config", config); !strings.Contains(out, "restored") {
		t.Errorf("back to the copy: %s", out)
	}
	if out := works(t, "migrate", "--dry-run", "--config", config); !strings.Contains(out, "schema 1 →") {
		t.Errorf("after that: %s", out)
	}
}

// loadFixture makes a storage of what an older version wrote.
func loadFixture(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", to)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(string(text)); err != nil {
		t.Fatal(err)
	}
}
