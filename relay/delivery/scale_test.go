package delivery_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// How delivery grows, simulated: the engines of many bots in several replicas, with the real lanes and paces, on a clock that jumps to the next
// event. `make scale` runs it; docs/scale.md has what came out. Without -bots it is run with few, so that it still works when it is wanted.

var (
	bots     = flag.Int("bots", 0, "how many bots TestScale simulates, each with a thousand recipients; 0: few, and what came out is not shown")
	perSec   = flag.Int("rate", 1000, "messages a second that TestScale simulates")
	lasts    = flag.Duration("lasts", time.Minute, "how long, on the simulated clock")
	replicas = flag.Int("replicas", 3, "how many replicas TestScale simulates")
)

const (
	peopleOfBot = 1000
	leaseTime   = 10 * time.Second
	commitTime  = 3 * time.Millisecond // of the storage
	readTime    = time.Millisecond
)

// land is bots, replicas, a storage and a Telegram.
type land struct {
	t       *testing.T
	engines [][]*delivery.Engine // by replica and bot
	stop    []context.CancelFunc // of replicas
	running sync.WaitGroup

	mu      sync.Mutex
	holder  [relay.Shards]int // the replica that has the leases of a shard; -1: nobody
	waiting []map[int64][]*relay.Job
	sent    [][]relay.Arrival // by bot
	number  int64
	delays  map[string][]time.Duration
	calls   map[string]int // of the storage
	sends   []int          // of bots, within the present second
	most    int            // of them
	heap    uint64         // bytes that live, with the stacks
	before  uint64         // the same, without engines
}

func TestScale(t *testing.T) {
	var shown io.Writer = os.Stdout
	if *bots == 0 {
		*bots, *perSec, *lasts, shown = 60, 60, 20*time.Second, io.Discard
		defer func() { *bots = 0 }()
	}
	out := tabwriter.NewWriter(shown, 0, 0, 2, ' ', 0)
	defer out.Flush()
	for _, s := range []struct {
		name   string
		do     func(*land)
		enough bool // the rates are, so that nothing waits at the end
	}{
		{"evenly", (*land).evenly, true},
		{"one bot tells all its recipients at once", (*land).campaign, true},
		{"a replica dies", (*land).takeOver, true},
		{"a third is one bot's", (*land).skewed, false},
	} {
		began := time.Now()
		synctest.Test(t, func(t *testing.T) {
			l := newLand(t)
			s.do(l)
			l.end()
			if left := l.left(); left > 0 && s.enough {
				t.Errorf("%s: %d messages still wait", s.name, left)
			}
			l.tell(out, s.name)
		})
		fmt.Fprintf(out, "\tsimulated in %s\n", time.Since(began).Round(time.Second))
	}
}

func newLand(t *testing.T) *land {
	l := &land{before: inUse(), t: t, delays: map[string][]time.Duration{}, calls: map[string]int{}, sends: make([]int, *bots), waiting: make([]map[int64][]*relay.Job, *bots), sent: make([][]relay.Arrival, *bots)}
	for shard := range l.holder {
		l.holder[shard] = shard % *replicas
	}
	for b := range l.waiting {
		l.waiting[b] = map[int64][]*relay.Job{}
	}
	for r := range *replicas {
		ctx, cancel := context.WithCancel(context.Background())
		l.stop = append(l.stop, cancel)
		l.engines = append(l.engines, nil)
		for b := range *bots {
			e := l.engine(r, b)
			l.engines[r] = append(l.engines[r], e)
			l.running.Go(func() {
				if err := e.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
	}
	return l
}

func (l *land) engine(replica, bot int) *delivery.Engine {
	client, err := telegram.New(telegram.Options{Token: secret.New("1:token-for-tests"), APIURL: "http://telegram.test", Transport: air{l, bot}})
	if err != nil {
		l.t.Fatal(err)
	}
	name := strconv.Itoa(bot)
	if bot == 0 {
		name = ""
	}
	return delivery.New(delivery.Options{
		Bot: name, Outbox: office{land: l, replica: replica, bot: bot}, Client: client,
		Rates: delivery.Rates{GlobalRate: 30 / float64(*replicas), ChatRate: 1, GroupRate: 20},
	})
}

// end has all replicas stop.
func (l *land) end() {
	for _, stop := range l.stop {
		stop()
	}
	l.running.Wait()
}

func shardOf(bot int, chat int64) int { return relay.LaneShard(strconv.Itoa(bot), chat) }

// post hands a message in and wakes its lane, if a replica has that.
func (l *land) post(bot int, chat int64, kind string) {
	l.mu.Lock()
	l.number++
	j := &relay.Job{Content: relay.Content{Text: markup.Text{Text: "a message of an ordinary length, as alerts have it"}}}
	j.ID, j.ChatID, j.Seq, j.State, j.CreatedAt, j.Receiver = relay.NewID(), chat, l.number, relay.Queued, time.Now(), kind
	l.waiting[bot][chat] = append(l.waiting[bot][chat], j)
	holder := l.holder[shardOf(bot, chat)]
	l.mu.Unlock()
	if holder >= 0 {
		l.engines[holder][bot].Wake(chat, j.Priority)
	}
}

// pass lets time pass in which messages come at the rate, for bots that are chosen.
func (l *land) pass(d time.Duration, choose func() (bot int, kind string)) {
	for end, began, n := time.Now().Add(d), time.Now(), 0; time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
		for ; n < int(time.Since(began).Seconds()*float64(*perSec)); n++ {
			bot, kind := choose()
			l.post(bot, 1+rand.Int64N(peopleOfBot), kind)
		}
	}
}

func anyBot() (int, string) { return rand.IntN(*bots), "all" }

func (l *land) evenly() {
	l.pass(*lasts, anyBot)
	l.heap = inUse()
	time.Sleep(time.Minute)
}

// campaign has the first bot tell everybody at once.
func (l *land) campaign() {
	l.pass(*lasts/4, anyBot)
	for chat := range int64(peopleOfBot) {
		l.post(0, chat+1, "of the campaign")
	}
	l.pass(*lasts*3/4, anyBot)
	time.Sleep(time.Minute)
}

// takeOver has a replica die. The others get its leases when these end.
func (l *land) takeOver() {
	l.pass(*lasts/2, anyBot)
	l.stop[0]()
	died := time.Now()
	l.hold(func(shard, holder int) int {
		if holder == 0 {
			return -1
		}
		return holder
	})
	l.pass(leaseTime, func() (int, string) { return rand.IntN(*bots), "while nobody has the leases of a third" })
	l.hold(func(shard, holder int) int {
		if holder < 0 {
			return 1 + shard%(*replicas-1)
		}
		return holder
	})
	l.pass(*lasts/2-time.Since(died), func() (int, string) { return rand.IntN(*bots), "afterwards" })
	time.Sleep(time.Minute)
}

// hold gives leases to others, and has them find what waits.
func (l *land) hold(by func(shard, holder int) int) {
	l.mu.Lock()
	gained := [relay.Shards]bool{}
	for shard, holder := range l.holder {
		l.holder[shard] = by(shard, holder)
		gained[shard] = l.holder[shard] != holder && l.holder[shard] >= 0
	}
	type lane struct {
		bot, holder int
		chat        int64
	}
	var found []lane
	for bot, chats := range l.waiting {
		for chat := range chats {
			if shard := shardOf(bot, chat); gained[shard] {
				found = append(found, lane{bot, l.holder[shard], chat})
			}
		}
	}
	l.mu.Unlock()
	for _, f := range found {
		l.engines[f.holder][f.bot].Wake(f.chat, relay.Reordered)
	}
}

// skewed has one bot get more than Telegram lets any bot send.
func (l *land) skewed() {
	l.pass(*lasts, func() (int, string) {
		if rand.IntN(3) == 0 {
			return 0, "of that bot"
		}
		return 1 + rand.IntN(*bots-1), "of the others"
	})
	time.Sleep(time.Minute)
}

// left is how many messages wait.
func (l *land) left() (n int) {
	for _, chats := range l.waiting {
		for _, jobs := range chats {
			n += len(jobs)
		}
	}
	return n
}

// tell prints how long messages of each kind waited, and what it took.
func (l *land) tell(out *tabwriter.Writer, name string) {
	fmt.Fprintf(out, "\n%s: %d bots, %d replicas, %d messages/s\n", name, *bots, *replicas, *perSec)
	for kind, d := range l.delays {
		slices.Sort(d)
		fmt.Fprintf(out, "\t%s\t%d sent\tp50 %s\tp90 %s\tp99 %s\tlast %s\n", kind, len(d), short(d[len(d)/2]), short(d[len(d)*9/10]), short(d[len(d)*99/100]), short(d[len(d)-1]))
	}
	fmt.Fprintf(out, "\tstill waiting\t%d\n\tmost of a bot in a second\t%d\n", l.left(), l.most)
	for _, call := range []string{"Lanes", "Expire", "Heads", "Finish"} {
		fmt.Fprintf(out, "\t%s\t%.0f/s\n", call, float64(l.calls[call])/(*lasts+time.Minute).Seconds())
	}
	if l.heap > 0 {
		fmt.Fprintf(out, "\tmemory of an engine\t%.1f KiB\n", float64(l.heap-l.before)/float64(*bots**replicas)/1024)
	}
}

// inUse is how much memory lives, stacks included.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func short(d time.Duration) string { return d.Round(time.Millisecond).String() }

// office is the storage as the engine of a bot in a replica sees it.
type office struct {
	relay.Outbox
	*land
	replica, bot int
}

// enter counts a call, which takes time, and leaves the land locked.
func (o office) enter(call string, takes time.Duration) {
	time.Sleep(takes)
	o.mu.Lock()
	o.calls[call]++
}

func (o office) Lanes(context.Context, string, time.Time) (chats []int64, next time.Time, err error) {
	o.enter("Lanes", readTime)
	defer o.mu.Unlock()
	for chat := range o.waiting[o.bot] {
		if o.holder[shardOf(o.bot, chat)] == o.replica {
			chats = append(chats, chat)
		}
	}
	slices.Sort(chats)
	return chats, time.Time{}, nil
}

func (o office) Heads(_ context.Context, _ string, chat int64, _ time.Time, limit int) (jobs []relay.Job, err error) {
	o.enter("Heads", readTime)
	defer o.mu.Unlock()
	waiting := o.waiting[o.bot][chat]
	for _, j := range waiting[:min(limit, len(waiting))] {
		jobs = append(jobs, *j)
	}
	return jobs, nil
}

func (o office) Recent(_ context.Context, _ string, since time.Time) (lately []relay.Arrival, err error) {
	o.enter("Recent", readTime)
	defer o.mu.Unlock()
	for _, a := range o.sent[o.bot] {
		if a.At.After(since) {
			lately = append(lately, a)
		}
	}
	return lately, nil
}

func (office) Sending(relay.ID) {}

func (o office) Finish(ctx context.Context, out relay.Outcome) error {
	o.enter("Finish", commitTime)
	defer o.mu.Unlock()
	if ctx.Err() != nil { // the replica died
		return ctx.Err()
	}
	for chat, jobs := range o.waiting[o.bot] {
		i := slices.IndexFunc(jobs, func(j *relay.Job) bool { return j.ID == out.Delivery })
		if i < 0 {
			continue
		}
		o.sent[o.bot] = append(o.sent[o.bot], relay.Arrival{ChatID: chat, At: out.At, Messages: 1})
		o.delays[jobs[i].Receiver] = append(o.delays[jobs[i].Receiver], out.At.Sub(jobs[i].CreatedAt))
		if o.waiting[o.bot][chat] = slices.Delete(jobs, i, i+1); len(jobs) == 1 {
			delete(o.waiting[o.bot], chat)
		}
		break
	}
	return nil
}

func (o office) Expire(context.Context, time.Time, int) ([]relay.Delivery, error) {
	o.enter("Expire", commitTime)
	defer o.mu.Unlock()
	return nil, nil
}

// air is the way of a bot to Telegram.
type air struct {
	*land
	bot int
}

func (a air) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := pause(r.Context(), time.Duration(60+rand.IntN(80))*time.Millisecond); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.number++
	id := strconv.FormatInt(a.number, 10)
	a.sends[a.bot]++
	a.most = max(a.most, a.sends[a.bot])
	if a.sends[a.bot] == 1 {
		time.AfterFunc(time.Second, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.sends[a.bot] = 0
		})
	}
	a.mu.Unlock()
	body := `{"ok":true,"result":{"message_id":` + id + `}}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: readCloser{strings.NewReader(body)}, ContentLength: int64(len(body)), Request: r}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// TestScaleLanes tells what a lane takes in memory that has something to send, up to as many as an engine holds.
func TestScaleLanes(t *testing.T) {
	if *bots == 0 {
		t.Skip("-bots says that it is to run")
	}
	const chats = 20_000
	*bots, *replicas = 1, 1
	synctest.Test(t, func(t *testing.T) {
		l := newLand(t)
		for chat := range int64(chats) {
			l.number++
			j := &relay.Job{Content: relay.Content{Text: markup.Text{Text: strings.Repeat("x", 200)}}}
			j.ID, j.ChatID, j.Seq, j.State, j.CreatedAt = relay.NewID(), chat+1, l.number, relay.Queued, time.Now()
			l.waiting[0][chat+1] = []*relay.Job{j}
		}
		before := inUse()
		time.Sleep(time.Minute)
		fmt.Printf("\n%d chats wait: %d B for each lane with one message in memory\n", chats, (inUse()-before)/chats)
		l.end()
	})
}
