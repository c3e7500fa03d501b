package receivers

import (
	"bytes"
	"encoding/json"
)

// document takes any JSON value as the template's data: objects as maps, numbers as they are written.
type document struct{}

func (document) Decode(r Request) ([]Draft, error) {
	var data any
	if err := decode(r.Body, &data); err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(r.Body), "", "  "); err != nil {
		return nil, err // not reached: it was decoded
	}
	return []Draft{{Template: "json.message", Data: data, Plain: indented.String()}}, nil
}
