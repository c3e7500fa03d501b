package web

import (
	"net/http"

	"golang.org/x/text/language"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

// maxNote is how long a recipient's note may be, in bytes.
const maxNote = 1000

// patchRecipient changes what is named in the body; null and "" take a choice back.
func (s *Server) patchRecipient(w http.ResponseWriter, r *http.Request, caller *Token) error {
	id := caller.full(r.PathValue("id"))
	if !caller.recipient(id) {
		return unknownRecipient()
	}
	if err := jsonOnly(r); err != nil {
		return err
	}
	body, err := s.body(w, r)
	if err != nil {
		return err
	}
	change, err := readChange(body)
	if err != nil {
		return err
	}
	recipient, err := s.Directory.ChangeRecipient(r.Context(), id, change)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, caller.shown(recipient))
}

// readChange reads what is changed of a recipient.
func readChange(body []byte) (change relay.RecipientChange, err error) {
	o, err := intake.ParseObject(body)
	if err != nil {
		return change, err
	}
	read(o, "paused", &change.Paused)
	read(o, "note", &change.Note)
	if change.Note != nil && len(*change.Note) > maxNote {
		o.Fault("note", "at most %d bytes are wanted", maxNote)
	}
	if read(o, "locale", &change.Locale) {
		*change.Locale = locale(o, *change.Locale)
	}
	if read(o, "time_zone", &change.TimeZone) {
		*change.TimeZone = timeZone(o, *change.TimeZone)
	}
	var hours *string
	if read(o, "quiet_hours", &hours) {
		change.QuietHours = new(quietHours(o, *hours))
	}
	return change, o.Err()
}

// read is a field that may be absent (nil) or null (its zero value). It reports whether it is there and of the wanted type.
func read[T any](o *intake.Object, name string, into **T) bool {
	v := new(T)
	if !o.Null(name) && !o.Field(name, v) {
		return false
	}
	*into = v
	return true
}

// readSettings are a chat's as they are exported.
func readSettings(o *intake.Object, s *relay.Settings) {
	var hours, digest string
	if o.Field("quiet_hours", &hours) {
		s.QuietHours = relay.NoQuietHours
		if hours != string(relay.NoQuietHours) {
			s.QuietHours = quietHours(o, hours)
		}
	}
	if o.Field("digest", &digest) && digest != "" {
		at, err := relay.ParseClock(digest)
		if err != nil {
			o.Fault("digest", "%s", err)
		}
		s.Digest = at
	}
	if o.Field("time_zone", &s.TimeZone) {
		s.TimeZone = timeZone(o, s.TimeZone)
	}
	if o.Field("locale", &s.Locale) {
		s.Locale = locale(o, s.Locale)
	}
}

func quietHours(o *intake.Object, text string) relay.QuietHours {
	if text == "" {
		return ""
	}
	hours, err := relay.ParseQuietHours(text)
	if err != nil {
		o.Fault("quiet_hours", "hours such as 22:00-07:00 are wanted, with hold behind them for messages that wait until they are over: %s", err)
	}
	return hours
}

func timeZone(o *intake.Object, name string) string {
	if name == "" {
		return ""
	}
	zone, err := relay.CheckTimeZone(name)
	if err != nil {
		o.Fault("time_zone", "%s", err)
	}
	return zone
}

func locale(o *intake.Object, name string) string {
	if name == "" {
		return ""
	}
	tag, err := language.Parse(name)
	if err != nil {
		o.Fault("locale", "%.40q is no language: a tag such as de or pt-BR is wanted", name)
	}
	return tag.String()
}
