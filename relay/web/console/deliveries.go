package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tgrelay/tgrelay/relay"
)

// deliveries is a page of them.
type deliveries struct {
	Filter    filter
	States    []relay.State
	Receivers []string
	Items     []relay.Delivery
	Address   string // of this page
	Next      string // of the page after it; empty at the end
	First     string // of the newest, on later pages
}

// Idle reports whether there is nothing at all to be seen.
func (d deliveries) Idle() bool {
	return len(d.Items) == 0 && d.Filter.empty() && d.First == "" && d.Next == ""
}

// Changeable reports whether something that is shown may be tried again or ended.
func (d deliveries) Changeable() bool {
	return slices.ContainsFunc(d.Items, func(d relay.Delivery) bool { return d.State == relay.Failed || d.State == relay.Expired })
}

// filter is what deliveries are chosen by, as the page's form has it.
type filter struct{ State, Recipient, Receiver, Bot, Since, Until string }

// localTime is what browsers send for <input type=datetime-local>.
const localTime = "2006-01-02T15:04"

func filterOf(q url.Values) filter {
	return filter{q.Get("state"), q.Get("recipient"), q.Get("receiver"), q.Get("bot"), q.Get("since"), q.Get("until")}
}

func (f filter) empty() bool { return f == filter{} }

// Hopeless reports whether all that is shown may be tried again or ended.
func (f filter) Hopeless() bool {
	return f.State == string(relay.Failed) || f.State == string(relay.Expired)
}

// address is the page's with this filter.
func (f filter) address(after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"state": f.State, "recipient": f.Recipient, "receiver": f.Receiver, "bot": f.Bot, "since": f.Since, "until": f.Until, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "/deliveries"
	}
	return "/deliveries?" + q.Encode()
}

// query asks the storage. Error: relay.CodeInvalidField.
func (f filter) query(v *Viewer) (relay.DeliveryQuery, error) {
	q := relay.DeliveryQuery{State: relay.State(f.State), Recipient: v.full(f.Recipient), Prefix: v.Prefix, Receiver: f.Receiver, Bot: f.Bot, Limit: 50}
	if f.State != "" && !slices.Contains(relay.States, q.State) {
		return q, &relay.Error{Code: relay.CodeInvalidField, Detail: fmt.Sprintf("there is no state %.40q", f.State)}
	}
	for text, into := range map[string]*time.Time{f.Since: &q.Since, f.Until: &q.Until} {
		if text == "" {
			continue
		}
		at, err := time.Parse(localTime, text)
		if err != nil {
			return q, &relay.Error{Code: relay.CodeInvalidField, Detail: fmt.Sprintf("%.40q is no time such as 2026-01-31T08:00", text)}
		}
		*into = at
	}
	return q, nil
}

// Deliveries shows a page of them.
func (c *Console) Deliveries(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	f := filterOf(r.URL.Query())
	q, err := f.query(v)
	if err != nil {
		return err
	}
	q.After = r.URL.Query().Get("after")
	page, err := c.visible(r.Context(), v, q)
	if err != nil {
		return err
	}
	receivers := slices.DeleteFunc(slices.Sorted(maps.Keys(c.Door.Rules().Receivers)), func(name string) bool { return !v.Receiver(name) })
	d := deliveries{Filter: f, States: relay.States, Receivers: receivers, Items: page.Items, Address: f.address(q.After)}
	if page.Next != "" {
		d.Next = f.address(page.Next)
	}
	if q.After != "" {
		d.First = f.address("")
	}
	shown := view{Viewer: v, Page: "deliveries", Title: "Deliveries", Data: d}
	if partial(r) {
		return c.part(w, r, shown, "list")
	}
	return c.frame(w, r, shown)
}

const (
	leaf   = 1000 // the storage's longest page
	leaves = 20   // how many of them are looked through for whoever reaches some recipients only; then the next page goes on
)

// visible is a page without what the viewer does not reach, by the names that the viewer knows.
func (c *Console) visible(ctx context.Context, v *Viewer, q relay.DeliveryQuery) (page relay.Page[relay.Delivery], err error) {
	wanted := q.Limit
	for range leaves {
		if page, err = c.Outbox.Deliveries(ctx, q); err != nil {
			return page, err
		}
		page.Items = slices.DeleteFunc(page.Items, func(d relay.Delivery) bool { return !v.may(d.Recipient) })
		if len(page.Items) > 0 || page.Next == "" || !v.Caller.Bounded {
			break
		}
		q.After, q.Limit = page.Next, leaf
	}
	if len(page.Items) > wanted {
		page.Items = page.Items[:wanted]
		page.Next = strconv.FormatInt(page.Items[wanted-1].Seq, 10)
	}
	for i := range page.Items {
		page.Items[i].Recipient = v.Own(page.Items[i].Recipient)
	}
	return page, nil
}

// delivery is one with its message.
type delivery struct {
	relay.Delivery
	Message *relay.Message
	Bubble  bubble
	Others  []relay.Delivery // of the same message
}

// Hopeless reports whether it may be tried again or ended.
func (d delivery) Hopeless() bool { return d.State == relay.Failed || d.State == relay.Expired }

// Delivery shows one.
func (c *Console) Delivery(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	found, err := c.deliveryOf(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	m, err := c.Outbox.Message(r.Context(), found.MessageID)
	if err != nil {
		return err
	}
	d := delivery{Delivery: *found, Message: m, Bubble: bubbleOf(m.Content)}
	d.Recipient = v.Own(d.Recipient)
	if !v.Whole() && m.Owner != v.Name {
		m.Owner = "" // other tokens are none of its business
	}
	for _, other := range m.Deliveries {
		if other.ID != d.ID && v.may(other.Recipient) {
			other.Recipient = v.Own(other.Recipient)
			d.Others = append(d.Others, other)
		}
	}
	return c.frame(w, r, view{Viewer: v, Page: "delivery", Title: "Delivery", Data: d})
}

// deliveryOf is that of an ID, if the viewer reaches its recipient. Error: relay.CodeNotFound.
func (c *Console) deliveryOf(ctx context.Context, v *Viewer, text string) (*relay.Delivery, error) {
	id, err := relay.ParseID(text)
	if err != nil {
		return nil, absent("delivery")
	}
	d, err := c.Outbox.Delivery(ctx, id)
	if err == nil && !v.may(d.Recipient) {
		err = absent("delivery")
	}
	return d, err
}

// operation is what may be done to deliveries that are failed or expired.
type operation struct {
	did string
	do  func(ctx context.Context, id relay.ID, now time.Time) (*relay.Delivery, error)
}

// Retry puts deliveries back into the queue.
func (c *Console) Retry(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	return c.operate(w, r, v, operation{"retried", c.Outbox.Retry})
}

// Discard ends deliveries.
func (c *Console) Discard(w http.ResponseWriter, r *http.Request, v *Viewer) error {
	return c.operate(w, r, v, operation{"discarded", c.Outbox.Discard})
}

// operate does something to the deliveries that were chosen, or with all=1 to those of a filter. What is in another state meanwhile, or
// is out of reach, is passed over.
func (c *Console) operate(w http.ResponseWriter, r *http.Request, v *Viewer, o operation) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	n := 0
	if f.Get("all") != "" {
		n, err = c.operateAll(r.Context(), v, filterOf(f), o)
	} else {
		n, err = c.operateOn(r.Context(), v, f["id"], o)
	}
	if n > 0 || err == nil {
		c.note(v, o.did, "deliveries", n)
	}
	if err != nil {
		return err
	}
	said := o.did
	switch {
	case n == 0:
		said = "none"
	case n > 1:
		said += "-many"
	}
	return done(w, r, Within(f.Get("back")), said)
}

// abreast is how many deliveries are changed at a time: the storage writes them in one go.
const abreast = 32

// operateOn returns how many were changed.
func (c *Console) operateOn(ctx context.Context, v *Viewer, ids []string, o operation) (int, error) {
	var changed atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(abreast)
	for _, id := range ids {
		all.Go(func() error {
			d, err := c.deliveryOf(ctx, v, id)
			if err == nil {
				_, err = o.do(ctx, d.ID, time.Now())
			}
			switch code := relay.ErrorCode(err); {
			case err == nil:
				changed.Add(1)
			case code != relay.CodeNotFound && code != relay.CodeConflict:
				return err
			}
			return nil
		})
	}
	err := all.Wait()
	return int(changed.Load()), err
}

// maxOperated bounds how many deliveries one press of a button changes; the next press goes on.
const maxOperated = 5000

// operateAll goes through the pages of a filter. What is changed leaves it, so that nothing is found twice.
func (c *Console) operateAll(ctx context.Context, v *Viewer, f filter, o operation) (n int, err error) {
	q, err := f.query(v)
	if err != nil || !f.Hopeless() {
		return 0, err
	}
	for q.Limit = 500; n < maxOperated; {
		page, err := c.Outbox.Deliveries(ctx, q)
		if err != nil {
			return n, err
		}
		var ids []string
		for _, d := range page.Items {
			ids = append(ids, d.ID.String())
		}
		changed, err := c.operateOn(ctx, v, ids, o)
		n += changed
		if q.After = page.Next; err != nil || q.After == "" {
			return n, err
		}
	}
	return n, nil
}
