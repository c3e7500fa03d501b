package render

import (
	"sync"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/tgrelay/tgrelay/relay/markup"
)

// engine runs templates. It has each of them twice. The first is fast; but text/template itself writes "<no value>" for what is
// absent, as it would a value that reads so. Where one comes by, the second runs, which ends each action in a function that sees
// which it is.
type engine struct {
	funcs   template.FuncMap
	defined func() ([]*template.Template, error) // parses them anew
	fast    *stages
	exact   func() (*stages, error) // made when it is first needed, which most never are
	binds   bool                    // whether a template calls what depends on the execution
	maxTime time.Duration
}

func newEngine(funcs template.FuncMap, maxTime time.Duration) engine {
	return engine{funcs: funcs, maxTime: maxTime, fast: &stages{set: template.New("").Funcs(funcs), maxTime: maxTime}}
}

// define adds templates or replaces them, and takes them over. defined parses anew all that the engine then has: what is needed seldom is not kept.
func (e *engine) define(all []*template.Template, defined func() ([]*template.Template, error)) error {
	for _, t := range all {
		e.binds = e.binds || calls(t.Tree, safeHTMLFunction, routeLabelsFunction, headerFunction, queryFunction)
	}
	if err := addAll(e.fast.set, all, rewriteFast); err != nil {
		return err
	}
	e.fast.binds = e.binds
	e.defined = defined
	funcs, binds, maxTime := e.funcs, e.binds, e.maxTime
	e.exact = sync.OnceValues(func() (*stages, error) {
		all, err := defined()
		if err != nil {
			return nil, err
		}
		set := template.New("").Funcs(funcs).Funcs(template.FuncMap{exactFunction: exact})
		return &stages{set: set, binds: binds, maxTime: maxTime}, addAll(set, all, rewriteExact)
	})
	return nil
}

// addAll adds templates to a set in another form.
func addAll(set *template.Template, all []*template.Template, rewrite func(*parse.Tree)) error {
	for _, t := range all {
		rewrite(t.Tree)
		if _, err := set.AddParseTree(t.Name(), t.Tree); err != nil {
			return err
		}
	}
	return nil
}

func (e engine) clone() (engine, error) {
	set, err := e.fast.set.Clone()
	e.fast = &stages{set: set, maxTime: e.maxTime}
	return e, err
}

func (e engine) execute(name string, mode markup.Mode, data any) (string, error) {
	out, doubtful, err := e.fast.run(name, mode, data, false)
	if err != nil || !doubtful {
		return out, err
	}
	exact, err := e.exact()
	if err != nil {
		return "", err
	}
	out, _, err = exact.run(name, mode, data, true)
	return out, err
}
