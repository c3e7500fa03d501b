package telegram_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// What it costs to poll for many bots: each has a connection of its own, in TLS, that waits for an answer most of the time. `make scale` runs it;
// docs/scale.md has what came out. Without -bots nothing of it runs.

var bots = flag.Int("bots", 0, "for how many bots TestScalePolls polls; 0: it does not run")

// scaleServer makes a process of TestScaleServer the Telegram of TestScalePolls.
const scaleServer = "TGRELAY_SCALE_SERVER"

// TestScaleServer answers getUpdates with nothing, after as long as the caller wants to wait, until its standard input ends.
func TestScaleServer(t *testing.T) {
	if os.Getenv(scaleServer) == "" {
		t.Skip("it is a part of TestScalePolls")
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p struct{ Timeout time.Duration }
		if strings.HasSuffix(r.URL.Path, "/getWebhookInfo") {
			_, _ = io.WriteString(w, noWebhook)
			return
		}
		_ = json.NewDecoder(r.Body).Decode(&p) // without one it is answered at once
		select {
		case <-time.After(p.Timeout * time.Second):
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, `{"ok":true,"result":[]}`)
	}))
	defer server.Close()
	fmt.Println("serves", server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.CloseClientConnections()
}

func TestScalePolls(t *testing.T) {
	if *bots == 0 {
		t.Skip("-bots says how many")
	}
	url := startTelegram(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var handled atomic.Int64
	memory, resident, cpu := inUse(), status("VmRSS"), usedCPU(t)
	for i := range *bots {
		if i%50 == 0 {
			time.Sleep(100 * time.Millisecond) // a server on the same machine has half of the work
		}
		client, err := telegram.New(telegram.Options{Token: secret.New(fmt.Sprintf("%d:token-for-tests", i+1)), APIURL: url})
		if err != nil {
			t.Fatal(err)
		}
		p := &telegram.Poller{Client: client, Updates: &offsets{}, Log: slog.New(slog.DiscardHandler), Handle: func(context.Context, telegram.Update) error {
			handled.Add(1)
			return nil
		}}
		running.Go(func() { _ = p.Run(ctx) })
	}
	time.Sleep(10 * time.Second)
	connected := usedCPU(t) - cpu
	kib := func(bytes float64) string { return fmt.Sprintf("%.1f KiB", bytes/1024/float64(*bots)) }
	fmt.Printf("%d bots polled for, each over TLS:\n  memory in use for a bot %s, as the system counts it %s, %d goroutines\n  CPU to connect %s for a bot\n",
		*bots, kib(float64(inUse()-memory)), kib((status("VmRSS")-resident)*1024), runtime.NumGoroutine(), connected/time.Duration(*bots))
	cpu = usedCPU(t)
	const watched = 100 * time.Second // two polls of each
	time.Sleep(watched)
	fmt.Printf("  CPU while nothing happens: %.1f %% of a core, %s for a poll\n", 100*(usedCPU(t)-cpu).Seconds()/watched.Seconds(), (usedCPU(t)-cpu)/time.Duration(2**bots))
	cancel()
	running.Wait()
}

// startTelegram starts a process that is Telegram, and has this one trust its certificate.
func startTelegram(t *testing.T) (url string) {
	t.Helper()
	same := httptest.NewTLSServer(nil)
	same.Close()
	trusted := filepath.Join(t.TempDir(), "trusted")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: same.Certificate().Raw})
	if err := os.WriteFile(trusted, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", trusted)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestScaleServer$", "-test.timeout", "30m")
	cmd.Env = append(os.Environ(), scaleServer+"=1")
	leash, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		leash.Close()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, found, ok := strings.Cut(lines.Text(), "serves "); ok {
			return found
		}
	}
	t.Fatal("it does not serve")
	return ""
}

// inUse is how much memory lives, stacks included.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// status reads a line of the system's about this process, in KiB; 0 where there is none.
func status(name string) (kib float64) {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if after, ok := strings.CutPrefix(line, name+":"); ok {
			_, _ = fmt.Sscan(after, &kib)
		}
	}
	return kib
}

func usedCPU(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
