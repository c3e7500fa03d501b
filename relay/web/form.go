package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/intake"
)

func formBoundary(r *http.Request) (string, bool) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return params["boundary"], err == nil && kind == "multipart/form-data" && params["boundary"] != ""
}

// readForm takes a message with an upload apart: a part "message", which is its JSON, and a part "photo" or "document".
func readForm(body []byte, boundary string) (message []byte, file *intake.File, err error) {
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, badForm("the form cannot be read: " + err.Error())
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, badForm("the form ends too early")
		}
		switch name := part.FormName(); {
		case name == "message" && message == nil:
			message = content
		case (name == "photo" || name == "document") && file == nil:
			file = &intake.File{Kind: relay.MediaKind(name), Name: fileName(part, name), Content: content}
		case name == "message" || name == "photo" || name == "document":
			return nil, nil, badForm("a form has one message and one photo or document")
		default:
			return nil, nil, badForm(fmt.Sprintf("unknown part %.40q; the parts are message, and photo or document", name))
		}
	}
	if message == nil {
		return nil, nil, badForm("the part message, the message as JSON, is missing")
	}
	return message, file, nil
}

// maxFileName bounds what people see of a name, in bytes.
const maxFileName = 200

func fileName(part *multipart.Part, fallback string) string {
	name := filepath.Base(part.FileName())
	if part.FileName() == "" || name == "." || name == "/" || len(name) > maxFileName {
		return fallback
	}
	return name
}

func badForm(detail string) error { return &relay.Error{Code: relay.CodeInvalidField, Detail: detail} }
