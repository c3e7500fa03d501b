package telegram

import (
	"encoding/json"
	"errors"
	"fmt"
)

// DecodeUpdate reads an update, however odd: kinds that are not known are passed over, and of a part with an odd field the
// others are kept. The error tells what was skipped; UpdateID is 0 only where there is none.
func DecodeUpdate(b []byte) (Update, error) {
	var u Update
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return u, fmt.Errorf("read an update: %w", err)
	}
	var id number
	_ = id.UnmarshalJSON(members["update_id"])
	u.UpdateID = int64(id)
	var skipped []error
	for name, raw := range members {
		if err := u.decode(name, raw); err != nil {
			skipped = append(skipped, fmt.Errorf("%s: %w", name, err))
		}
	}
	if u.UpdateID == 0 {
		skipped = append(skipped, errors.New("there is no update_id"))
	}
	return u, errors.Join(skipped...)
}

// decode fills in the part of that name. A part without what it is about (chat, person) is left out.
func (u *Update) decode(name string, raw json.RawMessage) (err error) {
	switch name {
	case "message":
		u.Message, err = decodePart(raw, func(m *Message) bool { return m.Chat.ID != 0 })
	case "channel_post":
		u.ChannelPost, err = decodePart(raw, func(m *Message) bool { return m.Chat.ID != 0 })
	case "callback_query":
		u.CallbackQuery, err = decodePart(raw, func(q *CallbackQuery) bool { return q.ID != "" })
	case "my_chat_member":
		u.MyChatMember, err = decodePart(raw, func(m *ChatMemberUpdated) bool { return m.Chat.ID != 0 && m.NewChatMember.Status != "" })
	}
	return err
}

func decodePart[T any](raw json.RawMessage, whole func(*T) bool) (*T, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	v := new(T)
	err := json.Unmarshal(raw, v) // goes on behind a field of the wrong type
	if !whole(v) {
		return nil, errors.Join(err, errors.New("what it is about is missing"))
	}
	return v, err
}
