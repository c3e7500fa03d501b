package receivers

import (
	"net/url"
	"regexp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// Button stands below a message. It has one of URL, Copy and Call.
type Button struct {
	Text string
	URL  string      // that it opens; one that Telegram takes
	Copy string      // what it copies: 1 to 256 UTF-16 units
	Call *relay.Call // what it calls, where the receiver allows the host
}

// maxCopy is Telegram's limit of what a button copies, in UTF-16 units.
const maxCopy = 256

// Reference is an address with a label.
type Reference struct {
	Text string
	URL  string
}

// opens begins what a button opens; Telegram would take mailto:a@example.org for a web page.
var opens = regexp.MustCompile(`^(?i)(https?|tg)://`)

// buttonsOrLinks makes buttons of addresses. What Telegram takes for no button is to be shown in the text: it must not be lost.
func buttonsOrLinks(refs ...Reference) (buttons []Button, links []Reference) {
	for _, r := range refs {
		if r.URL == "" {
			continue
		}
		if _, err := markup.CheckURL(r.URL); err == nil && opens.MatchString(r.URL) {
			buttons = append(buttons, Button{Text: r.Text, URL: r.URL})
		} else {
			links = append(links, r)
		}
	}
	return buttons, links
}

// opener labels an address that has no label: by its host.
func opener(address string) Reference {
	label := address
	if u, err := url.Parse(address); err == nil && u.Hostname() != "" {
		label = u.Hostname()
	}
	return Reference{Text: "🔗 " + label, URL: address}
}
