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

// load reads what was kept. What cannot be understood is as good as nothing.
func (w *Watch) load(ctx context.Context, name string) (s state, err error) {
	text, err := w.updates.Setting(ctx, setting(name))
	if err != nil || text == "" {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		w.log.Warn("what was kept of a heartbeat cannot be understood; it begins anew", "heartbeat", name, "error", err)
		return state{}, nil
	}
	return s, nil
}

// keep stores the state of a heartbeat, unless another call just did.
func (w *Watch) keep(ctx context.Context, b *beat) error {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	w.mu.Lock()
	now, kept := b.state, b.kept
	w.mu.Unlock()
	if now.is(kept) {
		return nil
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if err := w.updates.SetSetting(ctx, setting(b.name), string(text)); err != nil {
		return err
	}
	w.mu.Lock()
	b.kept = now
	w.mu.Unlock()
	return nil
}

// keepAll stores what is not stored yet, at the end.
func (w *Watch) keepAll(ctx context.Context) {
	for _, b := range w.all() {
		if err := w.keep(ctx, b); err != nil {
			w.log.Warn("the last sign of life is not stored", "heartbeat", b.name, "error", err)
		}
	}
}
