package relay

import (
	"context"
	"time"
)

// State is where a delivery stands. Its moves:
//
//	          bound                 taken by a lane           answered
//	held ───────────────▶ queued ───────────────────▶ sending ─────────▶ sent
//	  │                     │  ▲                         │
//	  │                     │  └────── try again ────────┤
//	  │                     │  ▲                         └─────────────▶ failed
//	  │                     │  └─ retry (operator) ── failed, expired
//	  └── too old ──────────┴──────────────────────────────────────────▶ expired
//	      (failed, expired) ── operator ──▶ discarded;  (held, queued) ── newer update ──▶ superseded
//	      (failed, expired, superseded) ── had been under way, and arrived ──▶ sent
type State string

// The states of the contract.
const (
	Held       State = "held"       // the recipient has no chat yet, is paused, or has quiet hours or a digest
	Queued     State = "queued"     // waits for its lane
	Sending    State = "sending"    // a request is under way; after a crash it counts as queued
	Sent       State = "sent"       // Telegram answered with a message
	Failed     State = "failed"     // gave up; kept for inspection and retry
	Expired    State = "expired"    // too old before it could be sent
	Discarded  State = "discarded"  // ended by an operator
	Superseded State = "superseded" // a newer update of the same live message took its place
)

// States are all states, in the order of a delivery's life.
var States = []State{Held, Queued, Sending, Sent, Failed, Expired, Discarded, Superseded}

// Waiting reports whether a delivery in this state is still to be sent.
func (s State) Waiting() bool { return s == Held || s == Queued || s == Sending }

// Delivery is one message on its way to one chat. A text that is cut into parts is still one delivery.
type Delivery struct {
	ID                 ID        `json:"id"`
	MessageID          ID        `json:"message_id"`
	Recipient          string    `json:"recipient,omitzero"` // empty for the bot's own answers in a chat
	Bot                string    `json:"bot,omitzero"`       // that sends it, empty for the first; while there is no chat, the one that is asked for (FirstBot), empty for any
	ChatID             int64     `json:"chat_id,omitzero"`   // zero while the recipient has none
	MessageThreadID    int64     `json:"message_thread_id,omitzero"`
	Receiver           string    `json:"receiver,omitzero"`
	State              State     `json:"state"`
	Priority           Priority  `json:"priority"`
	Attempts           int       `json:"attempts"`
	Reason             string    `json:"reason,omitzero"`     // of the last failed attempt: one of a closed set
	LastError          string    `json:"last_error,omitzero"` // Telegram's description of it
	TelegramMessageIDs []int64   `json:"telegram_message_ids"`
	CreatedAt          time.Time `json:"created_at"`
	SendAt             time.Time `json:"send_at,omitzero"`    // wished for by the caller: until then it stands in nobody's way
	NotBefore          time.Time `json:"not_before,omitzero"` // back-off after an attempt: what is behind it in its lane waits too
	ExpiresAt          time.Time `json:"expires_at,omitzero"`
	SentAt             time.Time `json:"sent_at,omitzero"`

	Key      string   `json:"key,omitzero"` // of the live message
	OnUpdate OnUpdate `json:"-"`

	// Seq is the order of arrival, given by the store.
	Seq int64 `json:"-"`
}

// Job is a delivery with what it is to deliver.
type Job struct {
	Delivery
	Content Content
	Live    []int64 // with a Key: the Telegram messages of the live message that is in the chat; none if there is none
}

// Arrival is that messages arrived in a chat: those of one delivery, at the time of the last.
type Arrival struct {
	ChatID   int64
	At       time.Time
	Messages int
}

// Outcome is what became of one attempt at a delivery. The store writes all of it in one step.
type Outcome struct {
	Delivery           ID
	State              State // Queued (try again), Sent, Failed or Expired
	Attempts           int
	Reason             string
	LastError          string
	NotBefore          time.Time // with Queued
	TelegramMessageIDs []int64   // all parts sent so far, so that a restart goes on with the next
	At                 time.Time
	Wipe               bool    // the text leaves the storage
	Live               []int64 // with Sent and a Key: what the live message consists of from now on
	Fence              int64   // of the lease by which the request was begun; 0: none was needed

	Bot string // that made the attempt
	// What the answer told about the bot's chat, zero where it told nothing.
	ChatID    int64
	ChatState ChatState // Blocked or Left: what waits for this chat, this delivery too, goes by another bot of its recipient's that has it, or fails with the same reason
	MigrateTo int64     // the supergroup's ID: bindings and what waits move there
}

// DeliveryQuery asks for a page of deliveries, newest first. A page may hold fewer than Limit and still have a Next: what a receiver
// brought is looked for in stretches, so that no question takes long.
type DeliveryQuery struct {
	State     State     // empty: any
	Recipient string    // empty: any
	Prefix    string    // of the recipients' IDs
	Receiver  string    // empty: any
	Bot       string    // that sends it, as it is asked for (FirstBot); empty: any
	Since     time.Time // of their creation; zero: from the beginning
	Until     time.Time // before then; zero: up to now
	After     string    // cursor of the page before; empty: from the newest
	Limit     int       // 1 to 1000; 0 means 100
}

// Page is a stretch of a list. Next is the cursor of the page after it, empty at the end.
type Page[T any] struct {
	Items []T
	Next  string
}

// Backlog is how much waits.
type Backlog struct {
	Count  map[State]int64 // deliveries by state, finished ones kept by retention included
	Oldest time.Time       // since when the queued or sending delivery waits that waits for longest: its creation or SendAt; zero when nothing is due
}

// Undelivered is what did not arrive and was told to nobody yet.
type Undelivered struct {
	Count int64      // how many are to be told
	First []Delivery // the first of them
	Noted int64      // how many TellUndelivered lets go of, those included that nobody is told of
	Last  int64      // the storage's number of the last of these
}

// TallySpan is the time that a Tally is of.
const TallySpan = 5 * time.Minute

// Tally is how much happened in a TallySpan.
type Tally struct {
	At      time.Time // when it began
	Taken   int64     // deliveries that were accepted
	Sent    int64
	Failed  int64 // or expired
	Waiting int64 // by how much the number of those still to be sent changed
}

// Waiting is how many deliveries are still to be sent.
func (b Backlog) Waiting() int64 { return b.Count[Held] + b.Count[Queued] + b.Count[Sending] }

// Outbox keeps messages from being accepted to being delivered. All methods are safe for concurrent use.
//
// A method that writes returns after its commit is on disk, and nothing of a failed call is kept. When the storage
// cannot take a write the error is an *Error with CodeStorageUnavailable.
type Outbox interface {
	// Accept stores messages with their deliveries in one transaction and gives each delivery its Seq. The deliveries'
	// order in the call is their order of sending. Deliveries have State Held or Queued, or Failed where the chat is known not to take them.
	// One that edits a live message takes the place of an update of the same Key that waits for the same recipient and chat.
	// A Request that was answered before changes nothing: the message gets the ID and Deliveries of then. Error for one with another
	// body: CodeIdempotencyMismatch. Deliveries that a Notification has brought already are left out.
	Accept(ctx context.Context, messages ...*Message) error
	// Answered returns the message that a request brought when it came before, with the Deliveries of then; nil if it is new. Error:
	// CodeIdempotencyMismatch.
	Answered(ctx context.Context, r Request) (*Message, error)
	// Lanes returns the chats of a bot that have queued or sending deliveries which are due (SendAt) at now, and the moment of the
	// next SendAt after now (zero if there is none).
	Lanes(ctx context.Context, bot string, now time.Time) (chats []int64, next time.Time, err error)
	// Heads returns at most limit queued or sending deliveries of a bot's chat that are due (SendAt) at now, in the order of sending:
	// by priority, then by arrival. NotBefore is not looked at: that is the lane's business.
	Heads(ctx context.Context, bot string, chatID int64, now time.Time, limit int) ([]Job, error)
	// Kept returns at most limit held deliveries that have a chat and are due (NotBefore) at now, those of a chat next to each other.
	Kept(ctx context.Context, now time.Time, limit int) ([]Job, error)
	// Release queues deliveries that were kept. What is not held any more stays as it is.
	Release(ctx context.Context, deliveries []ID) error
	// Merge lets a message with one delivery take the place of deliveries that wait in its chat: these become superseded. Error if one of
	// them waits no longer: CodeConflict.
	Merge(ctx context.Context, m *Message, deliveries []ID) error
	// Recent returns what arrived in chats of a bot since a moment, in the order of the time.
	Recent(ctx context.Context, bot string, since time.Time) ([]Arrival, error)
	// Sending notes that a request is under way. It does not wait for the disk and cannot fail: a crash loses nothing by it.
	Sending(id ID)
	// Finish writes what became of an attempt. What was sent is sent, also where it failed, expired or was superseded meanwhile; else a delivery that was
	// ended stays as it is, and so does one that was discarded. Error where another replica has the lane by now: ErrLeaseLost; what was sent is stored
	// all the same, and nothing else.
	Finish(ctx context.Context, o Outcome) error
	// Expire ends what waits and is past its ExpiresAt, at most limit deliveries, and returns them; with fewer than limit there are no more.
	Expire(ctx context.Context, now time.Time, limit int) ([]Delivery, error)
	// Undelivered returns which deliveries failed or expired without anybody being told yet: their number, and the first of them, at most limit. Those
	// of one recipient are left out, and so are those that have no recipient or were put back into the queue.
	Undelivered(ctx context.Context, but string, limit int) (Undelivered, error)
	// TellUndelivered accepts the message that tells of them, and lets go of them all, in one step; nil: nobody is to be told. Error where somebody else has
	// done so meanwhile: CodeConflict.
	TellUndelivered(ctx context.Context, m *Message, u Undelivered) error
	// Prune deletes finished deliveries (and messages left without any) older than before, at most limit rows, and returns how many.
	Prune(ctx context.Context, before time.Time, limit int) (int64, error)

	// Retry puts a failed or expired delivery back into the queue; Discard ends one. Errors: CodeNotFound, CodeConflict.
	Retry(ctx context.Context, id ID, now time.Time) (*Delivery, error)
	Discard(ctx context.Context, id ID, now time.Time) (*Delivery, error)

	// Delivery returns one. Error: CodeNotFound.
	Delivery(ctx context.Context, id ID) (*Delivery, error)
	// DeliveryOf returns the delivery that a Telegram message of a bot is of. Error: CodeNotFound.
	DeliveryOf(ctx context.Context, bot string, chatID, telegramMessageID int64) (*Delivery, error)
	// Newest returns the newest delivery of a live message, sent or still to be sent, after one of its deliveries: that one where there is none.
	Newest(ctx context.Context, d *Delivery, key string) (*Delivery, error)
	// Adopt makes what a delivery brought a live message of a key, unless there is one already.
	Adopt(ctx context.Context, d *Delivery, key string) error

	// File returns what was uploaded with a message. Error: CodeNotFound.
	File(ctx context.Context, message ID) ([]byte, error)
	// Message returns a message with its deliveries. Error: CodeNotFound.
	Message(ctx context.Context, id ID) (*Message, error)
	Deliveries(ctx context.Context, q DeliveryQuery) (Page[Delivery], error)
	Backlog(ctx context.Context) (Backlog, error)
	// Tallies returns what happened since a moment, in order, at most a week back. What saw nothing happen is left out.
	Tallies(ctx context.Context, since time.Time) ([]Tally, error)
}
