package receivers

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Inlet is a sender that telepush's users described in a file (inlets.d/*.yaml).
type Inlet struct {
	Name       string            // of the path, in small letters
	JSON       bool              // the body is a document, else a text
	HeaderVars map[string]string // headers by the names that the template has for them
	Template   string            // the name that it has in the set
}

// inletPrefix begins the names of inlets' templates.
const inletPrefix = "telepush.inlet."

var inletName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// ParseInlet reads the file of an inlet of a receiver. define is its template, as a file of templates has it. The error says what is wrong with the file.
func ParseInlet(receiver string, content []byte) (inlet Inlet, define string, err error) {
	var f struct {
		Name        string            `yaml:"name"`
		ContentType string            `yaml:"content_type"`
		HeaderVars  map[string]string `yaml:"header_vars"`
		Template    string            `yaml:"template"`
	}
	if err := yaml.Unmarshal(content, &f); err != nil {
		return inlet, "", err
	}
	inlet = Inlet{Name: strings.ToLower(f.Name), JSON: f.ContentType == "application/json", HeaderVars: f.HeaderVars}
	inlet.Template = inletPrefix + receiver + "." + inlet.Name
	switch {
	case !inletName.MatchString(inlet.Name):
		return inlet, "", fmt.Errorf("name: %.60q cannot name an inlet: use letters, digits, _ and -", f.Name)
	case strings.TrimSpace(f.Template) == "":
		return inlet, "", errors.New("template: it is missing")
	}
	return inlet, fmt.Sprintf("{{ define %q }}%s{{ end }}", inlet.Template, f.Template), nil
}
