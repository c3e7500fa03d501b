package main_test

import (
	"os"
	"strings"
	"sync"
	"testing"
)

// keyed posts a message with an Idempotency-Key.
func (w *world) keyed(key, body string) (status int, answer string, replayed bool) {
	w.t.Helper()
	response, answer := w.exchange("POST", w.relay+"/api/v1/messages", body, "Content-Type", "application/json", "Idempotency-Key", key)
	return response.StatusCode, answer, response.Header.Get("Idempotent-Replayed") == "true"
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	const body = `{"to":"alice","text":"once"}`
	if status, _, _ := w.keyed("k1", `{"to":"alice","text":""}`); status != 400 {
		t.Errorf("an empty text: %d", status)
	}
	_, first, replayed := w.keyed("k1", body)
	if replayed || !strings.Contains(first, `"queued"`) {
		t.Errorf("the first answer: %s", first)
	}
	w.allSent()
	w.restart()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if status, again, replayed := w.keyed("k1", body); status != 202 || !replayed || again != first {
				t.Errorf("the answer to a repetition: %d %s", status, again)
			}
		})
	}
	all.Wait()
	if status, answer, _ := w.keyed("k1", body+" "); status != 422 || !strings.Contains(answer, "idempotency_mismatch") {
		t.Errorf("another body: %d %s", status, answer)
	}
	if status, answer, _ := w.keyed(strings.Repeat("k", 256), body); status != 400 || !strings.Contains(answer, "Idempotency-Key") {
		t.Errorf("a long key: %d %s", status, answer)
	}
	w.keyed("k2", body)
	w.allSent()
	if got := w.messages(ada, 3); len(got) != 3 {
		t.Errorf("%d messages arrived, want 3", len(got))
	}
}

// Two Alertmanagers of a cluster that both send the same notification.
func TestTwinsAreOneMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "ops")
	hook := func(file string) {
		body, err := os.ReadFile("../../receivers/testdata/alertmanager/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		w.do("POST", w.relay+"/hooks/alertmanager/ops", string(body), nil)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { hook("single-firing") })
	}
	all.Wait()
	hook("single-resolved")
	hook("single-resolved")
	hook("refire-after-resolved")
	w.allSent()
	if got := w.messages(ada, 4); len(got) != 4 {
		t.Errorf("%d messages arrived, want the welcome and three alerts", len(got))
	}
}
