package intake

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// MaxBatch is how many messages a batch may hold.
const MaxBatch = 1000

// Batch is what POST /api/v1/messages:batch brings.
type Batch struct {
	key      string // the Idempotency-Key; empty: none
	hash     [sha256.Size]byte
	messages []json.RawMessage
}

// Answer is what became of one message of a batch: it is stored, or it is refused.
type Answer struct {
	Message *relay.Message
	Err     error // nil where Message is set
}

// ParseBatch reads {"messages": […]}. Errors: relay.CodeInvalidJSON, CodeUnknownField, CodeInvalidField for what concerns the whole.
func ParseBatch(key string, body []byte) (*Batch, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	o, err := ParseObject(body)
	if err != nil {
		return nil, err
	}
	b := &Batch{key: key, hash: sha256.Sum256(body)}
	if o.Field("messages", &b.messages) || !o.Has("messages") {
		if n := len(b.messages); n == 0 || n > MaxBatch {
			o.Fault("messages", "a list of 1 to %d messages is wanted, not %d", MaxBatch, n)
		}
	}
	return b, o.Err()
}

// Len is how many messages it holds.
func (b *Batch) Len() int { return len(b.messages) }

// Batch takes messages in, all that are not refused in one transaction, and answers for each in order. A message that comes again, by
// its own idempotency_key or by that of the batch, is answered as it was the first time; what was refused then is tried again.
// Errors: relay.CodeIdempotencyMismatch where the batch had another body before, and the storage's; then nothing was taken.
func (d *Door) Batch(ctx context.Context, caller Caller, b *Batch) ([]Answer, error) {
	d = d.now()
	for try := 1; ; try++ {
		answers, messages, err := d.weigh(ctx, caller, b)
		if err != nil {
			return nil, err
		}
		err = d.accept(ctx, messages)
		if err == nil {
			return answers, nil
		}
		if relay.ErrorCode(err) != relay.CodeIdempotencyMismatch || try == maxTries {
			return nil, err
		}
		// Somebody else was answered for one of the keys meanwhile: that one is told apart now.
	}
}

// weigh answers for each message, and returns those that are to be stored.
func (d *Door) weigh(ctx context.Context, caller Caller, b *Batch) (answers []Answer, messages []*relay.Message, err error) {
	for i, raw := range b.messages {
		m, err := d.one(ctx, caller, b, i, raw)
		switch {
		case err != nil && fatal(err):
			return nil, nil, err
		case err != nil:
			err = within(err, fmt.Sprintf("/messages/%d", i))
		case !m.Replayed:
			messages = append(messages, m)
		}
		answers = append(answers, Answer{m, err})
	}
	return answers, messages, nil
}

// errAnotherBatch is behind the mismatch of a batch's own key.
var errAnotherBatch = errors.New("the batch's key came with another body")

// fatal is what concerns not one message but all of them.
func fatal(err error) bool {
	var e *relay.Error
	return !errors.As(err, &e) || e.Code.Status() >= 500 || errors.Is(err, errAnotherBatch)
}

// one makes a message of a batch, addressed and not yet stored, or finds the one that its key has brought before.
func (d *Door) one(ctx context.Context, caller Caller, b *Batch, i int, raw json.RawMessage) (*relay.Message, error) {
	o, err := ParseObject(raw)
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeInvalidField, Detail: "a message is wanted, as POST /api/v1/messages takes it", Fields: []relay.FieldError{{Detail: "a JSON object is wanted"}}}
	}
	request, err := b.request(o, caller, i, raw)
	if err != nil {
		return nil, err
	}
	if request != nil {
		m, err := d.outbox.Answered(ctx, *request)
		if relay.ErrorCode(err) == relay.CodeIdempotencyMismatch && err != nil && request.Body == b.hash {
			err = mismatch(b.key)
		}
		if m != nil || err != nil {
			return m, err
		}
	}
	return d.make(ctx, caller, o, Call{Body: raw}, request)
}

func mismatch(key string) error {
	return &relay.Error{
		Code:   relay.CodeIdempotencyMismatch,
		Detail: fmt.Sprintf("the Idempotency-Key %q came within the last %s with another body; use a new key for each batch", key, relay.RequestAge), Err: errAnotherBatch,
	}
}

// request is what a message is known by when it comes again: its own key, else its place in the batch of a key. The latter cannot be
// any caller's: it is not printable.
func (b *Batch) request(o *Object, caller Caller, i int, raw json.RawMessage) (*relay.Request, error) {
	var own string
	if o.Field("idempotency_key", &own) {
		if err := checkKey(own); own == "" || err != nil {
			o.Fault("idempotency_key", "1 to %d printable ASCII characters are wanted", maxIdempotencyKey)
			return nil, nil // told with the other faults
		}
		return &relay.Request{Owner: caller.Owner, Key: own, Body: sha256.Sum256(raw)}, nil
	}
	if b.key == "" {
		return nil, nil
	}
	return &relay.Request{Owner: caller.Owner, Key: fmt.Sprintf("%s\x00%d", b.key, i), Body: b.hash}, nil
}

// within moves the pointers of an error to where a message stands in its batch.
func within(err error, pointer string) error {
	var e *relay.Error
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Fields = slices.Clone(e.Fields)
	for i := range moved.Fields {
		moved.Fields[i].Pointer = pointer + moved.Fields[i].Pointer
	}
	if len(e.Fields) > 0 && strings.HasPrefix(e.Detail, e.Fields[0].Pointer+": ") && e.Fields[0].Pointer != "" {
		moved.Detail = pointer + e.Detail
	}
	return &moved
}
