package delivery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tgrelay/tgrelay/relay"
	"github.com/tgrelay/tgrelay/relay/delivery"
)

var open = delivery.Options{GlobalRate: 1e6, ChatRate: 1e6, GroupRate: 60e6}

func TestSends(t *testing.T) {
	inWorld(t, delivery.Options{}, func(t *testing.T, w *world) {
		id := w.put(text(7, "hi"))[0]
		pass(10 * time.Millisecond)
		d := w.get(id)
		if d.State != relay.Sent || d.Attempts != 1 || d.Reason != "" || d.SentAt.IsZero() || !cmp.Equal(d.TelegramMessageIDs, []int64{1}) {
			t.Errorf("%+v", d)
		}
		if got := texts(w.api.sent()); !cmp.Equal(got, []string{"hi"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestOrderInAChat(t *testing.T) {
	inWorld(t, open, func(t *testing.T, w *world) {
		var want []string
		for i := range 300 {
			s := fmt.Sprint(i)
			want = append(want, s)
			w.put(text(7, s))
		}
		pass(time.Second)
		if d := cmp.Diff(want, texts(w.api.sent())); d != "" {
			t.Error(d)
		}
		if w.largest > 64 {
			t.Errorf("a page of %d", w.largest)
		}
	})
}
