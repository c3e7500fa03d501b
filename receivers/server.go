package receivers

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

// Server is a type that stands in for a server of its own kind. Its callers know paths below one address, put their token where that
// server looks for it, and read its answers and errors.
type Server interface {
	Type
	// Route tells what a request is for, by what stands behind /hooks/NAME ("ops/publish"). False: nothing is served there.
	Route(method, path string) (Route, bool)
	// Token is the caller's token, where only callers of this kind put one; empty if it is not there.
	Token(r *http.Request, path string) string
	// Taken answers a request whose messages are stored: one for each draft that was not cut apart, none where there was nothing to tell.
	Taken(r Request, stored []relay.ID, at time.Time) Answer
	// Refused answers one that was not taken, with the status that it is given.
	Refused(status int, e *relay.Error) Answer
}

// Route is what a request is for.
type Route struct {
	Recipient string  // empty: whom the document names, else the receiver's `to`
	Page      *Answer // what is only asked for; nil: the request brings a message
	Open      bool    // the page is for anybody
}

// Answer is what a caller reads.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

func answerJSON(status int, v any) Answer {
	b, err := json.Marshal(v)
	if err != nil {
		return Answer{Status: http.StatusInternalServerError}
	}
	return Answer{Status: status, ContentType: "application/json", Body: append(b, '\n')}
}

func answerText(status int, text string) Answer {
	return Answer{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(text)}
}

// page is an answer to whoever asks.
func page(v any) Route {
	a := answerJSON(http.StatusOK, v)
	return Route{Page: &a, Open: true}
}

// invalid refuses a field.
func invalid(field, detail string) error {
	return &relay.Error{Code: relay.CodeInvalidField, Detail: field + ": " + detail, Fields: []relay.FieldError{{Pointer: "/" + field, Detail: detail}}}
}

// refuses reports whether an error is about a field.
func refuses(e *relay.Error, field string) bool {
	for _, f := range e.Fields {
		if f.Pointer == "/"+field {
			return true
		}
	}
	return false
}
