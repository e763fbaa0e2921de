package geelark

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// Code 40007 blocks "until the next minute" (document "Request
	// Instructions"). Whether that is the clock's minute or sixty seconds is not
	// said: sixty seconds from the answer satisfy both.
	minutePause = time.Minute
	// Code 40014 locks the API for two hours (document "Cloud Phone Error
	// Codes").
	hourPause = 2 * time.Hour
	// Code 47002 means too much at a time, try later, says every guide but the
	// English one, which has lost a line there and joins it with 40014's two
	// hours. It pauses a minute, and twice as long each time that it comes back,
	// up to this. So much is waited at most, too, when an HTTP answer says how
	// long: proxies speak HTTP, the API does not.
	maxAskedPause = 10 * time.Minute
)

// budgetHandler reads the credentials, sends a request only when their budget
// has room for it, and pauses the endpoint when the API says that a limit was
// broken.
type budgetHandler struct {
	next   handler
	client *Client
}

func (h *budgetHandler) do(ctx context.Context, c *call) error {
	b, err := h.place(ctx, c)
	if err != nil {
		return err
	}
	returned := false
	defer func() {
		if !returned { // it panicked, and the place must not be lost
			b.end(h.client.now(), false, pause{})
		}
	}()
	err = h.next.do(ctx, c)
	returned = true
	b.end(c.sent, err == nil, pauseAfter(err))
	return err
}

// place takes a place for the call in the budget of the credentials that it will
// be sent with.
func (h *budgetHandler) place(ctx context.Context, c *call) (*budget, error) {
	read, err := h.read(ctx, c)
	if err != nil {
		return nil, err
	}
	for {
		budgets := h.client.budgets.BudgetsOf(read)
		h.client.current.Store(budgets)
		b := budgets.endpoints[c.endpoint]
		waited, err := c.enter(ctx, b)
		if err != nil {
			return nil, err
		}
		c.credentials = read
		if !waited {
			return b, nil
		}
		// They may have been rotated meanwhile, and with them the budget.
		if read, err = h.read(ctx, c); err == nil && read == c.credentials {
			return b, nil
		}
		b.giveBack()
		if err != nil {
			return nil, err
		}
	}
}

// enter takes a place in a budget and reports whether it had to wait. A wallet's or
// plan's budget has few: there a repetition would wait a minute for one, and keep
// the failure back from whoever will ask again anyway.
func (c *call) enter(ctx context.Context, b *budget) (waited bool, err error) {
	if !c.again || c.endpoint != EndpointWallet && c.endpoint != EndpointPlanInfo {
		return b.enter(ctx, c.reserved)
	}
	ok, next := b.reserve()
	if !ok {
		return false, &LimitError{Endpoint: c.endpoint, Until: next}
	}
	return false, nil
}

func (h *budgetHandler) read(ctx context.Context, c *call) (Credentials, error) {
	credentials, err := h.client.credentials(ctx)
	switch {
	case err == nil:
		return credentials, nil
	case ctx.Err() != nil:
		return Credentials{}, fmt.Errorf("%s: %w: %w", c.endpoint, ErrNotSent, context.Cause(ctx))
	}
	return Credentials{}, &CredentialsError{Err: err}
}

// A pause is what an answer makes of an endpoint's budget.
type pause struct {
	length  time.Duration // zero: no pause
	doubles bool          // it is longer when it comes back
	code    Code          // why, or
	status  int           // why
}

// pauseAfter returns for how long nothing may be sent to an endpoint that
// answered with err.
func pauseAfter(err error) pause {
	switch {
	case errors.Is(err, CodeHourLimit):
		return pause{length: hourPause, code: CodeHourLimit}
	case errors.Is(err, CodeCrowded):
		return pause{length: minutePause, doubles: true, code: CodeCrowded}
	case errors.Is(err, CodeRateLimited):
		return pause{length: minutePause, code: CodeRateLimited}
	}
	he, ok := errors.AsType[*HTTPError](err)
	switch {
	case !ok:
		return pause{}
	case he.StatusCode == http.StatusTooManyRequests && he.RetryAfter == 0:
		return pause{length: minutePause, status: he.StatusCode}
	}
	return pause{length: he.RetryAfter, status: he.StatusCode}
}
