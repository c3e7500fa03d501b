// Package thread is what a conversation about a group of alerts knows: which alerts fire, who silenced or acknowledged them, and what
// a notification changes in it.
//
// Nothing here asks or writes anything: a State is read from the storage, hears a notification, and is stored again by whoever has it.
// It is told in messages of which the first is kept up to date (relay.Thread). Memory and storage of it are bounded however large the group is.
package thread

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// MaxAlerts is how many alerts of a group are remembered one by one. Of those beyond, what fires is told as it comes.
const MaxAlerts = 1000

// State is what is known.
type State struct {
	Alerts []Alert `json:"alerts"`
	// Text is what the first message says of the alerts. What people did stands below it.
	Text   markup.Text       `json:"text"`
	Topic  string            `json:"topic,omitzero"`  // of the chat, by name
	Apart  bool              `json:"apart,omitzero"`  // who brings the alerts has nothing to do with the operator's Alertmanagers
	Silent bool              `json:"silent,omitzero"` // the message makes no sound
	Name   string            `json:"name"`            // of the alerts: what they have in common
	Level  string            `json:"level,omitzero"`  // their severity
	Common map[string]string `json:"common"`          // labels that all have that fire: what a silence is for
	Links  []receivers.Link  `json:"links,omitempty"`
	Image  string            `json:"image,omitzero"` // address of the picture that the first message is the caption of

	Said   [sha256.Size]byte `json:"said"` // by the last notification
	SaidAt time.Time         `json:"said_at"`

	Silence    *Silence    `json:"silence,omitempty"`
	Ack        *Ack        `json:"ack,omitempty"`
	Escalation *Escalation `json:"escalation,omitempty"`
	Trouble    string      `json:"trouble,omitzero"`  // why what somebody wanted did not come about
	Without    []string    `json:"without,omitempty"` // labels that the next silence is not bound to
	Asking     time.Time   `json:"asking,omitzero"`   // until when an Alertmanager is being asked for what somebody wants, unless it is known before
}

// Alert is one of a group.
type Alert struct {
	ID       string            `json:"id"`            // its fingerprint, else what Identity makes of its labels
	From     string            `json:"from,omitzero"` // the sender's group that it belongs to
	Firing   bool              `json:"firing,omitzero"`
	Muted    bool              `json:"muted,omitzero"` // it fires, and the sender speaks of it no longer: silenced or inhibited
	StartsAt time.Time         `json:"starts_at"`
	EndsAt   time.Time         `json:"ends_at,omitzero"`
	Labels   map[string]string `json:"labels"` // cut where they are long
}

// Silence is one that was made for the alerts.
type Silence struct {
	ID      string    `json:"id"`
	Manager string    `json:"manager"` // name of the Alertmanager that keeps it
	By      string    `json:"by"`
	Until   time.Time `json:"until"`
	Zone    string    `json:"zone,omitzero"`    // of whoever made it, to tell the time in
	Foreign bool      `json:"foreign,omitzero"` // it was not made here
}

// Ends is when, on the clock of whoever made it.
func (s *Silence) Ends() time.Time { return s.Until.In(relay.Zone(s.Zone)) }

// Ack is somebody's word that the alerts are seen to.
type Ack struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Zone string    `json:"zone,omitzero"` // of whoever it was, to tell the time in
}

// Since is when, on the clock of whoever it was.
func (a *Ack) Since() time.Time { return a.At.In(relay.Zone(a.Zone)) }

// Escalation is that others were told.
type Escalation struct {
	To []string  `json:"to"`
	At time.Time `json:"at"`
}

// Read takes a state out of a thread.
func Read(t *relay.Thread) (*State, error) {
	s := &State{}
	if err := json.Unmarshal(t.State, s); err != nil {
		return nil, fmt.Errorf("read thread %s: %w", t.ID, err)
	}
	return s, nil
}

// Write puts the state back.
func (s *State) Write(t *relay.Thread) error {
	b, err := json.Marshal(s)
	t.State = b
	return err
}

// Untold reports whether nothing was said of the alerts yet: the receiver's template rendered to nothing.
func (s *State) Untold() bool { return s.Text.Text == "" }

// Picture is what stands above the first message, in all its versions; nil for nothing.
func (s *State) Picture() *relay.Media {
	if s.Image == "" {
		return nil
	}
	return &relay.Media{Kind: relay.Photo, URL: s.Image, Illustration: true}
}

// Firing is how many alerts fire, muted ones included.
func (s *State) Firing() int {
	n := 0
	for i := range s.Alerts {
		if s.Alerts[i].Firing {
			n++
		}
	}
	return n
}

// Muted are the alerts that fire without the sender speaking of them.
func (s *State) Muted() []Alert {
	var muted []Alert
	for _, a := range s.Alerts {
		if a.Firing && a.Muted {
			muted = append(muted, a)
		}
	}
	return muted
}

// Hushed reports whether somebody has reacted: nobody else need be told.
func (s *State) Hushed(now time.Time) bool {
	return s.Ack != nil || s.Silence != nil && now.Before(s.Silence.Until)
}

// Matched are the labels that a silence is to match.
func (s *State) Matched() map[string]string {
	matched := maps.Clone(s.Common)
	maps.DeleteFunc(matched, func(name, _ string) bool { return slices.Contains(s.Without, name) })
	return matched
}
