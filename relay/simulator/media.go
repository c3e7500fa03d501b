package simulator

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

const maxPhoto = 10 << 20

func (s *Server) sendPhoto(a *arguments) *answer {
	return s.sendFile(a, "photo", maxPhoto, func(m *Message, id string) { m.Photo = id })
}

func (s *Server) sendDocument(a *arguments) *answer {
	return s.sendFile(a, "document", maxUpload, func(m *Message, id string) { m.Document = id })
}

func (s *Server) sendFile(a *arguments, field string, limit int, set func(m *Message, id string)) *answer {
	c, refusal := s.sendable(a, field+"s")
	if refusal != nil {
		return refusal
	}
	caption, refusal := readText(a, "caption", "caption_entities", maxCaption)
	if refusal != nil {
		return refusal
	}
	id, file, refusal := s.file(a, field, a.text(field), limit)
	if refusal != nil {
		return refusal
	}
	m := &Message{Text: caption.Text, Entities: caption.Entities, FileName: file.name}
	set(m, id)
	return s.send(c, a, m)
}

// file is the file that a field's text names: an upload of the field's name or by attach://, an address, or a file_id.
func (s *Server) file(a *arguments, field, text string, limit int) (string, upload, *answer) {
	part := field
	if name, ok := strings.CutPrefix(text, "attach://"); ok {
		part = name
	}
	if f, uploaded := a.files[part]; uploaded {
		switch {
		case len(f.content) == 0:
			return "", f, failed(400, "Bad Request: file must be non-empty")
		case len(f.content) > limit:
			return "", f, failed(413, "Request Entity Too Large")
		case field == "photo" && !strings.HasPrefix(http.DetectContentType(f.content), "image/"):
			return "", f, failed(400, "Bad Request: IMAGE_PROCESS_FAILED")
		}
		return s.keep(f), f, nil
	}
	switch {
	case text == "":
		return "", upload{}, failed(400, "Bad Request: there is no %s in the request", field)
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		if !reachable(text) {
			return "", upload{}, failed(400, "Bad Request: failed to get HTTP URL content")
		}
		f := upload{name: text[strings.LastIndexByte(text, '/')+1:]}
		return s.keep(f), f, nil
	}
	f, known := s.files[text]
	if !known || f.bot != s {
		return "", f, failed(400, "Bad Request: wrong file identifier/HTTP URL specified")
	}
	return text, f, nil
}

// reachable reports whether Telegram's servers can have an address: none of a host without a dot, or that is no public one. What can be had is taken unseen.
func reachable(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return strings.Contains(u.Hostname(), ".")
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}

func (s *Server) keep(f upload) string {
	s.serial++
	id := fmt.Sprintf("file-%d", s.serial)
	f.bot = s
	s.files[id] = f
	return id
}

// addMedia adds a photo's or document's object to a message's.
func (s *Server) addMedia(o map[string]any, m *Message) {
	if m.Photo != "" {
		size := len(s.files[m.Photo].content)
		o["photo"] = []any{map[string]any{"file_id": m.Photo, "file_unique_id": "u" + m.Photo, "width": 90, "height": 90, "file_size": size}}
	}
	if m.Document != "" {
		o["document"] = map[string]any{"file_id": m.Document, "file_unique_id": "u" + m.Document, "file_name": m.FileName, "file_size": len(s.files[m.Document].content)}
	}
}

func (s *Server) getFile(a *arguments) *answer {
	id := a.text("file_id")
	f, known := s.files[id]
	if !known || f.bot != s {
		return failed(400, "Bad Request: invalid file_id")
	}
	return done(map[string]any{"file_id": id, "file_unique_id": "u" + id, "file_size": len(f.content), "file_path": "files/" + id})
}

// serveFile answers /file/bot<token>/<file_path>.
func (s *Server) serveFile(w http.ResponseWriter, rest string) {
	token, path, _ := strings.Cut(rest, "/")
	s.mu.Lock()
	f, known := s.files[strings.TrimPrefix(path, "files/")]
	s.mu.Unlock()
	if !known || f.bot.options.Token != token {
		failed(404, "Not Found").write(w)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(f.content)
}
