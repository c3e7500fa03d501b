package telegram

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"slices"
)

// part is a file that is uploaded with a call.
type part struct {
	field string
	File
}

// encode writes the parameters as JSON, or as a form where files come along.
func encode(r request) (body []byte, contentType string, err error) {
	if r.params == nil {
		return []byte("{}"), "application/json", nil
	}
	if body, err = json.Marshal(r.params); err != nil || len(r.files) == 0 {
		return body, "application/json", err
	}
	return encodeForm(body, r.files)
}

// encodeForm writes the members of a JSON object as multipart/form-data: strings as they are, other values as JSON.
func encodeForm(object []byte, files []part) (body []byte, contentType string, err error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b) // writes to memory do not fail
	for name, raw := range members {
		value := string(raw)
		if text := ""; json.Unmarshal(raw, &text) == nil {
			value = text
		}
		if !slices.ContainsFunc(files, func(p part) bool { return p.field == name }) {
			_ = w.WriteField(name, value)
		}
	}
	for _, f := range files {
		file, err := w.CreateFormFile(f.field, cmpOr(f.Name, f.field))
		if err == nil {
			_, err = file.Write(f.Content)
		}
		if err != nil {
			return nil, "", err
		}
	}
	err = w.Close()
	return b.Bytes(), w.FormDataContentType(), err
}
