package intake

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Change puts another text, and other buttons or none, in the place of a message that is in a chat: an object with text, parse_mode or entities,
// and reply_markup, as messages have them. Errors are those of Message.
func (d *Door) Change(ctx context.Context, of *relay.Delivery, body json.RawMessage) error {
	d = d.now()
	rules := d.Rules()
	o, err := ParseObject(body)
	if err != nil {
		return err
	}
	r := &request{priority: relay.High, onUpdate: relay.Edit}
	r.decodeText(o)
	r.content.LinkPreviewOptions = linkPreview(o)
	r.content.ReplyMarkup = keyboard(o, rules)
	if err := o.Err(); err != nil {
		return err
	}
	if err := r.render(rules); err != nil {
		return err
	}
	fit(&r.content, rules.LongText)
	if r.key, err = d.keyOf(ctx, of); err != nil {
		return err
	}
	m := r.message(rules, Caller{})
	m.CreatedAt = time.Now().UTC().Truncate(time.Millisecond)
	m.Deliveries = []relay.Delivery{deliveryLike(m, of)}
	return d.accept(ctx, []*relay.Message{m})
}
