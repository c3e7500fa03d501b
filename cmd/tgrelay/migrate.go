package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tgrelay/tgrelay/relay/store"
)

type migrateCommand struct {
	configFlag
	progressFlag
	From     string `help:"Copy everything from this storage, sqlite:PATH or postgres://USER@HOST/DATABASE, to the one at --to, which is made. No daemon may run on either."`
	To       string `help:"Where to copy to."`
	DryRun   bool   `help:"Only say what would be done."`
	NoBackup bool   `help:"Make no copy of the storage before."`
	JSON     bool   `name:"json" help:"Print the schema and the steps as JSON."`
}

// migration is what was, or would be, done.
type migration struct {
	*store.Plan
	Done   bool   `json:"done"`
	Backup string `json:"backup,omitempty"`
}

func (c *migrateCommand) Run(ctx context.Context, std *streams) error {
	if c.From != "" || c.To != "" {
		return c.move(ctx, std)
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	plan, err := store.PlanMigration(ctx, cfg.Storage.URL)
	if err != nil {
		return err
	}
	m := &migration{Plan: plan}
	switch {
	case plan.Schema > plan.Newest:
		return fmt.Errorf("the storage has schema %d and this tgrelay knows %d at most: a newer tgrelay has used it; install that one again, or restore a backup from before the upgrade", plan.Schema, plan.Newest)
	case !c.DryRun && plan.Schema > 0 && len(plan.Steps) > 0:
		if err := c.migrate(ctx, cfg.Storage.URL, std, m); err != nil {
			return err
		}
	}
	return c.tell(std, m)
}

func (c *migrateCommand) migrate(ctx context.Context, address string, std *streams, m *migration) error {
	lock, err := store.Acquire(address)
	if err != nil {
		return err
	}
	defer lock.Release()
	if m.Plan, err = store.PlanMigration(ctx, address); err != nil || len(m.Steps) == 0 {
		return err // a daemon was faster
	}
	if !c.NoBackup {
		if m.Backup, err = c.keep(ctx, address, std, m.Schema); err != nil {
			return err
		}
	}
	m.Done = true
	return store.Migrate(ctx, address)
}

// keep makes a copy beside the storage. One that is there is of the same schema: an earlier try made it, and it is left alone.
func (c *migrateCommand) keep(ctx context.Context, address string, std *streams, schema int) (string, error) {
	dir, name, err := store.Place(address)
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, fmt.Sprintf("%s.v%d.bak", name, schema))
	if _, err := os.Lstat(copied); err == nil {
		return "", fmt.Errorf("%s is there already, from an earlier try: move it elsewhere, or migrate with --no-backup", copied)
	}
	if _, err := checkedCopy(ctx, address, copied, c.start(std, "copying", -1)); err != nil {
		_ = os.Remove(copied) // mostly it is gone already
		return "", err
	}
	return copied, nil
}

// move copies a storage into another database.
func (c *migrateCommand) move(ctx context.Context, std *streams) error {
	if c.From == "" || c.To == "" || c.DryRun {
		return usageError{errors.New("--from and --to go together, and without --dry-run")}
	}
	if c.From == c.To {
		return usageError{errors.New("--from and --to are the same")}
	}
	if plan, err := store.PlanMigration(ctx, c.From); err != nil || plan.Schema == 0 {
		return cmp.Or(err, errors.New("there is no storage at --from: check the address"))
	}
	for _, at := range []struct{ flag, address string }{{"--from", c.From}, {"--to", c.To}} {
		lock, err := store.Acquire(at.address)
		switch {
		case errors.Is(err, store.ErrInUse):
			return fmt.Errorf("a tgrelay is running on the storage of %s: stop it first", at.flag)
		case err != nil:
			return fmt.Errorf("%s: %w", at.flag, err)
		}
		defer lock.Release()
	}
	bar := c.count(std, "copying")
	rows, err := store.Copy(ctx, c.From, c.To, bar.of)
	bar.done()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]int64{"rows": rows})
	}
	fmt.Fprintf(std.out, "%d rows were copied; now let storage.url name the new storage\n", rows)
	return nil
}

func (c *migrateCommand) tell(std *streams, m *migration) error {
	if c.JSON {
		return printJSON(std.out, m)
	}
	switch {
	case m.Schema == 0:
		fmt.Fprintln(std.out, "there is no storage yet: tgrelay serve makes it")
	case len(m.Steps) == 0:
		fmt.Fprintf(std.out, "the storage has the newest schema, %d\n", m.Schema)
	default:
		fmt.Fprintf(std.out, "schema %d → %d\n", m.Schema, m.Newest)
		for _, step := range m.Steps {
			fmt.Fprintln(std.out, " ", step)
		}
	}
	if m.Backup != "" {
		fmt.Fprintln(std.out, "a copy from before is", m.Backup)
	}
	if len(m.Steps) > 0 && m.Schema > 0 && !m.Done {
		fmt.Fprintln(std.out, "nothing was changed: run it without --dry-run; tgrelay serve does the same, without a copy")
	}
	return nil
}
