// Package render turns templates and data into texts in which values are data.
//
// A template's own text is markup; whatever an action prints is data and can never become markup, whatever characters it holds.
// For that the parse tree of each template is rewritten before it runs: signs around every printing action tell the writer where a
// value begins and ends, it marks the borders, and package markup reads what lies between them literally.
//
// A Set is made once and never changes; a reload makes a new one. Execution is bounded in output and time, and what a
// template does wrong is an error that names file and line, never a panic.
package render

import (
	"errors"
	"fmt"
	html "html/template"
	"io/fs"
	"slices"
	"strings"
	"text/template"
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
}

// Set is templates that know each other by name. Its methods are safe for concurrent use.
type Set struct {
	root  *template.Template
	names []string
}

// New parses Alertmanager's own default templates, ours, and the operator's files. The error names file and line.
func New(o Options) (*Set, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	root := template.New("").Funcs(functions(o.Now))
	for _, parse := range []func(*template.Template) error{parseAlertmanagers, parseBuiltin} {
		if err := parse(root); err != nil {
			return nil, err
		}
	}
	for _, f := range o.Files {
		if _, err := root.New(f.Name).Parse(f.Text); err != nil {
			return nil, tidy(err)
		}
	}
	s := &Set{root: root}
	for _, t := range root.Templates() {
		if t.Tree != nil {
			rewrite(t.Tree)
			s.names = append(s.names, t.Name())
		}
	}
	slices.Sort(s.names)
	return s, nil
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
		if _, err := root.AddParseTree(t.Name(), t.Tree.Copy()); err != nil {
			return fmt.Errorf("add Alertmanager's template %s: %w", t.Name(), err)
		}
	}
	return nil
}

func parseBuiltin(root *template.Template) error {
	names, err := fs.Glob(templates.FS, "*.tmpl")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(templates.FS, name)
		if err != nil {
			return err
		}
		if _, err := root.New("builtin/" + name).Parse(string(text)); err != nil {
			return tidy(err)
		}
	}
	return nil
}

// maxError is how much of an error is kept, in characters: text/template prints data into its errors, and they go to logs and chats.
const maxError = 300

// tidy takes the package's name from the front of text/template's errors; file and line, which follow it, stay.
func tidy(err error) error {
	return errors.New(truncate(maxError, strings.ToValidUTF8(strings.TrimPrefix(err.Error(), "template: "), "\uFFFD")))
}

// Has reports whether there is a template of a name.
func (s *Set) Has(name string) bool {
	t := s.root.Lookup(name)
	return t != nil && t.Tree != nil
}

// Names are the names of all templates, sorted.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Execute runs a template that writes markup of a mode. The text is as ParseTemplate reads it, not yet cleaned or trimmed. Errors
// name file and line; there is one for an unknown name, for more than 256 KiB of output, and for more than a second.
func (s *Set) Execute(name string, mode markup.Mode, data any) (markup.Text, error) {
	if !s.Has(name) {
		return markup.Text{}, fmt.Errorf("there is no template %q", name)
	}
	out, err := execute(s.root.Lookup(name), data)
	if err != nil {
		return markup.Text{}, err
	}
	return markup.ParseTemplate(mode, out), nil
}

// Inline is a template of the configuration: a recipient, a condition. Its values and its text are alike.
type Inline struct{ t *template.Template }

// Inline parses a template that may use those of the set.
func (s *Set) Inline(text string) (*Inline, error) {
	root, err := s.root.Clone()
	if err != nil {
		return nil, fmt.Errorf("parse %q: %w", text, err)
	}
	t, err := root.New("inline").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse %q: %w", text, tidy(err))
	}
	if t.Tree != nil {
		rewrite(t.Tree)
	}
	return &Inline{t}, nil
}

// String runs the template. White space around the result is cut.
func (i *Inline) String(data any) (string, error) {
	if i.t.Tree == nil {
		return "", nil // the template is empty
	}
	out, err := execute(i.t, data)
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
