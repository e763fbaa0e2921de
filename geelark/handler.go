package geelark

import (
	"context"
	"time"
)

// A call is one operation on its way through the chain. The handlers below the
// retry handler set its lower half anew for every request.
type call struct {
	endpoint Endpoint
	body     []byte
	out      answerData   // read from the answer's data
	reserved *Reservation // for the first request, nil: none
	again    bool         // a request of it has failed

	credentials Credentials

	traceID string
	appID   string    // in key mode
	sent    time.Time // when the request left
	ended   time.Time // when its answer was read, or there was none to be had
	skew    Optional[time.Duration]
	answer  []byte
	code    Code // the envelope's
}

// A handler is one concern of a call, wrapped around the next.
type handler interface {
	do(ctx context.Context, c *call) error
}
