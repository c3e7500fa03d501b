package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/prometheus/common/model"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/alertmanager"
	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/relay/oncall"
	"github.com/tgrelay/tgrelay/relay/render"
	"github.com/tgrelay/tgrelay/relay/telegram"
	"github.com/tgrelay/tgrelay/relay/thread"
)

// alertButton acts upon a button below alerts. Whoever is in a chat that is connected to them may press, allowed_users permitting.
func (b *Bot) alertButton(ctx context.Context, q *telegram.CallbackQuery) error {
	pressed := *q.Message
	pressed.From, pressed.SenderChat = &q.From, nil
	bindings, err := b.concerned(ctx, &pressed)
	if err != nil {
		return err
	}
	m := b.inLocale(ctx, &pressed)
	answer := oncall.Answer{Template: "chat.not_allowed"}
	may, unknown := b.mayAct(ctx, m)
	if unknown != nil {
		b.Log.Warn("cannot ask Telegram who is an administrator", "chat_id", m.Chat.ID, "error", unknown)
	}
	switch {
	case !b.allowed(&q.From):
	case !may:
		answer = oncall.Answer{Template: "chat.administrators_only"}
	default:
		answer, err = b.OnCall.Press(ctx, oncall.Press{Data: q.Data, Bot: b.Bot, ChatID: m.Chat.ID, Recipients: recipientsOf(bindings), By: person(m, bindings)})
	}
	if err != nil {
		return err
	}
	b.toast(ctx, q.ID, m, answer)
	return nil
}

// mayAct reports whether a person may act upon alerts in a chat: whoever is in it, but every reader of a channel sees its buttons.
func (b *Bot) mayAct(ctx context.Context, m *telegram.Message) (bool, error) {
	if m.Chat.Type != "channel" || len(b.AllowedUsers()) > 0 {
		return true, nil
	}
	return b.IsAdmin(ctx, m.Chat.ID, m.From.ID)
}

// toast shows an answer for a moment.
func (b *Bot) toast(ctx context.Context, queryID string, m *telegram.Message, answer oncall.Answer) {
	var text markup.Text
	if answer.Template != "" {
		var err error
		if text, err = b.text(m, answer.Template, answer.Data); err != nil {
			b.Log.Error("a template failed", "template", answer.Template, "error", render.WithoutValues(err))
		}
	}
	b.Acknowledge(ctx, queryID, shortened(text.Normalize().Text))
}

// concerned are the bindings of a message's topic and of its chat as a whole.
func (b *Bot) concerned(ctx context.Context, m *telegram.Message) ([]relay.Binding, error) {
	bindings, err := b.bindings(ctx, m)
	if err != nil || topic(m) == 0 {
		return bindings, err
	}
	general, err := b.bindings(ctx, &telegram.Message{Chat: m.Chat})
	return append(bindings, general...), err
}

func recipientsOf(bindings []relay.Binding) []string {
	var ids []string
	for _, binding := range bindings {
		if !slices.Contains(ids, binding.Recipient) {
			ids = append(ids, binding.Recipient)
		}
	}
	return ids
}

// person is the writer of a message, by name and time zone.
func person(m *telegram.Message, bindings []relay.Binding) oncall.Person {
	p := oncall.Person{Name: m.Chat.Title}
	if m.From != nil {
		p.Name, p.Username = strings.TrimSpace(m.From.FirstName+" "+m.From.LastName), m.From.Username
	}
	for _, binding := range bindings {
		p.Zone = cmp.Or(p.Zone, binding.TimeZone)
	}
	return p
}

// asker is a chat that asks about alerts.
type asker struct {
	m          *telegram.Message
	recipients []string
	by         oncall.Person
}

// asking is who asks; nil where nobody is connected, or the person may not: that is answered then.
func (b *Bot) asking(ctx context.Context, m *telegram.Message) (*asker, error) {
	bindings, err := b.concerned(ctx, m)
	switch {
	case err != nil:
		return nil, err
	case len(bindings) == 0:
		return nil, b.answer(ctx, m, "chat.status", bindings)
	case !b.allowed(m.From):
		return nil, b.answer(ctx, m, "chat.not_allowed", nil)
	}
	return &asker{m, recipientsOf(bindings), person(m, bindings)}, nil
}

// perPage is how many alerts or silences a page of a list has.
const perPage = 8

// Kinds of lists, as they stand in the buttons to their other pages.
const (
	listButton   = ownData + "l "
	listAlerts   = "a"
	listSilences = "s"
)

// list is the data of the templates of lists.
type list struct {
	Alerts   []oncall.Alert
	Silences []oncall.Silence
	Total    int
	Filter   string // as it was asked for
	Page     int    // from 1
	Pages    int
	Trouble  string // why some are missing
	Zone     string
}

// alerts lists what fires: /alerts, /alerts severity=critical.
func (b *Bot) alerts(ctx context.Context, m *telegram.Message, argument string) error {
	return b.list(ctx, m, listAlerts, argument)
}

func (b *Bot) silences(ctx context.Context, m *telegram.Message, _ string) error {
	return b.list(ctx, m, listSilences, "")
}

func (b *Bot) list(ctx context.Context, m *telegram.Message, kind, filter string) error {
	a, err := b.asking(ctx, m)
	if a == nil {
		return err
	}
	answer, err := b.page(ctx, a, kind, filter, relay.NewID().String(), 1)
	if answer == nil || err != nil {
		return err
	}
	return b.tell(ctx, m, answer, true)
}

// page makes a page of a list. What cannot be listed at all is answered, and nil.
func (b *Bot) page(ctx context.Context, a *asker, kind, filter, key string, page int) (*relay.Message, error) {
	l := list{Filter: filter, Page: page, Zone: a.by.Zone}
	template := "chat.alerts.list"
	var failed error
	if kind == listSilences {
		template = "chat.alerts.silences"
		l.Silences, failed = b.OnCall.Silences(ctx, a.recipients)
		l.Total = len(l.Silences)
		l.Silences = cut(&l, l.Silences)
	} else {
		matchers, err := parseFilter(filter)
		if err != nil || len(filter) > maxFilter {
			return nil, b.answer(ctx, a.m, "chat.alerts.matcher", nil)
		}
		l.Alerts, failed = b.OnCall.Alerts(ctx, a.recipients, matchers)
		l.Total = len(l.Alerts)
		l.Alerts = cut(&l, l.Alerts)
	}
	if errors.Is(failed, oncall.ErrNoManager) {
		return nil, b.answer(ctx, a.m, oncall.AnswerNoManager, nil)
	}
	if failed != nil {
		l.Trouble = short(failed.Error(), maxTrouble)
	}
	answer, err := b.compose(a.m, template, l)
	if err == nil && !oneMessage(answer.Content.Text) {
		answer, err = b.compose(a.m, template, l.brief())
	}
	if err != nil {
		return nil, err
	}
	answer.Content.Text = answer.Content.Text.Truncate(markup.MaxText) // an operator's template may write much
	answer.Key, answer.OnUpdate = key, relay.Edit
	answer.Content.ReplyMarkup, err = l.buttons(kind, key)
	return answer, err
}

// cut leaves the items of the page, and counts pages.
func cut[T any](l *list, all []T) []T {
	l.Pages = max(1, (len(all)+perPage-1)/perPage)
	l.Page = max(1, min(l.Page, l.Pages))
	from := (l.Page - 1) * perPage
	return all[from:min(from+perPage, len(all))]
}

// buttons lead to the pages beside; none where there is one page.
func (l *list) buttons(kind, key string) (json.RawMessage, error) {
	if l.Pages < 2 {
		return nil, nil
	}
	var row []inlineButton
	button := func(text string, page int) {
		row = append(row, inlineButton{text, listButton + key + " " + kind + " " + strconv.Itoa(page)})
	}
	if l.Page > 1 {
		button("‹", l.Page-1)
	}
	button("↻", l.Page)
	if l.Page < l.Pages {
		button("›", l.Page+1)
	}
	return json.Marshal(map[string]any{"inline_keyboard": [][]inlineButton{row}})
}

// turned shows another page of a list. What it was asked for stands in its first line.
func (b *Bot) turned(ctx context.Context, q *telegram.CallbackQuery) error {
	words := strings.Fields(strings.TrimPrefix(q.Data, listButton))
	pressed := *q.Message
	pressed.From, pressed.SenderChat = &q.From, nil
	m := b.inLocale(ctx, &pressed)
	if len(words) != 3 || q.Message.Date == 0 {
		b.toast(ctx, q.ID, m, oncall.Answer{Template: "chat.alerts.old"})
		return nil
	}
	page, err := strconv.Atoi(words[2])
	if err != nil {
		page = 1
	}
	a, err := b.asking(ctx, m)
	if a == nil {
		b.Acknowledge(ctx, q.ID, "")
		return err
	}
	b.Acknowledge(ctx, q.ID, "") // an Alertmanager may take its time
	answer, err := b.page(ctx, a, words[1], filterOf(q.Message), words[0], page)
	if answer == nil || err != nil {
		return err
	}
	return b.Outbox.Accept(ctx, once(ctx, answer))
}

// filterOf is what stands as code in the first line of a list.
func filterOf(m *telegram.Message) string {
	units := utf16.Encode([]rune(m.Text))
	line := slices.Index(units, '\n')
	for _, e := range m.Entities {
		if e.Type == "code" && (line < 0 || e.Offset < line) && e.Offset+e.Length <= len(units) {
			return string(utf16.Decode(units[e.Offset : e.Offset+e.Length]))
		}
	}
	return ""
}

// silenceCommand makes a silence: /silence alertname=Down instance=~"web.*" 2h we are at it.
func (b *Bot) silenceCommand(ctx context.Context, m *telegram.Message, argument string) error {
	a, err := b.asking(ctx, m)
	if a == nil {
		return err
	}
	matchers, length, comment, ok := parseSilence(argument)
	if !ok {
		return b.answer(ctx, m, "chat.alerts.silence_usage", nil)
	}
	until := time.Now().UTC().Add(length)
	s := alertmanager.Silence{StartsAt: time.Now().UTC(), EndsAt: until, CreatedBy: a.by.Signed(), Comment: comment}
	if s.Comment == "" {
		s.Comment = "Silenced in Telegram"
	}
	ids, err := b.OnCall.SetSilence(ctx, a.recipients, matchers, s)
	if len(ids) == 0 {
		return b.failed(ctx, m, err)
	}
	held := &thread.Silence{ID: ids[0], By: a.by.Name, Until: until, Zone: a.by.Zone}
	return b.answer(ctx, m, "chat.alerts.silence_made", made{held, matchers.String(), ids})
}

// made is the data of the answer to /silence.
type made struct {
	*thread.Silence
	Matchers string
	IDs      []string
}

// failed tells why an Alertmanager did not do what was asked.
func (b *Bot) failed(ctx context.Context, m *telegram.Message, why error) error {
	if errors.Is(why, oncall.ErrNoManager) {
		return b.answer(ctx, m, oncall.AnswerNoManager, nil)
	}
	return b.answer(ctx, m, oncall.AnswerTrouble, why.Error())
}

// expire ends a silence: /expire 1a2b3c4d.
func (b *Bot) expire(ctx context.Context, m *telegram.Message, argument string) error {
	a, err := b.asking(ctx, m)
	if a == nil {
		return err
	}
	s, err := b.OnCall.Expire(ctx, a.recipients, argument)
	switch code := relay.ErrorCode(err); {
	case err == nil:
		return b.answer(ctx, m, "chat.alerts.expired", s)
	case argument == "" || code == relay.CodeNotFound || code == relay.CodeConflict:
		return b.answer(ctx, m, "chat.alerts.expire_usage", code == relay.CodeConflict)
	}
	return b.failed(ctx, m, err)
}

// parseFilter reads matchers as people write them: with spaces or commas between them; a single word is an alert's name.
func parseFilter(text string) (alertmanager.Matchers, error) {
	var all alertmanager.Matchers
	for _, word := range words(text) {
		some, err := parseMatcher(word)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func parseMatcher(word string) (alertmanager.Matchers, error) {
	word = strings.Trim(word, ",")
	switch {
	case word == "":
		return nil, nil
	case !strings.ContainsAny(word, "=~{"):
		return alertmanager.Exactly(map[string]string{"alertname": strings.Trim(word, `"`)}), nil
	}
	return alertmanager.ParseMatchers(word)
}

// maxSilence is the longest silence that can be asked for.
const maxSilence = 366 * 24 * time.Hour

// parseSilence takes matchers, a duration, and a comment behind it.
func parseSilence(text string) (matchers alertmanager.Matchers, length time.Duration, comment string, ok bool) {
	all := words(text)
	for i, word := range all {
		// What comes first is an alert's name, even where it could be a time: without matchers everything would be silenced.
		if d, err := model.ParseDuration(word); err == nil && len(matchers) > 0 {
			return matchers, time.Duration(d), strings.Join(all[i+1:], " "), d > 0 && time.Duration(d) <= maxSilence
		}
		some, err := parseMatcher(word)
		if err != nil {
			return nil, 0, "", false
		}
		matchers = append(matchers, some...)
	}
	return nil, 0, "", false
}

// words cuts at white space that is not between quotes. Quotes that telephones make of " are what they stand for.
func words(text string) []string {
	text = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`).Replace(text)
	quoted, escaped := false, false
	return strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' && !escaped {
			quoted = !quoted
		}
		escaped = quoted && r == '\\' && !escaped
		return !quoted && (r == ' ' || r == '\n' || r == '\t')
	})
}
