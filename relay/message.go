package relay

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// Message is what a caller handed in: content and options, and its deliveries to chats.
type Message struct {
	ID        ID
	CreatedAt time.Time
	Receiver  string   // the inlet that it came by; empty for the API and for the bot's own answers
	Owner     string   // name of the token that brought it; empty without tokens
	Priority  Priority // order under a rate limit
	Bot       string   // whose chats of the recipient it goes to, as it is asked for (FirstBot); empty: those of all
	Key       string   // of a live message; empty: the message stands alone
	OnUpdate  OnUpdate // what becomes of the live message that is in the chat already
	// Follows is the delivery of the live message that this one was made of: it is refused with CodeConflict where a newer one is there. Zero: whichever is.
	Follows ID
	// Patient lets an edit take over the hour of the version that it supersedes, where that is held back for quiet hours or a digest:
	// it brings up to date and has nothing urgent to say.
	Patient    bool
	SendAt     time.Time // not before then; zero: at once
	ExpiresAt  time.Time // a delivery that has not been sent by then expires; never zero once accepted
	Content    Content
	Deliveries []Delivery

	File         []byte        // what Content.Media without an URL stands for; not read back with the message
	Request      *Request      // that brought it, if it may come twice; nil: it is taken as often as it comes
	Replayed     bool          // the request had come before: ID and Deliveries are those of then
	Notification *Notification // of alerts, if another sender may bring it too
}

// RequestAge is for how long a request with a key is remembered.
const RequestAge = 24 * time.Hour

// Request is one that its caller may repeat, not knowing whether it arrived (header Idempotency-Key).
type Request struct {
	Owner string // name of the token, or OwnRequests
	Key   string // the caller's, 1 to 255 printable ASCII characters
	Body  [32]byte
	// Within is how long ago it may have come for this one to be the same; 0: RequestAge, which is the most.
	Within time.Duration
}

// OwnRequests is the Owner of what the relay says by itself, and says once; no token can have this name.
const OwnRequests = "(tgrelay)"

// NotificationAge is how long after a notification the same one is taken for its twin.
const NotificationAge = 5 * time.Minute

// Notification is what a webhook says of a group of alerts. Where two Alertmanagers both send it, a recipient gets it once: one
// that says the same as the last of its group. Both are SHA-256.
type Notification struct {
	Group  [32]byte
	Alerts [32]byte // which alerts, since when, firing or resolved
}

// Content is what is shown in the chat. It is stored as JSON.
type Content struct {
	// Text may be of any length: delivery cuts it to Telegram's 4096 UTF-16 units a message.
	Text markup.Text `json:"text"`
	// The rest are sendMessage's parameters of the same names; the raw ones are passed on as they are.
	DisableNotification bool            `json:"disable_notification,omitzero"`
	ProtectContent      bool            `json:"protect_content,omitzero"`
	LinkPreviewOptions  json.RawMessage `json:"link_preview_options,omitempty"`
	ReplyMarkup         json.RawMessage `json:"reply_markup,omitempty"`
	// Secret says that the text is to leave the storage once it was sent, and is shown to nobody else.
	Secret bool `json:"secret,omitzero"`
	// Media goes with the text, which is its caption as far as it fits.
	Media *Media `json:"media,omitempty"`
	// Album is at most MaxAlbum photos that go together instead, without buttons; the text is the caption of the first, as far as it fits.
	Album []Media `json:"album,omitempty"`
	// Alerts is what the text tells of, where it is of alerts: under a surge such messages are merged.
	Alerts *Alerts `json:"alerts,omitempty"`
	// Topic names the topic of a group that the message is for, as TopicName makes it, unless its recipient is bound to one. It is made where
	// there is none; where it cannot be, and in other chats, it says nothing.
	Topic string `json:"topic,omitempty"`
	// Calls are what buttons of ReplyMarkup make when they are pressed.
	Calls []Call `json:"calls,omitempty"`
	// Attachment follows the text as a document: the whole of what Text is only the head of.
	Attachment *Attachment `json:"attachment,omitempty"`
}

// Alerts says in short what a message about alerts tells.
type Alerts struct {
	Group    string `json:"group"` // what they have in common: their name, else their labels
	Firing   int    `json:"firing,omitzero"`
	Resolved int    `json:"resolved,omitzero"`
}

// Media is a photo or document of the caller's.
type Media struct {
	Kind MediaKind `json:"kind"`
	URL  string    `json:"url,omitempty"`  // empty: it was uploaded, and is Message.File
	Name string    `json:"name,omitempty"` // of an uploaded file
	// Illustration says that the text is what counts: it waits seconds for the file and no longer, and an update of a live message leaves the file in place.
	Illustration bool `json:"illustration,omitzero"`
}

// MaxAlbum is how many files an album holds (sendMediaGroup).
const MaxAlbum = 10

// MediaKind says how a file is shown.
type MediaKind string

// The kinds of media.
const (
	Photo    MediaKind = "photo"
	Document MediaKind = "document"
)

// Attachment is a small file, at most some MiB of text.
type Attachment struct {
	Name    string `json:"name"` // as the person sees it, such as message.txt
	Content string `json:"content"`
}

// OnUpdate is what a message does that has the key of one that is in the chat.
type OnUpdate string

// The ways to update a live message.
const (
	Edit  OnUpdate = "edit"  // changes the one that is there; of updates that wait, only the newest is sent
	Reply OnUpdate = "reply" // answers the first
	Anew  OnUpdate = "new"   // stands beside it
)

// UnmarshalText reads edit, reply or new.
func (u *OnUpdate) UnmarshalText(b []byte) error {
	switch OnUpdate(b) {
	case Edit, Reply, Anew:
		*u = OnUpdate(b)
		return nil
	}
	return fmt.Errorf("unknown on_update %q; one of edit, reply, new", b)
}

// Priority orders what waits for the same limit: high before normal before low.
type Priority int8

// The priorities.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
)

// Reordered stands, where it is told what was queued, for a change of the order of what waits.
const Reordered = High + 1

func (p Priority) String() string {
	switch {
	case p > Normal:
		return "high"
	case p < Normal:
		return "low"
	}
	return "normal"
}

// MarshalText writes high, normal or low.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads high, normal or low.
func (p *Priority) UnmarshalText(b []byte) error {
	for _, known := range []Priority{High, Normal, Low} {
		if known.String() == string(b) {
			*p = known
			return nil
		}
	}
	return fmt.Errorf("unknown priority %q; one of high, normal, low", b)
}
