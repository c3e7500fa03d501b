package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/store"
)

type restoreCommand struct {
	configFlag
	progressFlag
	openFlags
	Force          bool   `help:"Replace a storage that is there: it is kept under another name."`
	WithoutWaiting bool   `help:"Discard what was waiting when the backup was made, but for what is to be sent at a time to come: nothing is sent twice."`
	JSON           bool   `name:"json" help:"Print what was restored as JSON."`
	File           string `arg:"" complete:"files" help:"Backup to restore; - is standard input."`
}

func (c *restoreCommand) Run(ctx context.Context, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	lock, err := store.Acquire(cfg.Storage.URL)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := c.mayReplace(cfg); err != nil {
		return err
	}
	dir, err := scratch(cfg)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "relay.db")
	if err := c.unpack(ctx, std, copied); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	contents, err := store.Inspect(ctx, copied)
	if err != nil {
		return fmt.Errorf("check the backup: %w", err)
	}
	done, err := store.Restore(ctx, cfg.Storage.URL, store.Replacement{File: copied, Aside: c.Force, NoWaiting: c.WithoutWaiting})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return c.tell(std, contents, done)
}

// mayReplace says no before the work and the passphrase.
func (c *restoreCommand) mayReplace(cfg *config.Config) error {
	dir, name, err := store.Place(cfg.Storage.URL)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, name)); err == nil && !c.Force {
		return fmt.Errorf("there is a storage at %s already: with --force it is kept under another name and replaced", filepath.Join(dir, name))
	}
	return notTheStorage(cfg, c.File)
}

// unpack makes a plain file of the backup. One with a log beside it is a storage, as that which was kept aside: what came last is in the log.
func (c *restoreCommand) unpack(ctx context.Context, std *streams, to string) error {
	if info, err := os.Stat(c.File + "-wal"); c.File != "-" && err == nil && info.Size() > 0 {
		return store.Backup(ctx, "sqlite:"+c.File, to)
	}
	from, size := std.in, int64(-1)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		from = f
	}
	bar := c.start(std, "reading", size)
	defer bar.done()
	plain, err := c.open(io.TeeReader(interruptible{ctx, from}, &counter{progress: bar}), std)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, plain)
	return errors.Join(err, f.Close())
}

func (c *restoreCommand) tell(std *streams, contents *store.Contents, done *store.Restored) error {
	if c.JSON {
		return printJSON(std.out, struct {
			*store.Restored
			*store.Contents
		}{done, contents})
	}
	fmt.Fprintf(std.out, "restored to %s: %s\n", done.Path, contentsText(contents))
	if done.Aside != "" {
		fmt.Fprintf(std.out, "what was there is kept as %s, with what lies beside it\n", done.Aside)
	}
	waiting := contents.Waiting() - done.Discarded
	if done.Discarded > 0 {
		fmt.Fprintf(std.out, "%s waiting then will not be sent\n", count(done.Discarded, "delivery"))
	}
	if waiting > 0 {
		fmt.Fprintf(std.err, "%s waiting then: sent once tgrelay starts, or expired if older than max_age. What was sent since the backup arrives a second time; restore with --without-waiting (and --force) to send none of it.\n", count(waiting, "delivery"))
	}
	fmt.Fprintln(std.err, "What happened since the backup is not in it: people who connected have to open a link again, who stopped is connected again, and links used since then work again.")
	return nil
}
