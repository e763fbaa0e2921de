package geelark

import (
	"context"
	"errors"
	"time"
)

const (
	backoffBase = 250 * time.Millisecond
	backoffCap  = 5 * time.Second
)

// retryHandler repeats what is safe to repeat: every endpoint of this package
// only reads.
type retryHandler struct {
	next    handler
	retries int
	jitter  func() float64
	now     func() time.Time
}

func (h *retryHandler) do(ctx context.Context, c *call) error {
	var failed error
	for try := 0; ; try++ {
		err := h.next.do(ctx, c)
		if failed != nil && errors.Is(err, ErrNotSent) {
			// The budget refused to send the repetition: what the last request
			// met says more.
			return failed
		}
		if err == nil || try >= h.retries || !retryable(err) {
			return err
		}
		failed, c.again = err, true

		wait := backoff(try, h.jitter())
		if deadline, ok := ctx.Deadline(); ok && h.now().Add(wait).After(deadline) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// backoff returns the wait before retry number try (from 0): exponential,
// capped, and spread by jitter in [0, 1) over its upper half.
func backoff(try int, jitter float64) time.Duration {
	d := backoffBase
	for range try {
		d = min(2*d, backoffCap)
	}
	return d/2 + time.Duration(jitter*float64(d/2))
}

// retryable says whether a repetition can help: the vendor's codes 40000, 40017
// and 50000, a 5xx status, or a connection that failed. An answer that came but
// cannot be read is not asked for again.
func retryable(err error) bool {
	if te, ok := errors.AsType[*TransportError](err); ok {
		switch te.Reason {
		case ReasonTimeout, ReasonDNS, ReasonConnection:
			return true
		}
		return false
	}
	if he, ok := errors.AsType[*HTTPError](err); ok {
		return he.StatusCode >= 500
	}
	return errors.Is(err, CodeUnknown) || errors.Is(err, CodeTooManyRequests) || errors.Is(err, CodeInternal)
}
