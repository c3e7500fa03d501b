package render

import (
	"sync"
	"text/template"
	"time"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// The functions that depend on what a template runs for.
const (
	safeHTMLFunction    = "safeHtml"
	routeLabelsFunction = "routeLabels"
	headerFunction      = "header"
	queryFunction       = "query"
)

// Data may know more than a template's dot shows.
type (
	// framed is data whose dot is another: a document, beside which the request that brought it is known.
	framed interface{ Dot() any }
	// requested is data that came in a request. What is not there is empty.
	requested interface {
		Header(name string) string
		Query(name string) string
	}
	// routed is data that knows the labels of Alertmanager's route.
	routed interface{ RouteLabel(name string) string }
)

// stages run the templates of a set. Those that call what depends on the execution get a copy of the set to themselves; to make
// one takes longer than most executions, so copies are kept.
type stages struct {
	set   *template.Template
	binds bool      // whether a template depends on the execution
	idle  sync.Pool // of *stage

	maxTime time.Duration
}

func (s *stages) run(name string, mode markup.Mode, data any, exact bool) (out string, doubtful bool, err error) {
	dot := data
	if f, ok := data.(framed); ok {
		dot = f.Dot()
	}
	if !s.binds {
		return execute(s.set.Lookup(name), dot, exact, s.maxTime)
	}
	st, err := s.enter(mode, data)
	if err != nil {
		return "", false, err
	}
	defer s.leave(st)
	return execute(st.set.Lookup(name), dot, exact, s.maxTime)
}

func (s *stages) enter(mode markup.Mode, data any) (*stage, error) {
	st, kept := s.idle.Get().(*stage)
	if !kept {
		set, err := s.set.Clone()
		if err != nil {
			return nil, err
		}
		st = &stage{}
		st.set = set.Funcs(template.FuncMap{
			safeHTMLFunction: st.safeHTML, routeLabelsFunction: st.routeLabel, headerFunction: st.header, queryFunction: st.query,
		})
	}
	st.mode, st.data = mode, data
	return st, nil
}

func (s *stages) leave(st *stage) {
	st.data = nil
	s.idle.Put(st)
}

// stage is a set of templates whose functions know what it runs for. It runs for one thing at a time.
type stage struct {
	set  *template.Template
	mode markup.Mode
	data any
}

// safeHTML in a template of HTML may be a fragment of a tag, which the template closes elsewhere.
func (s *stage) safeHTML(v any) string {
	if s.mode == markup.HTML {
		return raw(v)
	}
	return safeHTML(v)
}

// routeLabel is a label of Alertmanager's route: {{ routeLabels "team" }}.
func (s *stage) routeLabel(name string) string {
	if r, ok := s.data.(routed); ok {
		return r.RouteLabel(name)
	}
	return ""
}

// header is a header of the request: {{ header "X-GitHub-Event" }}.
func (s *stage) header(name string) string {
	if r, ok := s.data.(requested); ok {
		return r.Header(name)
	}
	return ""
}

// query is a parameter of the request's address: {{ query "team" }}.
func (s *stage) query(name string) string {
	if r, ok := s.data.(requested); ok {
		return r.Query(name)
	}
	return ""
}

// nowhere is header and query where no request is known.
func nowhere(string) string { return "" }
