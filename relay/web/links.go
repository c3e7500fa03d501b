package web

import (
	"errors"
	"mime"
	"net/http"
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
	QRSVG string `json:"qr_svg,omitzero"`
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
	if !caller.recipient(request.Recipient) {
		return &relay.Error{Code: relay.CodeForbidden, Detail: "this token may not make links for this recipient"}
	}
	link, err := s.Desk.Make(r.Context(), request)
	if err != nil {
		return err
	}
	return answerLink(w, r, link, wantQR)
}

func answerLink(w http.ResponseWriter, r *http.Request, link *onboarding.Link, wantQR bool) error {
	w.Header().Set("Cache-Control", "no-store") // the token is shown this once
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
	out := newLink{Link: link}
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
	o.Field("target", &r.Target)
	if o.Field("max_uses", &r.MaxUses) && r.MaxUses < 1 {
		o.Fault("max_uses", "must be between 1 and %d", onboarding.MaxUses)
	}
	o.Field("qr", &wantQR)
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
	links, err := s.Links.Links(r.Context(), r.URL.Query().Get("recipient"), time.Now())
	if err != nil {
		return err
	}
	mine := []relay.Link{}
	for _, l := range links {
		if caller.recipient(l.Recipient) {
			mine = append(mine, l)
		}
	}
	return answer(w, http.StatusOK, list[relay.Link]{Items: mine})
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

func (s *Server) getLink(w http.ResponseWriter, r *http.Request, caller *Token) error {
	l, err := s.link(r, caller)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, l)
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
