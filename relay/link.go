package relay

import (
	"context"
	"encoding/json"
	"time"
)

// Target is the kind of chat that a link may bind.
type Target string

// The targets: a private chat (?start=) or a group (?startgroup=).
const (
	TargetPrivate Target = "private"
	TargetGroup   Target = "group"
)

// LinkState is whether a link still works.
type LinkState string

// The states of a link.
const (
	LinkOpen    LinkState = "open"
	LinkUsed    LinkState = "used"
	LinkExpired LinkState = "expired"
	LinkRevoked LinkState = "revoked"
)

// Link is a deep link which, once opened and started, binds a chat to a recipient. Its token is known only
// to whoever was given it: the storage holds the token's SHA-256.
type Link struct {
	ID        ID        `json:"id"`
	Recipient string    `json:"recipient"`
	Bot       string    `json:"bot,omitzero"` // that it opens; empty for the first
	Target    Target    `json:"target"`
	State     LinkState `json:"state"`
	Uses      int       `json:"uses"`
	MaxUses   int       `json:"max_uses"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// Welcome is what whoever opens the link is told; nil: the template chat.welcome.
	Welcome *Welcome `json:"-"`
}

// Welcome is an application's own template for a link, and data for it.
type Welcome struct {
	Template string          `json:"template"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// TokenHash is the SHA-256 of a link's token.
type TokenHash [32]byte

// Redemption is somebody's opening of a link in a chat.
type Redemption struct {
	Token TokenHash
	Chat  Chat
	Place Target // what kind of chat it is; a private link works in private chats only
	At    time.Time
	// Answer, if not nil, makes the bot's answer; nil for none. It is accepted in the same transaction, and arrives before what was held:
	// its priority is raised to the highest of that.
	Answer func(Redeemed) *Message
}

// Redeemed is what a redemption did.
type Redeemed struct {
	Link    Link
	Already bool  // this chat had been bound by this very link: nothing was done again
	Held    int64 // deliveries that had waited for the recipient and are queued now
}

// LinkQuery asks for a page of links.
type LinkQuery struct {
	Recipient string // empty: anyone's
	Prefix    string // of the recipients' IDs
	After     string // a Page's Next
	Limit     int    // 1 to 1000; 0 means 100
}

// Links keeps deep links. All methods are safe for concurrent use; writes are durable when they return.
type Links interface {
	CreateLink(ctx context.Context, l *Link, token TokenHash) error
	// Redeem binds a chat by a link, in one transaction: it checks the link, counts its use, binds, and releases what was held.
	// Errors: CodeLinkNotOpen for a token that is unknown, another bot's, used, expired or revoked, all alike; CodeWrongPlace when an open
	// link is for the other kind of chat. A chat that this link has bound before gets Already, whatever the link's state, while it is still bound.
	Redeem(ctx context.Context, r Redemption) (*Redeemed, error)
	// Link returns a link with its state at now. Error: CodeNotFound.
	Link(ctx context.Context, id ID, now time.Time) (*Link, error)
	// LinkOf returns the link of a token. Error: CodeNotFound.
	LinkOf(ctx context.Context, token TokenHash, now time.Time) (*Link, error)
	// Links returns links with their state at now, newest first.
	Links(ctx context.Context, q LinkQuery, now time.Time) (Page[Link], error)
	// Revoke ends an open link. Error: CodeNotFound.
	Revoke(ctx context.Context, id ID, now time.Time) error
}
