package main_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// behindGate is a world whose relay reaches the simulator through a gate, by TLS if wanted.
func behindGate(t *testing.T, tls bool, extra string) (*world, *gate) {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), extra: extra}
	w.sim = start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken).await(t, `serves (http://\S+)`)
	sim, err := url.Parse(w.sim)
	if err != nil {
		t.Fatal(err)
	}
	to, scheme := sim.Host, "http://"
	if tls {
		proxy := httputil.NewSingleHostReverseProxy(sim)
		proxy.ErrorLog = log.New(io.Discard, "", 0)
		front := httptest.NewTLSServer(proxy)
		t.Cleanup(front.Close)
		to, scheme = front.Listener.Addr().String(), "https://"
		w.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})))
		w.command = func(args ...string) *exec.Cmd {
			cmd := exec.Command(binary, args...)
			cmd.Env = []string{"SSL_CERT_FILE=" + filepath.Join(w.dir, "ca.pem")}
			return cmd
		}
	}
	g := newGate(t, to)
	w.api = scheme + g.Addr().String()
	return w.begin(), g
}

// Telegram takes connections and answers nothing: what comes in is taken, it is said, and it arrives, in order, when Telegram speaks again.
func TestTelegramIsSilent(t *testing.T) {
	long(t)
	t.Parallel()
	for name, tls := range map[string]bool{"http": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, g := behindGate(t, tls, fast)
			ada := w.connect("Ada", "alice")
			w.allSent()
			g.hold(true)
			began := time.Now()
			w.send("alice", "one")
			w.send("alice", "two")
			w.eventually(func() bool {
				status, answer := w.call("GET", w.relay+"/-/ready", "")
				return status == 503 && strings.Contains(answer, "cannot be reached")
			})
			known := time.Since(began)
			g.hold(false)
			healed := time.Now()
			for len(w.texts(ada)) < 2 && time.Since(healed) < 3*patience {
				time.Sleep(50 * time.Millisecond)
			}
			w.arrive(ada, "one", "two")
			t.Logf("known after %s, over %s after it was mended", known.Round(time.Second), time.Since(healed).Round(time.Second))
		})
	}
}

// A daemon that is asked to end while Telegram is silent ends within the time that systemd gives it, and has lost nothing.
func TestEndWhileTelegramIsSilent(t *testing.T) {
	t.Parallel()
	w, g := behindGate(t, false, fast)
	ada := w.connect("Ada", "alice")
	w.allSent()
	g.hold(true)
	w.send("alice", "one")
	w.send("alice", "two")
	time.Sleep(100 * time.Millisecond) // one is under way
	began := time.Now()
	if status := w.process.stop(t); status != 0 || time.Since(began) > 18*time.Second {
		t.Errorf("ended with %d after %s\n%s", status, time.Since(began), w.process.text())
	}
	g.hold(false)
	w.serve()
	w.arrive(ada, "one", "two")
}

// Connections that break at any moment cost nothing but a message that may come twice.
func TestConnectionsBreak(t *testing.T) {
	t.Parallel()
	w, g := behindGate(t, true, fast)
	ada := w.connect("Ada", "alice")
	w.allSent()
	want := 0
	for end := time.Now().Add(map[bool]time.Duration{false: 2 * time.Second, true: time.Minute}[*chaos]); time.Now().Before(end); want++ {
		w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","text":"`+strconv.Itoa(want)+`"}`, nil)
		if want%5 == 0 {
			g.cut()
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.allSent()
	next, again := 0, 0
	for _, text := range w.texts(ada) {
		switch text {
		case strconv.Itoa(next):
			next++
		case strconv.Itoa(next - 1):
			again++
		default:
			t.Fatalf("%s came where %d should", text, next)
		}
	}
	if next != want {
		t.Errorf("%d of %d have arrived", next, want)
	}
	t.Logf("%d messages over %d broken connections, %d came twice", want, want/5+1, again)
}
