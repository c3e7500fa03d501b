package receivers

import (
	"bytes"
	"encoding/json"

	"github.com/tgrelay/tgrelay/relay/render"
)

// document takes any JSON value as the template's data: objects as maps, numbers as render.Numbers makes them.
type document struct{}

func (document) Decode(r Request) ([]Draft, error) {
	var data any
	if err := decode(r.Body, &data); err != nil {
		return nil, err
	}
	return []Draft{{Template: "json.message", Data: render.Numbers(data), Plain: indent(bytes.TrimSpace(r.Body))}}, nil
}

// maxNesting is how deep a document may be to be indented: deeper ones grow with the square of their depth.
const maxNesting = 100

// indent writes a document for people; a deep one as it is.
func indent(body []byte) string {
	depth, deepest := 0, 0
	for _, c := range body { // brackets within texts count too: that costs only looks
		switch c {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	var indented bytes.Buffer
	if deepest > maxNesting || json.Indent(&indented, body, "", "  ") != nil {
		return string(body)
	}
	return indented.String()
}
