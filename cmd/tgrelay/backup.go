package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/store"
)

type backupCommand struct {
	configFlag
	progressFlag
	sealFlags
	Force bool   `help:"Overwrite FILE."`
	JSON  bool   `name:"json" help:"Print what is in the backup as JSON."`
	File  string `arg:"" complete:"files" help:"File to make; - is standard output."`
}

func (c *backupCommand) Run(ctx context.Context, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	recipients, err := c.recipients(std)
	if err != nil {
		return err
	}
	if err := c.mayWrite(cfg, std); err != nil {
		return err
	}
	dir, err := scratch(cfg)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plain := filepath.Join(dir, "relay.db")
	contents, err := c.copy(ctx, cfg, std, plain)
	if err != nil {
		return err
	}
	if err := c.deliver(ctx, std, plain, contents.Bytes, recipients); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return c.tell(std, contents, len(recipients) > 0)
}

func (c *backupCommand) mayWrite(cfg *config.Config, std *streams) error {
	if c.File == "-" {
		if isTerminal(std.out) {
			return usageError{errors.New("a backup is nothing to show in a terminal: name a file, or pipe it on")}
		}
		return nil
	}
	if _, err := os.Lstat(c.File); !errors.Is(err, fs.ErrNotExist) && !c.Force {
		return fmt.Errorf("%s exists: choose another name, or overwrite it with --force", c.File)
	}
	if info, err := os.Stat(c.File); err == nil && !info.Mode().IsRegular() {
		return usageError{fmt.Errorf("%s is no regular file: name another, or - for standard output", c.File)}
	}
	return notTheStorage(cfg, c.File)
}

// notTheStorage refuses a file that is the storage in use: what takes its place takes what comes in meanwhile with it.
func notTheStorage(cfg *config.Config, file string) error {
	dir, name, err := store.Place(cfg.Storage.URL)
	if err != nil {
		return err
	}
	used, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return nil // there is none
	}
	if info, err := os.Stat(file); err == nil && os.SameFile(info, used) {
		return usageError{fmt.Errorf("%s is the storage itself: name another file", file)}
	}
	return nil
}

// scratch is a folder beside the storage, of the same owner and only for it: what is not yet encrypted lies where it lies anyway.
func scratch(cfg *config.Config) (string, error) {
	dir, _, err := store.Place(cfg.Storage.URL)
	if err != nil {
		return "", err
	}
	sweep(dir)
	made, err := os.MkdirTemp(dir, scratchPrefix)
	if err != nil {
		return "", fmt.Errorf("make room for the copy: %w: run this as the user that tgrelay runs as", err)
	}
	return made, nil
}

const (
	scratchPrefix = ".tgrelay-"
	// stale is after which time a scratch folder is nobody's any more.
	stale = 24 * time.Hour
)

// sweep takes away what was left by a backup or restore that was killed, or whose machine lost its power: a whole copy, not encrypted, which nobody else would delete.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // what is done next tells
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.IsDir() && strings.HasPrefix(e.Name(), scratchPrefix) && time.Since(info.ModTime()) > stale {
			_ = os.RemoveAll(filepath.Join(dir, e.Name())) // one that stays is tried again
		}
	}
}

// copy makes a copy of the storage and checks it from one end to the other.
func (c *backupCommand) copy(ctx context.Context, cfg *config.Config, std *streams, to string) (*store.Contents, error) {
	return checkedCopy(ctx, cfg.Storage.URL, to, c.start(std, "copying", sizeOf(cfg)))
}

// checkedCopy is a copy of the storage at address that was read from one end to the other.
func checkedCopy(ctx context.Context, address, to string, bar *progress) (*store.Contents, error) {
	stop := bar.watch(to)
	err := store.Backup(ctx, address, to)
	stop()
	if err != nil {
		return nil, err
	}
	contents, err := store.Inspect(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("check the backup: %w", err)
	}
	return contents, nil
}

func sizeOf(cfg *config.Config) int64 {
	dir, name, err := store.Place(cfg.Storage.URL)
	if err != nil {
		return -1
	}
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return -1
	}
	return info.Size()
}

// deliver brings the copy to its place, encrypted where that is wanted. A file takes the place of another only when it is whole and on disk.
func (c *backupCommand) deliver(ctx context.Context, std *streams, plain string, size int64, recipients []age.Recipient) error {
	from, err := os.Open(plain)
	if err != nil {
		return err
	}
	defer from.Close()
	bar := c.start(std, "writing", size)
	defer bar.done()
	source := io.TeeReader(interruptible{ctx, from}, &counter{progress: bar})
	if c.File == "-" {
		return seal(std.out, source, recipients)
	}
	to, err := os.CreateTemp(filepath.Dir(c.File), ".tgrelay-backup-") // mode 0600
	if err != nil {
		return err
	}
	err = errors.Join(seal(to, source, recipients), to.Sync(), to.Close())
	if err == nil {
		err = c.place(to.Name())
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return syncDir(filepath.Dir(c.File))
}

// place gives a file its name. A link fails where the name has been taken meanwhile; not every file system knows links.
func (c *backupCommand) place(made string) error {
	if !c.Force {
		err := os.Link(made, c.File)
		if err == nil {
			return os.Remove(made)
		}
		if errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return os.Rename(made, c.File)
}

// interruptible is a reader that ends with its context: Ctrl-C ends a long copy.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}

func seal(to io.Writer, from io.Reader, recipients []age.Recipient) error {
	if len(recipients) == 0 {
		_, err := io.Copy(to, from)
		return err
	}
	sealed, err := age.Encrypt(to, recipients...)
	if err != nil {
		return err
	}
	_, err = io.Copy(sealed, from)
	return errors.Join(err, sealed.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (c *backupCommand) tell(std *streams, contents *store.Contents, sealed bool) error {
	out, how := std.out, "checked"
	if c.File == "-" {
		out = std.err // standard output is the backup
	}
	if sealed {
		how += ", encrypted"
	}
	if c.JSON {
		return printJSON(out, struct {
			File      string `json:"file"`
			Encrypted bool   `json:"encrypted"`
			*store.Contents
		}{c.File, sealed, contents})
	}
	_, err := fmt.Fprintf(out, "%s: %s (%s)\n", c.File, contentsText(contents), how)
	return err
}

// contentsText says what is in a storage.
func contentsText(c *store.Contents) string {
	text := fmt.Sprintf("%s, %s, %s, %s (%d waiting)", count(c.Recipients, "recipient"), count(c.Chats, "chat"), count(c.Messages, "message"), count(deliveriesOf(c), "delivery"), c.Waiting())
	if !c.Newest.IsZero() {
		text += ", the newest message of " + shown(c.Newest)
	}
	return text
}

func deliveriesOf(c *store.Contents) (n int64) {
	for _, of := range c.Deliveries {
		n += of
	}
	return n
}
