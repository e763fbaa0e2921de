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
	// Codes"). The English guide gives 47002 the same meaning; on endpoints that
	// only read, its other one, no free device, cannot occur.
	hourPause = 2 * time.Hour
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
	err = h.next.do(ctx, c)
	code, d := pauseAfter(err)
	b.release(!c.sent.IsZero(), code, d)
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
		waited, err := b.enter(ctx, c.reserved)
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
		b.release(false, CodeOK, 0)
		if err != nil {
			return nil, err
		}
	}
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

// pauseAfter returns how long nothing may be sent to an endpoint that answered
// with err, and the code that stands for it: zero for no pause.
func pauseAfter(err error) (Code, time.Duration) {
	switch {
	case errors.Is(err, CodeHourLimit):
		return CodeHourLimit, hourPause
	case errors.Is(err, CodeNoDevice):
		return CodeNoDevice, hourPause
	case errors.Is(err, CodeRateLimited):
		return CodeRateLimited, minutePause
	}
	if he, ok := errors.AsType[*HTTPError](err); ok && he.StatusCode == http.StatusTooManyRequests {
		// Not documented, but a proxy before the API speaks HTTP.
		return CodeRateLimited, minutePause
	}
	return CodeOK, 0
}
