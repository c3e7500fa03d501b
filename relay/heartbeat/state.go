package heartbeat

import (
	"context"
	"encoding/json"
	"time"
)

// state is what is kept of a heartbeat.
type state struct {
	Seen  time.Time `json:"seen,omitzero"`  // the last sign of life
	Since time.Time `json:"since,omitzero"` // when the silence began that was told; zero while all is well
	Told  time.Time `json:"told,omitzero"`  // when it was told last
}

func (s state) is(other state) bool {
	return s.Seen.Equal(other.Seen) && s.Since.Equal(other.Since) && s.Told.Equal(other.Told)
}

// setting is where the state of a heartbeat is kept.
func setting(name string) string { return "heartbeat." + name }

// load reads what was kept.
func (w *Watch) load(ctx context.Context, name string) (s state, err error) {
	text, err := w.updates.Setting(ctx, setting(name))
	if err != nil {
		return s, err
	}
	return w.parse(name, text), nil
}

// parse takes what cannot be understood for nothing.
func (w *Watch) parse(name, text string) (s state) {
	if text == "" {
		return s
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		w.log.Warn("what was kept of a heartbeat cannot be understood; it begins anew", "heartbeat", name, "error", err)
		return state{}
	}
	return s
}

// keep stores the state of a heartbeat, unless another call just did. What changed here goes over what others have stored, and the rest is
// theirs.
func (w *Watch) keep(ctx context.Context, b *beat) error {
	b.storing.Lock()
	defer b.storing.Unlock()
	w.mu.Lock()
	now, kept := b.state, b.kept
	w.mu.Unlock()
	if now.is(kept) {
		return nil
	}
	var stored state
	err := w.updates.ChangeSetting(ctx, setting(b.name), func(text string) (string, error) {
		stored = now.since(kept, w.parse(b.name, text))
		out, err := json.Marshal(stored)
		return string(out), err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	b.state, b.kept = b.state.since(now, stored), stored
	w.mu.Unlock()
	return nil
}

// since is another state with what changed in this one after before.
func (s state) since(before, other state) state {
	if !s.Seen.Equal(before.Seen) {
		other.Seen = s.Seen
	}
	if !s.Since.Equal(before.Since) || !s.Told.Equal(before.Told) {
		other.Since, other.Told = s.Since, s.Told
	}
	return other
}

// keepAll stores what is not stored yet, at the end.
func (w *Watch) keepAll(ctx context.Context) {
	for _, b := range w.all() {
		if err := w.keep(ctx, b); err != nil {
			w.log.Warn("the last sign of life is not stored", "heartbeat", b.name, "error", err)
		}
	}
}
