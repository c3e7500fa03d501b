package openapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// exchange is a request and its answer, read to their ends.
type exchange struct {
	request  *http.Request
	sent     []byte
	answer   *http.Response
	received []byte
}

// check says how an exchange is not as the document has it.
func (d *document) check(e exchange) error {
	op, r, known := d.find(e.request)
	if !known {
		return d.checkStranger(e)
	}
	var errs []error
	if e.answer.StatusCode/100 == 2 {
		errs = append(errs, op.checkRequest(r, e.sent))
	}
	return errors.Join(append(errs, op.checkAnswer(e))...)
}

// checkStranger is for what no route takes: an honest no, and nothing that works without being described.
func (d *document) checkStranger(e exchange) error {
	if e.request.Method == http.MethodHead || !ours(e.request.URL.Path) {
		return nil
	}
	if e.answer.StatusCode < 400 {
		return errors.New("it is answered, but openapi.json has no such call")
	}
	return d.at("/components/responses/Problem").checkContent(e.answer.Header, e.received)
}

// ours leaves out the interfaces of other servers, for which receivers stand in below /hooks/ and at addresses of theirs.
func ours(path string) bool { return strings.HasPrefix(path, "/api/v1/") }

func (o operation) checkRequest(r *http.Request, sent []byte) error {
	errs := []error{o.checkBody(r, sent)}
	free, known := false, []string{"token"} // where a receiver allows it: a security scheme, and no parameter
	for _, p := range o.parameters() {
		name, values := p.get("name").text(), []string(nil)
		switch p.get("in").text() {
		case "path":
			values = []string{r.PathValue(name)}
		case "header":
			values = r.Header.Values(name)
		case "query":
			free = free || p.get("schema").has("additionalProperties")
			known, values = append(known, name), r.URL.Query()[name]
		}
		for _, value := range values {
			if err := p.get("schema").checkText(value); err != nil {
				errs = append(errs, fmt.Errorf("parameter %s: %w", name, err))
			}
		}
	}
	for name := range r.URL.Query() {
		if !free && !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("parameter %s is not described", name))
		}
	}
	return errors.Join(errs...)
}

// checkText holds a parameter or header to its schema, as a number where that wants one. One for parameters of any name allows all.
func (n node) checkText(text string) error {
	if n.has("additionalProperties") {
		return nil
	}
	if n.get("type").text() == "integer" {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		return n.check(number)
	}
	return n.check(text)
}

func (o operation) checkBody(r *http.Request, sent []byte) error {
	described := o.get("requestBody")
	bare := r.Method == http.MethodGet || r.Method == http.MethodHead // a body means nothing there (RFC 9110)
	packed := r.Header.Get("Content-Encoding") != ""
	if packed || bare || len(sent) == 0 && described.get("required").value != true {
		return nil
	}
	if described.value == nil {
		return fmt.Errorf("a body is sent, but none is described: %.200q", sent)
	}
	return described.checkContent(r.Header, sent)
}

func (o operation) checkAnswer(e exchange) error {
	described := o.get("responses").get(strconv.Itoa(e.answer.StatusCode))
	if described.value == nil && e.answer.StatusCode >= 400 {
		described = o.get("responses").get("default")
	}
	if described.value == nil {
		return fmt.Errorf("status %d is not described", e.answer.StatusCode)
	}
	for name := range described.get("headers").object() {
		header, value := described.get("headers").get(name), e.answer.Header.Get(name)
		if value == "" && header.get("required").value == true {
			return fmt.Errorf("header %s is missing", name)
		}
		if value == "" {
			continue
		}
		if err := header.get("schema").checkText(value); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	if e.request.Method == http.MethodHead {
		return nil
	}
	if !described.has("content") {
		if len(e.received) > 0 {
			return fmt.Errorf("a body is answered, but none is described: %.200q", e.received)
		}
		return nil
	}
	return errors.Join(described.checkContent(e.answer.Header, e.received), described.checkCode(e))
}

var quoted = regexp.MustCompile("`[a-z_]+`")

// checkCode holds the code of a problem to those that the description of its status names, where it does.
func (n node) checkCode(e exchange) error {
	codes := quoted.FindAllString(n.get("description").text(), -1)
	var problem struct{ Code string }
	foreign := n.get("content").has("*/*") && !strings.HasPrefix(e.answer.Header.Get("Content-Type"), "application/problem+json")
	if foreign || e.answer.StatusCode < 400 || len(codes) == 0 || json.Unmarshal(e.received, &problem) != nil {
		return nil
	}
	if !slices.Contains(codes, "`"+problem.Code+"`") {
		return fmt.Errorf("code %s: status %d is described with %s", problem.Code, e.answer.StatusCode, strings.Join(codes, ", "))
	}
	return nil
}

// checkContent holds a body to what is described for its type. One that says nothing is taken for JSON, as the server takes it.
func (n node) checkContent(header http.Header, body []byte) error {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if header.Get("Content-Type") == "" {
		kind, err = "application/json", nil
	}
	if err != nil {
		return err
	}
	content := n.get("content")
	media := content.get(kind)
	switch {
	case !content.has(kind) && content.has("*/*"):
		return nil
	case !content.has(kind):
		return fmt.Errorf("content type %s is not described", kind)
	case kind == "multipart/form-data":
		return media.get("schema").checkForm(body, params["boundary"])
	case media.has("x-itemSchema"):
		return media.get("x-itemSchema").checkLines(body)
	case media.has("schema"):
		return media.get("schema").checkJSON(body)
	}
	return nil
}

func (n node) checkJSON(body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("it is no JSON: %w", err)
	}
	return n.check(value)
}

func (n node) checkLines(body []byte) error {
	var errs []error
	for line := range bytes.Lines(body) {
		errs = append(errs, n.checkJSON(line))
	}
	return errors.Join(errs...)
}

// checkForm reads a form as an object: a part that is described as JSON is JSON, and every other is a text.
func (n node) checkForm(body []byte, boundary string) error {
	object, form := map[string]any{}, multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return n.check(object)
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		object[part.FormName()] = string(content)
		if part.FormName() == "message" {
			if object["message"], err = jsonschema.UnmarshalJSON(bytes.NewReader(content)); err != nil {
				return err
			}
		}
	}
}
