package geelark

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// A Request is what an observer is told of one request: a call that was
// repeated shows once for each time.
type Request struct {
	Endpoint Endpoint
	// Outcome is the answer's code ("0", "40007"), or the HTTP status when it
	// was not 200 ("502"), or the [Reason] why there was none ("timeout").
	Outcome string
	// Duration is the time from sending to the end of the answer.
	Duration time.Duration
}

// observeHandler tells the observer of every request that was sent.
type observeHandler struct {
	next    handler
	observe func(Request)
	now     func() time.Time
}

func (h *observeHandler) do(ctx context.Context, c *call) error {
	err := h.next.do(ctx, c)
	if !c.sent.IsZero() {
		h.observe(Request{Endpoint: c.endpoint, Outcome: outcome(c, err), Duration: h.now().Sub(c.sent)})
	}
	return err
}

func outcome(c *call, err error) string {
	if te, ok := errors.AsType[*TransportError](err); ok {
		return string(te.Reason)
	}
	if he, ok := errors.AsType[*HTTPError](err); ok {
		return strconv.Itoa(he.StatusCode)
	}
	return strconv.Itoa(int(c.code))
}
