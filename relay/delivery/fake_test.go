package delivery_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// outbox keeps deliveries in memory by the rules of relay.Outbox.
type outbox struct {
	relay.Outbox // what the engine must not call is nil
	mu           sync.Mutex
	jobs         []*relay.Job
	wake         func(int64, relay.Priority)
	ended        func([]relay.Delivery)
	down         bool                         // all calls fail
	slow         time.Duration                // how long Recent takes
	counts       func(chat, fence int64) bool // whether outcomes under a lease do; nil: all do
	finished     []relay.Outcome
}

func (o *outbox) fail() error {
	if o.down {
		return &relay.Error{Code: relay.CodeStorageUnavailable, Detail: "disk full"}
	}
	return nil
}

func (o *outbox) setDown(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

// add queues a text for a chat, changed by edit, and wakes the engine.
func (o *outbox) add(chatID int64, text string, edit ...func(*relay.Job)) *relay.Job {
	j := &relay.Job{Content: relay.Content{Text: markup.Text{Text: text}}}
	j.ID, j.ChatID, j.State, j.CreatedAt = relay.NewID(), chatID, relay.Queued, time.Now()
	j.ExpiresAt = time.Now().Add(24 * time.Hour)
	for _, f := range edit {
		f(j)
	}
	o.mu.Lock()
	j.Seq = int64(len(o.jobs) + 1)
	o.jobs = append(o.jobs, j)
	o.mu.Unlock()
	if o.wake != nil {
		o.wake(chatID, relay.Reordered)
	}
	return j
}

func (o *outbox) Lanes(_ context.Context, _ string, now time.Time) (chats []int64, next time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := map[int64]bool{}
	for _, j := range o.jobs {
		switch {
		case !waits(j):
		case j.SendAt.After(now):
			if next.IsZero() || j.SendAt.Before(next) {
				next = j.SendAt
			}
		case !seen[j.ChatID]:
			seen[j.ChatID] = true
			chats = append(chats, j.ChatID)
		}
	}
	return chats, next, o.fail()
}

func waits(j *relay.Job) bool { return j.State == relay.Queued || j.State == relay.Sending }

func (o *outbox) Heads(_ context.Context, _ string, chatID int64, now time.Time, limit int) ([]relay.Job, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.fail(); err != nil {
		return nil, err
	}
	var some []relay.Job
	for _, j := range o.jobs {
		if j.ChatID == chatID && waits(j) && !j.SendAt.After(now) {
			some = append(some, *j)
		}
	}
	slices.SortStableFunc(some, func(a, b relay.Job) int { return cmp.Compare(b.Priority, a.Priority) })
	return some[:min(limit, len(some))], nil
}

// Recent goes by the outcomes, so that what another engine finished counts too.
func (o *outbox) Recent(_ context.Context, _ string, since time.Time) ([]relay.Arrival, error) {
	time.Sleep(o.slow)
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []relay.Arrival
	for _, out := range o.finished {
		if out.State == relay.Sent && out.At.After(since) {
			all = append(all, relay.Arrival{ChatID: o.find(out.Delivery).ChatID, At: out.At.Round(0), Messages: len(out.TelegramMessageIDs)})
		}
	}
	return all, o.fail()
}

func (o *outbox) find(id relay.ID) *relay.Job {
	for _, j := range o.jobs {
		if j.ID == id {
			return j
		}
	}
	return nil
}

func (o *outbox) Sending(id relay.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.find(id).State = relay.Sending
}

func (o *outbox) Finish(ctx context.Context, out relay.Outcome) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := cmp.Or(ctx.Err(), o.fail()); err != nil {
		return err
	}
	j := o.find(out.Delivery)
	lost := o.counts != nil && !o.counts(j.ChatID, out.Fence)
	if lost && out.State != relay.Sent {
		return relay.ErrLeaseLost
	}
	o.finished = append(o.finished, out)
	j.State, j.Attempts, j.Reason, j.LastError = out.State, out.Attempts, out.Reason, out.LastError
	j.NotBefore, j.TelegramMessageIDs = out.NotBefore, out.TelegramMessageIDs
	var ended []relay.Delivery
	if out.ChatState != "" {
		ended = append(ended, j.Delivery)
	}
	for _, other := range o.jobs {
		if other.ChatID != out.ChatID || !waits(other) {
			continue
		}
		if out.ChatState != "" {
			other.State, other.Reason = relay.Failed, out.Reason
			ended = append(ended, other.Delivery)
		}
		if out.MigrateTo != 0 {
			other.ChatID = out.MigrateTo
		}
	}
	if o.ended != nil {
		o.ended(ended)
	}
	if lost {
		return relay.ErrLeaseLost
	}
	return nil
}

func (o *outbox) Expire(_ context.Context, now time.Time, limit int) ([]relay.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ended []relay.Delivery
	for _, j := range o.jobs {
		if waits(j) && now.After(j.ExpiresAt) && len(ended) < limit {
			j.State = relay.Expired
			ended = append(ended, j.Delivery)
		}
	}
	return ended, o.fail()
}

func (o *outbox) Backlog(context.Context) (relay.Backlog, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := relay.Backlog{Count: map[relay.State]int64{}}
	for _, j := range o.jobs {
		b.Count[j.State]++
		if waits(j) && (b.Oldest.IsZero() || j.CreatedAt.Before(b.Oldest)) {
			b.Oldest = j.CreatedAt
		}
	}
	return b, o.fail()
}

// states counts jobs by state.
func (o *outbox) states() map[relay.State]int64 {
	b, _ := o.Backlog(context.Background())
	return b.Count
}

// request is a call that Telegram got: a sendMessage, one with files, one that changes a message, or one about a topic.
type request struct {
	telegram.SendMessage
	at        time.Time
	method    string
	Name      string `json:"name"` // of a topic
	MessageID int64  `json:"message_id"`
	Caption   string `json:"caption"` // of an album, that of the first
	media     []string
}

// readRequest reads JSON, or a form as far as the tests look at it.
func readRequest(r *http.Request) (request, error) {
	p := request{at: time.Now(), method: path.Base(r.URL.Path)}
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return p, cmp.Or(err, json.Unmarshal(body, &p))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		return p, err
	}
	p.ChatID, _ = strconv.ParseInt(r.FormValue("chat_id"), 10, 64)
	p.MessageID, _ = strconv.ParseInt(r.FormValue("message_id"), 10, 64)
	p.Caption, p.ReplyMarkup, p.DisableNotification = r.FormValue("caption"), json.RawMessage(r.FormValue("reply_markup")), r.FormValue("disable_notification") != ""
	_ = json.Unmarshal([]byte(r.FormValue("reply_parameters")), &p.ReplyTo) // none
	for _, field := range []string{"photo", "document"} {
		if r.MultipartForm.File[field] != nil || r.FormValue(field) != "" {
			p.media = append(p.media, r.FormValue(field))
		}
	}
	var album []struct{ Media, Caption string }
	if json.Unmarshal([]byte(r.FormValue("media")), &album) == nil {
		for i, m := range album {
			p.media, p.Caption = append(p.media, m.Media), album[0].Caption
			if i > 0 && m.Caption != "" {
				return p, errors.New("only the first of an album has a caption")
			}
		}
	}
	return p, nil
}

// bot is Telegram.
type bot struct {
	mu       sync.Mutex
	requests []request
	sent     []request                                            // what was answered with a message
	answer   func(n int, p telegram.SendMessage) (status, string) // of the nth request; an empty answer is a message
	latency  time.Duration
	topic    func(r request) (status, string) // answers calls about topics; nil: they are done
	other    func(r request) (status, string) // answers what is neither that nor a sendMessage; nil: it is done
	me       string                           // answer to getMe
	lastID   int64
}

type status int

func (b *bot) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if path.Base(r.URL.Path) == "getMe" {
		b.mu.Lock()
		defer b.mu.Unlock()
		_, _ = w.WriteString(cmp.Or(b.me, `{"ok":true,"result":{"id":1}}`))
		return w.Result(), nil
	}
	p, err := readRequest(r)
	if err != nil {
		return nil, err
	}
	code, text := b.take(p)
	if err := pause(r.Context(), b.latency); err != nil {
		return nil, err
	}
	if code == 0 && text != "" {
		return nil, io.ErrUnexpectedEOF
	}
	if code != 0 {
		w.WriteHeader(int(code))
	}
	if text == "" {
		text = b.done(p)
	}
	_, _ = w.WriteString(text)
	return w.Result(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *bot) take(p request) (status, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, p)
	if strings.HasSuffix(p.method, "ForumTopic") {
		if b.topic == nil {
			return 0, ""
		}
		return b.topic(p)
	}
	if p.method != "sendMessage" {
		if b.other == nil {
			return 0, ""
		}
		return b.other(p)
	}
	if b.answer == nil {
		return 0, ""
	}
	return b.answer(len(b.requests), p.SendMessage)
}

// done is the answer to a call that succeeds.
func (b *bot) done(p request) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.method == "reopenForumTopic" || p.method == "deleteMessage" {
		return `{"ok":true,"result":true}`
	}
	if strings.HasPrefix(p.method, "edit") {
		return `{"ok":true,"result":{"message_id":` + strconv.FormatInt(p.MessageID, 10) + `}}`
	}
	b.lastID++
	id := strconv.FormatInt(b.lastID, 10)
	if p.method == "createForumTopic" {
		return `{"ok":true,"result":{"message_thread_id":` + id + `}}`
	}
	p.at = time.Now()
	b.sent = append(b.sent, p)
	if p.method == "sendMediaGroup" {
		ids := make([]string, len(p.media))
		for i := range ids {
			ids[i] = `{"message_id":` + strconv.FormatInt(b.lastID+int64(i), 10) + `}`
		}
		b.lastID += int64(len(ids) - 1)
		return `{"ok":true,"result":[` + strings.Join(ids, ",") + `]}`
	}
	return `{"ok":true,"result":{"message_id":` + id + `}}`
}

// texts of what arrived in a chat, 0 for all.
func (b *bot) texts(chatID int64) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var texts []string
	for _, r := range b.sent {
		if chatID == 0 || r.ChatID == chatID {
			texts = append(texts, r.Text)
		}
	}
	return texts
}

func (b *bot) asked() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

func flood(seconds int) (status, string) {
	n := strconv.Itoa(seconds)
	return 429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after ` + n + `","parameters":{"retry_after":` + n + `}}`
}

func refusal(code status, text string) (status, string) {
	return code, `{"ok":false,"error_code":` + strconv.Itoa(int(code)) + `,"description":"` + text + `"}`
}

// set changes how Telegram answers.
func (b *bot) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// book is a log that can be read while it is written.
type book struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// house is an engine with what surrounds it.
type house struct {
	outbox   *outbox
	bot      *bot
	engine   *delivery.Engine
	registry *prometheus.Registry
	log      *book
	failed   []relay.Delivery
	stop     func() // ends Run and waits for it
}

// open makes a house whose engine does not run yet.
func open(t testing.TB, edit ...func(*delivery.Options)) *house {
	t.Helper()
	h := &house{outbox: &outbox{}, bot: &bot{}}
	h.build(t, edit...)
	return h
}

// build makes a new engine over the same outbox and Telegram, as a restart does.
func (h *house) build(t testing.TB, edit ...func(*delivery.Options)) {
	t.Helper()
	client, err := telegram.New(telegram.Options{Token: secret.New("1:token-for-tests"), APIURL: "http://telegram.test", Transport: h.bot})
	if err != nil {
		t.Fatal(err)
	}
	h.registry, h.log = prometheus.NewRegistry(), &book{}
	var mu sync.Mutex
	o := delivery.Options{
		Outbox: h.outbox, Client: client, Registerer: h.registry, Rates: delivery.Rates{GlobalRate: 30, ChatRate: 1, GroupRate: 20, Concurrency: 32}, Drain: 10 * time.Second,
		Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Failed: func(d relay.Delivery) {
			mu.Lock()
			defer mu.Unlock()
			h.failed = append(h.failed, d)
		},
	}
	for _, f := range edit {
		f(&o)
	}
	h.engine = delivery.New(o)
	h.outbox.wake, h.outbox.ended = h.engine.Wake, h.engine.Ended
}

// run starts the engine.
func (h *house) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.engine.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(h.stop)
}

// after lets virtual time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
