package telegram_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"time"
)

var errDown = errors.New("network is down")

// botAPI is a Bot API without sockets, so that it works under a virtual clock.
type botAPI struct {
	mu    sync.Mutex
	on    map[string]func(params map[string]any) string // an empty answer is a network that is down
	calls []call
}

type call struct {
	method string
	params map[string]any
	at     time.Time
}

func (b *botAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	method := path.Base(r.URL.Path)
	params := map[string]any{"body": string(body)}
	_ = json.Unmarshal(body, &params)
	b.mu.Lock()
	b.calls = append(b.calls, call{method, params, time.Now()})
	answer := b.on[method]
	b.mu.Unlock()
	text := `{"ok":true,"result":true}`
	if answer != nil {
		text = answer(params)
	}
	switch text {
	case "":
		return nil, errDown
	case "wait":
		timer := time.NewTimer(pollTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			text = `{"ok":true,"result":[]}`
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	w := httptest.NewRecorder()
	var status struct {
		Code int `json:"error_code"`
	}
	if _ = json.Unmarshal([]byte(text), &status); status.Code != 0 {
		w.WriteHeader(status.Code)
	}
	_, _ = w.WriteString(text)
	return w.Result(), nil
}

const pollTime = 50 * time.Second

// answers gives one after the other and then the last for ever.
func answers(texts ...string) func(map[string]any) string {
	var mu sync.Mutex
	return func(map[string]any) string {
		mu.Lock()
		defer mu.Unlock()
		text := texts[0]
		if len(texts) > 1 {
			texts = texts[1:]
		}
		return text
	}
}

// made lists the methods called so far.
func (b *botAPI) made() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, c := range b.calls {
		names = append(names, c.method)
	}
	return strings.Join(names, " ")
}

// of returns the calls of a method.
func (b *botAPI) of(method string) []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	var some []call
	for _, c := range b.calls {
		if c.method == method {
			some = append(some, c)
		}
	}
	return some
}
