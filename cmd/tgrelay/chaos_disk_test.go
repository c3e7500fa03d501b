package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mount mounts a file system for a test, which has to be allowed to.
func mount(t *testing.T, args ...string) {
	t.Helper()
	asRoot(t)
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		t.Skipf("mount: %v %s", err, out)
	}
	at := args[len(args)-1]
	t.Cleanup(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
}

// onDisk is a world whose storage lies in a folder.
func onDisk(t *testing.T, folder string) *world {
	t.Helper()
	return newWorld(t, fast+"fallback = \"admin\"\n[storage]\nurl = \"sqlite:"+filepath.Join(folder, "relay.db")+"\"\n")
}

// tell posts a message and returns the status and the answer.
func (w *world) tell(to, text string) (int, string) {
	w.t.Helper()
	return w.call("POST", w.relay+"/api/v1/messages", fmt.Sprintf(`{"to":%q,"text":%q}`, to, text))
}

// unready waits until /-/ready says so, in these words.
func (w *world) unready(words string) {
	w.t.Helper()
	w.eventually(func() bool {
		status, answer := w.call("GET", w.relay+"/-/ready", "")
		return status == http.StatusServiceUnavailable && strings.Contains(answer, words)
	})
}

func (w *world) ready() {
	w.t.Helper()
	w.eventually(func() bool {
		status, _ := w.call("GET", w.relay+"/-/ready", "")
		return status == http.StatusOK
	})
}

// The disk becomes full: nothing more is taken, which is said, and nothing that was taken is lost; when there is room again all goes on by itself.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk)
	w := onDisk(t, disk)
	ada := w.connect("Ada", "alice")
	w.allSent()
	fill(t, filepath.Join(disk, "ballast"))
	var accepted []string
	refused := 0
	for n := 0; refused < 20; n++ {
		text := fmt.Sprintf("%d %s", n, strings.Repeat("x", 2000))
		switch status, answer := w.tell("alice", text); {
		case status == http.StatusAccepted:
			accepted = append(accepted, text)
		case status == http.StatusServiceUnavailable && strings.Contains(answer, "storage_unavailable") && strings.Contains(answer, "the disk of the storage is full: free some space"):
			refused++
		default:
			t.Fatalf("%d %s", status, answer)
		}
		if n > 5000 {
			t.Fatal("the disk does not become full")
		}
	}
	w.unready("the disk of the storage is full")
	if strings.Count(w.process.text(), "the storage takes no writes") != 1 {
		t.Errorf("the log:\n%s", w.process.text())
	}
	killed := *chaos
	if killed { // without room for its log SQLite cannot even open the file
		w.process.kill()
		if out, errs, status := run(t, "", "serve", "--config", w.config()); status != 1 || !strings.Contains(errs, "the disk of the storage is full: free some space") {
			t.Errorf("started on a full disk: %d %s%s", status, out, errs)
		}
	}
	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	if killed {
		w.serve()
	}
	w.ready()
	if status, answer := w.tell("alice", "there is room"); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, answer)
	}
	w.allSent()
	got := slices.Compact(w.texts(ada)) // what was sent and could not be stored as sent comes again
	if !slices.Equal(got, append(accepted, "there is room")) {
		t.Errorf("%d messages have arrived, %d were accepted", len(got), len(accepted)+1)
	}
}

// fill writes until there is no room.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10} {
		for {
			if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An fsync that fails is no 202: what is answered so is on disk.
func TestDiskDoesNotSync(t *testing.T) {
	t.Parallel()
	w, m := onMachine(t, fast)
	ada := w.connect("Ada", "alice")
	w.allSent()
	var want []string
	for round := range 3 {
		for n := range 5 {
			text := fmt.Sprintf("%d.%d", round, n)
			if status, answer := w.tell("alice", text); status != http.StatusAccepted {
				t.Fatalf("%d %s", status, answer)
			}
			want = append(want, text)
		}
		m.failDisk(t, []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS}[round])
		for n := range 5 {
			if status, answer := w.tell("alice", fmt.Sprintf("refused %d.%d", round, n)); status != http.StatusServiceUnavailable || !strings.Contains(answer, "storage_unavailable") {
				t.Errorf("with an fsync that fails: %d %s", status, answer)
			}
		}
		w.unready("storage")
		m.failDisk(t, 0)
		w.ready()
	}
	w.allSent()
	if got := slices.Compact(w.texts(ada)); !slices.Equal(got, want) {
		t.Errorf("arrived: %v, accepted: %v", got, want)
	}
	w.restart()
	w.tell("alice", "after a restart")
	w.eventually(func() bool { return slices.Contains(w.texts(ada), "after a restart") })
	if strings.Contains(strings.Join(w.texts(ada), " "), "refused") {
		t.Errorf("what was answered with 503 has arrived: %v", w.texts(ada))
	}
}

// A disk that takes a quarter of a second for each fsync carries many callers at once: they share it.
func TestDiskIsSlow(t *testing.T) {
	t.Parallel()
	w, m := onMachine(t, fast)
	ada := w.connect("Ada", "alice")
	w.allSent()
	m.slowDisk(t, 250*time.Millisecond)
	began, syncs := time.Now(), m.syncs(t)
	const callers, each = 100, 4
	var calling sync.WaitGroup
	for c := range callers {
		calling.Go(func() {
			for n := range each {
				w.insistOn(fmt.Sprintf(`{"to":"alice","text":"%d.%d"}`, c, n))
			}
		})
	}
	calling.Wait()
	took, shared := time.Since(began), m.syncs(t)-syncs
	m.slowDisk(t, 0)
	w.eventually(func() bool { return len(w.texts(ada)) >= callers*each })
	t.Logf("%d messages in %s with %d fsyncs of 250 ms", callers*each, took.Round(time.Millisecond), shared)
	if shared > callers*each/4 {
		t.Errorf("%d fsyncs for %d messages", shared, callers*each)
	}
}

// insistOn posts a message until it is accepted.
func (w *world) insistOn(body string) {
	for range 100 {
		response, err := http.Post(w.relay+"/api/v1/messages", "application/json", strings.NewReader(body))
		if err == nil {
			response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusAccepted {
			return
		}
	}
	w.t.Errorf("not accepted: %s", body)
}

// The file system goes read-only for an error of the disk, as ext4 does: nothing more is taken, which is said; after a check of the file system all
// that was taken arrives.
func TestDiskGoesReadOnly(t *testing.T) {
	long(t)
	asRoot(t)
	image, disk := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	sh(t, "mkfs.ext4", "-q", "-F", image)
	device := strings.TrimSpace(sh(t, "losetup", "--find", "--show", image))
	t.Cleanup(func() { sh(t, "losetup", "--detach", device) })
	mount(t, "-t", "ext4", "-o", "errors=remount-ro", device, disk)
	w := onDisk(t, disk)
	ada := w.connect("Ada", "alice")
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendMessage"}`, nil)
	w.tell("alice", "one")
	w.tell("alice", "two")
	if err := os.WriteFile("/sys/fs/ext4/"+filepath.Base(device)+"/trigger_fs_error", []byte("1"), 0o200); err != nil {
		without(t, "ext4's switch for errors", err)
	}
	w.eventually(func() bool {
		status, answer := w.tell("alice", "three")
		return status == http.StatusServiceUnavailable && strings.Contains(answer, "storage_unavailable")
	})
	w.unready("storage")
	_, answer := w.tell("alice", "three")
	t.Logf("said: %s", answer)
	w.process.kill()
	sh(t, "umount", disk)
	if out, err := exec.Command("fsck.ext4", "-p", "-f", device).CombinedOutput(); err != nil && !bytes.Contains(out, []byte("clean")) {
		t.Logf("fsck: %v %s", err, out) // status 1: errors were mended
	}
	sh(t, "mount", "-t", "ext4", device, disk)
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	w.serve()
	w.eventually(func() bool { return len(w.texts(ada)) >= 2 })
	if got := w.texts(ada); !slices.Equal(got[:2], []string{"one", "two"}) {
		t.Errorf("arrived: %v", got)
	}
	w.process.kill()
}

// sh runs a command that has to work.
func sh(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		without(t, name, err)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
