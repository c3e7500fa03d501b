// Package receivers turns webhooks into drafts of messages: one file for each type of sender.
//
// A type reads a request and says what is in it: the data for a template, the template that shows it by default, and a plain
// text for when no template works. It addresses nobody, renders nothing and keeps nothing. What it cannot read is refused with
// a sentence for the sender's operator; what it can is never lost for a field that is not as expected.
package receivers

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// Request is a webhook as it came in.
type Request struct {
	Receiver string
	Method   string
	Path     string // behind /hooks/NAME/, without a slash at either end
	Header   http.Header
	Query    url.Values
	Body     []byte

	Signature Signature // that the receiver wants
}

// Draft is a message before it is rendered and addressed.
type Draft struct {
	To       []string // recipients that the document itself names; usually none
	Template string   // the type's own
	Data     any      // the template's dot
	Plain    string   // the document for people, should every template fail; of alerts, their Notification's

	// Of alerts: the group that the document speaks of, and all that it says of it. Two that agree in both are one notification
	// that came twice. Empty Group: that cannot be told.
	Group  string
	Alerts string
	// In short, for a summary; nil for what is not about alerts.
	Summary *relay.Alerts
	// Notification is what Data is, where it is about alerts.
	Notification *Notification

	// What a sender asks for beside the text. It counts for what is not about alerts.
	ID      relay.ID     // the message's, where the document tells it already; zero: a new one
	SendAt  time.Time    // not before then; zero: at once
	Media   *relay.Media // a photo or document
	File    []byte       // what Media without an address stands for
	Buttons []Button
	// Inlet is a template of the operator's that stands in for the receiver's, and InletMode what it writes.
	Inlet     string
	InletMode markup.Mode
}

// Type is a kind of sender.
type Type interface {
	// Decode reads a request. Errors: relay.CodeInvalidJSON, relay.CodeInvalidField.
	Decode(r Request) ([]Draft, error)
}

var types = map[string]Type{
	"alertmanager": alertmanager{},
	"grafana":      grafana{},
	"json":         document{},
	"ntfy":         ntfy{},
	"gotify":       gotify{},
	"apprise":      apprise{},
	"telepush":     Telepush{},
	"text":         plainText{},
}

// Get returns the type of a name.
func Get(name string) (Type, bool) {
	t, known := types[name]
	return t, known
}

// Names are the names of all types, sorted.
func Names() []string {
	var names []string
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// NameOf is the name of a type; empty for one that is not of this package.
func NameOf(t Type) string {
	for name, known := range types {
		if reflect.TypeOf(known) == reflect.TypeOf(t) {
			return name
		}
	}
	return ""
}
