// Package chatpage is the simulator's chat page: a Telegram to click in, for developing and trying without one. It shows the chats of several people side by side, types and presses for them, opens
// deep links, and switches trouble on. All that it does goes through the simulator's own paths below /sim/.
package chatpage

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/tgrelay/tgrelay/relay/look"
	"github.com/tgrelay/tgrelay/relay/simulator"
)

//go:embed assets
var assets embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"look": look.HTML, "dict": dict}).ParseFS(assets, "assets/*.html"))

// policy allows nothing but what is served here.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

type page struct{ sim *simulator.Server }

// Handler serves the page at /, deep links at /<bot> of each bot, and everything else by the simulator. Requests that another site's page makes are refused with 403.
func Handler(sim *simulator.Server) http.Handler {
	p := &page{sim}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.chats)
	mux.HandleFunc("GET /page/look.css", func(w http.ResponseWriter, _ *http.Request) { serve(w, "text/css; charset=utf-8", []byte(look.CSS)) })
	mux.HandleFunc("GET /page/page.css", asset("page.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /page/page.js", asset("page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /page/icon.svg", asset("icon.svg", "image/svg+xml"))
	mux.HandleFunc("GET /page/events", p.events)
	mux.HandleFunc("GET /page/files/{id}", p.file)
	mux.HandleFunc("/", p.other)
	return http.NewCrossOriginProtection().Handler(mux)
}

// other is the page of a deep link where the path is a bot's name, and else the simulator's answer.
func (p *page) other(w http.ResponseWriter, r *http.Request) {
	if bot := p.sim.Bot(r.URL.Path[1:]); bot != nil && r.Method == http.MethodGet {
		p.render(w, "link.html", p.opened(bot, r))
		return
	}
	p.sim.ServeHTTP(w, r)
}

func asset(name, kind string) http.HandlerFunc {
	content, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return func(w http.ResponseWriter, _ *http.Request) { serve(w, kind, content) }
}

func serve(w http.ResponseWriter, kind string, content []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	w.Write(content)
}

func (p *page) render(w http.ResponseWriter, name string, data any) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	serve(w, "text/html; charset=utf-8", out.Bytes())
}

// chats is the page of people, chats and trouble. Its address says what is open: p=<person>.<chat> or p=<person>.<chat>.<topic>, once for each chat.
func (p *page) chats(w http.ResponseWriter, r *http.Request) {
	p.render(w, "chats.html", p.view(r.URL.Query()))
}

// pace is how often a page hears that something changed, at most.
const pace = 150 * time.Millisecond

// events tells a page by server-sent events (HTML standard, 9.2) that it is out of date.
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(pace)
	defer tick.Stop()
	seen := ^uint64(0)
	for {
		if now := p.sim.Version(); now != seen {
			seen = now
			if _, err := fmt.Fprintf(w, "data: %d\n\n", now); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// file serves what the bot uploaded. Pictures are shown; whatever else it is, a browser keeps it as a file and runs nothing of it.
func (p *page) file(w http.ResponseWriter, r *http.Request) {
	name, content, known := p.sim.File(r.PathValue("id"))
	if !known || len(content) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	switch kind := http.DetectContentType(content); kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		serve(w, kind, content)
	default:
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
		serve(w, "application/octet-stream", content)
	}
}
