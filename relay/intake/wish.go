package intake

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay"
)

// wishes gives a message what its sender asks for beside the text.
func (h *heard) wishes(m *relay.Message, draft receivers.Draft) {
	if draft.ID != (relay.ID{}) {
		m.ID = draft.ID
	}
	if !draft.SendAt.IsZero() {
		m.SendAt, m.ExpiresAt = draft.SendAt, later(h.now, draft.SendAt).Add(h.rules.MaxAge)
	}
	m.Content.Media, m.File = draft.Media, draft.File
	m.Content.ReplyMarkup = h.buttons(m, draft.Buttons)
}

// buttons are those below the message, each on a row of its own. One that would call a host that the receiver does not allow is left out,
// and the log says so.
func (h *heard) buttons(m *relay.Message, wanted []receivers.Button) json.RawMessage {
	var k inlineKeyboard
	for _, b := range wanted {
		shown := button{Text: b.Text, URL: b.URL}
		switch {
		case b.Copy != "":
			shown.CopyText = &copyText{b.Copy}
		case b.Call != nil && !h.rc.Calls(b.Call.URL):
			h.log.Warn("a button is left out, for http_actions of the receiver does not name the host that it would call", append([]any{"receiver", h.rc.Name, "host", hostOf(b.Call.URL)}, h.ofRequest()...)...)
			continue
		case b.Call != nil:
			shown.CallbackData = CallButton(len(m.Content.Calls))
			m.Content.Calls = append(m.Content.Calls, *b.Call)
		}
		k.InlineKeyboard = append(k.InlineKeyboard, []button{shown})
	}
	if len(k.InlineKeyboard) == 0 {
		return nil
	}
	out, err := json.Marshal(k)
	if err != nil {
		return nil // not reached: texts only
	}
	return out
}

// callPrefix begins the data of buttons that call.
const callPrefix = OwnButton + "call:"

// CallButton is the data of a button that makes the call of a number in its message's Content.Calls, and CallOf reads it.
func CallButton(number int) string { return fmt.Sprint(callPrefix, number) }

// CallOf is the number in the data of a button that calls; false for another button.
func CallOf(data string) (number int, ok bool) {
	digits, ok := strings.CutPrefix(data, callPrefix)
	if !ok {
		return 0, false
	}
	_, err := fmt.Sscan(digits, &number)
	return number, err == nil && number >= 0
}

// Calls reports whether buttons of the receiver's messages may call an address.
func (rc *Receiver) Calls(address string) bool {
	return slices.Contains(rc.HTTPActions, hostOf(address))
}

// hostOf is the host of an address, with its port where it names one; in small letters.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}
