package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

// fixture makes the storage of a schema as the code of its time left it, and returns its path.
func fixture(t *testing.T, version int) string {
	t.Helper()
	text, err := os.ReadFile(fixtureFile(version))
	must(t, err)
	path := filepath.Join(t.TempDir(), "relay.db")
	db, err := sql.Open("sqlite3", "file:"+path+"?_auto_vacuum=incremental&_journal_mode=WAL")
	must(t, err)
	_, err = db.Exec(string(text))
	must(t, err)
	must(t, db.Close())
	return path
}

// checks tell what of each story holds after an upgrade.
var checks = []func(*testing.T, *place){checkFirst, checkLive, checkCalm, checkEvent, checkSender, checkWelcome, checkThread, checkTopic, checkTally, checkVersion, checkBot, checkNote}

// TestUpgrade opens the storage of each schema there ever was with the code of today.
func TestUpgrade(t *testing.T) {
	if len(stories) != len(checks) {
		t.Fatalf("%d stories, %d checks", len(stories), len(checks))
	}
	for version := 1; version <= len(stories); version++ {
		t.Run(fmt.Sprint("from schema ", version), func(t *testing.T) {
			path := fixture(t, version)
			checkStories(t, path, version)
		})
	}
}

// checkStories opens a storage and looks for all that happened up to a schema.
func checkStories(t *testing.T, path string, version int) {
	t.Helper()
	steps, err := store.Schema()
	must(t, err)
	must(t, store.MigrateFile(t.Context(), path, steps))
	if n := number(t, raw(t, path), "PRAGMA user_version"); n != int64(len(stories)) {
		t.Errorf("the schema is %d", n)
	}
	checkInvariants(t, path)
	told := &told{}
	db := open(t, store.Options{URL: "sqlite:" + path, CacheSize: 10, Queued: told.queued})
	p := &place{storage: db, told: told}
	for _, check := range checks[:version] {
		check(t, p)
	}
	if version > 1 {
		checkForgotten(t, p)
	}
	checkInvariants(t, path)
	checkSchema(t, path)
}

// checkSchema holds that an upgraded storage has the tables and indexes of a new one.
func checkSchema(t *testing.T, path string) {
	t.Helper()
	const question = `SELECT name || ': ' || group_concat(column, ',') FROM (SELECT m.name AS name, c.name || ' ' || c.type || c."notnull" || c.pk || coalesce(c.dflt_value, '') AS column
		FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.name) GROUP BY name
		UNION SELECT type || ' ' || sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL ORDER BY 1`
	fresh := open(t, store.Options{})
	want, got := texts(t, raw(t, fresh.Path()), question), texts(t, raw(t, path), question)
	if !slices.Equal(want, got) || len(want) < 30 {
		t.Errorf("the schema differs from a new one:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkFirst plays the day on: what waits is delivered in its order, links work as they did.
func checkFirst(t *testing.T, p *place) {
	ctx := t.Context()
	p.wantTexts(t, 1001, "urgent", "in parts", "for two") // what was under way is sent again; what is for later waits
	p.wantTexts(t, -2001, "for two")
	for n, want := range map[byte]relay.State{10: relay.Sent, 12: relay.Queued, 14: relay.Failed, 16: relay.Queued, 18: relay.Queued, 23: relay.Held} {
		p.wantState(t, &relay.Message{ID: known(n)}, want)
	}
	begun := p.delivery(t, &relay.Message{ID: known(12)})
	if !slices.Equal(begun.TelegramMessageIDs, []int64{12}) || begun.Attempts != 1 {
		t.Errorf("what was sent in part: %+v", begun)
	}
	failed := p.delivery(t, &relay.Message{ID: known(14)})
	if failed.Reason != "blocked" || failed.LastError != "Forbidden: bot was blocked by the user" || failed.Attempts != 3 {
		t.Errorf("what failed: %+v", failed)
	}
	for _, id := range []byte{19, 13, 21} {
		must(t, p.Finish(ctx, relay.Outcome{Delivery: known(id), State: relay.Sent, Attempts: 1, TelegramMessageIDs: []int64{100}, At: t0.Add(time.Minute)}))
	}
	p.wantTexts(t, 1001)
	jobs, err := p.Heads(ctx, "", 1001, t0.Add(time.Hour), 10)
	must(t, err)
	if len(jobs) != 1 || jobs[0].ID != known(17) {
		t.Errorf("in an hour %+v waits", jobs)
	}
	checkPeople(t, p)
	checkLinks(t, p)
	offset, err := p.Offset(ctx, "")
	must(t, err)
	name, err := p.Setting(ctx, "bot_username")
	must(t, err)
	if offset != 78 || !seen(t, p, "", 77) || name != "relay_bot" {
		t.Errorf("updates: offset %d, bot %q, or 77 is not known", offset, name)
	}
}

func checkPeople(t *testing.T, p *place) {
	alice, err := p.Recipient(t.Context(), "alice")
	must(t, err)
	if len(alice.Chats) != 1 || alice.Chats[0].Chat != person(1001) || !alice.Chats[0].LinkedAt.Equal(t0.Add(time.Minute)) {
		t.Errorf("alice: %+v", alice)
	}
	ops, err := p.Recipient(t.Context(), "ops")
	must(t, err)
	if len(ops.Chats) != 1 || ops.Chats[0].MessageThreadID != 5 || !ops.Chats[0].MutedUntil.Equal(t0.Add(2*time.Hour)) {
		t.Errorf("ops: %+v", ops)
	}
	dave, err := p.Recipient(t.Context(), "dave")
	must(t, err)
	if dave.Chats[0].State != relay.Blocked {
		t.Errorf("dave: %+v", dave)
	}
	retried, err := p.Retry(t.Context(), known(15), t0)
	must(t, err)
	if retried.State != relay.Queued {
		t.Errorf("retried: %+v", retried)
	}
}

func checkLinks(t *testing.T, p *place) {
	ctx := t.Context()
	again, err := p.Redeem(ctx, redemption(1, person(1001)))
	must(t, err)
	if !again.Already {
		t.Error("alice is not told that she is connected already")
	}
	_, err = p.Redeem(ctx, redemption(1, person(9)))
	wantCode(t, err, relay.CodeLinkNotOpen)
	_, err = p.Redeem(ctx, redemption(4, person(9)))
	wantCode(t, err, relay.CodeLinkNotOpen)
	carol, err := p.Redeem(ctx, redemption(2, person(1003)))
	must(t, err)
	if carol.Already || carol.Held != 1 || carol.Link.Recipient != "carol" {
		t.Errorf("carol's link: %+v", carol)
	}
	p.wantTexts(t, 1003, "held")
	if chats := p.told.take(); !slices.Contains(chats, 1003) {
		t.Errorf("the lane of what was held is not woken: %v", chats)
	}
}

func checkLive(t *testing.T, p *place) {
	jobs, err := p.Heads(t.Context(), "", 1002, t0, 10)
	must(t, err)
	if len(jobs) < 3 || jobs[0].Content.Text.Text != "deployed" || !slices.Equal(jobs[0].Live, []int64{31}) || jobs[1].Content.Media == nil {
		t.Fatalf("to bob waits %+v", jobs)
	}
	file, err := p.File(t.Context(), known(34))
	must(t, err)
	if string(file) != "all is well" {
		t.Errorf("the file holds %q", file)
	}
	third := knownText(38, "checked", to("bob", 1002))
	third.Key, third.OnUpdate = "deploy", relay.Edit
	third.Deliveries[0].Key, third.Deliveries[0].OnUpdate = third.Key, third.OnUpdate
	p.accept(t, third)
	p.wantState(t, &relay.Message{ID: known(32)}, relay.Superseded)
	twin := text("alert", to("bob", 1002))
	twin.Notification = &relay.Notification{Group: [32]byte{1}, Alerts: [32]byte{2}}
	p.accept(t, twin)
	if got := p.texts(t, 1002); !slices.Equal(got[:3], []string{"checked", "once", "alert"}) || slices.Contains(got[3:], "alert") {
		t.Errorf("to bob waits %q", got)
	}
	request := relay.Request{Owner: "token", Key: "k1", Body: [32]byte{7}}
	repeated := text("once", to("bob", 1002))
	repeated.Request, repeated.CreatedAt = &request, t0.Add(time.Hour)
	stillKnown(t, p)
	p.accept(t, repeated)
	if !repeated.Replayed || repeated.ID != known(34) {
		t.Errorf("what came twice is %s, replayed %v", repeated.ID, repeated.Replayed)
	}
}

// checkForgotten holds that nothing of a person is left who is forgotten after an upgrade.
func checkForgotten(t *testing.T, p *place) {
	t.Helper()
	must(t, p.Forget(t.Context(), "bob"))
	_, err := p.File(t.Context(), known(34))
	wantCode(t, err, relay.CodeNotFound)
	if left := content(t, p.storage.(*store.DB).Path()); strings.Contains(left, "bob") || strings.Contains(left, "Bob") {
		t.Errorf("of bob is left:\n%s", left)
	}
}

// stillKnown makes the request of the story one of this day: for how long it is remembered goes by the clock.
func stillKnown(t *testing.T, p *place) {
	t.Helper()
	_, err := raw(t, p.storage.(*store.DB).Path()).Exec(`UPDATE requests SET at = ?`, time.Now().UnixMilli())
	must(t, err)
}

func checkCalm(t *testing.T, p *place) {
	erin, err := p.Recipient(t.Context(), "erin")
	must(t, err)
	if s := erin.Chats[0].Settings; s.QuietHours != "22:00-07:00" || s.Digest != "08:00" || s.TimeZone != "Europe/Vienna" {
		t.Errorf("erin: %+v", s)
	}
	frank, err := p.Recipient(t.Context(), "frank")
	must(t, err)
	if !frank.Paused {
		t.Errorf("frank: %+v", frank)
	}
	p.wantTexts(t, 1005)
	if due := p.due(t, t0.Add(9*time.Hour)); !slices.Equal(due, []relay.ID{known(40)}) {
		t.Errorf("in the morning %v is due", due)
	}
	must(t, p.Release(t.Context(), []relay.ID{known(41)}))
	p.wantTexts(t, 1005, "for the morning")
}

func checkEvent(t *testing.T, p *place) {
	events, err := p.DueEvents(t.Context(), t0, 10)
	must(t, err)
	if len(events) != 1 || events[0].ID != known(50) || events[0].Type != relay.RecipientLinked || string(events[0].Data) != `{"recipient":"bob"}` {
		t.Errorf("due is %+v", events)
	}
}

func checkSender(t *testing.T, p *place) {
	who, err := p.storage.(*store.DB).SenderOf(t.Context(), token(50))
	must(t, err)
	if who != "tg-1007" {
		t.Errorf("the token is %q's", who)
	}
}

func checkWelcome(t *testing.T, p *place) {
	redeemed, err := p.Redeem(t.Context(), redemption(6, person(1008)))
	must(t, err)
	if w := redeemed.Link.Welcome; w == nil || w.Template != "hello" || string(w.Data) != `{"plan":"gold"}` {
		t.Errorf("grace's welcome: %+v", redeemed.Link.Welcome)
	}
}

func checkThread(t *testing.T, p *place) {
	thread, err := p.ThreadOf(t.Context(), [32]byte{9})
	must(t, err)
	if thread.ID != known(60) || !slices.Equal(thread.To, []string{"bob", "ops"}) || string(thread.State) != `{"firing":1}` {
		t.Errorf("the conversation: %+v", thread)
	}
	thread.EndedAt = t0.Add(time.Hour)
	must(t, p.Tell(t.Context(), []*relay.Thread{thread}))
}

func checkTopic(t *testing.T, p *place) {
	topic, err := p.Topic(t.Context(), "", -2001, "Databases")
	must(t, err)
	if topic.MessageThreadID != 9 || topic.Closed {
		t.Errorf("the topic: %+v", topic)
	}
}

func checkTally(t *testing.T, p *place) {
	tallies, err := p.Tallies(t.Context(), time.Time{})
	must(t, err)
	if len(tallies) == 0 || tallies[0].Taken == 0 {
		t.Errorf("the tallies: %+v", tallies)
	}
}

// checkVersion finds the numbers of changes where nobody else makes any: none.
func checkVersion(t *testing.T, p *place) {
	for id, chat := range map[string]int64{"heidi": 1008, "erin": 1005} {
		r, err := p.Recipient(t.Context(), id)
		must(t, err)
		if len(r.Chats) != 1 || r.Chats[0].ChatID != chat || r.Version != 0 {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

func checkBot(t *testing.T, p *place) {
	ctx := t.Context()
	p.wantPlaces(t, "judy", "second:1001 active")
	p.wantTextsOf(t, second, 1001, "by another bot")
	redeemed, err := p.Redeem(ctx, redemption(7, at(second, person(1009))))
	must(t, err)
	if redeemed.Link.Bot != second || redeemed.Held != 1 {
		t.Errorf("ivan's link: %+v", redeemed)
	}
	p.wantTextsOf(t, second, 1009, "held for a bot")
	offset, err := p.Offset(ctx, second)
	must(t, err)
	topic, err := p.Topic(ctx, second, -2001, "Databases")
	must(t, err)
	if offset != 99 || topic.MessageThreadID != 11 {
		t.Errorf("the second bot's offset is %d, its topic %+v", offset, topic)
	}
}

func checkNote(t *testing.T, p *place) {
	ctx := t.Context()
	note, err := p.Noted(ctx, "added  -2001", t0.Add(time.Minute))
	must(t, err)
	u, err := p.Undelivered(ctx, "", 10)
	must(t, err)
	if note != "1001" || u.Count != 1 || len(u.First) != 1 || u.First[0].ID != known(81) {
		t.Errorf("the note is %q; what did not arrive: %+v", note, u)
	}
	if seen(t, p, "", 80) {
		t.Error("what was being worked through when the process ended counts as done")
	}
}

// TestDataPage holds that docs/data.md says of every table what is in it.
func TestDataPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/data.md")
	must(t, err)
	for _, table := range texts(t, raw(t, open(t, store.Options{}).Path()), `SELECT name FROM sqlite_master WHERE type = 'table'`) {
		if !strings.Contains(string(page), "`"+table+"`") {
			t.Errorf("docs/data.md does not tell of table %s", table)
		}
	}
}

// TestUpgradeCutOff takes the power away after each statement of each step, whatever of it is in the log by then: the storage opens,
// and holds what it held.
func TestUpgradeCutOff(t *testing.T) {
	steps, err := store.Schema()
	must(t, err)
	logged := int64(0)
	for version := 1; version < len(stories); version++ {
		from := fixture(t, version)
		before := content(t, from)
		statements := stepOf(t, steps, version+1)
		for n := range statements {
			path := cutOff(t, from, append(statements[:n+1:n+1], fmt.Sprintf("PRAGMA user_version = %d", version+1)))
			if info, err := os.Stat(path + "-wal"); err == nil {
				logged += info.Size()
			}
			if after := content(t, path); after != before {
				t.Errorf("from schema %d, after %d statements: the storage holds\n%s\nwant\n%s", version, n+1, after, before)
			}
			if n == len(statements)-1 {
				checkStories(t, path, version)
			}
		}
	}
	if logged == 0 {
		t.Error("nothing of a step was ever in the log: this test tries nothing")
	}
}

// cutOff copies a storage in the midst of a transaction, as a process leaves it that is killed there: with all in the log that SQLite
// writes to it before a commit, for it has no room in memory.
func cutOff(t *testing.T, from string, statements []string) string {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+from+"?_cache_size=1")
	must(t, err)
	defer db.Close()
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	must(t, err)
	defer conn.Close()
	for _, text := range append([]string{"PRAGMA cache_spill = 1", "BEGIN IMMEDIATE"}, statements...) {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	path := filepath.Join(t.TempDir(), "relay.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(from + suffix)
		must(t, err)
		must(t, os.WriteFile(path+suffix, data, 0o600))
	}
	_, err = conn.ExecContext(ctx, "ROLLBACK")
	must(t, err)
	return path
}

// stepOf are the statements of a step.
func stepOf(t *testing.T, steps fs.FS, number int) []string {
	t.Helper()
	files, err := fs.Glob(steps, fmt.Sprintf("%04d_*.sql", number))
	must(t, err)
	text, err := fs.ReadFile(steps, files[0])
	must(t, err)
	var out []string
	var statement strings.Builder
	for line := range strings.Lines(string(text)) {
		statement.WriteString(line)
		end, _, _ := strings.Cut(line, "--")
		inTrigger := strings.Contains(statement.String(), "CREATE TRIGGER") && !strings.Contains(statement.String(), "END;")
		if strings.HasSuffix(strings.TrimSpace(end), ";") && !inTrigger {
			out = append(out, statement.String())
			statement.Reset()
		}
	}
	return out
}

// content is all that a file holds.
func content(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	must(t, err)
	defer db.Close()
	return dump(t, db)
}
