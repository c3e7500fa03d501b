package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The bot of a simulator that is not told another.
const (
	DefaultToken    = "123456789:AAsimulated-token-of-the-tgrelay-demo"
	DefaultUsername = "relay_bot"
)

// Options say which bot is known, and how strict Telegram is. The zero value is a lenient one for tests and development.
type Options struct {
	Token        string // empty: DefaultToken
	Username     string // empty: DefaultUsername
	Limits       Limits // rates that are answered with 429; zero ones are not enforced
	KeepMessages int    // a chat; 0: 10,000
	KeepCalls    int    // 0: 10,000
	// Transport brings updates to the webhook; nil: the network.
	Transport http.RoundTripper
	// Strict refuses webhooks that are not https or not on one of Telegram's ports, as Telegram does.
	Strict bool
}

// Server is a Bot API that remembers, as one bot knows it; there may be several (AddBot). Its methods are safe for concurrent use.
type Server struct {
	*world
	options Options
	botID   int64
	client  *http.Client
	control http.Handler

	users    map[int64]*User // all people, as this bot meets them
	chats    map[int64]*chat // this bot's private ones, and the groups and channels of all
	queue    queue
	webhook  *webhook
	commands map[[2]string]json.RawMessage // menus by scope and language
	rates    rates
}

// New returns a Server that nobody has talked to.
func New(o Options) *Server {
	if o.Token == "" {
		o.Token = DefaultToken
	}
	if o.Username == "" {
		o.Username = DefaultUsername
	}
	if o.KeepMessages == 0 {
		o.KeepMessages = 10_000
	}
	if o.KeepCalls == 0 {
		o.KeepCalls = 10_000
	}
	s := newServer(o, &world{})
	s.bots = []*Server{s}
	s.world.reset()
	return s
}

func newServer(o Options, w *world) *Server {
	id, _, _ := strings.Cut(o.Token, ":")
	s := &Server{world: w, options: o, client: &http.Client{Transport: o.Transport, CheckRedirect: noRedirect, Timeout: time.Minute}}
	s.botID, _ = strconv.ParseInt(id, 10, 64)
	s.control = s.newControl()
	return s
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// forget is what a reset means for one bot.
func (s *Server) forget() {
	if s.webhook != nil {
		s.webhook.stop()
	}
	s.users, s.chats = map[int64]*User{}, map[int64]*chat{}
	s.queue, s.webhook, s.commands = newQueue(), nil, map[[2]string]json.RawMessage{}
	s.rates = rates{}
}

// Reset forgets everything but the bots.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.reset()
}

// Token is the bot's token.
func (s *Server) Token() string { return s.options.Token }

// Username is the bot's name.
func (s *Server) Username() string { return s.options.Username }

// ServeHTTP answers /bot<token>/<method>, /file/bot<token>/<path>, and /sim/… (see the package comment).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.HasPrefix(path, "/sim/") {
		s.control.ServeHTTP(w, r)
		if r.Method != http.MethodGet {
			s.version.Add(1)
		}
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	if rest, ok := strings.CutPrefix(path, "/file/bot"); ok {
		s.serveFile(w, rest)
		return
	}
	rest, ok := strings.CutPrefix(path, "/bot")
	token, method, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		failed(404, "Not Found").write(w)
		return
	}
	bot := s.ofToken(token)
	if bot == nil {
		refuseToken(token).write(w)
		return
	}
	bot.call(w, r, strings.TrimPrefix(method, "test/"))
}

// call runs a method, with the faults that were asked for before and after it.
func (s *Server) call(w http.ResponseWriter, r *http.Request, method string) {
	if r.ContentLength > maxUpload+maxParameters {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	a := readArguments(r)
	if a.tooMany() {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if method == "" {
		method = a.text("method")
	}
	name := strings.ToLower(method)
	fault := s.takeFault(name, a.id("chat_id"))
	if fault != nil && fault.before(w, r) {
		s.note(name, a, fault.status())
		return
	}
	result := s.run(r, name, a)
	s.note(name, a, result.status())
	if fault != nil && fault.after(w, result) {
		return
	}
	result.write(w)
}

// run executes a method. Those that wait do their own locking.
func (s *Server) run(r *http.Request, name string, a *arguments) *answer {
	if name == "getupdates" {
		return s.getUpdates(r.Context(), a)
	}
	do, known := methods[name]
	if !known {
		return failed(404, "Not Found: method not found")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return do(s, a)
}

// refuseToken answers as the server does for a malformed, and for an unknown token (ClientManager.cpp).
func refuseToken(token string) *answer {
	id, _, colon := strings.Cut(token, ":")
	n, err := strconv.ParseInt(id, 10, 64)
	if !colon || err != nil || n <= 0 || strings.HasPrefix(id, "0") || len(token) > 80 {
		return failed(401, "Unauthorized: invalid token specified")
	}
	return failed(401, "Unauthorized")
}

// methods are the Bot API's, by their names in small letters. Each is called with mu held.
var methods map[string]func(s *Server, a *arguments) *answer

func init() {
	methods = map[string]func(s *Server, a *arguments) *answer{
		"getme":                  (*Server).getMe,
		"setwebhook":             (*Server).setWebhook,
		"deletewebhook":          (*Server).deleteWebhook,
		"getwebhookinfo":         (*Server).getWebhookInfo,
		"sendmessage":            (*Server).sendMessage,
		"sendphoto":              (*Server).sendPhoto,
		"senddocument":           (*Server).sendDocument,
		"sendmediagroup":         (*Server).sendMediaGroup,
		"editmessagetext":        (*Server).editMessageText,
		"editmessagecaption":     (*Server).editMessageCaption,
		"editmessagemedia":       (*Server).editMessageMedia,
		"editmessagereplymarkup": (*Server).editMessageReplyMarkup,
		"deletemessage":          (*Server).deleteMessage,
		"answercallbackquery":    (*Server).answerCallbackQuery,
		"setmycommands":          (*Server).setMyCommands,
		"getmycommands":          (*Server).getMyCommands,
		"getchat":                (*Server).getChat,
		"getchatmember":          (*Server).getChatMember,
		"sendchataction":         (*Server).sendChatAction,
		"createforumtopic":       (*Server).createForumTopic,
		"editforumtopic":         (*Server).editForumTopic,
		"closeforumtopic":        (*Server).closeForumTopic,
		"reopenforumtopic":       (*Server).reopenForumTopic,
		"deleteforumtopic":       (*Server).deleteForumTopic,
		"leavechat":              (*Server).leaveChat,
		"getfile":                (*Server).getFile,
	}
}

func (s *Server) getMe(*arguments) *answer {
	me := s.me()
	me["can_join_groups"], me["can_read_all_group_messages"], me["supports_inline_queries"] = true, false, false
	return done(me)
}

// me is the Bot API's User of the bot.
func (s *Server) me() map[string]any {
	return map[string]any{"id": s.botID, "is_bot": true, "first_name": "Relay", "username": s.options.Username}
}

func (s *Server) setMyCommands(a *arguments) *answer {
	var commands []struct{ Command, Description string }
	if json.Unmarshal([]byte(a.text("commands")), &commands) != nil {
		return failed(400, "Bad Request: can't parse commands JSON object")
	}
	for _, c := range commands {
		if !commandName.MatchString(c.Command) {
			return failed(400, "Bad Request: BOT_COMMAND_INVALID")
		}
		if c.Description == "" {
			return failed(400, "Bad Request: command description must be non-empty")
		}
	}
	place, ok := commandPlace(a)
	if !ok {
		return failed(400, "Bad Request: can't parse BotCommandScope")
	}
	s.commands[place] = json.RawMessage(a.text("commands"))
	return done(true)
}

// commandPlace is where a menu is set: the scope's kind and the language.
func commandPlace(a *arguments) (place [2]string, ok bool) {
	scope := struct {
		Type string `json:"type"`
	}{"default"}
	if text := a.text("scope"); text != "" && json.Unmarshal([]byte(text), &scope) != nil {
		return place, false
	}
	return [2]string{scope.Type, a.text("language_code")}, true
}

func (s *Server) getMyCommands(a *arguments) *answer {
	place, ok := commandPlace(a)
	if !ok {
		return failed(400, "Bad Request: can't parse BotCommandScope")
	}
	if menu, set := s.commands[place]; set {
		return done(menu)
	}
	return done(json.RawMessage("[]"))
}
