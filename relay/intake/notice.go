package intake

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/render"
)

const (
	// troubleEvery is how often the fallback recipient hears of the same trouble with a template.
	troubleEvery = time.Hour
	// digestEvery is how long failures are gathered, so that a hundred of them are one message.
	digestEvery = 30 * time.Second
	// digestLines is how many of them are named.
	digestLines = 10
)

// notices are what the daemon has said for itself to the fallback recipient.
type notices struct {
	mu   sync.Mutex
	told map[string]time.Time // by receiver and setting
}

// show renders and notes when that did not go as the operator wished.
func (h *heard) show(rules *Rules, rc *Receiver, draft receivers.Draft) markup.Text {
	text, step, problem := show(rules, rc, draft)
	if problem != nil {
		h.metrics.fallbacks.WithLabelValues(rc.Name, step).Inc()
		h.troubled(rules, rc.Name, "template", problem)
	}
	return text
}

// troubled logs a fault of the operator's templates and tells the fallback recipient, at most once an hour for each setting. An empty
// receiver: of what the daemon itself says.
func (d *Door) troubled(rules *Rules, receiver, setting string, err error, more ...any) {
	d.log.Error("a template of relay.toml failed; the message goes on without it", append([]any{"receiver", receiver, "setting", setting, "error", render.WithoutValues(err)}, more...)...)
	n := &d.notices
	n.mu.Lock()
	key, now := receiver+"\x00"+setting, time.Now()
	again := now.Sub(n.told[key]) < troubleEvery
	if !again {
		if n.told == nil {
			n.told = map[string]time.Time{}
		}
		n.told[key] = now
	}
	n.mu.Unlock()
	if !again && rules.Fallback != "" {
		what := setting
		if receiver != "" {
			what += " of receiver " + receiver
		}
		text := fmt.Sprintf("⚠️ The %s failed; its messages arrive in another form.\n%s", what, err)
		d.tellFallback(context.Background(), Notice{Text: markup.Text{Text: text}, Once: "template " + what, Within: troubleEvery})
	}
}

// Notice is what the daemon has to say of itself.
type Notice struct {
	To       []string // recipients; none: the fallback
	Text     markup.Text
	Priority relay.Priority
	Silent   bool
	Thread   string // notices of a thread answer its first one; empty: it stands alone
	// Once is a name of the occasion: within relay.RequestAge there is one notice of it, also when a crash has it sent again.
	// Empty: each is another. Where several daemons share the storage, it holds for all of them.
	Once string
	// Within is how long ago that one may be; 0: relay.RequestAge.
	Within time.Duration
}

// Notify sends a notice; without a recipient it does nothing. Recipients without a chat get it as soon as they have one. Errors: the
// storage's.
func (d *Door) Notify(ctx context.Context, n Notice) error {
	m, err := d.notice(ctx, n)
	if m == nil || err != nil {
		return err
	}
	return d.accept(ctx, []*relay.Message{m})
}

// notice is the message of one, nil without a recipient.
func (d *Door) notice(ctx context.Context, n Notice) (*relay.Message, error) {
	rules := *d.Rules()
	rules.Reject = false // nobody is there to be told of it
	if len(n.To) == 0 && rules.Fallback != "" {
		n.To = []string{rules.Fallback}
	}
	if len(n.To) == 0 {
		return nil, nil
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	m := &relay.Message{
		ID: relay.NewID(), CreatedAt: now, ExpiresAt: now.Add(rules.MaxAge), Priority: n.Priority,
		Content: relay.Content{Text: n.Text.Normalize(), DisableNotification: n.Silent, LinkPreviewOptions: noPreview},
	}
	if n.Thread != "" {
		m.Key, m.OnUpdate = n.Thread, relay.Reply
	}
	if n.Once != "" {
		m.Request = &relay.Request{Owner: relay.OwnRequests, Key: n.Once, Within: n.Within}
	}
	return m, d.address(ctx, m, n.To, &rules)
}

// Words runs a template of what the daemon itself has to say. When the operator's fails, the built-in one serves, and the fault is told.
func (d *Door) Words(template string, data any) markup.Text {
	rules := d.Rules()
	text, err := rules.Templates.Execute(template, markup.MarkdownV2, data)
	if err != nil {
		d.troubled(rules, "", "template "+template, err)
		text, err = rules.Builtin.Execute(template, markup.MarkdownV2, data)
	}
	if err != nil { // a fault of the program, found by its tests
		return markup.Text{Text: fmt.Sprintf("%s: %+v", template, data)}
	}
	return tidy(text)
}

// Tell sends a plain text to the fallback recipient, if there is one. What goes wrong is logged.
func (d *Door) Tell(ctx context.Context, text string) {
	d.tellFallback(ctx, Notice{Text: markup.Text{Text: text}})
}

func (d *Door) tellFallback(ctx context.Context, n Notice) {
	if err := d.Notify(ctx, n); err != nil {
		d.log.Error("cannot tell the fallback recipient", "error", err)
	}
}

// Failed says in the log that a delivery ended without arriving. The storage knows what is to be told of it.
func (d *Door) Failed(failed relay.Delivery) {
	log := d.log
	if failed.Bot != "" {
		log = log.With("bot", failed.Bot)
	}
	log.Warn("a delivery ended without arriving", "delivery", failed.ID, "message", failed.MessageID, "recipient", failed.Recipient, "chat_id", failed.ChatID,
		"state", failed.State, "reason", failed.Reason, "last_error", failed.LastError, "attempts", failed.Attempts)
}

// Run sends digests of failures, and releases what was kept for quiet hours and people's digests, until ctx ends. Of several that share a storage one does.
func (d *Door) Run(ctx context.Context) error {
	tick, release := time.NewTicker(digestEvery), time.NewTicker(releaseEvery)
	defer tick.Stop()
	defer release.Stop()
	for {
		select {
		case <-release.C:
			if d.mine() {
				d.release(ctx)
			}
		case <-tick.C:
			if d.mine() {
				d.digest(ctx)
			}
		case answer := <-d.questions:
			close(answer)
		case <-ctx.Done():
			return nil
		}
	}
}

// digest tells the fallback recipient what did not arrive. Its own failures are only logged: telling of them would go the same way.
func (d *Door) digest(ctx context.Context) {
	err := d.tellUndelivered(ctx)
	if err != nil && relay.ErrorCode(err) != relay.CodeConflict && ctx.Err() == nil {
		d.log.Error("the fallback recipient is not told yet what did not arrive; it is tried again", "error", err)
	}
}

func (d *Door) tellUndelivered(ctx context.Context) error {
	failed, err := d.outbox.Undelivered(ctx, d.Rules().Fallback, digestLines)
	if err != nil || failed.Noted == 0 {
		return err
	}
	var m *relay.Message
	if failed.Count > 0 {
		m, err = d.notice(ctx, Notice{Text: markup.Text{Text: digest(failed.First, int(failed.Count)-len(failed.First))}})
	}
	if err != nil {
		return err
	}
	if err := d.outbox.TellUndelivered(ctx, m, failed); err != nil || m == nil {
		return err
	}
	d.accepted(ctx, []*relay.Message{m})
	return nil
}

func digest(failed []relay.Delivery, more int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "⚠️ %d of the messages did not arrive:", len(failed)+more)
	for _, f := range failed {
		fmt.Fprintf(&b, "\n• for %s: %s", f.Recipient, f.State)
		if f.LastError != "" {
			fmt.Fprintf(&b, " (%s)", f.LastError)
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "\n• … and %d more", more)
	}
	b.WriteString("\n`tgrelay deliveries --state failed` lists them.")
	return b.String()
}
