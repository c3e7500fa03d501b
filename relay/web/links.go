package web

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/onboarding"
)

// newLink is a link as it is given to whoever asked for it.
type newLink struct {
	*onboarding.Link
	PageURL string `json:"page_url"`
	QRSVG   string `json:"qr_svg,omitzero"`
}

func (s *Server) makeLink(w http.ResponseWriter, r *http.Request, caller *Token) error {
	if err := jsonOnly(r); err != nil {
		return err
	}
	body, err := s.body(w, r)
	if err != nil {
		return err
	}
	request, wantQR, err := decodeLink(body)
	if err != nil {
		return err
	}
	if err := termsOf(r).checkBot(request.Bot); err != nil {
		return err
	}
	request.Recipient = caller.full(request.Recipient)
	if !caller.recipient(request.Recipient) {
		return &relay.Error{Code: relay.CodeForbidden, Detail: "this token may not make links for this recipient"}
	}
	if name := request.Welcome; name != nil && !termsOf(r).door.Rules().Templates.Has(name.Template) {
		return &relay.Error{Code: relay.CodeUnknownTemplate, Detail: fmt.Sprintf("there is no template %.100q; [templates] files in relay.toml brings your own", name.Template)}
	}
	link, err := s.Desk.Make(r.Context(), request)
	if err != nil {
		return err
	}
	link.Recipient = caller.own(link.Recipient)
	return s.answerLink(w, r, link, wantQR)
}

func (s *Server) answerLink(w http.ResponseWriter, r *http.Request, link *onboarding.Link, wantQR bool) error {
	w.Header().Set("Cache-Control", "no-store")                   // the token is shown this once
	w.Header().Set("Location", "/api/v1/links/"+link.ID.String()) // whoever gets a picture has the ID here
	if strings.Contains(r.Header.Get("Accept"), "image/png") {
		picture, err := onboarding.QRPNG(link.URL)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "image/png")
		w.WriteHeader(http.StatusCreated)
		w.Write(picture) // a caller that has gone away is nobody to tell
		return nil
	}
	out := newLink{Link: link, PageURL: s.pageURL(r, link)}
	if wantQR {
		svg, err := onboarding.QRSVG(link.URL)
		if err != nil {
			return err
		}
		out.QRSVG = svg
	}
	return answer(w, http.StatusCreated, out)
}

func decodeLink(body []byte) (r onboarding.Request, wantQR bool, err error) {
	o, err := intake.ParseObject(body)
	if err != nil {
		return r, false, err
	}
	var expires string
	o.Field("recipient", &r.Recipient)
	o.Field("bot", &r.Bot)
	o.Field("target", &r.Target)
	if o.Field("max_uses", &r.MaxUses) && r.MaxUses < 1 {
		o.Fault("max_uses", "must be between 1 and %d", onboarding.MaxUses)
	}
	o.Field("qr", &wantQR)
	var welcome relay.Welcome
	if o.Field("template", &welcome.Template) {
		r.Welcome = &welcome
	}
	if o.Field("data", &welcome.Data) && r.Welcome == nil {
		o.Fault("data", "data goes with template, which writes the welcome")
	}
	if o.Field("expires_in", &expires) {
		ttl, err := model.ParseDuration(expires)
		if err != nil || ttl <= 0 {
			o.Fault("expires_in", "a duration is wanted, such as 90s, 2h or 1d")
		}
		r.TTL = time.Duration(ttl)
	}
	if !o.Has("recipient") {
		o.Fault("recipient", "the ID of a recipient is wanted, of your own choosing")
	}
	return r, wantQR, o.Err()
}

func (s *Server) listLinks(w http.ResponseWriter, r *http.Request, caller *Token) error {
	query := r.URL.Query()
	q := relay.LinkQuery{Recipient: caller.full(query.Get("recipient")), Prefix: caller.prefix(), After: query.Get("after")}
	var err error
	if q.Limit, err = limit(r); err != nil {
		return err
	}
	page, err := s.Links.Links(r.Context(), q, time.Now())
	if err != nil {
		return err
	}
	page.Items = slices.DeleteFunc(page.Items, func(l relay.Link) bool { return !caller.recipient(l.Recipient) })
	for i := range page.Items {
		page.Items[i].Recipient = caller.own(page.Items[i].Recipient)
	}
	return answer(w, http.StatusOK, pageOf(page))
}

// link is the link of {id}, if the caller's token reaches its recipient.
func (s *Server) link(r *http.Request, caller *Token) (*relay.Link, error) {
	id, err := pathID(r)
	if err != nil {
		return nil, err
	}
	l, err := s.Links.Link(r.Context(), id, time.Now())
	if err == nil && !caller.recipient(l.Recipient) {
		err = notFound("link")
	}
	return l, err
}

// maxWait bounds ?wait=: below what proxies and the server's own time limits allow.
const maxWait = 50 * time.Second

// waits reads ?wait=, 0 where it is absent.
func waits(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	wait, err := model.ParseDuration(text)
	if err != nil || time.Duration(wait) > maxWait {
		return 0, invalidQuery("wait", "a duration of at most 50s is wanted")
	}
	return time.Duration(wait), nil
}

// getLink answers at once, or with ?wait= as soon as the link is not open or was used once more.
func (s *Server) getLink(w http.ResponseWriter, r *http.Request, caller *Token) error {
	wait, err := waits(r)
	if err != nil {
		return err
	}
	l, err := s.link(r, caller)
	if err == nil && wait > 0 {
		l, err = s.Desk.Await(r.Context(), l.ID, wait)
	}
	if err != nil {
		return err
	}
	l.Recipient = caller.own(l.Recipient)
	return show(w, r, l)
}

func (s *Server) revokeLink(w http.ResponseWriter, r *http.Request, caller *Token) error {
	l, err := s.link(r, caller)
	if err != nil {
		return err
	}
	if err := s.Desk.Revoke(r.Context(), l.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// jsonOnly refuses bodies that say they are something else than JSON. curl -d says nothing better than form data unless told, so
// the answer tells how.
func jsonOnly(r *http.Request) error {
	contentType := r.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(contentType)
	if contentType == "" || kind == "application/json" || (strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return nil
	}
	return &relay.Error{Code: relay.CodeUnsupportedMediaType, Detail: "send JSON: Content-Type: application/json (curl: --json instead of -d)", Err: errors.Join(err)}
}
