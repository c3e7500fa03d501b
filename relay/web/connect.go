package web

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"

	"golang.org/x/text/language"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/onboarding"
)

// A link's page is for the person who is to connect a chat: an application may simply redirect there. The link's token stands in the
// URL's fragment, which browsers keep to themselves, so that no log of a proxy ever holds it; the page's script hands it over in a body.

//go:embed connect.html
var connectHTML string

var connectPage = template.Must(template.New("connect").Parse(connectHTML))

// connectWords are what the page says, by language. The first is for everybody else.
var connectWords = []struct {
	Language language.Tag
	Words    words
}{
	{language.English, words{
		Lang: "en", Title: "Connect Telegram", Private: "Press the button and then Start in the chat that opens, or scan the code with your phone.",
		Group: "Press the button and choose the group, or scan the code with your phone.", Open: "Open Telegram", Command: "If nothing happens there, send the bot this:",
		Copy: "Copy", Copied: "Copied", SoFar: "Connected so far:", Connected: "Connected. You can close this page.", Gone: "This link does not work any more. Please ask for a new one where you got it.",
		Trouble: "The server cannot be reached. This page tries again.", NoScript: "This page needs JavaScript.",
	}},
	{language.German, words{
		Lang: "de", Title: "Telegram verbinden", Private: "Drücke den Knopf und dann im Chat, der sich öffnet, auf Start – oder scanne den Code mit dem Telefon.",
		Group: "Drücke den Knopf und wähle die Gruppe – oder scanne den Code mit dem Telefon.", Open: "Telegram öffnen", Command: "Falls dort nichts geschieht, schicke dem Bot dies:",
		Copy: "Kopieren", Copied: "Kopiert", SoFar: "Bisher verbunden:", Connected: "Verbunden. Du kannst diese Seite schließen.", Gone: "Dieser Link funktioniert nicht mehr. Bitte hole dort, wo du ihn bekommen hast, einen neuen.",
		Trouble: "Der Server ist nicht erreichbar. Diese Seite versucht es weiter.", NoScript: "Diese Seite braucht JavaScript.",
	}},
	{language.Spanish, words{
		Lang: "es", Title: "Conectar Telegram", Private: "Pulsa el botón y después Iniciar en el chat que se abre, o escanea el código con el teléfono.",
		Group: "Pulsa el botón y elige el grupo, o escanea el código con el teléfono.", Open: "Abrir Telegram", Command: "Si allí no ocurre nada, envía esto al bot:",
		Copy: "Copiar", Copied: "Copiado", SoFar: "Conectados hasta ahora:", Connected: "Conectado. Puedes cerrar esta página.", Gone: "Este enlace ya no funciona. Pide uno nuevo donde lo obtuviste.",
		Trouble: "No se puede contactar con el servidor. Esta página lo seguirá intentando.", NoScript: "Esta página necesita JavaScript.",
	}},
	{language.Russian, words{
		Lang: "ru", Title: "Подключить Telegram", Private: "Нажмите кнопку, а затем «Старт» в открывшемся чате, или отсканируйте код телефоном.",
		Group: "Нажмите кнопку и выберите группу или отсканируйте код телефоном.", Open: "Открыть Telegram", Command: "Если там ничего не произошло, отправьте боту:",
		Copy: "Копировать", Copied: "Скопировано", SoFar: "Уже подключено:", Connected: "Подключено. Эту страницу можно закрыть.", Gone: "Эта ссылка больше не работает. Попросите новую там, где получили эту.",
		Trouble: "Сервер недоступен. Страница попробует ещё раз.", NoScript: "Для этой страницы нужен JavaScript.",
	}},
	{language.Chinese, words{
		Lang: "zh", Title: "连接 Telegram", Private: "点击按钮，然后在打开的聊天中点“开始”，或用手机扫描二维码。",
		Group: "点击按钮并选择群组，或用手机扫描二维码。", Open: "打开 Telegram", Command: "如果没有反应，请把这条命令发给机器人：",
		Copy: "复制", Copied: "已复制", SoFar: "已连接：", Connected: "已连接。可以关闭此页面。", Gone: "此链接已失效。请在获取链接的地方重新索取。",
		Trouble: "无法连接服务器，页面会继续重试。", NoScript: "此页面需要 JavaScript。",
	}},
}

type words struct {
	Lang, Title, Private, Group, Open, Command, Copy, Copied, SoFar, Connected, Gone, Trouble, NoScript string
}

var connectLanguages = func() language.Matcher {
	var tags []language.Tag
	for _, w := range connectWords {
		tags = append(tags, w.Language)
	}
	return language.NewMatcher(tags)
}()

// wordsFor are in the language that a browser asks for.
func wordsFor(r *http.Request) words {
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return connectWords[0].Words
	}
	_, i, _ := connectLanguages.Match(wanted...)
	return connectWords[i].Words
}

// pageURL is where the page of a new link is. Its fragment is the token.
func (s *Server) pageURL(r *http.Request, l *onboarding.Link) string {
	return s.baseURL(r) + "/link/" + l.ID.String() + "#" + l.Token
}

// linkPage is the same for every link, also for those that do not exist: only its script knows the token.
func (s *Server) linkPage(w http.ResponseWriter, r *http.Request, _ *Token) error {
	nonce := rand.Text()
	var page bytes.Buffer
	err := connectPage.Execute(&page, struct {
		words
		Nonce string
	}{wordsFor(r), nonce})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	secure(h, "connect-src 'self'; script-src 'nonce-"+nonce+"'; style-src 'nonce-"+nonce+"'", "'none'")
	w.Write(page.Bytes()) // a reader who has gone away is nobody to tell
	return nil
}

// shownLink is what the page's script gets. What is not open has no URL any more.
type shownLink struct {
	State        relay.LinkState `json:"state"`
	Target       relay.Target    `json:"target"`
	URL          string          `json:"url,omitzero"`
	StartCommand string          `json:"start_command,omitzero"`
	QRSVG        string          `json:"qr_svg,omitzero"`
	Uses         int             `json:"uses"`
	MaxUses      int             `json:"max_uses"`
}

// showLink takes the token of a link in its body, which is all the authentication there is.
func (s *Server) showLink(w http.ResponseWriter, r *http.Request, _ *Token) error {
	if err := jsonOnly(r); err != nil {
		return err
	}
	link, err := s.presentedLink(w, r)
	if err != nil {
		return err
	}
	out := shownLink{State: link.State, Target: link.Target, Uses: link.Uses, MaxUses: link.MaxUses}
	if link.State == relay.LinkOpen {
		out.URL, out.StartCommand = link.URL, link.StartCommand
		if out.QRSVG, err = onboarding.QRSVG(link.URL); err != nil {
			return err
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return answer(w, http.StatusOK, out)
}

func (s *Server) presentedLink(w http.ResponseWriter, r *http.Request) (*onboarding.Link, error) {
	id, err := pathID(r)
	if err != nil {
		return nil, err
	}
	wait, err := waits(r)
	if err != nil {
		return nil, err
	}
	body, err := s.body(w, r)
	if err != nil {
		return nil, err
	}
	o, err := intake.ParseObject(body)
	if err != nil {
		return nil, err
	}
	var token string
	if o.Field("token", &token); o.Err() != nil {
		return nil, o.Err()
	}
	link, err := s.Desk.Show(r.Context(), id, token)
	if err != nil || wait == 0 {
		return link, err
	}
	if _, err := s.Desk.Await(r.Context(), id, wait); err != nil {
		return nil, err
	}
	return s.Desk.Show(r.Context(), id, token)
}
