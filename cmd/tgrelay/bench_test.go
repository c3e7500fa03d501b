package main_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/tgrelay/tgrelay/relay/simulator"
)

// The whole way, with the program as it is released in a process of its own and the simulator in this one.

const (
	benchCallers = 64
	benchChats   = 100
)

// newBench is a world whose Telegram is in this process.
func newBench(b *testing.B, extra string) *world {
	b.Helper()
	telegram := httptest.NewServer(simulator.New(simulator.Options{Token: botToken, KeepMessages: 1 << 20}))
	b.Cleanup(telegram.Close)
	w := &world{t: b, dir: b.TempDir(), extra: extra, sim: telegram.URL}
	return w.begin()
}

func (w *world) connectMany() {
	for i := range benchChats {
		w.connect(fmt.Sprintf("Ada%d", i), fmt.Sprintf("r%d", i))
	}
}

// kilobyte is a message of 1 KiB.
func kilobyte(recipient string) string {
	body := fmt.Sprintf(`{"to":%q,"text":"%%s"}`, recipient)
	return fmt.Sprintf(body, strings.Repeat("x", 1024-len(body)+2))
}

// caller is a connection that costs little, so that the server is what is measured.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(b testing.TB, url string) *caller {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &caller{conn, bufio.NewReader(conn)}
}

func requestBytes(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// post returns the answer's status.
func (c *caller) post(request []byte) (int, error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	status, length := 0, 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		switch {
		case status == 0:
			status, _ = strconv.Atoi(string(line[9:12]))
		case len(line) == 2:
			_, err = c.in.Discard(length)
			return status, err
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			length, _ = strconv.Atoi(strings.TrimSpace(string(line[16:])))
		}
	}
}

// load has callers post b.N messages and reports how fast that went.
func load(b *testing.B, url, path string) {
	b.Helper()
	loadWith(b, url, kilobytes(path))
}

// kilobytes are requests of callers, each for a recipient of its own.
func kilobytes(path string) func(caller int, _ int64) []byte {
	requests := make([][]byte, benchCallers)
	for i := range requests {
		requests[i] = requestBytes(path, kilobyte(fmt.Sprintf("r%d", i%benchChats)))
	}
	return func(caller int, _ int64) []byte { return requests[caller] }
}

// loadWith has callers post b.N requests, each the nth of all.
func loadWith(b *testing.B, url string, request func(caller int, n int64) []byte) {
	b.Helper()
	loadOn(b, []string{url}, request)
}

// loadOn is loadWith for several servers, who have so many callers each.
func loadOn(b *testing.B, urls []string, request func(caller int, n int64) []byte) {
	b.Helper()
	callers := make([]*caller, benchCallers)
	for i := range callers {
		callers[i] = dial(b, urls[i%len(urls)])
	}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var all sync.WaitGroup
	before := ownCPU(b)
	b.ResetTimer()
	for i, c := range callers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				sent := request(i, n)
				began := time.Now()
				if status, err := c.post(sent); err != nil || status != http.StatusAccepted {
					b.Errorf("%d, %v", status, err)
					return
				}
				took[n-1] = time.Since(began)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64((ownCPU(b)-before).Microseconds())/float64(b.N), "callers-cpu-µs/request")
	report(b, took)
}

// ownCPU is the time that this process has used: the callers and the simulator.
func ownCPU(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// loadByClient is load with Go's own HTTP client, which costs more than the server does.
func loadByClient(b *testing.B, url, path string) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchCallers}}
	b.Cleanup(client.CloseIdleConnections)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for i := range benchCallers {
		all.Go(func() {
			body := kilobyte(fmt.Sprintf("r%d", i%benchChats))
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				response, err := client.Post(url+path, "application/json", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// loads measures a server with both kinds of callers.
func loads(b *testing.B, url string) {
	const path = "/api/v1/messages"
	b.Run("callers=light", func(b *testing.B) { load(b, url, path) })
	b.Run("callers=http.Client", func(b *testing.B) { loadByClient(b, url, path) })
}

// forgetful makes this program the server of BenchmarkHTTPServer, on an address.
const forgetful = "TGRELAY_BENCH_SERVER"

// forget decodes messages, answers 202, and keeps nothing.
func forget(address string) error {
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct{ To, Text string }
		if json.NewDecoder(r.Body).Decode(&message) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id":"01890a5d-ac96-774b-bcce-b302099a8057"}`)
	}))
}

// BenchmarkHTTPServer is what the others are held against: a process of its own, as tgrelay is.
func BenchmarkHTTPServer(b *testing.B) {
	address := "127.0.0.1:" + freePort(b)
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), forgetful+"="+address)
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
	}
	loads(b, "http://"+address)
}

// BenchmarkAccept is messages on disk before they are answered, with Telegram's rates in force.
func BenchmarkAccept(b *testing.B) {
	w := newBench(b, "[delivery]\nsurge_after = \"0s\"\n")
	w.connectMany()
	loads(b, w.relay)
}

// BenchmarkDeliver is messages from the request to Telegram's answer, with open rates.
func BenchmarkDeliver(b *testing.B) {
	w := newBench(b, fast)
	w.connectMany()
	before := w.cpu()
	began := time.Now()
	load(b, w.relay, "/api/v1/messages")
	w.allSent()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "delivered/s")
	b.ReportMetric(float64((w.cpu()-before).Microseconds())/float64(b.N), "cpu-µs/message")
	b.ReportMetric(w.memory("VmHWM"), "peak-MiB")
}

// BenchmarkLatency is one message at a time, from the request until Telegram has it.
func BenchmarkLatency(b *testing.B) {
	sim := simulator.New(simulator.Options{Token: botToken, KeepMessages: 1 << 20})
	telegram := httptest.NewServer(sim)
	b.Cleanup(telegram.Close)
	w := &world{t: b, dir: b.TempDir(), extra: fast, sim: telegram.URL}
	ada := w.begin().connect("Ada", "r0")
	c := dial(b, w.relay)
	request := requestBytes("/api/v1/messages", kilobyte("r0"))
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range b.N {
		began := time.Now()
		if status, err := c.post(request); err != nil || status != http.StatusAccepted {
			b.Fatalf("%d, %v", status, err)
		}
		arrived := func(m []simulator.Message) bool { return len(simulator.FromBot(m)) >= i+2 }
		if _, err := sim.Wait(b.Context(), ada, arrived); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	report(b, took)
}

// BenchmarkStart is from the start of the process to the first message accepted, on an existing storage.
func BenchmarkStart(b *testing.B) {
	w := newBench(b, "")
	w.connect("Ada", "r0")
	startAgain(b, w)
}

// BenchmarkRedeem has ten thousand people open a link of their own at once, from Telegram's update to the stored binding and welcome.
func BenchmarkRedeem(b *testing.B) {
	const people = 10_000
	for range b.N {
		b.StopTimer()
		sim := simulator.New(simulator.Options{Token: botToken, KeepMessages: 1 << 20})
		telegram := httptest.NewServer(sim)
		w := (&world{t: b, dir: b.TempDir(), extra: fast, sim: telegram.URL}).begin()
		w.connect("Ada", "r0")
		links := make([]string, people)
		var making sync.WaitGroup
		for part := range benchCallers {
			making.Go(func() {
				for i := part; i < people; i += benchCallers {
					links[i] = w.link(fmt.Sprintf(`{"recipient":"user-%d"}`, i))
				}
			})
		}
		making.Wait()
		b.StartTimer()
		for i, link := range links {
			if err := sim.User(fmt.Sprintf("User %d", i)).Open(link); err != nil {
				b.Fatal(err)
			}
		}
		w.eventually(func() bool {
			_, metrics := w.call("GET", w.relay+"/metrics", "")
			return strings.Contains(metrics, fmt.Sprintf("\ntgrelay_links_total{event=\"redeemed\"} %d\n", people+1))
		})
		b.StopTimer()
		w.process.kill()
		telegram.Close()
	}
	b.ReportMetric(people*float64(b.N)/b.Elapsed().Seconds(), "redeems/s")
}

// BenchmarkStartMillion is the same with a million recipients and a million messages waiting, for ten thousand chats and for a million.
func BenchmarkStartMillion(b *testing.B) {
	for _, chats := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("chats=%d", chats), func(b *testing.B) {
			w := newBench(b, "")
			w.connect("Ada", "r0")
			w.process.kill()
			w.fill(chats)
			startAgain(b, w)
		})
	}
}

// fill puts a million recipients into the storage, and a million messages for some chats of theirs.
func (w *world) fill(chats int) {
	w.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(w.dir, "relay.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{
		`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
			INSERT INTO recipients (id, created_at) SELECT 'many-' || i, 1 FROM n`,
		`INSERT INTO bindings (recipient, bot, chat_id, message_thread_id, type, title, username, language_code, state, linked_at, muted_until, quiet_hours, digest, time_zone, locale)
			SELECT id, '', 1000000 + row_number() OVER (), 0, 'private', 'Ada', 'ada', 'en', 'active', 1, 0, '', '', '', '' FROM recipients WHERE id LIKE 'many-%'`,
		`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
			INSERT INTO messages (seq, id, created_at, receiver, owner, priority, send_at, expires_at, first_delivery, deliveries, content)
			SELECT 1000 + i, randomblob(16), 1, '', '', 0, 0, 4000000000000, 1000 + i, 1, '{"text":{"text":"one of a million"}}' FROM n`,
		fmt.Sprintf(`INSERT INTO deliveries (seq, id, message, recipient, chat_id, message_thread_id, receiver, state, priority, attempts, reason, last_error,
				telegram_message_ids, created_at, send_at, not_before, expires_at, sent_at, finished_at, rank)
			SELECT seq, randomblob(16), seq, 'many-' || (seq %% %[1]d + 1), 1000001 + seq %% %[1]d, 0, '', 1, 0, 0, '', '', '[]', 1, 0, 0, 4000000000000, 0, 0, seq
			FROM messages WHERE seq > 1000`, chats),
		`INSERT INTO numbers (name, value) VALUES ('deliveries.queued', 1000000) ON CONFLICT (name) DO UPDATE SET value = value + 1000000`,
	} {
		if _, err := db.Exec(text); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	}
}

func startAgain(b *testing.B, w *world) {
	b.Helper()
	request := kilobyte("r0")
	for b.Loop() {
		b.StopTimer()
		w.process.kill()
		b.StartTimer()
		w.process = start(b, "serve", "--config", w.config())
		for {
			response, err := http.Post(w.relay+"/api/v1/messages", "application/json", strings.NewReader(request))
			if err != nil {
				continue // it does not listen yet
			}
			response.Body.Close()
			if response.StatusCode == http.StatusAccepted {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms-to-accept")
	time.Sleep(3 * time.Second) // what it is like when nothing more happens
	before := w.cpu()
	time.Sleep(3 * time.Second)
	b.ReportMetric(w.memory("VmRSS"), "idle-MiB")
	b.ReportMetric(float64((w.cpu()-before).Milliseconds())/3, "idle-cpu-ms/s")
}

// memory is a size of the relay's process, in MiB.
func (w *world) memory(name string) float64 {
	w.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.cmd.Process.Pid))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				w.t.Fatal(err)
			}
			return kib / 1024
		}
	}
	w.t.Fatalf("no %s", name)
	return 0
}

// cpu is the time that the relay's process has used.
func (w *world) cpu() time.Duration {
	w.t.Helper()
	return cpuOf(w.t, w.process.cmd.Process.Pid)
}

// cpuOf is the time that a process has used.
func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}
