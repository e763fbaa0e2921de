package geelark

import (
	"sync/atomic"
	"time"
)

// A Reservation is a place in an endpoint's budget for one request. It lets a
// caller decide what to ask for when it is sure to be sent. When the credentials
// have changed since, the place is given back and the call finds another one.
type Reservation struct {
	client *Client
	budget *budget
	used   atomic.Bool
}

// ReservePhoneStatus reserves a place for a [Reservation.PhoneStatus] call that
// is sent at once. When there is none, it returns nil and the earliest time at
// which there can be one. A reservation that is not used must be canceled.
func (c *Client) ReservePhoneStatus() (r *Reservation, next time.Time) {
	b := c.spending().endpoints[EndpointPhoneStatus]
	ok, next := b.reserve()
	if ok {
		r = &Reservation{client: c, budget: b}
	}
	return r, next
}

// Cancel gives the place back unless it was used.
func (r *Reservation) Cancel() {
	if r.use() {
		r.budget.giveBack()
	}
}

// use reports whether the place was there to be used, which it is once.
func (r *Reservation) use() bool { return r != nil && r.used.CompareAndSwap(false, true) }
