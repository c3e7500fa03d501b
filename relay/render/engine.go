package render

import (
	"slices"
	"sync"
	"text/template"
	"text/template/parse"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// engine runs templates. It has each of them twice. The first is fast; but text/template itself writes "<no value>" for what is
// absent, as it would a value that reads so. Where one comes by, the second runs, which ends each action in a function that sees
// which it is.
type engine struct {
	funcs   template.FuncMap
	defined []*template.Template // as they were parsed
	fast    *template.Template
	exact   func() (*template.Template, error) // made when it is first needed, which most never are
	binds   bool                               // whether a template calls what depends on the execution; see bind
}

func newEngine(funcs template.FuncMap) engine {
	return engine{funcs: funcs, fast: template.New("").Funcs(funcs)}
}

// define adds templates or replaces them.
func (e *engine) define(all []*template.Template) error {
	for _, t := range all {
		e.binds = e.binds || calls(t.Tree, safeHTMLFunction, routeLabelsFunction)
	}
	if err := addAll(e.fast, all, rewriteFast); err != nil {
		return err
	}
	e.defined = append(slices.Clip(e.defined), all...)
	funcs, defined := e.funcs, e.defined
	e.exact = sync.OnceValues(func() (*template.Template, error) {
		set := template.New("").Funcs(funcs).Funcs(template.FuncMap{exactFunction: exact})
		return set, addAll(set, defined, rewriteExact)
	})
	return nil
}

// addAll adds templates to a set in another form.
func addAll(set *template.Template, all []*template.Template, rewrite func(*parse.Tree)) error {
	for _, t := range all {
		tree := t.Tree.Copy()
		rewrite(tree)
		if _, err := set.AddParseTree(t.Name(), tree); err != nil {
			return err
		}
	}
	return nil
}

func (e engine) clone() (_ engine, err error) {
	e.fast, err = e.fast.Clone()
	return e, err
}

func (e engine) execute(name string, mode markup.Mode, data any) (string, error) {
	t, err := e.bind(e.fast, mode, data)
	if err != nil {
		return "", err
	}
	out, doubtful, err := execute(t.Lookup(name), data, false)
	if err != nil || !doubtful {
		return out, err
	}
	if t, err = e.exact(); err != nil {
		return "", err
	}
	if t, err = e.bind(t, mode, data); err != nil {
		return "", err
	}
	out, _, err = execute(t.Lookup(name), data, true)
	return out, err
}

const (
	safeHTMLFunction    = "safeHtml"
	routeLabelsFunction = "routeLabels"
)

// routed is data that knows the labels of Alertmanager's route.
type routed interface{ RouteLabel(name string) string }

// bind gives a template the functions that depend on what it runs for: safeHtml in a template of HTML may be a fragment of a tag,
// which the template closes elsewhere; routeLabels asks the webhook, wherever it is called.
func (e engine) bind(t *template.Template, mode markup.Mode, data any) (*template.Template, error) {
	if !e.binds {
		return t, nil
	}
	bound, err := t.Clone()
	if err != nil {
		return nil, err
	}
	if mode == markup.HTML {
		bound.Funcs(template.FuncMap{safeHTMLFunction: raw})
	}
	if r, ok := data.(routed); ok {
		bound.Funcs(template.FuncMap{routeLabelsFunction: r.RouteLabel})
	}
	return bound, nil
}
