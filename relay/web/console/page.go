package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed pages/*.html
var pageFiles embed.FS

// pages are the templates by name, each with the frame and the parts that all may use; parsed for the first visitor.
var pages = sync.OnceValue(parsePages)

func parsePages() map[string]*template.Template {
	common := template.Must(template.New("").Funcs(functions).ParseFS(pageFiles, "pages/frame.html", "pages/parts.html"))
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		panic(err) // not reached: the pattern is right
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		all[strings.TrimSuffix(path.Base(name), ".html")] = template.Must(template.Must(common.Clone()).ParseFS(pageFiles, name))
	}
	return all
}

// view is what a page shows.
type view struct {
	*Viewer
	Page   string // its template
	Title  string
	Notice string   // what has just been done
	Bots   []string // as they are asked for, where there are several
	Data   any
	Status int // 0: 200
}

// frame shows a whole page; who came from a button of another is told what it did (?done=).
func (c *Console) frame(w http.ResponseWriter, r *http.Request, v view) error {
	v.Notice, v.Bots = notices[r.URL.Query().Get("done")], c.bots()
	return show(w, r, v, "frame")
}

// bots are those that can be asked for, where there are several: with one nobody needs to hear of it.
func (c *Console) bots() []string {
	if bots := c.Door.Rules().Bots; len(bots) > 1 {
		return bots
	}
	return nil
}

// part shows what takes the place of some of a page.
func (c *Console) part(w http.ResponseWriter, r *http.Request, v view, name string) error {
	v.Bots = c.bots()
	return show(w, r, v, name)
}

func show(w http.ResponseWriter, r *http.Request, v view, name string) error {
	var b bytes.Buffer
	if err := pages()[v.Page].ExecuteTemplate(&b, name, v); err != nil {
		return err
	}
	if v.Status == 0 {
		v.Status = http.StatusOK
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	write(w, r, v.Status, b.Bytes())
	return nil
}

// write packs what is worth it.
func write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Add("Vary", "Accept-Encoding")
	if len(body) > 1<<10 && acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		body = pack(body, gzip.DefaultCompression)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a reader who has gone away is nobody to tell
}

// partial reports whether htmx asks, for a part of the page that it shows.
func partial(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// notices are what pages may say of what has just been done, by ?done=: nothing else can be put into an address.
var notices = map[string]string{
	"said-nothing": "It was taken in and had nothing to say: no message is sent.",
	"accepted":     "Accepted: it is on disk, and on its way.",
	"retried":      "It is back in the queue.", "retried-many": "They are back in the queue.", "discarded": "It is discarded.", "discarded-many": "They are discarded.",
	"none":   "Nothing was changed: what was chosen is not failed or expired any more.",
	"paused": "Paused: messages are kept until you resume.", "resumed": "Resumed: what was kept is on its way.",
	"muted": "Muted: messages arrive without a sound.", "unmuted": "Messages make a sound again.",
	"unbound": "The chat is disconnected.", "forgotten": "The recipient is forgotten, with all that was kept of it.",
	"noted": "The note is kept.", "revoked": "The link is revoked.",
}

// done leads on to a page that says what was done. A reload of it does nothing again.
func done(w http.ResponseWriter, r *http.Request, to, notice string) error {
	mark := "?"
	if strings.Contains(to, "?") {
		mark = "&"
	}
	http.Redirect(w, r, to+mark+"done="+notice, http.StatusSeeOther)
	return nil
}
