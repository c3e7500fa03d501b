package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/store"
)

var rewrite = flag.Bool("update", false, "write testdata/schema of the newest schema anew; older ones are what the code of their time wrote")

// fixtureFile is a storage of a schema, as SQL. Each was written by the code that the schema came with, and none is changed later.
func fixtureFile(version int) string { return fmt.Sprintf("testdata/schema/%04d.sql", version) }

// stories are what happens in the fixture of a schema: all up to its number.
var stories = []func(*testing.T, *store.DB){firstStory, liveStory, calmStory, eventStory, senderStory, welcomeStory, threadStory, topicStory, tallyStory, versionStory, botStory, noteStory}

// known is an ID that a test finds again.
func known(n byte) relay.ID { return relay.ID{1, 0x90, 6: 0x70, 8: 0x80, 15: n} }

// knownText is a message with IDs that a test finds again: its own is n, its deliveries' follow.
func knownText(n byte, s string, deliveries ...relay.Delivery) *relay.Message {
	m := text(s, deliveries...)
	m.ID = known(n)
	for i := range m.Deliveries {
		m.Deliveries[i].ID, m.Deliveries[i].MessageID = known(n+1+byte(i)), m.ID
	}
	return m
}

func firstStory(t *testing.T, db *store.DB) {
	ctx := t.Context()
	for i, l := range []*relay.Link{link("alice", relay.TargetPrivate), link("carol", relay.TargetPrivate), link("ops", relay.TargetGroup), link("mallory", relay.TargetPrivate)} {
		l.ID = known(200 + byte(i))
		must(t, db.CreateLink(ctx, l, token(byte(i+1))))
	}
	_, err := db.Redeem(ctx, redemption(1, person(1001)))
	must(t, err)
	forum := relay.Chat{ChatID: -2001, MessageThreadID: 5, Type: "supergroup", Title: "Ops", State: relay.Active}
	_, err = db.Redeem(ctx, redemption(3, forum))
	must(t, err)
	must(t, db.Revoke(ctx, known(203), t0))
	must(t, db.Bind(ctx, "dave", relay.Chat{ChatID: 1004, Type: "private", Title: "Dave", State: relay.Active}, t0))
	must(t, db.SetChatState(ctx, "", 1004, relay.Blocked))
	mute(t, db, -2001, 5)

	sent, parts, failed, later := knownText(10, "was sent", to("alice", 1001)), knownText(12, "in parts", to("alice", 1001)), knownText(14, "failed", to("dave", 1004)), knownText(16, "later", to("alice", 1001))
	later.SendAt = t0.Add(time.Hour)
	later.Deliveries[0].SendAt = later.SendAt
	urgent := knownText(18, "urgent", to("alice", 1001))
	urgent.Priority, urgent.Deliveries[0].Priority = relay.High, relay.High
	both := knownText(20, "for two", to("alice", 1001), relay.Delivery{Recipient: "ops", ChatID: -2001, MessageThreadID: 5, State: relay.Queued})
	must(t, db.Accept(ctx, sent, parts, failed, later, urgent, both, knownText(23, "held", heldFor("carol"))))
	must(t, db.Finish(ctx, relay.Outcome{Delivery: known(11), State: relay.Sent, Attempts: 1, TelegramMessageIDs: []int64{11}, At: t0}))
	must(t, db.Finish(ctx, relay.Outcome{Delivery: known(13), State: relay.Queued, Attempts: 1, TelegramMessageIDs: []int64{12}, At: t0}))
	must(t, db.Finish(ctx, relay.Outcome{Delivery: known(15), State: relay.Failed, Attempts: 3, Reason: "blocked", LastError: "Forbidden: bot was blocked by the user", At: t0}))
	mark(t, db, "", 77, t0)
	must(t, db.SetOffset(ctx, "", 78))
	must(t, db.SetSetting(ctx, "bot_username", "relay_bot"))
	db.Sending(known(19)) // under way when the process ends
	must(t, db.Check(ctx))
}

func liveStory(t *testing.T, db *store.DB) {
	first, second := knownText(30, "deploying", to("bob", 1002)), knownText(32, "deployed", to("bob", 1002))
	for _, m := range []*relay.Message{first, second} {
		m.Key, m.OnUpdate = "deploy", relay.Edit
		m.Deliveries[0].Key, m.Deliveries[0].OnUpdate = m.Key, m.OnUpdate
	}
	must(t, db.Bind(t.Context(), "bob", relay.Chat{ChatID: 1002, Type: "private", Title: "Bob", State: relay.Active}, t0))
	must(t, db.Accept(t.Context(), first))
	must(t, db.Finish(t.Context(), relay.Outcome{Delivery: known(31), State: relay.Sent, Attempts: 1, TelegramMessageIDs: []int64{31}, Live: []int64{31}, At: t0}))
	must(t, db.Accept(t.Context(), second))
	repeated := knownText(34, "once", to("bob", 1002))
	repeated.Request = &relay.Request{Owner: "token", Key: "k1", Body: [32]byte{7}}
	repeated.Content.Media, repeated.File = &relay.Media{Kind: relay.Document, Name: "report.txt"}, []byte("all is well")
	alert := knownText(36, "alert", to("bob", 1002))
	alert.Notification = &relay.Notification{Group: [32]byte{1}, Alerts: [32]byte{2}}
	must(t, db.Accept(t.Context(), repeated, alert))
}

func calmStory(t *testing.T, db *store.DB) {
	quiet, zone, paused, digest := relay.QuietHours("22:00-07:00"), "Europe/Vienna", true, relay.Clock("08:00")
	ctx := t.Context()
	must(t, db.Bind(ctx, "erin", relay.Chat{ChatID: 1005, Type: "private", Title: "Erin", State: relay.Active}, t0))
	must(t, db.ChangeSettings(ctx, "", 1005, 0, relay.SettingsChange{QuietHours: &quiet, TimeZone: &zone, Digest: &digest}))
	must(t, db.Bind(ctx, "frank", relay.Chat{ChatID: 1006, Type: "private", Title: "Frank", State: relay.Active}, t0))
	_, err := db.ChangeRecipient(ctx, "frank", relay.RecipientChange{Paused: &paused})
	must(t, err)
	morning := to("erin", 1005)
	morning.State, morning.NotBefore = relay.Held, t0.Add(8*time.Hour)
	must(t, db.Accept(ctx, knownText(40, "for the morning", morning)))
}

func eventStory(t *testing.T, db *store.DB) {
	must(t, db.AddEvent(t.Context(), relay.Event{ID: known(50), Type: relay.RecipientLinked, Recipient: "bob", At: t0, Data: json.RawMessage(`{"recipient":"bob"}`)}))
}

func senderStory(t *testing.T, db *store.DB) {
	must(t, db.SetSender(t.Context(), "tg-1007", token(50), t0, nil))
}

func welcomeStory(t *testing.T, db *store.DB) {
	l := link("grace", relay.TargetPrivate)
	l.ID, l.Welcome = known(204), &relay.Welcome{Template: "hello", Data: json.RawMessage(`{"plan":"gold"}`)}
	must(t, db.CreateLink(t.Context(), l, token(6)))
}

func threadStory(t *testing.T, db *store.DB) {
	thread := &relay.Thread{
		ID: known(60), Group: [32]byte{9}, Receiver: "alertmanager", To: []string{"bob", "ops"}, OpenedAt: t0, UpdatedAt: t0, State: json.RawMessage(`{"firing":1}`),
	}
	must(t, db.Tell(t.Context(), []*relay.Thread{thread}, knownText(61, "it fires", to("bob", 1002))))
}

func topicStory(t *testing.T, db *store.DB) {
	must(t, db.SetTopic(t.Context(), relay.Topic{ChatID: -2001, Name: "Databases", MessageThreadID: 9}))
}

// tallyStory is that of all others: each of them was counted.
func tallyStory(*testing.T, *store.DB) {}

func versionStory(t *testing.T, db *store.DB) {
	must(t, db.Bind(t.Context(), "heidi", relay.Chat{ChatID: 1008, Type: "private", Title: "Heidi", State: relay.Active}, t0))
}

func botStory(t *testing.T, db *store.DB) {
	ctx := t.Context()
	must(t, db.Bind(ctx, "judy", at(second, relay.Chat{ChatID: 1001, Type: "private", Title: "Judy", State: relay.Active}), t0))
	l := link("ivan", relay.TargetPrivate)
	l.ID, l.Bot = known(205), second
	must(t, db.CreateLink(ctx, l, token(7)))
	named := knownText(72, "held for a bot", by(second, heldFor("ivan")))
	named.Bot = second
	must(t, db.Accept(ctx, knownText(70, "by another bot", by(second, to("judy", 1001))), named))
	mark(t, db, second, 77, t0)
	must(t, db.SetOffset(ctx, second, 99))
	must(t, db.SetTopic(ctx, relay.Topic{Bot: second, ChatID: -2001, Name: "Databases", MessageThreadID: 11}))
}

func noteStory(t *testing.T, db *store.DB) {
	ctx := t.Context()
	must(t, db.Note(ctx, "added  -2001", "1001", t0.Add(time.Hour)))
	claim, err := db.ClaimUpdate(ctx, "", 80, t0) // and the process ends
	if err != nil || claim != relay.Claimed {
		t.Fatal(claim, err)
	}
	must(t, db.Accept(ctx, knownText(80, "never arrived", to("bob", 1002))))
	must(t, db.Finish(ctx, relay.Outcome{Delivery: known(81), State: relay.Failed, Attempts: 1, Reason: "bad_request", LastError: "Bad Request: chat not found", At: t0}))
}

// TestFixture writes the fixture of the newest schema where there is none, or when asked to.
func TestFixture(t *testing.T) {
	version := len(stories)
	if _, err := os.Stat(fixtureFile(version)); err == nil && !*rewrite {
		return
	}
	if !*rewrite {
		t.Fatalf("schema %d has no fixture: write its story, and run this test with -update", version)
	}
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db")})
	must(t, err)
	for _, tell := range stories {
		tell(t, db)
	}
	side, err := sql.Open("sqlite3", "file:"+db.Path()+"?mode=ro")
	must(t, err)
	must(t, os.WriteFile(fixtureFile(version), []byte(dump(t, side)), 0o644))
	must(t, side.Close())
	must(t, db.Close())
}

// dump is all of a database as SQL.
func dump(t *testing.T, db *sql.DB) string {
	var b strings.Builder
	fmt.Fprintf(&b, "PRAGMA user_version = %s;\n", texts(t, db, `PRAGMA user_version`)[0])
	for _, sql := range texts(t, db, `SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid`) {
		fmt.Fprintf(&b, "%s;\n", sql)
	}
	for _, table := range texts(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid`) {
		columns := strings.Join(texts(t, db, `SELECT 'quote("' || name || '")' FROM pragma_table_info(?)`, table), ` || ', ' || `)
		for _, row := range texts(t, db, `SELECT `+columns+` FROM `+table) {
			fmt.Fprintf(&b, "INSERT INTO %s VALUES (%s);\n", table, row)
		}
	}
	return b.String()
}

// texts are the answers to a question of one column.
func texts(t *testing.T, db *sql.DB, question string, args ...any) (out []string) {
	rows, err := db.QueryContext(context.Background(), question, args...)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		must(t, rows.Scan(&s))
		out = append(out, s)
	}
	must(t, rows.Err())
	return out
}

func mute(t *testing.T, db *store.DB, chat, thread int64) {
	until := t0.Add(2 * time.Hour)
	must(t, db.ChangeSettings(t.Context(), "", chat, thread, relay.SettingsChange{MutedUntil: &until}))
}
