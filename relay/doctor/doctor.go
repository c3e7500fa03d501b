// Package doctor looks at what surrounds a relay: the bot at Telegram, the way there, the storage and its disk, files and certificates, the addresses
// by which others come. Each look ends in findings that say what was seen and, where it is not well, what to do.
//
// It changes nothing: no update is confirmed, no webhook set, nothing is sent, and the storage is read only; the disk is measured by a file of its own,
// which is gone afterwards. It works beside a running daemon and without one. All looks go on at once, and none takes longer than ten seconds. No secret, and no
// address that may hold one, is in a finding.
package doctor

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tgrelay/tgrelay/relay/config"
)

// State is how well a thing is.
type State string

// The states, from well to ill. Only a Failure keeps messages from arriving, or their 202 from being true.
const (
	OK      State = "ok"
	Note    State = "note"
	Warning State = "warning"
	Failure State = "failure"
)

// Finding is one result of a look.
type Finding struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

// Options say what is looked at.
type Options struct {
	Config *config.Config
	Server string   // where a daemon of this configuration would be reached, as client.Options have it; empty: it is not asked
	Only   []string // the names of Checks that are made; empty: all
	// Transport reaches the Bot API; nil: the network, as Config says.
	Transport http.RoundTripper
	// Warnings are what is known of the configuration beforehand.
	Warnings []string
}

// check is one look. Its findings need not name it.
type check struct {
	name string
	look func(context.Context, *Options) []Finding
}

// checks are all looks, in the order in which their findings are shown.
var checks = []check{
	{"configuration", lookAtConfiguration},
	{"dns", eachWay(lookUpName)},
	{"proxy", eachWay(lookAtProxy)},
	{"bot", eachBot(lookAtBot)},
	{"clock", eachWay(lookAtClock)},
	{"webhook", eachBot(lookAtWebhook)},
	{"pollers", eachBot(lookForPollers)},
	{"daemon", lookAtDaemon},
	{"storage", lookAtStorage},
	{"disk", lookAtDisk},
	{"fsync", lookAtSpeed},
	{"files", lookAtFiles},
	{"certificates", lookAtCertificates},
	{"public_url", lookAtPublicURL},
}

// Checks are the names of all looks.
func Checks() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// chosen are the looks that are wanted.
func (o *Options) chosen() []check {
	if len(o.Only) == 0 {
		return checks
	}
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return !slices.Contains(o.Only, c.name) })
}

const (
	patience = 8 * time.Second  // of one look
	last     = 10 * time.Second // for one that does not hear: a dead file system, a resolver
)

// Examine makes all looks. Findings come in the order of the looks.
func Examine(ctx context.Context, o Options) []Finding {
	chosen := o.chosen()
	found := make([]chan []Finding, len(chosen))
	for i, c := range chosen {
		found[i] = make(chan []Finding, 1)
		go func() {
			timed, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			found[i] <- c.look(timed, &o)
		}()
	}
	over := time.NewTimer(last)
	defer over.Stop()
	late := make(chan struct{})
	go func() {
		select {
		case <-over.C:
		case <-ctx.Done():
		}
		close(late)
	}()
	var all []Finding
	for i, c := range chosen {
		all = append(all, named(c.name, await(found[i], late))...)
	}
	return all
}

func await(found <-chan []Finding, late <-chan struct{}) []Finding {
	select {
	case f := <-found:
		return f
	default:
	}
	select {
	case f := <-found:
		return f
	case <-late:
		return one(Warning, "no answer in time", "try again; if it stays so, something here hangs: the network, a name server, or the file system")
	}
}

func named(name string, findings []Finding) []Finding {
	for i := range findings {
		findings[i].Check = name
	}
	return findings
}

// one is a single finding.
func one(s State, found, remedy string) []Finding {
	return []Finding{{State: s, Found: found, Remedy: remedy}}
}

func fine(found string) []Finding { return one(OK, found, "") }

func lookAtConfiguration(_ context.Context, o *Options) []Finding {
	if len(o.Warnings) == 0 {
		return fine(o.Config.File + " is right")
	}
	var all []Finding
	for _, w := range o.Warnings {
		all = append(all, Finding{State: Warning, Found: w, Remedy: "`tgrelay render` shows what a webhook becomes"})
	}
	return all
}
