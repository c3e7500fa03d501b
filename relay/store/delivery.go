package store

import (
	"encoding/json"
	"fmt"

	"github.com/tgrelay/tgrelay/relay"
)

const deliveryColumns = `d.seq, d.id, m.id, d.recipient, d.bot, d.chat_id, d.message_thread_id, d.receiver, d.state, d.priority, d.attempts, d.reason, d.last_error,
	d.telegram_message_ids, d.created_at, d.send_at, d.not_before, d.expires_at, d.sent_at, d.live_key, d.on_update`

// scanDelivery reads deliveryColumns and what follows them.
func scanDelivery(row scanner, more ...any) (relay.Delivery, error) {
	var (
		d                                           relay.Delivery
		state                                       int
		parts                                       []byte
		created, sendAt, notBefore, expires, sentAt int64
	)
	err := row.Scan(append([]any{
		&d.Seq, &d.ID, &d.MessageID, &d.Recipient, &d.Bot, &d.ChatID, &d.MessageThreadID, &d.Receiver, &state, &d.Priority, &d.Attempts, &d.Reason, &d.LastError,
		&parts, &created, &sendAt, &notBefore, &expires, &sentAt, &d.Key, &d.OnUpdate,
	}, more...)...)
	if err != nil {
		return d, err
	}
	if state < 0 || state >= len(states) {
		return d, fmt.Errorf("delivery %s is in state %d, which this tgrelay does not know", d.ID, state)
	}
	d.State = states[state]
	d.CreatedAt, d.SendAt, d.NotBefore, d.ExpiresAt, d.SentAt = moment(created), moment(sendAt), moment(notBefore), moment(expires), moment(sentAt)
	return d, json.Unmarshal(parts, &d.TelegramMessageIDs)
}
