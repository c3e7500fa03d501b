package delivery

import (
	"testing"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/telegram"
)

func TestEveryReasonHasAReaction(t *testing.T) {
	for _, r := range telegram.Reasons {
		if reactions[r] == "" {
			t.Errorf("no reaction to %s", r)
		}
	}
	if len(reactions) != len(telegram.Reasons) {
		t.Error("there are reactions to what is no reason")
	}
}

func TestReact(t *testing.T) {
	for name, row := range map[string]struct {
		e    telegram.Error
		f    form
		want action
		left form
	}{
		"flood":                {e: telegram.Error{Reason: telegram.RateLimited, RetryAfter: time.Second}, want: wait},
		"flood without a time": {e: telegram.Error{Reason: telegram.RateLimited}, want: again},
		"blocked":              {e: telegram.Error{Reason: telegram.Blocked}, want: dead},
		"kicked":               {e: telegram.Error{Reason: telegram.Kicked}, want: dead},
		"migrated":             {e: telegram.Error{Reason: telegram.Migrated}, want: move},
		"restricted":           {e: telegram.Error{Reason: telegram.NoRights}, want: again},
		"entities":             {e: telegram.Error{Reason: telegram.BadEntities}, want: plain, left: form{plain: true}},
		"entities of plain":    {e: telegram.Error{Reason: telegram.BadEntities}, f: form{plain: true}, want: drop, left: form{plain: true}},
		"buttons":              {e: telegram.Error{Reason: telegram.BadButtons}, f: form{plain: true}, want: noButtons, left: form{plain: true, noButtons: true}},
		"buttons of none":      {e: telegram.Error{Reason: telegram.BadButtons}, f: form{noButtons: true}, want: drop, left: form{noButtons: true}},
		"topic":                {e: telegram.Error{Reason: telegram.TopicClosed}, want: noTopic, left: form{noTopic: true}},
		"unknown 400":          {e: telegram.Error{Reason: telegram.Refused}, want: drop},
		"token":                {e: telegram.Error{Reason: telegram.BadToken}, want: stop},
		"gateway":              {e: telegram.Error{Reason: telegram.ServerError}, want: again},
		"network":              {e: telegram.Error{Reason: telegram.NotSent}, want: again},
		"no answer":            {e: telegram.Error{Reason: telegram.OutcomeUnknown}, want: again},
		"no reason":            {e: telegram.Error{Reason: "news"}, want: drop},
	} {
		if got, left := react(&row.e, row.f); got != row.want || left != row.left {
			t.Errorf("%s: %s %+v, want %s %+v", name, got, left, row.want, row.left)
		}
	}
}

func TestChatState(t *testing.T) {
	for r, want := range map[telegram.Reason][2]relay.ChatState{ // of a person, of a group
		telegram.Blocked:      {relay.Blocked, relay.Blocked},
		telegram.Deactivated:  {relay.Blocked, relay.Blocked},
		telegram.NotStarted:   {relay.Blocked, relay.Blocked},
		telegram.IsBot:        {relay.Blocked, relay.Blocked},
		telegram.ChatNotFound: {relay.Blocked, relay.Left},
		telegram.Kicked:       {relay.Left, relay.Left},
		telegram.NotMember:    {relay.Left, relay.Left},
		telegram.ChatDeleted:  {relay.Left, relay.Left},
	} {
		if got := [2]relay.ChatState{chatState(r, 5), chatState(r, -5)}; got != want {
			t.Errorf("%s: %v, want %v", r, got, want)
		}
		if reactions[r] != dead {
			t.Errorf("%s does not end a chat", r)
		}
	}
}

func TestBackoff(t *testing.T) {
	for attempts, want := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1000: 5 * time.Minute} {
		for range 100 {
			if d := backoff(attempts); d > want || d < want*4/5 {
				t.Fatalf("after %d attempts: %s, want up to %s", attempts, d, want)
			}
		}
	}
}
