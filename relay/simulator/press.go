package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"
)

// press is a button's press that waits for answerCallbackQuery.
type press struct {
	bot      *Server // that is to answer
	dies     time.Time
	answered bool
	text     string
	alert    bool
}

// Pressed is what a press led to.
type Pressed struct {
	URL   string `json:"url,omitempty"`  // that opens
	Toast string `json:"text,omitempty"` // that the bot answered; empty until it does
	Query string `json:"callback_query_id,omitempty"`
}

// Press presses an inline button by its text.
func (u *User) Press(chatID, messageID int64, button string) (*Pressed, error) {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[chatID]
	if c == nil {
		return nil, fmt.Errorf("press: there is no chat %d", chatID)
	}
	m := c.message(messageID)
	if m == nil {
		return nil, fmt.Errorf("press: there is no message %d", messageID)
	}
	var keyboard struct {
		InlineKeyboard [][]inlineButton `json:"inline_keyboard"`
	}
	if err := json.Unmarshal(m.ReplyMarkup, &keyboard); err != nil {
		return nil, fmt.Errorf("press: the message has no buttons")
	}
	for _, row := range keyboard.InlineKeyboard {
		for _, b := range row {
			if b.Text == button {
				return s.pressed(u, c, m, b), nil
			}
		}
	}
	return nil, fmt.Errorf("press: the message has no button %q", button)
}

// PressData presses a button of which only the data is known: one that a client still shows although the message was edited meanwhile.
func (u *User) PressData(chatID, messageID int64, data string) (*Pressed, error) {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[chatID]
	if c == nil || c.message(messageID) == nil {
		return nil, fmt.Errorf("press: there is no message %d in chat %d", messageID, chatID)
	}
	return s.pressed(u, c, c.message(messageID), inlineButton{CallbackData: &data}), nil
}

func (s *Server) pressed(u *User, c *chat, m *Message, b inlineButton) *Pressed {
	if b.URL != nil {
		return &Pressed{URL: *b.URL}
	}
	if b.CallbackData == nil {
		return &Pressed{}
	}
	s.serial++
	id := strconv.FormatInt(s.serial, 10)
	maps.DeleteFunc(s.presses, func(_ string, p *press) bool { return clock().After(p.dies) })
	bot := m.bot
	if bot == nil {
		bot = s
	}
	s.presses[id] = &press{bot: bot, dies: clock().Add(callbackAge)}
	bot.happened("callback_query", u.ID, map[string]any{
		"id": id, "from": u.object(), "message": bot.object(c, m), "chat_instance": strconv.FormatInt(c.id, 10), "data": *b.CallbackData,
	})
	return &Pressed{Query: id}
}

func (s *Server) answerCallbackQuery(a *arguments) *answer {
	p := s.presses[a.text("callback_query_id")]
	if p == nil || p.bot != s || p.answered || clock().After(p.dies) {
		return failed(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
	}
	if units(a.text("text")) > 200 {
		return failed(400, "Bad Request: MESSAGE_TOO_LONG")
	}
	p.answered, p.text, p.alert = true, a.text("text"), a.boolean("show_alert")
	s.wake()
	return done(true)
}

// Toast is what the bot answered to a press, and whether it has.
func (s *Server) Toast(query string) (text string, answered bool) {
	t := s.toast(query)
	return t.Text, t.Answered
}

func (s *Server) toast(query string) toasted {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.presses[query]
	if p == nil {
		return toasted{}
	}
	return toasted{p.answered, p.text, p.alert}
}
