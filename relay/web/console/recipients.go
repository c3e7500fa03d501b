package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// recipients is a page of them.
type recipients struct {
	Prefix string
	Items  []relay.Recipient
	Next   string // address of the page after it; empty at the end
	Later  bool   // it is not the first page
}

// Recipients shows a page of them.
func (c *Console) Recipients(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	prefix, after := r.URL.Query().Get("prefix"), r.URL.Query().Get("after")
	page, err := Reached(r.Context(), c.Directory, relay.RecipientQuery{Prefix: v.Prefix + prefix, After: v.full(after), Limit: 50}, v.may)
	if err != nil {
		return err
	}
	list := recipients{Prefix: prefix, Items: page.Items, Later: after != ""}
	for i := range list.Items {
		list.Items[i].ID = v.Own(list.Items[i].ID)
	}
	if page.Next != "" {
		list.Next = "/recipients?" + url.Values{"prefix": {prefix}, "after": {v.Own(page.Next)}}.Encode()
	}
	shown := view{Viewer: v, Page: "recipients", Title: "Recipients", Data: list}
	if partial(r) {
		return c.part(w, r, shown, "list")
	}
	return c.frame(w, r, shown)
}

// Reached is a page of the recipients that somebody may see. Its cursor names none of the others either: what is not to be seen is passed over
// up to the next that is.
func Reached(ctx context.Context, d relay.Directory, q relay.RecipientQuery, may func(id string) bool) (page relay.Page[relay.Recipient], err error) {
	for wanted := q.Limit; ; q.After, q.Limit = page.Next, leaf {
		if page, err = d.Recipients(ctx, q); err != nil {
			return page, err
		}
		page.Items = slices.DeleteFunc(page.Items, func(rec relay.Recipient) bool { return !may(rec.ID) })
		if n := len(page.Items); n > wanted {
			page.Items, page.Next = page.Items[:wanted], page.Items[wanted-1].ID
		} else if n > 0 && page.Next != "" {
			page.Next = page.Items[n-1].ID
		}
		if len(page.Items) > 0 || page.Next == "" {
			return page, nil
		}
	}
}

// recipient is one with what belongs to it.
type recipient struct {
	relay.Recipient
	Links      []relay.Link
	Deliveries []relay.Delivery
}

// recipientOf is that of the path, with its full ID. Errors: relay.CodeNotFound, CodeUnknownRecipient.
func (c *Console) recipientOf(r *http.Request, v *Viewer) (*relay.Recipient, error) {
	id := v.full(r.PathValue("id"))
	if err := v.reach(id); err != nil {
		return nil, err
	}
	found, err := c.Directory.Recipient(r.Context(), id)
	if relay.ErrorCode(err) == relay.CodeUnknownRecipient {
		err = &relay.Error{Code: relay.CodeUnknownRecipient, Detail: "nobody is connected by this name yet; make a link for it"}
	}
	return found, err
}

// Recipient shows one, also one to whom nothing is connected yet: messages may wait for it.
func (c *Console) Recipient(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	known, err := c.recipientOf(r, v)
	id := v.full(r.PathValue("id"))
	if relay.ErrorCode(err) == relay.CodeUnknownRecipient && relay.CheckRecipientID(id) == nil {
		known, err = &relay.Recipient{ID: id}, nil
	}
	if err != nil {
		return err
	}
	one := recipient{Recipient: *known}
	links, err := c.Links.Links(r.Context(), relay.LinkQuery{Recipient: id, Limit: 10}, time.Now())
	if err != nil {
		return err
	}
	one.Links = links.Items
	page, err := c.visible(r.Context(), v, relay.DeliveryQuery{Recipient: id, Limit: 10})
	if err != nil {
		return err
	}
	one.Deliveries, one.ID = page.Items, v.Own(id)
	return c.frame(w, r, view{Viewer: v, Page: "recipient", Title: one.ID, Data: one})
}

func address(v *Viewer, id string) string { return "/recipients/" + url.PathEscape(v.Own(id)) }

// ChangeRecipient pauses and resumes, and keeps a note.
func (c *Console) ChangeRecipient(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	known, err := c.recipientOf(r, v)
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	change, said := relay.RecipientChange{}, "noted"
	switch {
	case f.Has("paused"):
		paused := f.Get("paused") == "true"
		if change.Paused, said = &paused, "resumed"; paused {
			said = "paused"
		}
	case len(f.Get("note")) > maxNote:
		return &relay.Error{Code: relay.CodeInvalidField, Detail: fmt.Sprintf("a note has %d bytes at most", maxNote)}
	case f.Has("note"):
		change.Note = new(f.Get("note"))
	default:
		return &relay.Error{Code: relay.CodeInvalidField, Detail: "the form says neither paused nor note"}
	}
	if _, err := c.Directory.ChangeRecipient(r.Context(), known.ID, change); err != nil {
		return err
	}
	c.note(v, said, "recipient", known.ID)
	return done(w, r, address(v, known.ID), said)
}

// maxNote is the interface's bound, in bytes.
const maxNote = 1000

// place is the chat of a form, which has to be one of the recipient's. Error: relay.CodeNotFound.
func place(known *relay.Recipient, f url.Values) (relay.Binding, error) {
	chatID, err := strconv.ParseInt(f.Get("chat_id"), 10, 64)
	threadID, _ := strconv.ParseInt(f.Get("message_thread_id"), 10, 64)
	i := slices.IndexFunc(known.Chats, func(b relay.Binding) bool {
		return b.Bot == f.Get("bot") && b.ChatID == chatID && b.MessageThreadID == threadID
	})
	if err != nil || i < 0 {
		return relay.Binding{}, absent("chat of this recipient")
	}
	return known.Chats[i], nil
}

// ChangeChat mutes a chat, takes that back, or disconnects it.
func (c *Console) ChangeChat(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	known, err := c.recipientOf(r, v)
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	chat, err := place(known, f)
	if err != nil {
		return err
	}
	said := ""
	switch f.Get("do") {
	case "mute":
		said, err = "muted", c.mute(r.Context(), v, chat, f.Get("for"))
	case "unmute":
		said, err = "unmuted", c.mute(r.Context(), v, chat, "")
	case "unbind":
		said, err = "unbound", c.Directory.Unbind(r.Context(), known.ID, chat.Bot, chat.ChatID, chat.MessageThreadID)
	default:
		err = &relay.Error{Code: relay.CodeInvalidField, Detail: "what is to be done with the chat? One of mute, unmute, unbind"}
	}
	if err != nil {
		return err
	}
	c.note(v, said, "recipient", known.ID, "chat_id", chat.ChatID)
	return done(w, r, address(v, known.ID), said)
}

// mute takes a time such as 2h; empty ends it. A chat that others are connected to is theirs, too. Errors: relay.CodeForbidden, CodeInvalidField.
func (c *Console) mute(ctx context.Context, v *Viewer, chat relay.Binding, long string) error {
	bindings, err := c.Directory.Bindings(ctx, chat.Bot, chat.ChatID, chat.MessageThreadID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(bindings, func(b relay.Binding) bool { return !v.may(b.Recipient) }) {
		return &relay.Error{Code: relay.CodeForbidden, Detail: "this chat is connected to recipients that this token does not reach, and would be muted for them too"}
	}
	var until time.Time
	if long != "" {
		d, err := time.ParseDuration(long)
		if err != nil || d <= 0 || d > 366*24*time.Hour {
			return &relay.Error{Code: relay.CodeInvalidField, Detail: "for how long? A duration such as 2h is wanted"}
		}
		until = time.Now().Add(d)
	}
	return c.Directory.ChangeSettings(ctx, chat.Bot, chat.ChatID, chat.MessageThreadID, relay.SettingsChange{MutedUntil: &until})
}

// AskForget asks whether a recipient is to be forgotten.
func (c *Console) AskForget(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	known, err := c.recipientOf(r, v)
	if err != nil {
		return err
	}
	one := recipient{Recipient: *known}
	one.ID = v.Own(one.ID)
	return c.frame(w, r, view{Viewer: v, Page: "forget", Title: "Forget " + one.ID, Data: one})
}

// Forget deletes a recipient and all about it.
func (c *Console) Forget(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	known, err := c.recipientOf(r, v)
	if err != nil {
		return err
	}
	if err := c.Directory.Forget(r.Context(), known.ID); err != nil {
		return err
	}
	c.note(v, "forgotten", "recipient", known.ID)
	return done(w, r, "/recipients", "forgotten")
}

// TestRecipient sends a message to a recipient and shows its delivery.
func (c *Console) TestRecipient(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	known, err := c.recipientOf(r, v)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"to": v.Own(known.ID), "text": "🔔 This is a test message from tgrelay. It arrives: all is well."})
	if err != nil {
		return err
	}
	m, err := c.Door.Message(r.Context(), v.Caller, intake.Call{Body: body})
	if err != nil {
		return err
	}
	c.note(v, "tested", "recipient", known.ID)
	return toDelivery(w, r, m)
}

// toDelivery leads to the first delivery of a message.
func toDelivery(w http.ResponseWriter, r *http.Request, m *relay.Message) error {
	to := "/deliveries"
	if len(m.Deliveries) > 0 {
		to += "/" + m.Deliveries[0].ID.String()
	}
	return done(w, r, to, "accepted")
}
