package delivery_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

const token = "123456789:AAE-abcdefghijklmnopqrstuvwxyz_012"

// request is a sendMessage as it arrived.
type request struct {
	at                  time.Time
	ChatID              int64           `json:"chat_id"`
	MessageThreadID     int64           `json:"message_thread_id"`
	Text                string          `json:"text"`
	Entities            []markup.Entity `json:"entities"`
	ReplyMarkup         json.RawMessage `json:"reply_markup"`
	LinkPreviewOptions  json.RawMessage `json:"link_preview_options"`
	DisableNotification bool            `json:"disable_notification"`
	ProtectContent      bool            `json:"protect_content"`
}

// botAPI is a Bot API without sockets. answer decides what becomes of a sendMessage; nil or an empty answer: it is sent.
type botAPI struct {
	mu       sync.Mutex
	requests []request
	underWay map[int64]int
	answer   func(r request) string // of an error: "403 Forbidden: ...", or with parameters: `429 x {"retry_after":5}`
	delay    func(r request) time.Duration
	t        testing.TB
}

func (b *botAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		b.t.Errorf("decode a request: %v", err)
	}
	if !strings.HasSuffix(r.URL.Path, "/sendMessage") {
		return respond(200, `{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"x"}}`), nil
	}
	req.at = time.Now()
	b.mu.Lock()
	b.requests = append(b.requests, req)
	id := len(b.requests)
	b.underWay[req.ChatID]++
	if b.underWay[req.ChatID] > 1 {
		b.t.Errorf("%d requests for chat %d are under way at once", b.underWay[req.ChatID], req.ChatID)
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.underWay[req.ChatID]--
		b.mu.Unlock()
	}()
	if b.delay != nil {
		select {
		case <-time.After(b.delay(req)):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if b.answer != nil {
		if a := b.answer(req); a != "" {
			return refusal(a)
		}
	}
	return respond(200, fmt.Sprintf(`{"ok":true,"result":{"message_id":%d,"chat":{"id":%d}}}`, id, req.ChatID)), nil
}

func refusal(a string) (*http.Response, error) {
	if a == "reset" {
		return nil, io.ErrUnexpectedEOF
	}
	status, rest, _ := strings.Cut(a, " ")
	description, parameters, found := strings.Cut(rest, " {")
	if !found {
		parameters = "}"
	}
	var code int
	_, _ = fmt.Sscan(status, &code)
	return respond(code, fmt.Sprintf(`{"ok":false,"error_code":%d,"description":%q,"parameters":{%s}`, code, description, parameters)), nil
}

func respond(code int, body string) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// sent are the requests so far.
func (b *botAPI) sent() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

func texts(rs []request) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Text)
	}
	return out
}

// outbox is a relay.Outbox in memory. Methods that the engine does not use panic.
type outbox struct {
	relay.Outbox
	wake func(chatID int64)

	mu      sync.Mutex
	jobs    map[relay.ID]*relay.Job
	chats   map[int64][]*relay.Job // waiting
	seq     int64
	down    error // what writes answer
	reading error // what reads answer
	history []relay.Outcome
	largest int // page handed out
}

func newOutbox() *outbox {
	return &outbox{jobs: map[relay.ID]*relay.Job{}, chats: map[int64][]*relay.Job{}, wake: func(int64) {}}
}

// put queues jobs as a commit would.
func (o *outbox) put(jobs ...relay.Job) []relay.ID {
	o.mu.Lock()
	var ids []relay.ID
	for i := range jobs {
		j := jobs[i]
		o.seq++
		j.ID, j.Seq, j.State = relay.NewID(), o.seq, relay.Queued
		if j.CreatedAt.IsZero() {
			j.CreatedAt = time.Now()
		}
		o.jobs[j.ID] = &j
		o.chats[j.ChatID] = append(o.chats[j.ChatID], &j)
		ids = append(ids, j.ID)
	}
	o.mu.Unlock()
	for _, j := range jobs {
		o.wake(j.ChatID)
	}
	return ids
}

// text is a job for a chat.
func text(chatID int64, s string) relay.Job {
	return relay.Job{Delivery: relay.Delivery{ChatID: chatID}, Content: relay.Content{Text: markup.Text{Text: s}}}
}

func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = err
}

func (o *outbox) get(id relay.ID) relay.Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.jobs[id].Delivery
}

func (o *outbox) count(s relay.State) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, j := range o.jobs {
		if j.State == s {
			n++
		}
	}
	return n
}

func due(j *relay.Job, now time.Time) bool { return !j.SendAt.After(now) }

func (o *outbox) Lanes(_ context.Context, now time.Time) ([]int64, time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	chats, next := map[int64]bool{}, time.Time{}
	for _, waiting := range o.chats {
		for _, j := range waiting {
			if due(j, now) {
				chats[j.ChatID] = true
			} else if next.IsZero() || j.SendAt.Before(next) {
				next = j.SendAt
			}
		}
	}
	return slices.Collect(maps.Keys(chats)), next, o.reading
}

func (o *outbox) Heads(_ context.Context, chatID int64, now time.Time, limit int) ([]relay.Job, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting := slices.Clone(o.chats[chatID])
	waiting = slices.DeleteFunc(waiting, func(j *relay.Job) bool { return !due(j, now) })
	slices.SortStableFunc(waiting, func(a, b *relay.Job) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Seq, b.Seq))
	})
	o.largest = max(o.largest, limit)
	var heads []relay.Job
	for _, j := range waiting[:min(limit, len(waiting))] {
		heads = append(heads, *j)
	}
	return heads, o.reading
}

func (o *outbox) Sending(relay.ID) {}

func (o *outbox) Finish(_ context.Context, out relay.Outcome) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down != nil {
		return o.down
	}
	o.history = append(o.history, out)
	j := o.jobs[out.Delivery]
	if j == nil {
		return &relay.Error{Code: relay.CodeNotFound}
	}
	j.Attempts, j.Reason, j.LastError, j.NotBefore = out.Attempts, out.Reason, out.LastError, out.NotBefore
	j.TelegramMessageIDs = slices.Clone(out.TelegramMessageIDs)
	if out.State == relay.Sent {
		j.SentAt = out.At
	}
	o.move(j, out.State, j.ChatID)
	if out.MigrateTo != 0 {
		for _, other := range slices.Clone(o.chats[out.ChatID]) {
			o.move(other, relay.Queued, out.MigrateTo)
		}
	}
	if out.ChatState != "" {
		for _, other := range slices.Clone(o.chats[out.ChatID]) {
			other.Reason = out.Reason
			o.move(other, relay.Failed, other.ChatID)
		}
	}
	return nil
}

// move changes a job's state and chat.
func (o *outbox) move(j *relay.Job, s relay.State, chatID int64) {
	o.chats[j.ChatID] = slices.DeleteFunc(o.chats[j.ChatID], func(other *relay.Job) bool { return other == j })
	j.State, j.ChatID = s, chatID
	if s.Waiting() {
		o.chats[chatID] = append(o.chats[chatID], j)
	}
}

func (o *outbox) Expire(_ context.Context, now time.Time) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var n int64
	for _, j := range o.jobs {
		if j.State.Waiting() && !j.ExpiresAt.IsZero() && !j.ExpiresAt.After(now) {
			o.move(j, relay.Expired, j.ChatID)
			n++
		}
	}
	return n, o.down
}

func (o *outbox) Backlog(context.Context) (relay.Backlog, error) {
	b := relay.Backlog{Count: map[relay.State]int64{}}
	for _, s := range relay.States {
		b.Count[s] = int64(o.count(s))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, j := range o.jobs {
		if j.State == relay.Queued && (b.Oldest.IsZero() || j.CreatedAt.Before(b.Oldest)) {
			b.Oldest = j.CreatedAt
		}
	}
	return b, o.reading
}

// world is an engine between an outbox and a Bot API, inside of a synctest bubble.
type world struct {
	*outbox
	api    *botAPI
	engine *delivery.Engine
	start  time.Time
	log    *strings.Builder
	ends   []relay.Delivery // told to Failed
	endsMu sync.Mutex
}

// newWorld makes one that does not run yet.
func newWorld(t testing.TB, o delivery.Options) *world {
	t.Helper()
	w := &world{outbox: newOutbox(), api: &botAPI{t: t, underWay: map[int64]int{}}, start: time.Now()}
	w.connect(t, o)
	return w
}

// connect gives the world a new engine, as a restart would.
func (w *world) connect(t testing.TB, o delivery.Options) {
	t.Helper()
	client, err := telegram.New(telegram.Options{Token: secret.New(token), Transport: w.api})
	if err != nil {
		t.Fatal(err)
	}
	w.log = &strings.Builder{}
	o.Outbox, o.Client = w.outbox, client
	o.Log = slog.New(slog.NewTextHandler(&locked{w: w.log}, nil))
	o.Failed = func(d relay.Delivery) {
		w.endsMu.Lock()
		w.ends = append(w.ends, d)
		w.endsMu.Unlock()
	}
	w.engine = delivery.New(o)
	w.wake = w.engine.Wake
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// run starts the engine and returns what stops it and waits for it.
func (w *world) run(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.engine.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// inWorld runs a test in a bubble with an engine that runs.
func inWorld(t *testing.T, o delivery.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, o)
		stop := w.run(t)
		defer stop()
		test(t, w)
	})
}

// pass lets time pass; until the end of it all that can happen does.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// offsets are the moments of requests, from the start.
func (w *world) offsets() []time.Duration {
	var out []time.Duration
	for _, r := range w.api.sent() {
		out = append(out, r.at.Sub(w.start))
	}
	return out
}
