package web

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/client"
	"github.com/tgrelay/tgrelay/relay/intake"
	"github.com/tgrelay/tgrelay/relay/markup"
)

// described are the schemas of what is answered, by the Go type that is.
var described = map[string]any{
	"Accepted": accepted{}, "AcceptedDelivery": acceptedDelivery{}, "Message": message{}, "Delivery": relay.Delivery{},
	"Text": markup.Text{}, "Entity": markup.Entity{}, "Preview": intake.Preview{},
	"Link": relay.Link{}, "NewLink": newLink{}, "ShownLink": shownLink{},
	"Recipient": relay.Recipient{}, "Binding": relay.Binding{}, "BindingLine": line{}, "RecipientSettings": recipientSettings{},
	"Imported": imported{}, "LineFault": lineFault{}, "Problem": problem{}, "Token": shownToken{}, "FieldError": relay.FieldError{},
}

// asked are the schemas of requests, by how such a body is read. The error for an unknown field names all that are known.
var asked = map[string]func(body []byte) error{
	"MessageRequest": func(body []byte) error {
		_, err := emptyDoor().Message(context.Background(), intake.Caller{}, intake.Call{Body: body})
		return err
	},
	"RenderRequest": func(body []byte) error {
		_, err := emptyDoor().Preview(context.Background(), intake.Caller{}, append([]byte(`{"receiver":"x",`), body[1:]...))
		return err
	},
	"LinkRequest": func(body []byte) error {
		_, _, err := decodeLink(body)
		return err
	},
	"RecipientChange": func(body []byte) error {
		_, err := readChange(body)
		return err
	},
}

// emptyDoor refuses before it would need anything.
func emptyDoor() *intake.Door {
	return intake.New(intake.Options{Registerer: prometheus.NewRegistry()}, &intake.Rules{})
}

// elsewhere are schemas of objects that are tested otherwise: by what the tests send.
var elsewhere = []string{"MessageForm", "InlineKeyboard"}

// schema is what is looked at of one.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Enum       []string
	Required   []string
	Properties map[string]any
	AllOf      []schema
}

// openAPIDocument is what is looked at of the document.
type openAPIDocument struct {
	Paths      map[string]json.RawMessage
	Components struct {
		Schemas   map[string]schema
		PathItems map[string]json.RawMessage
	}
}

// call is an operation of the document.
type call struct {
	OperationID string
	Security    *[]map[string][]string
}

type parameter struct{ Name, In string }

func readOpenAPI(t *testing.T) openAPIDocument {
	t.Helper()
	var d openAPIDocument
	if err := json.Unmarshal(OpenAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// calls are the operations by the patterns of their routes.
func (d openAPIDocument) calls(t *testing.T) map[string]call {
	t.Helper()
	all := map[string]call{}
	for path, raw := range d.Paths {
		var alias struct {
			Ref string `json:"$ref"`
		}
		if json.Unmarshal(raw, &alias) == nil && alias.Ref != "" {
			raw = d.Components.PathItems[strings.TrimPrefix(alias.Ref, "#/components/pathItems/")]
		}
		var item map[string]json.RawMessage
		if err := json.Unmarshal(raw, &item); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for method, raw := range item {
			var c call
			if method == "parameters" {
				continue
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			all[strings.ToUpper(method)+" "+path] = c
		}
	}
	return all
}

// TestOpenAPIHasEveryRoute holds the document's paths, and who may call them, to the route table.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	calls := readOpenAPI(t).calls(t)
	for _, rt := range routes {
		if _, path, _ := strings.Cut(rt.pattern, " "); rt.scope == open && strings.HasPrefix(path, "/hooks/") {
			continue // the interfaces of other servers, which the receivers stand in for
		}
		pattern := strings.ReplaceAll(rt.pattern, "...}", "}")
		c, ok := calls[pattern]
		delete(calls, pattern)
		if !ok {
			t.Errorf("openapi.json does not describe the route %s: add it to \"paths\" (openapi.go says how)", rt.pattern)
			continue
		}
		if got, want := scopesOf(c), wantedScopes(rt.scope); got != want {
			t.Errorf("%s asks for %q by its \"security\" in openapi.json, but for %q by its route", rt.pattern, got, want)
		}
	}
	for pattern := range calls {
		t.Errorf("openapi.json describes %s, which is no route", pattern)
	}
}

// scopesOf are the scopes of a call, in words.
func scopesOf(c call) string {
	if c.Security == nil {
		return "nothing, because it has none"
	}
	var scopes []string
	for _, way := range *c.Security {
		for _, list := range way {
			scopes = append(scopes, list...)
		}
	}
	slices.Sort(scopes)
	return strings.Join(slices.Compact(scopes), ", ")
}

func wantedScopes(s Scope) string {
	switch s {
	case openLocal:
		return string(ScopeRead)
	case anyScope:
		return ""
	}
	return string(s)
}

var wildcard = regexp.MustCompile(`\{(\w+)\}`)

// TestOpenAPIPathParameters finds those that are missing and those that are too many. The tests' own requests find wrong ones.
func TestOpenAPIPathParameters(t *testing.T) {
	var d struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Parameters map[string]parameter }
	}
	if err := json.Unmarshal(OpenAPI, &d); err != nil {
		t.Fatal(err)
	}
	for path, item := range d.Paths {
		if item["$ref"] != nil {
			continue
		}
		var want, got []string
		for _, name := range wildcard.FindAllStringSubmatch(path, -1) {
			want = append(want, name[1])
		}
		var parameters []struct {
			parameter
			Ref string `json:"$ref"`
		}
		if item["parameters"] != nil {
			if err := json.Unmarshal(item["parameters"], &parameters); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range parameters {
			if p.Ref != "" {
				p.parameter = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
			}
			if p.In == "path" {
				got = append(got, p.Name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: openapi.json has the path parameters %v, want %v in its \"parameters\"", path, got, want)
		}
	}
}

// TestOpenAPIHasEveryField holds the schemas of answers to Go types, and those of requests to how they are read.
func TestOpenAPIHasEveryField(t *testing.T) {
	d := readOpenAPI(t)
	for name, s := range d.Components.Schemas {
		if slices.Contains(elsewhere, name) || s.Type != "object" && s.AllOf == nil {
			continue
		}
		properties, required := d.fields(s)
		value, isAnswer := described[name]
		refuse, isRequest := asked[name]
		switch {
		case isAnswer:
			wantAll, wantRequired := goFields(reflect.TypeOf(value))
			if diff := cmp.Diff(wantAll, properties); diff != "" {
				t.Errorf("schema %s of openapi.json has other properties than %T (-Go +schema):\n%s", name, value, diff)
			}
			if diff := cmp.Diff(wantRequired, required); diff != "" {
				t.Errorf("schema %s of openapi.json requires other properties than %T always has (-Go +schema):\n%s", name, value, diff)
			}
		case isRequest:
			if diff := cmp.Diff(knownFields(t, refuse), properties); diff != "" {
				t.Errorf("schema %s of openapi.json has other properties than such a request may have (-read +schema):\n%s", name, diff)
			}
		default:
			t.Errorf("schema %s of openapi.json is of no Go type: name it in described, or in asked if it is of a request", name)
		}
	}
	for name := range described {
		if _, ok := d.Components.Schemas[name]; !ok {
			t.Errorf("openapi.json has no schema %s", name)
		}
	}
}

// fields are the names of an object's properties, and of those that are always there.
func (d openAPIDocument) fields(s schema) (all, required []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		s = d.Components.Schemas[name]
	}
	all, required = slices.Collect(maps.Keys(s.Properties)), slices.Clone(s.Required)
	for _, part := range s.AllOf {
		more, moreRequired := d.fields(part)
		all, required = append(all, more...), append(required, moreRequired...)
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}

// goFields are the names that encoding/json gives the fields of a struct.
func goFields(t reflect.Type) (all, required []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			more, moreRequired := goFields(f.Type)
			all, required = append(all, more...), append(required, moreRequired...)
		case name == "-":
		case strings.Contains(options, "omit"):
			all = append(all, name)
		default:
			all, required = append(all, name), append(required, name)
		}
	}
	slices.Sort(all)
	slices.Sort(required)
	return all, required
}

// knownFields are those that the error for an unknown one names.
func knownFields(t *testing.T, read func([]byte) error) []string {
	t.Helper()
	err := read([]byte(`{"no_such_field":1}`))
	e, ok := err.(*relay.Error)
	if !ok {
		t.Fatalf("%v: want an error with fields", err)
	}
	for _, f := range e.Fields {
		if _, names, ok := strings.Cut(f.Detail, "the fields are "); ok {
			return strings.Split(names, ", ")
		}
	}
	t.Fatalf("%v does not name the fields", err)
	return nil
}

func TestOpenAPIHasEveryName(t *testing.T) {
	schemas := readOpenAPI(t).Components.Schemas
	var states []string
	for _, s := range relay.States {
		states = append(states, string(s))
	}
	if diff := cmp.Diff(states, schemas["State"].Enum); diff != "" {
		t.Errorf("states (-Go +schema):\n%s", diff)
	}
	var answered []string // without those that never leave by HTTP
	for _, c := range Codes(t) {
		if c.Status() != http.StatusInternalServerError || c == relay.CodeInternal {
			answered = append(answered, string(c))
		}
	}
	if diff := cmp.Diff(answered, schemas["Code"].Enum); diff != "" {
		t.Errorf("codes of relay/error.go and schema Code (-Go +schema):\n%s", diff)
	}
}

// Codes are all that relay/error.go has.
func Codes(t *testing.T) (codes []relay.Code) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, relay.Code(code))
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("found only %v", codes)
	}
	return codes
}

// TestOpenAPINamesMethodsOfTheClient: a Go program is to have every call, by the name that it has in other languages too.
func TestOpenAPINamesMethodsOfTheClient(t *testing.T) {
	of, seen := reflect.TypeFor[*client.Client](), map[string]string{}
	for pattern, c := range readOpenAPI(t).calls(t) {
		if other := seen[c.OperationID]; c.OperationID == "" || other != "" {
			t.Errorf("%s: openapi.json gives it the operationId %q, which has to be there and its own (%s)", pattern, c.OperationID, other)
			continue
		}
		seen[c.OperationID] = pattern
		_, path, _ := strings.Cut(pattern, " ")
		name := strings.ToUpper(c.OperationID[:1]) + c.OperationID[1:]
		if _, ok := of.MethodByName(name); !ok && (strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/-/")) {
			t.Errorf("%s: client.Client has no method %s (operationId in openapi.json)", pattern, name)
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	serve := func(tag string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/openapi.json", nil)
		r.Header.Set("If-None-Match", tag)
		if err := new(Server).openAPI(w, r, nil); err != nil {
			t.Fatal(err)
		}
		return w
	}
	first := serve("")
	if first.Code != 200 || first.Header().Get("Content-Type") != "application/json" || first.Body.String() != string(OpenAPI) {
		t.Errorf("%d %v %.100s", first.Code, first.Header(), first.Body)
	}
	if again := serve(first.Header().Get("ETag")); again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("asked again: %d %.100s", again.Code, again.Body)
	}
}
