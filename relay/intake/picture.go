package intake

import (
	"context"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// How pictures of alerts are shown:
//
//	one, below which the message fits     the message is its caption, buttons and all, and stays so in every version
//	one and a long message, or several    they answer the message without a sound: one photo, or an album
//
// A picture never holds a message up for more than seconds: delivery leaves one that cannot be had to the text.

// captionRoom is how long a message may be, in UTF-16 units, that becomes a caption: what people do will be told below it, and times grow.
const captionRoom = markup.MaxCaption - 124

// templatePictures is the caption of pictures that answer a message; its data is Pictures.
const templatePictures = "alerts.pictures"

// Pictures is the data of that template.
type Pictures struct {
	*receivers.Notification
	Pictures []receivers.Picture
	More     int // that are left out: an album is full
}

// illustrate puts the one picture of a message above it. It returns those that are to follow instead.
func illustrate(c *relay.Content, pictures []receivers.Picture) []receivers.Picture {
	fits := c.Text.Len() <= captionRoom && len(c.Text.Entities) <= markup.MaxEntities
	switch {
	case c.Text.Text == "": // nothing is sent
		return nil
	case len(pictures) != 1 || !fits:
		return pictures
	}
	c.Media = photo(pictures[0])
	return nil
}

func photo(p receivers.Picture) *relay.Media {
	return &relay.Media{Kind: relay.Photo, URL: p.URL, Illustration: true}
}

// pictures answers a message with what it does not show itself.
func (h *heard) pictures(ctx context.Context, to *relay.Message, draft receivers.Draft, pictures []receivers.Picture, whom []string) error {
	if len(pictures) == 0 {
		return nil
	}
	shown := pictures[:min(len(pictures), relay.MaxAlbum)]
	m := h.message(draft)
	m.Priority = relay.Low // an album takes the room of as many messages: other alerts need not wait for it
	m.Key, m.OnUpdate, m.Content.Topic, m.Content.DisableNotification = to.Key, relay.Reply, to.Content.Topic, true
	m.Content.Alerts = &relay.Alerts{Group: draft.Summary.Group} // they are counted where they are told
	m.Content.Text = h.words(h.rules, h.rc.Name, templatePictures, &Pictures{draft.Notification, shown, len(pictures) - len(shown)})
	if len(shown) == 1 {
		m.Content.Media = photo(shown[0])
		return h.say(ctx, m, whom, h.rules.lenient())
	}
	for _, p := range shown {
		m.Content.Album = append(m.Content.Album, *photo(p))
	}
	return h.say(ctx, m, whom, h.rules.lenient())
}
