package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/web"
)

// Every block of code of the documentation is tried, as its language says. What a block cannot say itself stands in a comment before it:
//
//	<!-- not run: REASON -->   what cannot be tried here, and why
//	<!-- file: NAME -->        the block is that file, before anything of the page is run
//	<!-- POST /path -->        JSON that is posted there (PUT and PATCH alike), and taken; each line, where there are several documents
//	<!-- shape: NAME -->       JSON whose fields are those of a schema of openapi.json; it may have … for values
//
// Shell is run (sh), or run with its answers compared (console); text is what then stands in a chat or in a terminal that goes on. What
// changes from run to run (times, IDs, tokens) may be another in the documentation, and … stands for anything.
var tries = map[string]func(*session, *block){
	"sh": (*session).shell, "console": (*session).console, "text": (*session).screen,
	"toml": (*session).toml, "yaml": (*session).yaml, "json": (*session).json, "gotmpl": (*session).gotmpl, "go": (*session).golang,
	"ini": (*session).unit, "crontab": (*session).crontab, "nginx": (*session).packaged, "caddy": (*session).packaged, "haproxy": (*session).packaged,
}

func TestDocs(t *testing.T) {
	t.Parallel()
	all := pages(t)
	if len(all) < 10 {
		t.Fatalf("only %d pages were found", len(all))
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			checkLinks(t, p, all)
			s := newSession(t, p)
			for _, b := range p.blocks {
				s.try(b)
			}
		})
	}
}

func (s *session) try(b *block) {
	reason, not := b.marks["not run"]
	try, known := tries[b.language]
	switch {
	case not && len(reason) < 10:
		b.errorf(s.t, "it is not run, and does not say why")
	case not:
	case !known:
		b.errorf(s.t, "blocks of language %q are not tried; give it another, or <!-- not run: REASON --> before it", b.language)
	default:
		try(s, b)
	}
	s.addresses(b)
}

// addresses holds that the relay's addresses in a block are there.
func (s *session) addresses(b *block) {
	if b.page.name == "CHANGELOG.md" {
		return
	}
	for _, found := range regexp.MustCompile(`(?:127\.0\.0\.1:9786|relay\.example\.org)/(hooks/([a-z][a-z_-]*)|api/v1/[a-z:]*)`).FindAllStringSubmatch(b.text, -1) {
		built := slices.Contains([]string{"heartbeat", "alertmanager", "grafana", "json", "ntfy", "gotify", "apprise", "text"}, found[2])
		configured := regexp.MustCompile(`\[receivers\.` + regexp.QuoteMeta(found[2]) + `[\].]`).Match(b.page.source)
		described := bytes.Contains(web.OpenAPI, []byte(`"/`+found[1]))
		if found[2] == "" && !described || found[2] != "" && !built && !configured {
			b.errorf(s.t, "%s: there is no such receiver or call", found[0])
		}
	}
}

// checkLinks follows the links of a page that stay within the project.
func checkLinks(t *testing.T, p *page, all []*page) {
	t.Helper()
	for _, link := range p.links {
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "" {
			if err != nil || !strings.HasPrefix(link, "http") && !strings.HasPrefix(link, "mailto:") {
				t.Errorf("%s: link %s: %v", p.name, link, err)
			}
			continue
		}
		target := p.name
		if u.Path != "" {
			target = path.Join(path.Dir(p.name), u.Path)
		}
		if _, err := os.Stat(filepath.Join(root, target)); err != nil {
			t.Errorf("%s: link %s: there is no %s", p.name, link, target)
		}
		i := slices.IndexFunc(all, func(other *page) bool { return other.name == target })
		if u.Fragment != "" && (i < 0 || !all[i].anchors[u.Fragment]) {
			t.Errorf("%s: link %s: there is no such heading", p.name, link)
		}
	}
}

// json posts a document, or compares its fields with a schema.
func (s *session) json(b *block) {
	s.t.Helper()
	text := s.here(b.text)
	reader, documents := json.NewDecoder(strings.NewReader(text)), []any{}
	for reader.More() {
		var document any
		if err := reader.Decode(&document); err != nil {
			b.errorf(s.t, "%v", err)
			return
		}
		documents = append(documents, document)
	}
	if schema, ok := b.marks["shape"]; ok {
		for _, fault := range misshapen(schema, documents) {
			b.errorf(s.t, "%s", fault)
		}
		return
	}
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		if at, ok := b.marks[method]; ok {
			s.send(b, method, at, text, len(documents))
			return
		}
	}
	b.errorf(s.t, "nothing says what this JSON is: <!-- POST /path -->, <!-- shape: SCHEMA --> or <!-- not run: REASON -->")
}

func (s *session) send(b *block, method, at, text string, documents int) {
	s.t.Helper()
	w := s.running()
	kind := "application/json"
	if documents > 1 {
		kind = "application/x-ndjson"
	}
	if response, answer := w.exchange(method, w.relay+at, text, "Content-Type", kind); response.StatusCode/100 != 2 {
		b.errorf(s.t, "%s %s: %d %s", method, at, response.StatusCode, answer)
	}
}

// misshapen are the fields of documents that a schema of openapi.json does not have.
func misshapen(schema string, documents []any) (faults []string) {
	var api struct {
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(web.OpenAPI, &api); err != nil {
		return []string{err.Error()}
	}
	for _, document := range documents {
		fields, isObject := document.(map[string]any)
		if _, known := api.Components.Schemas[schema]; !known || !isObject {
			return []string{"openapi.json has no schema " + schema + ", or this is no object"}
		}
		for name := range fields {
			if !hasField(api.Components.Schemas, schema, name) {
				faults = append(faults, schema+" has no field "+name)
			}
		}
	}
	return faults
}

// hasField looks for a field in a schema and in those that it is made of.
func hasField(schemas map[string]json.RawMessage, schema, field string) bool {
	var s struct {
		Properties map[string]json.RawMessage
		AllOf      []struct {
			Ref        string `json:"$ref"`
			Properties map[string]json.RawMessage
		}
	}
	if json.Unmarshal(schemas[schema], &s) != nil {
		return false
	}
	_, has := s.Properties[field]
	for _, of := range s.AllOf {
		_, its := of.Properties[field]
		has = has || its || of.Ref != "" && hasField(schemas, path.Base(of.Ref), field)
	}
	return has
}

// imports are what a piece of Go may name without importing it.
var imports = map[string]string{
	"client": "github.com/tgrelay/tgrelay/relay/client", "relay": "github.com/tgrelay/tgrelay/relay", "markup": "github.com/tgrelay/tgrelay/relay/markup",
	"secret": "github.com/tgrelay/tgrelay/relay/secret", "os": "os", "log": "log", "errors": "errors", "context": "context", "fmt": "fmt", "time": "time", "http": "net/http",
}

// golang vets a piece of Go: a file, or lines of a function whose context is ctx.
func (s *session) golang(b *block) {
	s.t.Helper()
	text := b.text
	if !strings.HasPrefix(text, "package ") {
		text = "package piece\n" + importing(text) + "\nfunc _(ctx context.Context) error {\n" + text + "\n" + using(text) + "\nreturn nil\n}\n"
	}
	s.write("piece/piece.go", text)
	vet := exec.Command("go", "vet", filepath.Join(s.dir, "piece", "piece.go"))
	vet.Dir = root
	if out, err := vet.CombinedOutput(); err != nil {
		b.errorf(s.t, "%v\n%s\n%s", err, out, text)
	}
}

func importing(text string) string {
	list := "import \"context\"\n"
	for name, of := range imports {
		if name != "context" && regexp.MustCompile(`\b`+name+`\.[A-Z]`).MatchString(text) {
			list += fmt.Sprintf("import %q\n", of)
		}
	}
	return list
}

// using names the variables that a piece of Go declares, so that none is unused.
func using(text string) (names string) {
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+text+"\n}", 0)
	if err != nil {
		return ""
	}
	for _, statement := range f.Decls[0].(*ast.FuncDecl).Body.List {
		if assign, ok := statement.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			for _, name := range assign.Lhs {
				names += "_ = " + name.(*ast.Ident).Name + "\n"
			}
		}
	}
	return names
}

// unit verifies a unit of systemd, with all the others of the page. The programs that it starts need not be installed here.
func (s *session) unit(b *block) {
	s.t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		without(s.t, "systemd-analyze (Debian: systemd)", err)
	}
	if _, ok := b.marks["file"]; !ok {
		b.errorf(s.t, "which unit is it? <!-- file: NAME.service -->")
		return
	}
	for _, other := range b.page.of("ini") {
		s.write("units/"+other.marks["file"], regexp.MustCompile(`(?m)^(Exec\w+=-?)/\S+`).ReplaceAllString(other.text, "${1}/bin/true"))
	}
	verify := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", filepath.Join(s.dir, "units", strings.Replace(b.marks["file"], "@.", "@one.", 1)))
	verify.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+filepath.Join(s.dir, "units")+":")
	if out, err := verify.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		b.errorf(s.t, "%v\n%s", err, out)
	}
}

// crontab reads the lines' times, and runs their commands. A script of the reader's own succeeds.
func (s *session) crontab(b *block) {
	s.t.Helper()
	s.running()
	for line := range strings.Lines(b.text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || regexp.MustCompile(`^[A-Z_]+=`).MatchString(line) {
			continue
		}
		found := regexp.MustCompile(`^(?:(?:[\d*,/-]+\s+){5}|@(?:reboot|hourly|daily|weekly|monthly)\s+)(.+)$`).FindStringSubmatch(line)
		if found == nil {
			b.errorf(s.t, "this is no line of a crontab: %s", line)
			continue
		}
		for _, script := range regexp.MustCompile(`\b[\w-]+\.sh\b`).FindAllString(found[1], -1) {
			if _, err := os.Stat(filepath.Join(s.dir, "bin", script)); errors.Is(err, os.ErrNotExist) {
				s.program("bin/"+script, "#!/bin/sh\n")
			}
		}
		s.end(b, s.begin(strings.ReplaceAll(found[1], `\%`, `%`)))
	}
}

// packaged holds that a proxy's configuration is one that the package tries with the proxy itself.
func (s *session) packaged(b *block) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "packaging", "proxy", "*"))
	if err != nil || len(files) == 0 {
		b.errorf(s.t, "there is no packaging/proxy: %v", err)
	}
	if !slices.ContainsFunc(files, func(name string) bool {
		file, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(file), strings.TrimSpace(b.text))
	}) {
		b.errorf(s.t, "no file of packaging/proxy has this")
	}
}

// drawn is what stands below a message, as a terminal draws them.
func (m message) drawn() string {
	var keyboard struct {
		Rows [][]struct{ Text string } `json:"inline_keyboard"`
	}
	if json.Unmarshal(m.ReplyMarkup, &keyboard) != nil {
		return ""
	}
	var rows []string
	for _, row := range keyboard.Rows {
		var buttons []string
		for _, b := range row {
			buttons = append(buttons, "["+b.Text+"]")
		}
		rows = append(rows, strings.Join(buttons, " "))
	}
	return strings.Join(rows, "\n")
}

func mustDecode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// Every call of openapi.json has its line in docs/http.md.
func TestEveryCallIsDocumented(t *testing.T) {
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	mustDecode(t, string(web.OpenAPI), &api)
	source, err := os.ReadFile(filepath.Join(root, "docs", "http.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(api.Paths) == 0 {
		t.Fatal("openapi.json has no paths")
	}
	for at, calls := range api.Paths {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if _, has := calls[strings.ToLower(method)]; has && !documents(string(source), method, at) {
				t.Errorf("docs/http.md does not name %s %s", method, at)
			}
		}
	}
}

// documents finds a call among the lines of the table: `POST /path`, also `GET` and `DELETE /path`, or the path's end after a dot.
func documents(page, method, at string) bool {
	base, last := path.Split(at)
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "|") || !strings.Contains(line, method) {
			continue
		}
		if strings.Contains(line, at+"`") || strings.Contains(line, at+"?") || strings.Contains(line, at+"#") || strings.Contains(line, "`/"+last+"`") && strings.Contains(line, base) {
			return true
		}
	}
	return false
}

// Commands that the documentation names are there.
func TestCommandsOfTheDocs(t *testing.T) {
	t.Parallel()
	help, _, _ := run(t, "", "--help")
	for _, p := range pages(t) {
		for _, code := range p.codes {
			found := regexp.MustCompile(`^tgrelay ([a-z][a-z-]+)`).FindStringSubmatch(code)
			if found != nil && !regexp.MustCompile(`(?m)^\s+`+found[1]+`\b`).MatchString(help) {
				t.Errorf("%s: `%s`: there is no such command", p.name, code)
			}
		}
	}
}
