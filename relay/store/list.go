package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	defaultLimit = 100
	largestLimit = 1000
)

func limited(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, largestLimit)
}

// cursor is the number below which a page begins.
func cursor(after string) (int64, error) {
	if after == "" {
		return math.MaxInt64, nil
	}
	before, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		return 0, &relay.Error{Code: relay.CodeInvalidField, Detail: "after is no cursor: use the next of the page before"}
	}
	return before, nil
}

// snapshot is one state of the storage for several queries.
type snapshot struct {
	tx    *sql.Tx
	stmts *statements
}

func (s snapshot) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := s.stmts.get(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.tx.StmtContext(ctx, stmt).QueryContext(ctx, args...)
}

const (
	messageText    = `SELECT id, created_at, receiver, owner, priority, send_at, expires_at, content, bot, seq, first_delivery, deliveries FROM messages WHERE id = $1`
	deliveriesText = `SELECT ` + deliveryColumns + ` FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.seq >= $1 AND d.seq < $2 AND d.message = $3 ORDER BY d.seq`
)

// Message implements relay.Outbox.
func (db *DB) Message(ctx context.Context, id relay.ID) (*relay.Message, error) {
	// Preparing takes a connection. Done below, by who holds one already, it could wait for itself.
	for _, text := range []string{messageText, deliveriesText} {
		if _, err := db.read.get(ctx, text); err != nil {
			return nil, fault("read message", err)
		}
	}
	tx, err := db.readers.BeginTx(ctx, db.engine.snapshot())
	if err != nil {
		return nil, fault("read message", err)
	}
	defer func() { _ = tx.Rollback() }()
	m, err := readMessage(ctx, snapshot{tx, db.read}, id)
	return m, fault("read message", err)
}

func readMessage(ctx context.Context, q querier, id relay.ID) (*relay.Message, error) {
	var seq, firstDelivery, deliveries int64
	m, ok, err := first(ctx, q, func(row scanner) (*relay.Message, error) { return scanMessage(row, &seq, &firstDelivery, &deliveries) }, messageText, id[:])
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("message", id)
	}
	m.Deliveries, err = list(ctx, q, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) }, deliveriesText, firstDelivery, firstDelivery+deliveries, seq)
	if len(m.Deliveries) > 0 {
		m.Key, m.OnUpdate = m.Deliveries[0].Key, m.Deliveries[0].OnUpdate
	}
	return m, err
}

func scanMessage(row scanner, more ...any) (*relay.Message, error) {
	var (
		m                        relay.Message
		content                  []byte
		created, sendAt, expires int64
	)
	err := row.Scan(append([]any{&m.ID, &created, &m.Receiver, &m.Owner, &m.Priority, &sendAt, &expires, &content, &m.Bot}, more...)...)
	if err != nil {
		return nil, err
	}
	m.CreatedAt, m.SendAt, m.ExpiresAt = moment(created), moment(sendAt), moment(expires)
	return &m, json.Unmarshal(content, &m.Content)
}

// Deliveries implements relay.Outbox.
func (db *DB) Deliveries(ctx context.Context, q relay.DeliveryQuery) (relay.Page[relay.Delivery], error) {
	var page relay.Page[relay.Delivery]
	before, err := cursor(q.After)
	if err != nil {
		return page, err
	}
	if q.State != "" && !slices.Contains(relay.States, q.State) {
		return page, &relay.Error{Code: relay.CodeInvalidField, Detail: fmt.Sprintf("there is no state %.40q; one of %v", q.State, relay.States)}
	}
	limit := limited(q.Limit)
	alike, err := db.alike(ctx, q.State)
	if err != nil {
		return page, fault("list deliveries", err)
	}
	stretch, err := db.stretch(ctx, q, before, alike)
	if err != nil {
		return page, fault("list deliveries", err)
	}
	condition, column := deliveryCondition(q, alike)
	whose, args := ofRecipient(column, q.Recipient, q.Prefix, []any{stretch.before, limit + 1})
	further, args := further(q, stretch, args)
	text := `SELECT ` + deliveryColumns + ` FROM deliveries d JOIN messages m ON m.seq = d.message WHERE d.seq < $1` + whose + condition + further + ` ORDER BY d.seq DESC LIMIT $2`
	page.Items, err = list(ctx, db.read, func(row scanner) (relay.Delivery, error) { return scanDelivery(row) }, text, args...)
	switch {
	case len(page.Items) > limit:
		page.Items = page.Items[:limit]
		page.Next = strconv.FormatInt(page.Items[limit-1].Seq, 10)
	case stretch.more:
		page.Next = strconv.FormatInt(stretch.from, 10)
	}
	return page, fault("list deliveries", err)
}

// ofRecipient is the condition for one recipient, for those whose IDs begin with a prefix, or for all, with its arguments after two others.
// Those of a prefix are found among all, in the order of the list.
func ofRecipient(column, recipient, prefix string, args []any) (string, []any) {
	switch {
	case recipient != "":
		return ` AND ` + column + ` = $3 AND ` + column + ` <> ''`, append(args, recipient)
	case prefix != "":
		return ` AND ` + column + ` || '' >= $3 AND ` + column + ` || '' < $4`, append(args, prefix, prefix+"\x7f")
	}
	return "", args
}

// few is how many deliveries in a state are sooner looked through than those of a recipient, of whom nobody knows how many there are.
const few = 1000

// deliveryCondition chooses the index: the state's where few are in it, else the recipient's where one is named, else the state's. Most
// deliveries are sent and stand in no index by state: they are found among all. The column is the recipient's.
func deliveryCondition(q relay.DeliveryQuery, alike int64) (condition, column string) {
	state := strconv.Itoa(code(q.State))
	switch {
	case q.State == "":
		return "", "d.recipient"
	case q.State == relay.Sent && q.Recipient == "":
		return ` AND d.state = 3`, "d.recipient"
	case q.State != relay.Sent && (q.Recipient == "" || alike <= few):
		return ` AND d.state = ` + state + ` AND d.state <> 3`, `(d.recipient || '')`
	}
	return ` AND +d.state = ` + state, "d.recipient"
}

// alike is how many deliveries are in a state; 0 for none in particular.
func (db *DB) alike(ctx context.Context, s relay.State) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, _, err := first(ctx, db.read, value[int64], `SELECT value FROM numbers WHERE name = $1`, "deliveries."+string(s))
	return n, err
}

// Backlog implements relay.Outbox. The numbers are kept with each commit, so that nothing is counted here.
func (db *DB) Backlog(ctx context.Context) (relay.Backlog, error) {
	b := relay.Backlog{Count: map[relay.State]int64{}}
	for _, s := range relay.States {
		b.Count[s] = 0
	}
	_, err := list(ctx, db.read, func(row scanner) (struct{}, error) {
		var name string
		var n int64
		err := row.Scan(&name, &n)
		b.Count[relay.State(name)] = n
		return struct{}{}, err
	}, `SELECT substr(name, 12), value FROM numbers WHERE name >= 'deliveries.' AND name < 'deliveries/'`)
	if err != nil {
		return b, fault("count deliveries", err)
	}
	b.Oldest, err = db.oldest(ctx, db.stored(time.Now()))
	return b, fault("find the oldest delivery", err)
}

// oldestScheduled goes from bot to bot over the index; 0 where nothing is due. The order is that of the index of what is scheduled: by min(bot) databases would
// look through that of all that waits.
const oldestScheduled = `WITH RECURSIVE who (bot) AS (
		SELECT (SELECT bot FROM deliveries WHERE state IN (1, 2) AND send_at > 0 AND bot >= '' ORDER BY bot, send_at LIMIT 1)
		UNION ALL
		SELECT (SELECT bot FROM deliveries WHERE state IN (1, 2) AND send_at > 0 AND bot > who.bot ORDER BY bot, send_at LIMIT 1) FROM who WHERE bot IS NOT NULL
	)
	SELECT coalesce(min((SELECT min(send_at) FROM deliveries WHERE state IN (1, 2) AND send_at > 0 AND bot = who.bot AND send_at <= $1)), 0) FROM who`

// oldest is since when the delivery waits that waits for longest, zero if none does. What is for a later hour (send_at) waits from then on. The order
// is that of the index by state: by numbers alone PostgreSQL would look through all that is kept, for it does not know that the newest wait.
func (db *DB) oldest(ctx context.Context, now time.Time) (time.Time, error) {
	since, _, err := first(ctx, db.read, value[int64], oldestScheduled, millis(now))
	waits := since > 0
	for _, s := range lively {
		if err != nil {
			break
		}
		var created int64
		var found bool
		created, found, err = first(ctx, db.read, value[int64],
			`SELECT created_at FROM deliveries WHERE state >= `+strconv.Itoa(code(s))+` AND state < `+strconv.Itoa(code(s)+1)+` AND state <> 3 AND send_at = 0 ORDER BY state, seq LIMIT 1`)
		if found && (!waits || created < since) {
			since, waits = created, true
		}
	}
	return db.ours(moment(since)), err
}
