// Package render turns templates and data into texts in which values are data.
//
// A template's own text is markup; whatever an action prints is data and can never become markup, whatever characters it holds.
// For that the parse tree of each template is rewritten before it runs, so that the writer knows the template's texts from what is
// printed; it marks the borders of values, and package markup reads what lies between them literally.
//
// A Set is made once and never changes; a reload makes a new one. Execution is bounded in output and time, and what a
// template does wrong is an error that names file and line, never a panic.
package render

import (
	"cmp"
	"errors"
	"fmt"
	html "html/template"
	"io/fs"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	amtemplate "github.com/prometheus/alertmanager/template"

	"github.com/tgrelay/tgrelay/relay/markup"
	"github.com/tgrelay/tgrelay/templates"
)

// File is a template file of the operator's.
type File struct {
	Name string // for errors: its path
	Text string
}

// Options are what a Set is made of.
type Options struct {
	Files []File           // over the built-in templates, in order; a define of the same name replaces
	Now   func() time.Time // nil: time.Now; what since and now tell
	// MaxTime bounds an execution; 0: a second. Tests that share a machine give more.
	MaxTime time.Duration
}

// Set is templates that know each other by name. Its methods are safe for concurrent use.
type Set struct {
	engine
	names []string
	own   []string // that the operator's files define
	funcs template.FuncMap

	options Options
}

// New parses Alertmanager's own default templates, ours, and the operator's files. The error names file and line.
func New(o Options) (*Set, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Set{funcs: functions(o.Now), options: o}
	root, own, err := parseAll(s.funcs, o.Files)
	if err != nil {
		return nil, err
	}
	s.own = own
	for _, t := range defined(root) {
		if err := checkCalls(root, t.Tree); err != nil {
			return nil, err
		}
		s.names = append(s.names, t.Name())
	}
	slices.Sort(s.names)
	s.engine = newEngine(s.funcs, cmp.Or(o.MaxTime, MaxTime))
	return s, s.define(defined(root), func() ([]*template.Template, error) {
		root, _, err := parseAll(s.funcs, o.Files)
		return defined(root), err
	})
}

// parseAll parses Alertmanager's own default templates, ours, and the operator's files; own are the names that the last define.
func parseAll(funcs template.FuncMap, files []File) (root *template.Template, own []string, err error) {
	root = template.New("").Funcs(funcs)
	if err := parseAlertmanagers(root); err != nil {
		return root, nil, err
	}
	ours, err := builtin()
	if err != nil {
		return root, nil, err
	}
	for i, f := range append(ours, files...) {
		defines, err := add(root, funcs, f)
		if err != nil {
			return root, nil, err
		}
		if i >= len(ours) {
			own = append(own, defines...)
		}
	}
	return root, own, nil
}

// parseAlertmanagers adds the templates that Alertmanager's users' files build upon, "__text_alert_list" and the like. Its package
// keeps their text to itself, but lets an option see the set that they are parsed into.
func parseAlertmanagers(root *template.Template) error {
	var theirs *template.Template
	_, err := amtemplate.FromGlobs(nil, func(text *template.Template, _ *html.Template) { theirs = text })
	if err != nil {
		return fmt.Errorf("parse Alertmanager's templates: %w", err)
	}
	for _, t := range theirs.Templates() {
		if t.Tree == nil || t.Name() == "" {
			continue
		}
		if _, err := root.AddParseTree(t.Name(), t.Tree); err != nil {
			return fmt.Errorf("add Alertmanager's template %s: %w", t.Name(), err)
		}
	}
	return nil
}

// builtin are our own templates.
func builtin() ([]File, error) {
	names, err := fs.Glob(templates.FS, "*.tmpl")
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		text, err := fs.ReadFile(templates.FS, name)
		if err != nil {
			return nil, err
		}
		files = append(files, File{"builtin/" + name, string(text)})
	}
	return files, nil
}

// add parses a file. It is parsed apart from the others, for text/template does not let an empty define replace another; here
// it does, and so silences it.
// It returns the names that the file defines.
func add(root *template.Template, funcs template.FuncMap, f File) (names []string, err error) {
	file, err := template.New(f.Name).Funcs(funcs).Parse(f.Text)
	if err != nil {
		return nil, tidy(err)
	}
	for _, t := range defined(file) {
		if parse.IsEmptyTree(t.Tree.Root) {
			t.Tree.Root.Nodes = []parse.Node{nothing(t.Tree.Root.Pos)}
		}
		if _, err := root.AddParseTree(t.Name(), t.Tree); err != nil {
			return nil, tidy(err)
		}
		names = append(names, t.Name())
	}
	return names, nil
}

// defined are the templates of a set that have a text.
func defined(set *template.Template) []*template.Template {
	return slices.DeleteFunc(set.Templates(), func(t *template.Template) bool { return t.Tree == nil || t.Tree.Root == nil })
}

// checkCalls finds calls of templates that do not exist; text/template would only when they run.
func checkCalls(root *template.Template, tree *parse.Tree) (err error) {
	walk(tree.Root, func(n parse.Node) {
		call, ok := n.(*parse.TemplateNode)
		if ok && err == nil && root.Lookup(call.Name) == nil {
			err = fmt.Errorf("%s:%d: there is no template %q", tree.ParseName, call.Line, call.Name)
		}
	})
	return err
}

// maxError is how much of an error is kept, in characters: text/template prints data into its errors, and they go to logs and chats.
const maxError = 300

// tidy takes the package's name from the front of text/template's errors; file and line, which follow it, stay.
func tidy(err error) error {
	return errors.New(Truncate(maxError, strings.ToValidUTF8(strings.TrimPrefix(err.Error(), "template: "), "\uFFFD")))
}

// Has reports whether there is a template of a name.
func (s *Set) Has(name string) bool {
	_, found := slices.BinarySearch(s.names, name)
	return found
}

// Own reports whether the operator's files define a template.
func (s *Set) Own(name string) bool { return slices.Contains(s.own, name) }

// Localized is the name of a template in a language, by the language's code as its ending ("chat.help.de"); name itself where there is none.
// A template of the operator's stands for all languages in which the operator has written none.
func (s *Set) Localized(name, language string) string {
	localized := name + "." + language
	if language == "" || !s.Has(localized) || s.Own(name) && !s.Own(localized) {
		return name
	}
	return localized
}

// Names are the names of all templates, sorted.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Execute runs a template that writes markup of a mode. The text is as ParseTemplate reads it, not yet cleaned or trimmed. Errors
// name file and line; there is one for an unknown name, for more than 256 KiB of output, and for more than a second.
func (s *Set) Execute(name string, mode markup.Mode, data any) (markup.Text, error) {
	if !s.Has(name) {
		return markup.Text{}, fmt.Errorf("there is no template %q", name)
	}
	out, err := s.execute(name, mode, data)
	if err != nil {
		return markup.Text{}, err
	}
	return markup.ParseTemplate(mode, out), nil
}

// Inline is a template of the configuration: a recipient, a condition. Its values and its text are alike.
type Inline struct{ engine }

// inline is the name that such a template has in errors.
const inline = "inline"

// Inline parses a template that may use those of the set.
func (s *Set) Inline(text string) (*Inline, error) {
	parse := func() ([]*template.Template, error) {
		t, err := template.New(inline).Funcs(s.funcs).Parse(text)
		if err != nil {
			return nil, fmt.Errorf("parse %q: %w", text, tidy(err))
		}
		return defined(t), nil
	}
	all, err := parse()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 { // the text is empty
		return &Inline{}, nil
	}
	e := newEngine(s.funcs, s.maxTime)
	if slices.ContainsFunc(all, func(t *template.Template) bool { return includes(t.Tree) }) {
		if e, err = s.clone(); err != nil { // only then, for it copies what the set holds
			return nil, fmt.Errorf("parse %q: %w", text, err)
		}
	}
	base := e.defined
	err = e.define(all, func() ([]*template.Template, error) {
		own, err := parse()
		if base == nil || err != nil {
			return own, err
		}
		below, err := base()
		return append(below, own...), err
	})
	if err != nil {
		return nil, fmt.Errorf("parse %q: %w", text, err)
	}
	for _, t := range all {
		if err := checkCalls(e.fast.set, t.Tree); err != nil {
			return nil, fmt.Errorf("parse %q: %w", text, err)
		}
	}
	return &Inline{e}, nil
}

// String runs the template. White space around the result is cut.
func (i *Inline) String(data any) (string, error) {
	if i.fast == nil {
		return "", nil
	}
	out, err := i.execute(inline, markup.Plain, data)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(markup.ParseTemplate(markup.Plain, out).Text), nil
}

// Bool runs a template that writes true or false; nothing is false.
func (i *Inline) Bool(data any) (bool, error) {
	out, err := i.String(data)
	switch {
	case err != nil:
		return false, err
	case out == "true":
		return true, nil
	case out == "false", out == "":
		return false, nil
	}
	return false, fmt.Errorf("the template wrote %.60q; true or false is wanted", out)
}
