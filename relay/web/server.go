// Package web is the HTTP interface: one route table, authentication, and answers as the contract has them.
//
// It decides who may do what and how things are said in HTTP; what is done is the business of the rooms below. An error is
// answered as problem+json (RFC 9457) with a closed set of codes, and an error without a code is logged and answered as
// 500 without its text. A panic costs one request.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/logging"
	"github.com/tgrelay/tgrelay/relay/onboarding"
	"github.com/tgrelay/tgrelay/relay/web/console"
)

// Options are what a Server needs.
type Options struct {
	Door      *intake.Door
	Desk      *onboarding.Desk
	Outbox    relay.Outbox
	Directory relay.Directory
	Links     relay.Links
	Senders   relay.Senders
	Notes     relay.Notes // who is signed in

	Settings

	Healthy   func() error                    // nil: all parts answer; else what to do
	Ready     func(ctx context.Context) error // nil: storage writable and Telegram reachable; else what to do
	Accepting func(ctx context.Context) error // nil: storage writable
	// Reload reads the configuration again. It names the keys that changed and take effect at the next start only.
	Reload  func() (restart []string, err error)
	Status  func(ctx context.Context) console.Status // for the console; nil: it shows none
	Metrics http.Handler
	// Seen notes a sign of life of a heartbeat; CodeNotFound for one that is not configured. nil: none is.
	Seen func(ctx context.Context, heartbeat string) error
	// Webhooks take Telegram's updates, each bot's at its path; none of bots with long polling.
	Webhooks map[string]http.Handler

	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Settings are what a reload may change.
type Settings struct {
	Tokens         []Token        // who may call; empty: anyone who can connect
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	MaxBody        int64          // bytes
	PublicURL      string         // how others reach this server, without a slash at its end; empty: as the caller did
}

// Server is the HTTP interface, an http.Handler.
type Server struct {
	Options
	mux      *http.ServeMux
	inForce  atomic.Pointer[terms]
	console  *console.Console
	sessions *sessions
	received *prometheus.CounterVec
	took     prometheus.Histogram // to answer them
}

// New returns a Server.
func New(o Options) *Server {
	s := &Server{Options: o, mux: http.NewServeMux(), sessions: newSessions(o.Notes)}
	if s.Seen == nil {
		s.Seen = func(context.Context, string) error {
			return &relay.Error{Code: relay.CodeNotFound, Detail: "there are no heartbeats here"}
		}
	}
	s.Set(o.Settings, o.Door.Rules())
	s.received = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tgrelay_messages_received_total",
		Help: `Requests that brought messages, by receiver ("api" for the API, "unknown" for none of ours) and HTTP status code.`,
	}, []string{"receiver", "code"})
	s.took = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "tgrelay_message_request_duration_seconds", Help: "How long requests that brought messages took to be answered, from their headers on: 202 says that they are on disk.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
	o.Registerer.MustRegister(s.received, s.took)
	for _, r := range routes {
		s.mux.Handle(r.pattern, s.guard(r))
	}
	s.openConsole()
	s.mux.HandleFunc("/", s.elsewhere(s.aliases()))
	for path, webhook := range o.Webhooks {
		s.mux.Handle("POST "+path, update(webhook))
	}
	return s
}

func (s *Server) openConsole() {
	s.console = console.New(console.Options{
		Door: s.Door, Desk: s.Desk, Outbox: s.Outbox, Directory: s.Directory, Links: s.Links, OpenAPI: OpenAPI, Status: s.Status, Log: s.Log,
	})
	for _, p := range append(pages, s.signing()...) {
		s.mux.Handle(p.pattern, s.guardPage(p))
	}
}

// terms are what a request goes by from its beginning to its end, whatever is put in force meanwhile.
type terms struct {
	Settings
	keys *keyring
	door *intake.Door
}

// Set puts other settings and rules in force together, for all that begins from now on.
func (s *Server) Set(settings Settings, rules *intake.Rules) {
	var before *keyring
	if was := s.inForce.Load(); was != nil {
		before = was.keys
	}
	s.inForce.Store(&terms{settings, newKeyring(settings.Tokens, before), s.Door.By(rules)})
	s.Door.SetRules(rules)
}

// termsKey is where a request's context has its terms.
type termsKey struct{}

// begin notes the terms that a request goes by.
func (s *Server) begin(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), termsKey{}, s.inForce.Load()))
}

// termsOf are those that a request goes by.
func termsOf(r *http.Request) *terms { return r.Context().Value(termsKey{}).(*terms) }

// checkBot refuses a name that no bot has; empty asks for none.
func (t *terms) checkBot(name string) error {
	if name == "" {
		return nil
	}
	if err := t.door.Rules().CheckBot(name); err != nil {
		return invalidQuery("bot", err.Error())
	}
	return nil
}

// ServeHTTP gives the request an ID, takes doubled and trailing slashes out of the path, and survives panics.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	id, start := requestID(r), time.Now()
	r = s.begin(r.WithContext(logging.WithRequest(r.Context(), id)))
	w := &tracked{ResponseWriter: rw}
	w.Header().Set("X-Request-Id", id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	defer func() { s.survive(w, r, recover()) }()
	if err := crossOrigin.Check(r); err != nil {
		s.fail(w, r, &relay.Error{Code: relay.CodeForbidden, Detail: "this interface is not for pages of other sites"})
		return
	}
	if err := s.atHome(r); err != nil {
		s.fail(w, r, err)
		return
	}
	if dotted(r.URL.Path) {
		s.fail(w, r, notFound("path"))
		return
	}
	r = straight(r)
	s.mux.ServeHTTP(w, r)
	s.served(w, r, time.Since(start))
}

// served notes a request that was answered. Its path is told as the route has it: some hold a token, and in others people are named.
func (s *Server) served(w *tracked, r *http.Request, took time.Duration) {
	if bringsMessages(r) {
		s.took.Observe(took.Seconds())
	}
	if !s.Log.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	s.Log.DebugContext(r.Context(), "request", "method", r.Method, "route", r.Pattern, "receiver", r.PathValue("receiver"), "status", w.status, "took", took)
}

// bringsMessages reports whether a request that was routed is one of those that messages_received_total counts.
func bringsMessages(r *http.Request) bool {
	return r.PathValue("receiver") != "" || strings.HasPrefix(r.Pattern, "POST /api/v1/messages")
}

// update takes one of Telegram's, from where a trusted proxy says that it comes.
func update(webhook http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := remote(r); from.IsValid() {
			r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
		}
		webhook.ServeHTTP(w, r)
	})
}

// dotted reports whether a path leads up: a proxy that lets only some paths through may have read it otherwise.
func dotted(p string) bool {
	return strings.Contains(p+"/", "/../") || strings.Contains(p+"/", "/./")
}

// straight is a request without doubled and trailing slashes in its path. A redirect to that path, as http.ServeMux would answer,
// makes Alertmanager and Grafana lose the alert. Slashes that were escaped stay what they are: part of a name.
func straight(r *http.Request) *http.Request {
	escaped := r.URL.EscapedPath()
	clean := path.Clean("/" + escaped)
	if clean == escaped {
		return r
	}
	plain, err := url.PathUnescape(clean)
	if err != nil {
		return r // not reached: the server has unescaped it before
	}
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = plain, clean
	return r
}

// survive answers for a handler that panicked. An answer that has begun is cut off: half of one must not look whole.
func (s *Server) survive(w *tracked, r *http.Request, p any) {
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		s.Log.ErrorContext(r.Context(), "a request panicked; this is a fault of tgrelay", "method", r.Method, "route", r.Pattern, "panic", p, "stack", string(debug.Stack()))
	}
	if p == http.ErrAbortHandler || w.began {
		panic(http.ErrAbortHandler)
	}
	s.fail(w, r, &relay.Error{Code: relay.CodeInternal})
}

// tracked knows whether an answer has begun, and with which status.
type tracked struct {
	http.ResponseWriter
	began  bool
	status int
}

func (t *tracked) WriteHeader(status int) {
	if !t.began {
		t.status = status
	}
	t.began = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *tracked) Write(b []byte) (int, error) {
	if !t.began {
		t.status = http.StatusOK
	}
	t.began = true
	return t.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// crossOrigin keeps web pages from using a person's browser to reach a relay on that person's loopback.
var crossOrigin = http.NewCrossOriginProtection()

const maxRequestID = 128

// requestID is the caller's, if it is decent, else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, func(c rune) bool { return c < '!' || c > '~' }) {
		return relay.NewID().String()
	}
	return id
}

// remote is the caller's address: the peer's, or what a trusted proxy says. It is zero for unix sockets.
func remote(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	t := termsOf(r)
	for i := len(hops) - 1; i >= 0 && t.trusted(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	return addr
}

func (t *terms) trusted(addr netip.Addr) bool {
	for _, p := range t.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// HTTP server limits: a sender that takes longer than this to send its headers or body is cut off, and so is a reader that does not
// take its answer. ?wait= is shorter; imports and exports may take longer.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeader         = 64 << 10
)

// HTTPServer returns the http.Server to serve on listeners.
func (s *Server) HTTPServer() *http.Server {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(s.Desk.Close)
	server.RegisterOnShutdown(s.console.Close)
	return server
}
