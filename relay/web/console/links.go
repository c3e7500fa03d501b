package console

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/onboarding"
)

// newLink is the page that makes one.
type newLink struct {
	Recipient, Bot, Target, Expires, Uses string
	Fault                                 string
}

// NewLink asks for whom a link is to be.
func (c *Console) NewLink(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	return c.askLink(w, r, v, newLink{Recipient: r.URL.Query().Get("recipient"), Bot: r.URL.Query().Get("bot"), Target: r.URL.Query().Get("target"), Expires: "24h", Uses: "1"}, http.StatusOK)
}

func (c *Console) askLink(w http.ResponseWriter, r *http.Request, v *Viewer, asked newLink, status int) error {
	return c.frame(w, r, view{Viewer: v, Page: "newlink", Title: "New link", Data: asked, Status: status})
}

// madeLink is a link as it is shown this once.
type madeLink struct {
	*onboarding.Link
	PageURL string
	QR      template.HTML
	State   linkState
}

// MakeLink makes a link and shows it. Its token is seen on this page only.
func (c *Console) MakeLink(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	asked := newLink{Recipient: f.Get("recipient"), Bot: f.Get("bot"), Target: f.Get("target"), Expires: f.Get("expires_in"), Uses: f.Get("max_uses")}
	request, err := c.requestOf(v, f)
	var link *onboarding.Link
	if err == nil {
		link, err = c.Desk.Make(r.Context(), request)
	}
	if err != nil {
		code := relay.ErrorCode(err)
		if asked.Fault = said(err); asked.Fault == "" {
			return err
		}
		return c.askLink(w, r, v, asked, code.Status())
	}
	qr, err := onboarding.QRSVG(link.URL)
	if err != nil {
		return err
	}
	c.note(v, "made a link", "recipient", link.Recipient, "link", link.ID)
	made := madeLink{Link: link, PageURL: v.Base + "/link/" + link.ID.String() + "#" + link.Token, QR: template.HTML(qr), State: linkState{Link: link.Link}}
	made.Recipient = v.Own(link.Recipient)
	return c.frame(w, r, view{Viewer: v, Page: "link", Title: "Link for " + made.Recipient, Data: made})
}

// requestOf reads a form. Errors: relay.CodeForbidden, CodeInvalidField.
func (c *Console) requestOf(v *Viewer, f url.Values) (request onboarding.Request, err error) {
	request = onboarding.Request{Recipient: v.full(f.Get("recipient")), Bot: f.Get("bot"), Target: relay.Target(f.Get("target"))}
	if request.Recipient != "" && !v.may(request.Recipient) {
		return request, &relay.Error{Code: relay.CodeForbidden, Detail: "this token may not make links for this recipient"}
	}
	if request.Bot != "" {
		if err := c.Door.Rules().CheckBot(request.Bot); err != nil {
			return request, &relay.Error{Code: relay.CodeInvalidField, Detail: err.Error()}
		}
	}
	if text := f.Get("expires_in"); text != "" {
		ttl, err := model.ParseDuration(text)
		if err != nil || ttl <= 0 {
			return request, &relay.Error{Code: relay.CodeInvalidField, Detail: "valid for: a duration is wanted, such as 2h or 7d"}
		}
		request.TTL = time.Duration(ttl)
	}
	if text := f.Get("max_uses"); text != "" {
		if request.MaxUses, err = strconv.Atoi(text); err != nil || request.MaxUses < 1 {
			return request, &relay.Error{Code: relay.CodeInvalidField, Detail: fmt.Sprintf("uses: a number from 1 to %d is wanted", onboarding.MaxUses)}
		}
	}
	return request, nil
}

// linkState is whether somebody has opened a link.
type linkState struct {
	relay.Link
	Chats []relay.Binding // connected since the link was made
}

// watched is for how long a page waits for news of a link before it asks again: below what proxies allow.
const watched = 25 * time.Second

// LinkState waits until a link is used, and shows whether it was. Pages ask again as long as it is open.
func (c *Console) LinkState(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	l, err := c.linkOf(r, v)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("wait") != "" {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(2 * watched))
		if l, err = c.Desk.Await(r.Context(), l.ID, watched); err != nil {
			return err
		}
	}
	s := linkState{Link: *l}
	if known, err := c.Directory.Recipient(r.Context(), l.Recipient); err == nil && l.Uses > 0 {
		for _, b := range known.Chats {
			if b.Bot == l.Bot && !b.LinkedAt.Before(l.CreatedAt) {
				s.Chats = append(s.Chats, b)
			}
		}
	}
	s.Recipient = v.Own(s.Recipient)
	return c.part(w, r, view{Viewer: v, Page: "link", Data: s}, "state-of-link")
}

// RevokeLink ends an open link.
func (c *Console) RevokeLink(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	l, err := c.linkOf(r, v)
	if err != nil {
		return err
	}
	if err := c.Desk.Revoke(r.Context(), l.ID); err != nil {
		return err
	}
	c.note(v, "revoked", "recipient", l.Recipient, "link", l.ID)
	return done(w, r, address(v, l.Recipient), "revoked")
}

// linkOf is the link of {id}, if the viewer reaches its recipient. Error: relay.CodeNotFound.
func (c *Console) linkOf(r *http.Request, v *Viewer) (*relay.Link, error) {
	id, err := relay.ParseID(r.PathValue("id"))
	if err != nil {
		return nil, absent("link")
	}
	l, err := c.Links.Link(r.Context(), id, time.Now())
	if err == nil && !v.may(l.Recipient) {
		err = absent("link")
	}
	return l, err
}
