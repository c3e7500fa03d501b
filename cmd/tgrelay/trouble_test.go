package main_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

const watched = fast + "fallback = \"admin\"\nalert_after = \"1s\"\n"

// A chat that takes nothing is told of to the fallback recipient, whose own chat still does.
func TestMessagesThatWaitAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watched)
	admin, ada := w.connect("Grace", "admin"), w.connect("Ada", "alice")
	w.do("POST", w.sim+"/sim/faults", fmt.Sprintf(`{"kind":"status","code":400,"description":"Bad Request: not enough rights to send text messages to the chat","chat_id":%d,"method":"sendMessage"}`, ada), nil)
	w.send("alice", "hello")
	waits := w.said(admin, 0, "⏳ Messages wait too long: one for alice has waited for ")
	if waits.Silent {
		t.Errorf("without a sound: %+v", waits)
	}
	w.allOf(admin)
	w.restart()
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	over := w.said(admin, waits.ID, "")
	if !over.Silent || over.ReplyTo != waits.ID || !strings.HasPrefix(over.Text, "✅ No message waits too long any more, after ") {
		t.Errorf("%+v", over)
	}
	w.said(ada, 0, "hello")
}

// allOf waits until nothing is on its way to a chat.
func (w *world) allOf(chat int64) {
	w.t.Helper()
	w.eventually(func() bool {
		var page struct {
			Items []struct {
				ChatID int64 `json:"chat_id"`
				State  string
			}
		}
		w.do("GET", w.relay+"/api/v1/deliveries?limit=1000", "", &page)
		for _, d := range page.Items {
			if d.ChatID == chat && d.State != "sent" {
				return false
			}
		}
		return true
	})
}

// setting is what the relay keeps for itself under a name.
func (w *world) setting(name string) (value string) {
	w.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(w.dir, "relay.db")+"?mode=ro")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	err = db.QueryRowContext(w.t.Context(), `SELECT value FROM settings WHERE name = ?`, name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		w.t.Fatal(err)
	}
	return value
}

// A token that Telegram refuses is logged at once, and told when it works again, with another start of the relay too.
func TestRefusedTokenIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, watched)
	admin := w.connect("Grace", "admin")
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","code":401,"description":"Unauthorized"}`, nil)
	w.process.await(t, `level=ERROR msg="Telegram does not work" error="(telegram refuses the bot)`)
	w.eventually(func() bool {
		return strings.Contains(w.setting("trouble.refused"), "wrong or revoked")
	})
	w.restart()
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	told := w.said(admin, 0, "⚠️ Telegram refused the bot from ")
	if told.Silent || !strings.Contains(told.Text, "get the token from @BotFather") {
		t.Errorf("%+v", told)
	}
}
