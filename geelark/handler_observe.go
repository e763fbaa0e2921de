package geelark

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// A Request is what an observer is told of one request that was sent: a call that
// was repeated shows once for each time.
type Request struct {
	Endpoint Endpoint
	// Outcome is what came of it, in one word: the answer's code ("0", "40007"),
	// or the HTTP status when it was not 200 ("502"), or the [Reason] why there
	// was no usable answer ("timeout"). Servers choose codes and statuses: whoever
	// keeps something for each bounds how many, for example by [Codes].
	Outcome string
	// Duration is the time from handing the request to the transport to the last
	// byte of its answer's body, or to the failure. Connecting and waiting for a
	// connection are in it, waiting for the budget and decoding are not.
	Duration time.Duration
	// Skew is the Date header of the answer less the local clock at its arrival,
	// to a second. It has no value when there was no such header.
	Skew Optional[time.Duration]
}

// observeHandler tells the observer of every request that was sent.
type observeHandler struct {
	next    handler
	observe func(Request)
}

func (h *observeHandler) do(ctx context.Context, c *call) error {
	err := h.next.do(ctx, c)
	h.observe(Request{Endpoint: c.endpoint, Outcome: outcome(c, err), Duration: c.ended.Sub(c.sent), Skew: c.skew})
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
