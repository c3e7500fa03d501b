// Package logging is what tgrelay adds to log/slog: the ID of the request that a line belongs to, and an end to lines that repeat themselves.
// Its handlers stand around any other.
package logging

import (
	"context"
	"log/slog"
)

type requestKey struct{}

// WithRequest returns a context whose lines belong to a request.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID is the ID of the request that a context's lines belong to; empty for none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// Requests returns a handler that adds request_id to lines that belong to a request.
func Requests(h slog.Handler) slog.Handler { return requests{h} }

type requests struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requests) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h requests) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requests{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h requests) WithGroup(name string) slog.Handler { return requests{h.Handler.WithGroup(name)} }
