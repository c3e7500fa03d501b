package store_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"
)

var updatesSuite = map[string]func(*testing.T, *place){
	"the offset is kept":      offsetKept,
	"updates are noted":       updatesNoted,
	"old notes on updates go": updateNotesGo,
	"settings are kept":       settingsKept,
	"settings are changed":    settingsChanged,
}

func offsetKept(t *testing.T, p *place) {
	for _, want := range []int64{0, 812345678, 812345679, 3} {
		if want != 0 {
			must(t, p.SetOffset(t.Context(), "", want))
		}
		for range 2 {
			got, err := p.Offset(t.Context(), "")
			must(t, err)
			if got != want {
				t.Errorf("the offset is %d, want %d", got, want)
			}
			p.reopen()
		}
	}
}

func seen(t *testing.T, p *place, id int64) bool {
	t.Helper()
	ok, err := p.SeenUpdate(t.Context(), "", id)
	must(t, err)
	return ok
}

func updatesNoted(t *testing.T, p *place) {
	if seen(t, p, 7) {
		t.Error("seen before it came")
	}
	must(t, p.MarkUpdate(t.Context(), "", 7, t0))
	must(t, p.MarkUpdate(t.Context(), "", 7, t0))
	p.reopen()
	if !seen(t, p, 7) || seen(t, p, 8) {
		t.Error("the note is lost, or is of another")
	}
}

func updateNotesGo(t *testing.T, p *place) {
	must(t, p.MarkUpdate(t.Context(), "", 1, t0))
	must(t, p.MarkUpdate(t.Context(), "", 2, t0.Add(47*time.Hour)))
	must(t, p.MarkUpdate(t.Context(), "", 3, t0.Add(49*time.Hour)))
	if seen(t, p, 1) || !seen(t, p, 2) || !seen(t, p, 3) {
		t.Error("notes are to be kept two days")
	}
}

func settingsKept(t *testing.T, p *place) {
	for _, want := range []string{"", "secret", "other", ""} {
		if want != "" {
			must(t, p.SetSetting(t.Context(), "webhook", want))
		} else {
			must(t, p.SetSetting(t.Context(), "webhook", ""))
		}
		p.reopen()
		got, err := p.Setting(t.Context(), "webhook")
		must(t, err)
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	got, err := p.Setting(t.Context(), "never set")
	must(t, err)
	if got != "" {
		t.Errorf("got %q of a setting that was never set", got)
	}
}

func settingsChanged(t *testing.T, p *place) {
	const callers, each = 8, 10
	more := func(value string) (string, error) {
		n, _ := strconv.Atoi(value) // none at first
		return strconv.Itoa(n + 1), nil
	}
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for range each {
				if err := p.ChangeSetting(t.Context(), "count", more); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	refused := errors.New("refused")
	if err := p.ChangeSetting(t.Context(), "count", func(string) (string, error) { return "", refused }); !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	got, err := p.Setting(t.Context(), "count")
	must(t, err)
	if got != strconv.Itoa(callers*each) {
		t.Errorf("after %d changes it is %s", callers*each, got)
	}
}
