package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/store"
)

// file is the storage's, and its folder.
func (o *Options) file() (path, folder string, err error) {
	dir, name, err := store.Place(o.Config.Storage.URL)
	return filepath.Join(dir, name), dir, err
}

func lookAtStorage(ctx context.Context, o *Options) []Finding {
	if config.OnServer(o.Config.Storage.URL) {
		return lookAtServer(ctx, o)
	}
	path, folder, err := o.file()
	if err != nil {
		return one(Failure, err.Error(), "")
	}
	if _, err := os.Stat(path); err != nil {
		return absent(path, folder, err)
	}
	plan, err := store.PlanMigration(ctx, o.Config.Storage.URL)
	if err != nil {
		return one(Failure, err.Error(), "put a backup in its place (`tgrelay restore`), or change storage.url")
	}
	switch {
	case plan.Schema > plan.Newest:
		return one(Failure, fmt.Sprintf("it has schema %d, and this tgrelay knows %d at most", plan.Schema, plan.Newest), "install the newer tgrelay that used it, or restore a backup from before the upgrade")
	case plan.Schema == 0:
		return fine(path + " is empty: tgrelay serve fills it")
	}
	err = store.QuickCheck(ctx, o.Config.Storage.URL)
	switch {
	case ctx.Err() != nil:
		return one(Note, path+" is too large to be checked in a few seconds", "`tgrelay backup FILE` reads all of it, and says whether it is whole")
	case err != nil:
		return one(Failure, err.Error(), "stop tgrelay, keep the file aside, and put a backup in its place (`tgrelay restore`)")
	}
	found := fmt.Sprintf("%s is whole, schema %d", path, plan.Schema)
	if len(plan.Steps) > 0 {
		return one(Note, found, fmt.Sprintf("tgrelay serve brings it to schema %d; `tgrelay migrate` does so after making a copy", plan.Newest))
	}
	return append(fine(found), forOthers(ctx, o)...)
}

// forOthers finds what waits for bots that relay.toml has not, or not any more.
func forOthers(ctx context.Context, o *Options) []Finding {
	names, err := store.AwaitedBots(ctx, o.Config.Storage.URL)
	if err != nil {
		return nil // a storage that cannot be read is told of by itself
	}
	var all []Finding
	for _, name := range names {
		if _, known := o.Config.Bots[name]; !known && name != config.FirstBot {
			all = append(all, Finding{State: Warning, Found: "messages wait for the bot " + name + ", and there is no [bots." + name + "]", Remedy: "put it back, and they go; else they expire at max_age. `tgrelay deliveries --bot " + name + "` lists them"})
		}
	}
	return all
}

// lookAtServer asks a database server. How it looks after its disks is its own affair.
func lookAtServer(ctx context.Context, o *Options) []Finding {
	const remedy = "mend what it says; tgrelay serve ends with the same until then"
	plan, err := store.PlanMigration(ctx, o.Config.Storage.URL)
	if err == nil && (plan.Schema == 0 || plan.Schema == plan.Newest) {
		err = store.Rehearse(ctx, o.Config.Storage.URL)
	}
	switch {
	case err != nil:
		return one(Failure, err.Error(), remedy)
	case plan.Schema > plan.Newest:
		return one(Failure, fmt.Sprintf("it has schema %d, and this tgrelay knows %d at most", plan.Schema, plan.Newest), "install the newer tgrelay that used it")
	case plan.Schema == 0:
		return fine("the database server answers; tgrelay serve makes its tables")
	}
	return append(fine(fmt.Sprintf("the database server answers, schema %d", plan.Schema)), forOthers(ctx, o)...)
}

func absent(path, folder string, err error) []Finding {
	if !errors.Is(err, fs.ErrNotExist) {
		return one(Failure, err.Error(), "run this as the user that tgrelay runs as; if it is that one, check who owns the folder")
	}
	if _, err := os.Stat(folder); err != nil {
		return one(Failure, "there is no folder "+folder, "create it, owned by the user that tgrelay runs as, or change storage.url")
	}
	return fine(path + " is not there yet: tgrelay serve makes it")
}

// lookAtDisk says what the storage lies on, and how much room there is.
func lookAtDisk(_ context.Context, o *Options) []Finding {
	_, folder, err := o.file()
	if err != nil {
		return nil
	}
	d, err := diskOf(folder)
	if err != nil {
		return one(Note, "not known: "+err.Error(), "")
	}
	return append(space(d), kind(d)...)
}

// disk is a file system. Sizes are in bytes.
type disk struct {
	kind        string // empty: none that is known here
	free, total uint64
	files, max  uint64 // that may still be made, and in all; max is 0 where there is no such limit
}

func space(d disk) []Finding {
	found := fmt.Sprintf("%s of %s are free", size(d.free), size(d.total))
	const remedy = "free some space, or shorten storage.retention: once the disk is full, nothing is taken any more"
	switch {
	case d.free < 16<<20:
		return one(Failure, found, remedy)
	case d.free < min(100<<20, d.total/10):
		return one(Warning, found, remedy)
	case d.max > 0 && d.files < 100:
		return one(Warning, fmt.Sprintf("%d files can still be made (inodes)", d.files), "delete files: SQLite makes some beside its own")
	}
	return fine(found)
}

func kind(d disk) []Finding {
	switch d.kind {
	case "tmpfs", "ramfs":
		return one(Warning, d.kind+": what is stored here is gone with the power or a restart, and a 202 promises more", "let storage.url lie on a disk")
	case "overlay":
		return one(Warning, "overlay, a container's own layer: what is stored here is gone with the container", "mount a volume, and let storage.url lie in it")
	case "nfs", "cifs", "smb", "9p":
		return one(Warning, d.kind+", a network file system: locks and syncs of SQLite are only as good as its server, and often worse", "let storage.url lie on a local disk")
	case "fuse":
		return one(Note, "a FUSE file system: whether it keeps what it is told to sync is for it to say", "let storage.url lie on a local disk if in doubt")
	}
	return nil
}

func size(bytes uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	n, i := float64(bytes), 0
	for ; n >= 1024 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 || n >= 100 {
		return fmt.Sprintf("%.0f %s", n, units[i])
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}

// lookAtSpeed measures what each 202 waits for: a small write that is on the disk when fsync returns.
func lookAtSpeed(ctx context.Context, o *Options) []Finding {
	_, folder, err := o.file()
	if err != nil {
		return nil
	}
	if d, err := diskOf(folder); err == nil && (d.kind == "tmpfs" || d.kind == "ramfs") {
		return fine("not measured: it is memory")
	}
	took, err := measure(ctx, folder)
	if err != nil {
		return one(Failure, "a file cannot be written beside the storage: "+err.Error(), "run this as the user that tgrelay runs as; if it is that one, check who owns the folder, and whether the disk is full or mounted read-only")
	}
	return judge(took)
}

// measure returns the median time of a write of 4 KiB with its fsync.
func measure(ctx context.Context, folder string) (time.Duration, error) {
	f, err := os.CreateTemp(folder, ".tgrelay-doctor-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const most, longest = 300, 2 * time.Second
	block := make([]byte, 4096)
	var took []time.Duration
	for begun := time.Now(); len(took) < most && (len(took) < 3 || time.Since(begun) < longest) && ctx.Err() == nil; {
		start := time.Now()
		if _, err := f.WriteAt(block, int64(len(took)%16)*4096); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
	}
	if len(took) == 0 {
		return 0, ctx.Err()
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// judge knows what disks can do: no disk that keeps its word writes in less than some 30 µs, the fastest with a buffer that survives the loss of power.
func judge(median time.Duration) []Finding {
	found := fmt.Sprintf("a synced write takes %s: %.0f commits a second, each of one or many messages", median.Round(time.Microsecond), 1/median.Seconds())
	switch {
	case median < 30*time.Microsecond:
		return one(Warning, found+"; too fast to be true", "the disk, or the machine that lends it, seems to say written before it is: what was answered 202 may be lost with the power. Turn the write cache off, or have it flushed (for QEMU, any cache but unsafe)")
	case median > 50*time.Millisecond:
		return one(Warning, found, "this is slow, as a memory card or a busy disk is: each 202 waits for it. A disk of flash is a hundred times as fast")
	}
	return fine(found)
}
