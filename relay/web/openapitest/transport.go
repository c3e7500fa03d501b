package openapitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Transport makes requests to a relay, and fails a test where one, or its answer, is not as the document has it.
type Transport struct {
	TB   testing.TB
	Base string            // only what begins so is checked, such as http://127.0.0.1:9786; empty: everything
	By   http.RoundTripper // nil: http.DefaultTransport
}

// RoundTrip makes a request. It reads the whole of its answer first.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	by := t.By
	if by == nil {
		by = http.DefaultTransport
	}
	if !strings.HasPrefix(r.URL.String(), t.Base) {
		return by.RoundTrip(r)
	}
	r = r.Clone(r.Context()) // it is the caller's
	sent, err := drain(&r.Body)
	if err != nil {
		return nil, err
	}
	answer, err := by.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	received, err := drain(&answer.Body)
	if err != nil {
		return nil, err
	}
	if err := the().check(exchange{r, sent, answer, received}); err != nil {
		t.TB.Errorf("not as openapi.json has it: %s %s: %d\n%v\nsent %.1000s\nreceived %.1000s", r.Method, r.URL.Path, answer.StatusCode, err, sent, received)
	}
	return answer, nil
}

// drain reads a body and puts what was read in its place.
func drain(body *io.ReadCloser) ([]byte, error) {
	if *body == nil || *body == http.NoBody {
		return nil, nil
	}
	defer (*body).Close()
	read, err := io.ReadAll(*body)
	*body = io.NopCloser(bytes.NewReader(read))
	return read, err
}
