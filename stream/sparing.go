package stream

import (
	"context"
	"log/slog"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// A sparingHandler logs what strangers can cause, so many lines a second and no more:
// metrics count all. The next line that passes says how many were left out.
type sparingHandler struct {
	slog.Handler
	budget *rate.Limiter
	left   *atomic.Int64
}

const (
	strangersPerSecond = 2
	strangersAtOnce    = 20
)

func newSparing(h slog.Handler) slog.Handler {
	return &sparingHandler{h, rate.NewLimiter(strangersPerSecond, strangersAtOnce), new(atomic.Int64)}
}

// Handle implements slog.Handler.
func (h *sparingHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.budget.Allow() {
		h.left.Add(1)
		return nil
	}
	if n := h.left.Swap(0); n > 0 {
		r.AddAttrs(slog.Int64("left_out", n))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *sparingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &sparingHandler{h.Handler.WithAttrs(attrs), h.budget, h.left}
}

// WithGroup implements slog.Handler.
func (h *sparingHandler) WithGroup(name string) slog.Handler {
	return &sparingHandler{h.Handler.WithGroup(name), h.budget, h.left}
}
