package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/tgrelay/tgrelay/relay"
)

// list is the shape of every list.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"` // null at the end
}

func page[T any](ctx context.Context, c *Client, path string, query url.Values) (relay.Page[T], error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	l, err := fetch[list[T]](ctx, c, http.MethodGet, path, nil)
	if err != nil {
		return relay.Page[T]{}, err
	}
	return relay.Page[T]{Items: l.Items, Next: l.Next}, nil
}

// all goes through all pages from a cursor on. An error is the last that it yields.
func all[T any](after string, next func(after string) (relay.Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for more := true; more; more = after != "" {
			p, err := next(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			after = p.Next
		}
	}
}
