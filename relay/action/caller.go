// Package action makes the HTTP calls of buttons that people press.
//
// A call is made at most once for each press: what it does is not known here, so it is never tried again by itself, and one that was under
// way when the process died is lost. Whom it may reach is the business of those who ask for it; redirects are not followed, for they could
// lead elsewhere. Nothing is kept.
package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	timeout   = 10 * time.Second // of a call: Telegram waits some seconds more for the answer to a press
	atOnce    = 4
	maxWait   = 64      // calls that wait
	maxAnswer = 1 << 16 // bytes of an answer that are read, so that its connection can serve again
)

// Caller makes calls. Its methods are safe for concurrent use.
type Caller struct {
	http *http.Client
	jobs chan job
}

type job struct {
	call relay.Call
	done func(ctx context.Context, failed error)
}

// New returns a Caller that works while it runs.
func New() *Caller {
	return &Caller{
		http: &http.Client{Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		jobs: make(chan job, maxWait),
	}
}

// Begin makes a call soon, and tells done what came of it: nil for a status of 2xx, else a sentence without the address. It is false, and
// done hears nothing, where too many calls wait.
func (c *Caller) Begin(call relay.Call, done func(ctx context.Context, failed error)) bool {
	select {
	case c.jobs <- job{call, done}:
		return true
	default:
		return false
	}
}

// Run makes calls until ctx ends.
func (c *Caller) Run(ctx context.Context) error {
	var workers errgroup.Group
	for range atOnce {
		workers.Go(func() error {
			for {
				select {
				case j := <-c.jobs:
					j.done(ctx, c.do(ctx, j.call))
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	return workers.Wait()
}

func (c *Caller) do(ctx context.Context, call relay.Call) error {
	r, err := http.NewRequestWithContext(ctx, call.Method, call.URL, strings.NewReader(call.Body))
	if err != nil {
		return errors.New("the address or the method is none")
	}
	r.Header.Set("User-Agent", "tgrelay")
	for name, value := range call.Header {
		r.Header.Set(name, value)
	}
	response, err := c.http.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		if failed.Timeout() {
			return fmt.Errorf("there was no answer within %s", timeout)
		}
		return failed.Err
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the server answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	return nil
}
