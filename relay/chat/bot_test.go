package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/chat"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/store"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

// room is a bot over a real storage. What it says is read from the outbox.
type room struct {
	self    bool   // self-service
	toast   string // that the last pressed button showed
	t       *testing.T
	db      *store.DB
	desk    *onboarding.Desk
	options chat.Options
	bot     *chat.Bot
	admins  error // nil: everybody is one
	updates int64
}

func newRoom(t *testing.T, allowed ...int64) *room {
	t.Helper()
	registry := prometheus.NewRegistry()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + t.TempDir() + "/relay.db", CacheSize: 10, Log: log, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	set, err := render.New(render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, db: db}
	username := func() string { return "relay_bot" }
	usernames := map[string]string{"": username(), "team": "team_bot"}
	r.desk = onboarding.New(onboarding.Options{Links: db, Username: func(bot string) string { return usernames[bot] }, LinkURL: func(string) string { return "https://t.me" }, TTL: func() time.Duration { return time.Hour }, Registerer: registry})
	door := intake.New(intake.Options{Outbox: db, Directory: db, Threads: db, Log: log, Registerer: registry}, &intake.Rules{Templates: set, Builtin: set, MaxAge: time.Hour})
	r.options = chat.Options{
		OnCall: oncall.New(oncall.Options{Door: door, Threads: db, Log: log}),
		Desk:   r.desk, Outbox: db, Directory: db, Updates: db, Notes: db, Topics: db, Username: username, AllowedUsers: func() []int64 { return allowed }, Log: log,
		Templates:   func() *render.Set { return set },
		SelfService: func() bool { return r.self }, BaseURL: func() string { return "https://relay.example.org" }, Senders: db,
		Events: db, EventsWanted: func() bool { return true },
		Namespace: func(id string) string {
			ns, _, _ := strings.Cut(id, ":")
			if ns == id {
				return ""
			}
			return ns
		},
		Acknowledge: func(_ context.Context, _, text string) { r.toast = text },
		IsAdmin:     func(context.Context, int64, int64) (bool, error) { return r.admins == nil, r.admins },
	}
	r.bot = chat.New(r.options)
	return r
}

// team is the same room for the second bot.
func (r *room) team() *room {
	other := *r
	other.options.Bot, other.options.Username = "team", func() string { return "team_bot" }
	other.bot, other.updates = chat.New(other.options), 0
	return &other
}

// handle gives the bot an update and returns what it says then, "" for nothing.
func (r *room) handle(u telegram.Update) string {
	r.t.Helper()
	r.updates++
	u.UpdateID = r.updates
	before := r.said()
	if err := r.bot.Handle(r.t.Context(), u); err != nil {
		r.t.Fatal(err)
	}
	after := r.said()
	if len(after) <= len(before) && len(after) > 0 && after[0] != before[0] { // some were deleted
		return after[0]
	}
	return strings.TrimPrefix(strings.Join(after[:len(after)-len(before)], "\n"), "\n")
}

// said is all that was ever said, newest first.
func (r *room) said() []string {
	r.t.Helper()
	page, err := r.db.Deliveries(r.t.Context(), relay.DeliveryQuery{Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	var texts []string
	for _, d := range page.Items {
		m, err := r.db.Message(r.t.Context(), d.MessageID)
		if err != nil {
			r.t.Fatal(err)
		}
		texts = append(texts, m.Content.Text.Text)
	}
	return texts
}

func (r *room) say(c telegram.Chat, from int64, text string) string {
	r.t.Helper()
	return r.handle(telegram.Update{Message: &telegram.Message{Chat: c, From: &telegram.User{ID: from, FirstName: "Ada"}, Text: text}})
}

// press presses a button of the last message that has any.
func (r *room) press(c telegram.Chat, from int64, button string) string {
	r.t.Helper()
	page, err := r.db.Deliveries(r.t.Context(), relay.DeliveryQuery{})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range page.Items {
		m, err := r.db.Message(r.t.Context(), d.MessageID)
		if err != nil {
			r.t.Fatal(err)
		}
		var keyboard struct {
			Rows [][]struct {
				Text string
				Data string `json:"callback_data"`
			} `json:"inline_keyboard"`
		}
		if json.Unmarshal(m.Content.ReplyMarkup, &keyboard) != nil {
			continue
		}
		for _, b := range keyboard.Rows[0] {
			if b.Text == button {
				return r.handle(telegram.Update{CallbackQuery: &telegram.CallbackQuery{ID: "1", From: telegram.User{ID: from}, Message: &telegram.Message{Chat: c}, Data: b.Data}})
			}
		}
	}
	r.t.Fatalf("there is no button %q", button)
	return ""
}

func (r *room) token(target relay.Target) string {
	r.t.Helper()
	link, err := r.desk.Make(r.t.Context(), onboarding.Request{Recipient: "ops", Target: target})
	if err != nil {
		r.t.Fatal(err)
	}
	return link.URL[strings.LastIndexByte(link.URL, '=')+1:]
}

var (
	private = telegram.Chat{ID: 7, Type: "private", FirstName: "Ada", LastName: "L"}
	group   = telegram.Chat{ID: -5, Type: "group", Title: "Ops"}
)

func (r *room) chats() []relay.Binding {
	r.t.Helper()
	recipient, err := r.db.Recipient(r.t.Context(), "ops")
	if err != nil {
		return nil
	}
	return recipient.Chats
}

func TestConnecting(t *testing.T) {
	r := newRoom(t)
	if got := r.say(private, 7, "/start "+r.token(relay.TargetPrivate)); !strings.HasPrefix(got, "✅ Connected. Messages for ops") {
		t.Errorf("welcome %q", got)
	}
	if got := r.say(group, 7, "/start@relay_bot "+r.token(relay.TargetGroup)); !strings.Contains(got, "An administrator disconnects") {
		t.Errorf("welcome in the group %q", got)
	}
	if c := r.chats(); len(c) != 2 || c[0].Title != "Ada L" || c[1].Title != "Ops" {
		t.Errorf("chats %+v", c)
	}
	if got := r.say(private, 7, "/start "+r.token(relay.TargetGroup)); !strings.Contains(got, "is for a group") {
		t.Errorf("a group's link in private: %q", got)
	}
	if got := r.say(group, 7, "/link "+r.token(relay.TargetPrivate)); !strings.Contains(got, "is for a private chat") {
		t.Errorf("a private link in a group: %q", got)
	}
	if got := r.say(group, 7, "/link"); !strings.Contains(got, "followed by the token") {
		t.Errorf("/link alone: %q", got)
	}
}

func TestWrongTokensAreSlowedDown(t *testing.T) {
	r := newRoom(t)
	for range 5 {
		if got := r.say(private, 7, "/start wrong"); !strings.Contains(got, "does not work") {
			t.Fatalf("%q", got)
		}
	}
	if got := r.say(private, 7, "/start "+r.token(relay.TargetPrivate)); !strings.Contains(got, "Please wait") || len(r.chats()) != 0 {
		t.Errorf("the sixth: %q", got)
	}
}

func TestOnlyAllowedUsersConnect(t *testing.T) {
	r := newRoom(t, 8)
	token := r.token(relay.TargetPrivate)
	if got := r.say(private, 7, "/start "+token); !strings.Contains(got, "may not connect") || len(r.chats()) != 0 {
		t.Errorf("%q", got)
	}
	if got := r.say(telegram.Chat{ID: 8, Type: "private"}, 8, "/start "+token); !strings.HasPrefix(got, "✅") {
		t.Errorf("who may: %q", got)
	}
}

func TestOnlyAdministratorsLinkAGroup(t *testing.T) {
	r := newRoom(t)
	r.admins = errors.New("no administrator")
	token := r.token(relay.TargetGroup)
	if got := r.say(group, 9, "/link "+token); !strings.Contains(got, "Only an administrator") || len(r.chats()) != 0 {
		t.Errorf("a member who copied the token: %q", got)
	}
	if got := r.say(group, 9, "/start@relay_bot "+token); !strings.Contains(got, "Only an administrator") || len(r.chats()) != 0 {
		t.Errorf("a member who found the bot there: %q", got)
	}
	r.addBot(group, 7)
	if got := r.say(group, 9, "/start@relay_bot "+token); !strings.Contains(got, "Only an administrator") || len(r.chats()) != 0 {
		t.Errorf("a member who was faster: %q", got)
	}
	if got := r.say(group, 7, "/start@relay_bot "+token); !strings.HasPrefix(got, "✅") || len(r.chats()) != 1 {
		t.Errorf("who opened the link: %q", got)
	}
	// By a webhook the membership may come later than the command, but not later than the message about it.
	other := telegram.Chat{ID: -6, Type: "group", Title: "Others"}
	bot := []telegram.User{{ID: 1, IsBot: true, Username: "relay_bot"}}
	r.handle(telegram.Update{Message: &telegram.Message{Chat: other, From: &telegram.User{ID: 7}, NewChatMembers: bot}})
	if got := r.say(other, 7, "/start@relay_bot "+r.token(relay.TargetGroup)); !strings.HasPrefix(got, "✅") {
		t.Errorf("who opened the link in another group: %q", got)
	}
}

// addBot lets somebody add the bot to a group.
func (r *room) addBot(c telegram.Chat, by int64) {
	r.t.Helper()
	r.handle(telegram.Update{MyChatMember: &telegram.ChatMemberUpdated{
		Chat: c, From: telegram.User{ID: by}, OldChatMember: telegram.ChatMember{Status: "left"}, NewChatMember: telegram.ChatMember{Status: "member"},
	}})
}

// The question that a channel's own post asked is answered by its administrators only: every reader sees the buttons.
func TestReadersOfAChannelStopNothing(t *testing.T) {
	r := newRoom(t)
	channel := telegram.Chat{ID: -9, Type: "channel", Title: "News"}
	post := func(text string) string {
		return r.handle(telegram.Update{ChannelPost: &telegram.Message{Chat: channel, SenderChat: &channel, Text: text}})
	}
	if got := post("/link " + r.token(relay.TargetGroup)); !strings.HasPrefix(got, "✅") || len(r.chats()) != 1 {
		t.Fatalf("a channel: %q", got)
	}
	if got := post("/stop"); !strings.HasPrefix(got, "Disconnect this group?") {
		t.Fatalf("%q", got)
	}
	r.admins = errors.New("no administrator")
	if got := r.press(channel, 66, "Yes"); got != "" || len(r.chats()) != 1 || !strings.HasPrefix(r.toast, "Only an administrator") {
		t.Errorf("a reader disconnects the channel: %q, %q", got, r.toast)
	}
	r.admins = nil
	if got := r.press(channel, 7, "Yes"); !strings.HasPrefix(got, "Disconnected ops") || len(r.chats()) != 0 {
		t.Errorf("its administrator: %q", got)
	}
}

func TestOnlyAdministratorsStopAGroup(t *testing.T) {
	r := newRoom(t)
	r.say(group, 7, "/start "+r.token(relay.TargetGroup))
	r.admins = errors.New("Telegram cannot be asked")
	if got := r.say(group, 7, "/stop"); !strings.Contains(got, "Only an administrator") || len(r.chats()) != 1 {
		t.Errorf("%q", got)
	}
	anonymous := &telegram.Message{Chat: group, From: &telegram.User{ID: 1087968824, IsBot: true}, SenderChat: &group, Text: "/stop"}
	if got := r.handle(telegram.Update{Message: anonymous}); !strings.HasPrefix(got, "Disconnect this group?") || len(r.chats()) != 1 {
		t.Errorf("an anonymous administrator: %q", got)
	}
	if got := r.press(group, 8, "Yes"); got != "" || len(r.chats()) != 1 || r.toast == "" {
		t.Errorf("somebody else presses: %q %q", got, r.toast)
	}
	r.admins = nil
	if got := r.press(group, 7, "No"); got != "Nothing has changed." || len(r.chats()) != 1 {
		t.Errorf("an administrator presses no: %q", got)
	}
	r.say(group, 7, "/stop")
	if got := r.press(group, 7, "Yes"); !strings.HasPrefix(got, "Disconnected ops") || len(r.chats()) != 0 {
		t.Errorf("an administrator presses yes: %q", got)
	}
}

func TestStandingIsFollowed(t *testing.T) {
	r := newRoom(t)
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	member := func(c telegram.Chat, status string) {
		r.handle(telegram.Update{MyChatMember: &telegram.ChatMemberUpdated{Chat: c, NewChatMember: telegram.ChatMember{Status: status}}})
	}
	member(private, "kicked")
	if got := r.chats()[0].State; got != relay.Blocked {
		t.Errorf("after blocking: %s", got)
	}
	if got := r.say(private, 7, "/start"); !strings.Contains(got, "Connected as ops") || r.chats()[0].State != relay.Active {
		t.Errorf("Start brings it back: %q, %s", got, r.chats()[0].State)
	}
	r.say(group, 7, "/start "+r.token(relay.TargetGroup))
	restricted := func(here bool) relay.ChatState {
		r.handle(telegram.Update{MyChatMember: &telegram.ChatMemberUpdated{Chat: group, NewChatMember: telegram.ChatMember{Status: "restricted", IsMember: here}}})
		return r.chats()[1].State
	}
	if here, gone := restricted(true), restricted(false); here != relay.Active || gone != relay.Left {
		t.Errorf("restricted, in the group: %s, and not any more: %s", here, gone)
	}
	member(group, "left")
	r.handle(telegram.Update{Message: &telegram.Message{Chat: group, MigrateToChatID: -1005}})
	r.handle(telegram.Update{Message: &telegram.Message{Chat: telegram.Chat{ID: -1005, Type: "supergroup"}, MigrateFromChatID: -5}})
	found := false
	for _, c := range r.chats() {
		found = found || c.ChatID == -1005
	}
	if !found {
		t.Errorf("after the upgrade: %+v", r.chats())
	}
}

func TestOddUpdatesDoNothing(t *testing.T) {
	r := newRoom(t)
	for _, u := range []telegram.Update{
		{},
		{Message: &telegram.Message{}},
		{Message: &telegram.Message{Chat: group, Text: "chatter"}},
		{Message: &telegram.Message{Chat: group, Media: telegram.Media{Sticker: true}}},
		{Message: &telegram.Message{Chat: private}},
		{CallbackQuery: &telegram.CallbackQuery{}},
		{ChannelPost: &telegram.Message{Chat: telegram.Chat{ID: -9, Type: "channel"}, Text: "news"}},
		{MyChatMember: &telegram.ChatMemberUpdated{Chat: telegram.Chat{ID: 99, Type: "private"}}},
	} {
		if got := r.handle(u); got != "" {
			t.Errorf("%+v: %q", u, got)
		}
	}
}

// Who sends a picture to the bot is told that it understands commands.
func TestHint(t *testing.T) {
	r := newRoom(t)
	for _, body := range []string{`"text":"hello"`, `"sticker":{"file_id":"x"}`, `"photo":[{"file_id":"x"}]`, `"voice":{"duration":1}`} {
		var u telegram.Update
		if err := json.Unmarshal([]byte(`{"message":{"chat":{"id":7,"type":"private"},"from":{"id":7},`+body+`}}`), &u); err != nil {
			t.Fatal(err)
		}
		if got := r.handle(u); !strings.HasPrefix(got, "I only understand commands.") {
			t.Errorf("%s: %q", body, got)
		}
	}
}

func TestAnUpdateActsOnce(t *testing.T) {
	r := newRoom(t)
	u := telegram.Update{UpdateID: 500, Message: &telegram.Message{Chat: private, From: &telegram.User{ID: 7}, Text: "/help"}}
	for range 3 {
		if err := r.bot.Handle(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.said(); len(got) != 1 {
		t.Errorf("said %q", got)
	}
}

func TestSettings(t *testing.T) {
	r := newRoom(t)
	if got := r.say(private, 7, "/mute 2h"); !strings.HasPrefix(got, "Nothing is connected") {
		t.Errorf("before connecting: %q", got)
	}
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	for _, c := range []struct{ say, want string }{
		{"/mute", "For how long?"},
		{"/mute forever", "For how long?"},
		{"/mute 2h", "🔕 Messages make no sound until "},
		{"/status", "🔕 Without sound until "},
		{"/unmute", "🔔 Messages make a sound again."},
		{"/quiet", "From when to when?"},
		{"/quiet 22:00", "From when to when?"},
		{"/quiet 22:00-07:00", "🌙 From 22:00 to 07:00 (UTC) messages make no sound, urgent ones excepted.\nWhich time zone are you in?"},
		{"/quiet 22:00–7:00 hold europe/berlin", "🌙 From 22:00 to 07:00 (Europe/Berlin) messages wait until the morning, urgent ones excepted."},
		{"/digest", "At what time?"},
		{"/digest 8:05", "🗞 All but urgent messages come as one, daily at 08:05 (Europe/Berlin)."},
		{"/timezone", "Which one?"},
		{"/timezone Middle/Earth", "Which one?"},
		{"/timezone utc", "🕰 Times are UTC now."},
		{"/status", "Connected as ops"},
	} {
		if got := r.say(private, 7, c.say); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.say, got, c.want)
		}
	}
	if got := r.chats()[0].Settings; got.QuietHours != "22:00-07:00 hold" || got.Digest != "08:05" || got.TimeZone != "UTC" || !got.MutedUntil.IsZero() {
		t.Errorf("settings %+v", got)
	}
	for say, want := range map[string]string{"/quiet off": "no quiet hours any more", "/digest off": "one by one again"} {
		if got := r.say(private, 7, say); !strings.Contains(got, want) {
			t.Errorf("%s: %q", say, got)
		}
	}
	if got := r.chats()[0].Settings; got != (relay.Settings{TimeZone: "UTC", QuietHours: relay.NoQuietHours}) {
		t.Errorf("settings %+v", got)
	}
}

// What an application has set for its recipient is in force where the person has chosen nothing, and the bot says so.
func TestSettingsOfTheRecipient(t *testing.T) {
	r := newRoom(t)
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	set := func(zone string, hours relay.QuietHours) {
		if _, err := r.db.ChangeRecipient(t.Context(), "ops", relay.RecipientChange{TimeZone: &zone, QuietHours: &hours}); err != nil {
			t.Fatal(err)
		}
	}
	set("Europe/Berlin", "22:00-07:00")
	quiet := "🌙 From 22:00 to 07:00 (Europe/Berlin) messages make no sound, urgent ones excepted."
	if got := r.say(private, 7, "/status"); !strings.Contains(got, quiet) || !strings.Contains(got, " CE") {
		t.Errorf("%q", got)
	}
	if got := r.say(private, 7, "/digest 8:00"); got != "🗞 All but urgent messages come as one, daily at 08:00 (Europe/Berlin)." {
		t.Errorf("the zone is known: %q", got)
	}
	r.say(private, 7, "/quiet off")
	set("Europe/Berlin", "21:00-07:00")
	if got := r.say(private, 7, "/status"); strings.Contains(got, "🌙") {
		t.Errorf("who wants no quiet hours has some: %q", got)
	}
	recipient, err := r.db.Recipient(t.Context(), "ops")
	if err != nil {
		t.Fatal(err)
	}
	if calm := recipient.Calm(recipient.Chats[0]); calm.Silent(relay.Normal, time.Date(2026, 3, 1, 21, 30, 0, 0, time.UTC)) {
		t.Error("it is silent in hours that the person has turned off")
	}
}

func TestForget(t *testing.T) {
	r := newRoom(t)
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	if got := r.say(private, 7, "/forget"); !strings.Contains(got, "Delete everything") || len(r.chats()) != 1 {
		t.Errorf("%q", got)
	}
	if got := r.press(private, 7, "Yes"); got != "Deleted: 1 connection and 2 messages with all their records. Nothing arrives here any more." || len(r.chats()) != 0 || len(r.said()) != 1 {
		t.Errorf("%q", got)
	}
}

func TestNewTitle(t *testing.T) {
	r := newRoom(t)
	r.say(group, 7, "/start "+r.token(relay.TargetGroup))
	renamed := group
	renamed.Title = "Operations"
	r.handle(telegram.Update{Message: &telegram.Message{Chat: renamed, NewChatTitle: renamed.Title}})
	if got := r.chats()[0].Title; got != "Operations" {
		t.Errorf("title %q", got)
	}
}

// Whoever writes a lot to the bot gets so many answers and no more; links work all the same.
// The clock of the test's bubble stands still while the bot works, however slow the machine is.
func TestAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		for range 40 {
			r.say(private, 7, "hello?")
		}
		if got := len(r.said()); got != 20 {
			t.Errorf("%d answers to one chat, want about 20", got)
		}
		token := r.token(relay.TargetPrivate)
		if got := r.say(private, 7, "/start "+token); !strings.HasPrefix(got, "✅") {
			t.Errorf("a link: %q", got)
		}
		for _, text := range []string{"/start " + token, "/stop", "/forget"} { // one that works already, and questions
			before := len(r.said())
			for range 40 {
				r.say(private, 7, text)
			}
			if got := len(r.said()) - before; got > 0 {
				t.Errorf("%d more answers to %s", got, text)
			}
		}
	})
}

// What strangers are told comes after all else, as the welcomes of thousands who connect at once do; who is connected need not wait for
// an answer behind alerts.
func TestAnswersToStrangersAreLow(t *testing.T) {
	r := newRoom(t)
	newest := func() relay.Priority {
		page, err := r.db.Deliveries(t.Context(), relay.DeliveryQuery{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return page.Items[0].Priority
	}
	r.say(private, 7, "/status")
	if got := newest(); got != relay.Low {
		t.Errorf("to a stranger: %s", got)
	}
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	if got := newest(); got != relay.Low {
		t.Errorf("the welcome: %s", got)
	}
	r.say(private, 7, "/status")
	if got := newest(); got != relay.High {
		t.Errorf("to one who is connected: %s", got)
	}
}

// Whoever starts the bot without a link gets a recipient and a token, where the operator allows it.
func TestSelfService(t *testing.T) {
	r := newRoom(t)
	if got := r.say(private, 7, "/token"); !strings.Contains(got, "only understand") {
		t.Errorf("without self-service: %q", got)
	}
	if got := r.say(group, 7, "/token"); got != "" {
		t.Errorf("without self-service in a group: %q", got)
	}
	r.self = true
	credentials := regexp.MustCompile(`Bearer ([A-Za-z0-9_-]{32})'`)
	tokenIn := func(text string) string {
		t.Helper()
		found := credentials.FindStringSubmatch(text)
		if found == nil || !strings.Contains(text, "https://relay.example.org/hooks/alertmanager/tg-7\n") {
			t.Fatalf("%q", text)
		}
		return found[1]
	}
	first := tokenIn(r.say(private, 7, "/start"))
	if got := r.say(private, 7, "/start"); !strings.Contains(got, "Connected as tg-7") {
		t.Errorf("once more: %q", got)
	}
	second := tokenIn(r.say(private, 7, "/token"))
	if _, err := r.db.SenderOf(t.Context(), onboarding.Hash(first)); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("the old token: %v", err)
	}
	if got, err := r.db.SenderOf(t.Context(), onboarding.Hash(second)); err != nil || got != "tg-7" {
		t.Errorf("the new token is %q's: %v", got, err)
	}
	if got := r.say(group, 7, "/start"); strings.Contains(got, "Bearer") {
		t.Errorf("in a group: %q", got)
	}
	r.say(private, 7, "/forget")
	r.press(private, 7, "Yes")
	if _, err := r.db.SenderOf(t.Context(), onboarding.Hash(second)); relay.ErrorCode(err) != relay.CodeNotFound {
		t.Errorf("after /forget: %v", err)
	}
}

// Every text is there in every language, tells the same data, and the operator's own stands for all languages.
func TestLanguages(t *testing.T) {
	r := newRoom(t)
	said := map[string]bool{}
	for i, language := range []string{"en", "de", "es", "ru", "zh-hans"} {
		ada := telegram.Chat{ID: int64(50 + i), Type: "private", FirstName: "Ada"}
		say := func(text, want string) {
			t.Helper()
			from := &telegram.User{ID: ada.ID, FirstName: "Ada", LanguageCode: language}
			got := r.handle(telegram.Update{Message: &telegram.Message{Chat: ada, From: from, Text: text}})
			if got == "" || !strings.Contains(got, want) || said[got] {
				t.Errorf("%s: %s: %q", language, text, got)
			}
			said[got] = true
		}
		say("/help", "/quiet 22:00-07:00")
		say("/start", "/start")
		say("/start "+r.token(relay.TargetPrivate), "ops")
		say("/mute 2h", "🔕")
		say("/quiet 22:00-07:00 hold", "UTC")
		say("/quiet 22:00-07:00", "UTC")
		say("/digest 08:00 Europe/Madrid", "08:00 (Europe/Madrid)")
		say("/status", "ops")
		say("/stop", "ops")
		say("/forget", "")
	}
	if _, err := r.db.ChangeRecipient(t.Context(), "ops", relay.RecipientChange{Locale: new("de-AT")}); err != nil {
		t.Fatal(err)
	}
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	if got := r.say(private, 7, "/status"); !strings.HasPrefix(got, "✅ Verbunden als ops") {
		t.Errorf("in the language that the application chose: %q", got)
	}
	set := r.bot.Templates()
	for _, name := range set.Names() {
		if strings.HasPrefix(name, "chat.") && strings.Count(name, ".") == 1 {
			for _, language := range []string{"de", "es", "ru", "zh"} {
				if set.Localized(name, language) == name {
					t.Errorf("%s is not there in %s", name, language)
				}
			}
		}
	}
	own, err := render.New(render.Options{Files: []render.File{{Name: "own.tmpl", Text: `{{ define "chat.help" }}Ask Bob{{ end }}{{ define "chat.start.de" }}Frag Bob{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"chat.help": "chat.help", "chat.start": "chat.start.de", "chat.stay": "chat.stay.de"} {
		if got := own.Localized(name, "de"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// The press of an application's button is an event, also where its message is forgotten; nobody's button is nothing.
func TestApplicationButtons(t *testing.T) {
	r := newRoom(t)
	press := func(c telegram.Chat) []relay.Event {
		t.Helper()
		r.toast = "?"
		q := &telegram.CallbackQuery{ID: "1", From: telegram.User{ID: 7, FirstName: "Ada"}, Message: &telegram.Message{MessageID: 42, Chat: c}, Data: "approve:42"}
		r.handle(telegram.Update{CallbackQuery: q})
		due, err := r.db.DueEvents(t.Context(), time.Now(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	if due := press(private); len(due) != 0 || r.toast != "" {
		t.Errorf("%+v, %q", due, r.toast)
	}
	r.say(private, 7, "/start "+r.token(relay.TargetPrivate))
	due := press(private)
	if len(due) != 1 || due[0].Recipient != "ops" || due[0].Type != relay.ButtonPressed || r.toast != "?" {
		t.Fatalf("%+v, %q", due, r.toast)
	}
	for _, want := range []string{`"data":"approve:42"`, `"telegram_message_id":42`, `"user_id":7`, `"name":"Ada"`} {
		if !strings.Contains(string(due[0].Data), want) {
			t.Errorf("%s lacks %s", due[0].Data, want)
		}
	}
	r.bot.EventMissed(t.Context(), due[0])
	if !strings.HasPrefix(r.toast, "Noted.") {
		t.Errorf("while the application is down: %q", r.toast)
	}
	r.bot.EventAnswered(t.Context(), due[0], []byte(`{"text":"`+strings.Repeat("ä", 300)+`"}`))
	if got := len([]rune(r.toast)); got != 200 {
		t.Errorf("a toast of %d characters", got)
	}
	for _, body := range []string{"", "not JSON", `{"message":{"text":"x"}}`} {
		r.bot.EventAnswered(t.Context(), due[0], []byte(body))
		if r.toast != "" {
			t.Errorf("%s: %q", body, r.toast)
		}
	}
}

// An application hears who pressed by its own name for that person, and not by another application's.
func TestPresserByNamespace(t *testing.T) {
	r := newRoom(t)
	for i, c := range []struct {
		bound []string
		of    string
		want  string
	}{
		{[]string{"bank:a", "shop:b"}, "shop:team", "shop:b"},
		{[]string{"bank:a", "shop:b", "shop:c"}, "shop:c", "shop:c"},
		{[]string{"bank:a"}, "shop:others", ""},
		{[]string{"bank:a", "ada"}, "team", "ada"},
	} {
		person, shared := telegram.Chat{ID: int64(70 + i), Type: "private"}, telegram.Chat{ID: int64(-70 - i), Type: "group"}
		for n, recipient := range c.bound {
			if err := r.db.Bind(t.Context(), recipient, relay.Chat{ChatID: person.ID, Type: "private"}, time.Now().Add(time.Duration(n)*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.db.Bind(t.Context(), c.of, relay.Chat{ChatID: shared.ID, Type: "group"}, time.Now()); err != nil {
			t.Fatal(err)
		}
		q := &telegram.CallbackQuery{ID: "1", From: telegram.User{ID: person.ID}, Message: &telegram.Message{MessageID: 42, Chat: shared}, Data: "x"}
		r.handle(telegram.Update{CallbackQuery: q})
		due, err := r.db.DueEvents(t.Context(), time.Now(), 100)
		if err != nil {
			t.Fatal(err)
		}
		var said struct{ From struct{ Recipient string } }
		if err := json.Unmarshal(due[len(due)-1].Data, &said); err != nil || said.From.Recipient != c.want {
			t.Errorf("%v in a chat of %s: %q, want %q", c.bound, c.of, said.From.Recipient, c.want)
		}
	}
}

// An operator's template that fails keeps nobody from an answer: an update that is not handled would hold up all others.
func TestBrokenTemplate(t *testing.T) {
	r := newRoom(t)
	set, err := render.New(render.Options{Files: []render.File{{Name: "own.tmpl", Text: `
{{ define "chat.status" }}{{ index . 99 }}{{ end }}{{ define "chat.welcome" }}{{ index .Recipient 999 }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	r.bot.Templates = func() *render.Set { return set }
	if got := r.say(private, 7, "/start "+r.token(relay.TargetPrivate)); !strings.HasPrefix(got, "✅ Connected. Messages for ops") {
		t.Errorf("%q", got)
	}
	if got := r.say(private, 7, "/status"); !strings.HasPrefix(got, "✅ Connected as ops") {
		t.Errorf("%q", got)
	}
}

// An application greets its users itself; where its template fails, the usual welcome stands in.
func TestOwnWelcome(t *testing.T) {
	r := newRoom(t)
	set, err := render.New(render.Options{Files: []render.File{{Name: "shop.tmpl", Text: `
{{ define "shop.welcome" }}Hello *{{ .Data.name }}*, order {{ .Data.order }}{{ end }}{{ define "shop.welcome.de" }}Hallo {{ .Data.name }}{{ end }}
{{ define "shop.broken" }}{{ index .Data.list 7 }}{{ end }}`}}})
	if err != nil {
		t.Fatal(err)
	}
	r.bot.Templates = func() *render.Set { return set }
	open := func(language, template string) string {
		t.Helper()
		w := &relay.Welcome{Template: template, Data: []byte(`{"name":"A*da_","order":12345678901234567890}`)}
		link, err := r.desk.Make(t.Context(), onboarding.Request{Recipient: "ops", Welcome: w})
		if err != nil {
			t.Fatal(err)
		}
		from := &telegram.User{ID: 7, FirstName: "Ada", LanguageCode: language}
		return r.handle(telegram.Update{Message: &telegram.Message{Chat: private, From: from, Text: "/start " + link.Token}})
	}
	for _, c := range [][3]string{
		{"en", "shop.welcome", "Hello A*da_, order 12345678901234567890"}, {"de", "shop.welcome", "Hallo A*da_"}, {"en", "shop.broken", "✅ Connected. Messages for ops"},
	} {
		if got := open(c[0], c[1]); !strings.HasPrefix(got, c[2]) {
			t.Errorf("%s %s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// What happens to topics in Telegram is known to messages that name one.
func TestTopicsAreFollowed(t *testing.T) {
	r := newRoom(t)
	group := telegram.Chat{ID: -1001, Type: "supergroup", Title: "Ops", IsForum: true}
	happens := func(thread int64, m telegram.Message) {
		t.Helper()
		m.Chat, m.From, m.MessageThreadID, m.IsTopicMessage = group, &telegram.User{ID: 1, FirstName: "Ada"}, thread, true
		if said := r.handle(telegram.Update{Message: &m}); said != "" {
			t.Errorf("the bot says %q", said)
		}
	}
	want := func(name string, thread int64, closed bool) {
		t.Helper()
		got, err := r.db.Topic(t.Context(), "", group.ID, name)
		if err != nil || *got != (relay.Topic{ChatID: group.ID, Name: name, MessageThreadID: thread, Closed: closed}) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	happens(7, telegram.Message{ForumTopicCreated: &telegram.ForumTopic{Name: " Pay  ments"}})
	want("Pay ments", 7, false)
	happens(7, telegram.Message{ForumTopicClosed: &struct{}{}})
	want("Pay ments", 7, true)
	happens(7, telegram.Message{ForumTopicReopened: &struct{}{}})
	want("Pay ments", 7, false)
	happens(9, telegram.Message{ForumTopicClosed: &struct{}{}})
	happens(10, telegram.Message{ForumTopicCreated: &telegram.ForumTopic{Name: "\u200b"}})
	happens(11, telegram.Message{ForumTopicCreated: &telegram.ForumTopic{Name: "Pay ments"}})
	want("Pay ments", 11, false)
}
