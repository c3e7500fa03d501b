package receivers_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/tgrelay/tgrelay/receivers"
)

// manual is the page about what templates see. Fields and types are those of the values that receivers make, their meanings the comments beside them.
const manual = "../docs/reference/template-data.md"

const head = `<!-- Made from the code: go test ./receivers -run Manual -update -->

# Data of templates

What the dot is in a receiver's template, and in its ` + "`to`, `topic`, `key`, `priority` and `disable_notification`" + `. The functions are [here](template-functions.md). Types: text, number, truth, time, list, table; a table's entries are
reached by name (` + "`.Labels.severity`" + `).

The data of type ` + "`json`" + ` is the document itself, by its own names: ` + "`{{ .alert.name }}`" + `.
`

// described are the types of the page, in its order, with a webhook for each that makes one.
var described = []struct{ title, receiver, body string }{
	{"Alerts: types alertmanager and grafana", "alertmanager", `{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"X"}}]}`},
	{"Type ntfy", "ntfy", "text"},
	{"Type gotify", "gotify", `{"message":"text"}`},
	{"Type apprise", "apprise", `{"body":"text"}`},
	{"Type text", "text", "text"},
	{"Type telepush", "telepush", `{"text":"text"}`},
}

func TestManual(t *testing.T) {
	comments := fieldComments(t)
	var b strings.Builder
	b.WriteString(head)
	for _, s := range described {
		fmt.Fprintf(&b, "\n## %s\n\n%s", s.title, fieldsOf(t, dataOf(t, s.receiver, s.body), comments))
	}
	fmt.Fprintf(&b, "\n## An alert\n\n%s", fieldsOf(t, reflect.TypeFor[receivers.Alert](), comments))
	fmt.Fprintf(&b, "\n## Alerts\n\nThe list `.Alerts` has %s, which are lists too.\n", methodsOf(reflect.TypeFor[receivers.Alerts](), reflect.TypeFor[receivers.Alerts]()))
	fmt.Fprintf(&b, "\n## Labels\n\nTables of labels and annotations have %s.\n", methodsOf(reflect.TypeFor[template.KV](), nil))
	fmt.Fprintf(&b, "\n## A link\n\n%s", fieldsOf(t, reflect.TypeFor[receivers.Reference](), comments))
	if *update {
		if err := os.WriteFile(manual, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Errorf("%s is not what the code says; write it anew with -update. It would be:\n%s", manual, b.String())
	}
}

// dataOf is the type of what a receiver's template sees.
func dataOf(t *testing.T, receiver, body string) reflect.Type {
	t.Helper()
	typ, known := receivers.Get(receiver)
	if !known {
		t.Fatalf("there is no type %s", receiver)
	}
	drafts, err := typ.Decode(receivers.Request{Receiver: receiver, Method: http.MethodPost, Path: pathOf(receiver), Header: http.Header{"Content-Type": {contentType(body)}}, Body: []byte(body)})
	if err != nil || len(drafts) != 1 {
		t.Fatalf("%s: %v", receiver, err)
	}
	data := reflect.TypeOf(drafts[0].Data)
	for data.Kind() == reflect.Pointer {
		data = data.Elem()
	}
	return data
}

func pathOf(receiver string) string {
	if receiver == "telepush" {
		return "api/messages/ops"
	}
	return "ops"
}

func contentType(body string) string {
	if strings.HasPrefix(body, "{") {
		return "application/json"
	}
	return "text/plain"
}

// fieldComments are the comments beside fields of this package's structs, by type and field.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			typ, isType := n.(*ast.TypeSpec)
			if !isType {
				return true
			}
			if fields, isStruct := typ.Type.(*ast.StructType); isStruct {
				noteComments(comments, typ.Name.Name, fields)
			}
			return false
		})
	}
	return comments
}

func noteComments(comments map[string]string, typ string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			comments[typ+"."+name.Name] = strings.TrimSpace(f.Comment.Text())
		}
	}
}

// fieldsOf is a table of what a template can name.
func fieldsOf(t *testing.T, typ reflect.Type, comments map[string]string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| name | type | |\n|---|---|---|\n")
	for _, f := range reflect.VisibleFields(typ) {
		if f.IsExported() && !f.Anonymous {
			fmt.Fprintf(&b, "| `.%s` | %s | %s |\n", f.Name, typeName(f.Type), strings.ReplaceAll(comments[typ.Name()+"."+f.Name], "|", `\|`))
		}
	}
	return b.String()
}

// methodsOf are the methods that a template can call; those that return a type, where one is given.
func methodsOf(typ, returning reflect.Type) string {
	var names []string
	for m := range typ.Methods() {
		if returning == nil || m.Type.NumOut() == 1 && m.Type.Out(0) == returning {
			names = append(names, "`."+m.Name+"`")
		}
	}
	return strings.Join(names, ", ")
}

func typeName(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[time.Time]():
		return "time"
	case reflect.TypeFor[receivers.Alerts]():
		return "list of [alerts](#an-alert)"
	case reflect.TypeFor[template.KV]():
		return "table of [labels](#labels)"
	case reflect.TypeFor[[]receivers.Reference]():
		return "list of [links](#a-link)"
	}
	switch typ.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "truth"
	case reflect.Int, reflect.Int64:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Map:
		return "table"
	}
	return "anything"
}
