package geelark

import (
	"context"
	"errors"
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

// budgetHandler sends a request only when the endpoint's budget has room for
// it, and pauses the endpoint when the API says that a limit was broken.
type budgetHandler struct {
	next    handler
	budgets map[Endpoint]*budget
}

func (h *budgetHandler) do(ctx context.Context, c *call) error {
	b := h.budgets[c.endpoint]
	if c.reserved.use() {
		// A pause may have begun since the place was reserved.
		if err := b.checkPause(); err != nil {
			b.release(false, CodeOK, 0)
			return err
		}
	} else if err := b.acquire(ctx); err != nil {
		return err
	}
	err := h.next.do(ctx, c)
	code, d := pauseAfter(err)
	b.release(!c.sent.IsZero(), code, d)
	return err
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
