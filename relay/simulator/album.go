package simulator

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxAlbum is how many messages an album has.
const maxAlbum = 10

// inputMedia is InputMediaPhoto or InputMediaDocument.
type inputMedia struct {
	Type            string          `json:"type"`
	Media           string          `json:"media"`
	Caption         string          `json:"caption"`
	ParseMode       string          `json:"parse_mode"`
	CaptionEntities json.RawMessage `json:"caption_entities"`
}

func (s *Server) sendMediaGroup(a *arguments) *answer {
	c, refusal := s.sendable(a, "photos")
	if refusal != nil {
		return refusal
	}
	var media []inputMedia
	if text := a.text("media"); text == "" {
		return failed(400, `Bad Request: parameter "media" is required`)
	} else if json.Unmarshal([]byte(text), &media) != nil {
		return failed(400, "Bad Request: can't parse media JSON object")
	}
	switch {
	case len(media) == 0:
		return failed(400, "Bad Request: there are no messages to send")
	case len(media) > maxAlbum:
		return failed(400, "Bad Request: too many messages to send as an album")
	}
	messages, refusal := s.album(a, media)
	if refusal != nil {
		return refusal
	}
	delete(a.values, "reply_markup") // an album has none; what is given is not looked at
	if refusal := s.sendAll(c, a, messages...); refusal != nil {
		return refusal
	}
	sent := make([]any, len(messages))
	for i, m := range messages {
		sent[i] = s.object(c, m)
	}
	return done(sent)
}

// album makes the messages, or tells as the server does which of them cannot be.
func (s *Server) album(a *arguments, media []inputMedia) ([]*Message, *answer) {
	s.serial++
	id := strconv.FormatInt(13_000_000_000_000_000+s.serial, 10)
	messages := make([]*Message, len(media))
	for i := range media {
		if media[i].Type != media[0].Type {
			return nil, failed(400, "Bad Request: document can't be mixed with other media types")
		}
		m, refusal := s.input(a, &media[i])
		if refusal != nil {
			return nil, ofItem(i+1, refusal)
		}
		m.AlbumID = id
		messages[i] = m
	}
	return messages, nil
}

// ofItem is the refusal of an album for one of its files: what Telegram's own servers say stands in it by its raw name.
func ofItem(n int, refusal *answer) *answer {
	text, asked := strings.CutPrefix(refusal.description, "Bad Request: ")
	switch {
	case text == "failed to get HTTP URL content":
		text = "WEBPAGE_CURL_FAILED"
	case !asked, text != strings.ToUpper(text):
		return refusal
	}
	return failed(400, `Bad Request: failed to send message #%d with the error message "%s"`, n, text)
}

// input reads a file with its caption.
func (s *Server) input(a *arguments, media *inputMedia) (*Message, *answer) {
	limit, known := map[string]int{"photo": maxPhoto, "document": maxUpload}[media.Type]
	switch {
	case !known:
		return nil, failed(400, "Bad Request: can't parse InputMedia: type must be one of photo, document")
	case strings.HasPrefix(media.Media, "attach://") && a.files[strings.TrimPrefix(media.Media, "attach://")].content == nil, media.Media == "":
		return nil, failed(400, "Bad Request: can't parse InputMedia: media not found")
	}
	caption, refusal := readText(&arguments{values: map[string]string{
		"caption": media.Caption, "parse_mode": media.ParseMode, "caption_entities": string(media.CaptionEntities),
	}}, "caption", "caption_entities", maxCaption)
	if refusal != nil {
		return nil, refusal
	}
	id, file, refusal := s.file(a, media.Type, media.Media, limit)
	if refusal != nil {
		return nil, refusal
	}
	m := &Message{Text: caption.Text, Entities: caption.Entities, FileName: file.name, Photo: id}
	if media.Type == "document" {
		m.Photo, m.Document = "", id
	}
	return m, nil
}
