package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// answer is what a method answers: a result, or an error with its code.
type answer struct {
	result      any
	description string
	code        int // 0: ok
	retryAfter  int // seconds
	migrateTo   int64
}

func done(result any) *answer { return &answer{result: result} }

func failed(code int, format string, args ...any) *answer {
	return &answer{code: code, description: fmt.Sprintf(format, args...)}
}

func tooMany(seconds int) *answer {
	a := failed(http.StatusTooManyRequests, "Too Many Requests: retry after %d", seconds)
	a.retryAfter = seconds
	return a
}

func (a *answer) status() int {
	if a.code != 0 {
		return a.code
	}
	return http.StatusOK
}

func (a *answer) body() []byte {
	object := map[string]any{"ok": a.code == 0}
	if a.code == 0 {
		object["result"] = a.result
	} else {
		object["error_code"] = a.code
	}
	if a.description != "" {
		object["description"] = a.description
	}
	if a.retryAfter > 0 {
		object["parameters"] = map[string]any{"retry_after": a.retryAfter}
	}
	if a.migrateTo != 0 {
		object["parameters"] = map[string]any{"migrate_to_chat_id": a.migrateTo}
	}
	b, err := json.Marshal(object)
	if err != nil {
		panic(err) // results are made of maps, strings and numbers
	}
	return b
}

func (a *answer) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if a.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	w.WriteHeader(a.status())
	w.Write(a.body()) // a caller that has gone away is nobody to tell
}
