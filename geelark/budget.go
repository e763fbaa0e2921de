package geelark

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Limits are the most requests to one endpoint within any minute and within any
// hour.
type Limits struct {
	PerMinute int
	PerHour   int
	// Share is how many programs divide these limits, and the vendor's, evenly;
	// 0 is 1.
	Share int
}

// VendorLimits returns what the vendor allows for each endpoint and account
// (document "Request Instructions"): 200 a minute, 24,000 an hour.
func VendorLimits() Limits { return Limits{PerMinute: 200, PerHour: 24000, Share: 1} }

// vendorPerMinute is what the vendor allows for an endpoint and account in a
// minute: pay/wallet takes 10 requests (document "Balance Inquiry") and
// pay/plan/info 1 (document "Get the current subscription plan information").
func vendorPerMinute(e Endpoint) int {
	switch e {
	case EndpointWallet:
		return 10
	case EndpointPlanInfo:
		return 1
	}
	return VendorLimits().PerMinute
}

// A quota is what a budget keeps to.
type quota struct {
	Limits               // of the windows, Share aside
	minute time.Duration // the length of the shorter window
	spare  int           // what the vendor allows above PerMinute
}

// of returns the quota of an endpoint. Half of the wallet's limit is left to the
// account's other programs; the plan's cannot be halved, and is shared by waiting
// longer. The lists of flows and of tasks are read by nobody who waits for them,
// and get a small part.
func (l Limits) of(e Endpoint) quota {
	v := VendorLimits()
	share := max(1, l.Share)
	part := func(n int) int { return max(1, n/share) }
	q := quota{Limits: Limits{PerMinute: part(min(l.PerMinute, v.PerMinute)), PerHour: part(min(l.PerHour, v.PerHour))}, minute: time.Minute}
	switch e {
	case EndpointWallet:
		q.PerMinute = min(q.PerMinute, part(5))
	case EndpointPlanInfo:
		q.PerMinute, q.minute = 1, time.Duration(share)*time.Minute
	case EndpointTransactions:
		q.PerMinute = min(q.PerMinute, part(30))
	case EndpointTaskHistory, EndpointTaskQuery:
		q.PerMinute = min(q.PerMinute, part(20))
	}
	q.spare = max(0, vendorPerMinute(e)/share-q.PerMinute)
	return q
}

// A Budget is what may be sent to an endpoint at one moment.
type Budget struct {
	Endpoint Endpoint
	// Limits are those that are kept to now, Share aside.
	Limits Limits
	// Contended is how often the API said that a limit is broken that was kept
	// to: others spend from it. Limits are lower for an hour after that.
	Contended int
	// Untouched is true until the first request.
	Untouched bool
	// InFlight are the requests that are not answered yet.
	InFlight int
	// MinuteRemaining and HourRemaining are the requests left in the windows
	// that end now.
	MinuteRemaining int
	HourRemaining   int
	// PausedUntil is the end of the last pause that the API asked for, zero
	// when there was none or it is over.
	PausedUntil time.Time
	// Next is the earliest time at which a request can be sent: never after now
	// when one can be sent at once.
	Next time.Time
}

// budget holds an endpoint's limits in every sliding window as the server sees
// it.
//
// The server counts a request somewhere between its sending and the end of its
// answer, and that can be seconds. So a request occupies its place from the
// sending on, and leaves a window only when the window's length has passed since
// its end: however late the server saw it, no window of the server's holds more
// than the limit.
type budget struct {
	endpoint Endpoint
	now      func() time.Time
	epoch    time.Time

	mu         sync.Mutex
	quota      quota
	contention contention
	doubt      doubt
	journal    journal
	touched    bool
	inFlight   int
	// ended has when the requests of the last hour ended, since epoch,
	// ascending. The last minute's begin at index minute.
	ended       []time.Duration
	minute      int
	pausedUntil time.Time
	pause       pause         // the last
	doubled     time.Duration // the last pause that doubles, 0 after a success
	doubledAt   time.Time     // when it began
	tickets     uint64        // given out so far
	queue       []uint64      // the tickets of the calls that wait, the first come first
	changed     chan struct{} // closed when what the waiting calls wait for may have changed
}

func newBudget(e Endpoint, l Limits, now func() time.Time) *budget {
	return &budget{endpoint: e, quota: l.of(e), now: now, epoch: now(), changed: make(chan struct{})}
}

// setLimits changes the limits for what is sent from now on.
func (b *budget) setLimits(l Limits) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quota = l.of(b.endpoint)
	b.minute = 0 // the window may be longer now
	b.doubt.pace(b.quota)
	b.broadcast()
}

// copySpent takes over the requests that another budget has in its windows, and that
// others spend from its limit. Requests in flight count as if they ended now.
func (b *budget) copySpent(from *budget) {
	from.mu.Lock()
	now := from.now()
	steps, lowered := from.contention.steps, from.contention.lowered
	var ended []time.Time
	for _, d := range from.ended {
		ended = append(ended, from.epoch.Add(d))
	}
	for range from.inFlight {
		ended = append(ended, now)
	}
	from.mu.Unlock()

	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range ended {
		b.ended = append(b.ended, at.Sub(b.epoch))
	}
	slices.Sort(b.ended)
	b.contention.take(steps, lowered)
}

// idle reports whether nothing of the budget would be missed.
func (b *budget) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.advance(now)
	return b.inFlight == 0 && len(b.queue) == 0 && len(b.ended) == 0 && !b.pausedUntil.After(now)
}

// advance forgets the requests that left the windows. A window is closed at its
// end: a request that ended exactly its length ago may still be counted in it.
func (b *budget) advance(now time.Time) {
	t := now.Sub(b.epoch)
	for b.minute < len(b.ended) && t-b.ended[b.minute] > b.quota.minute {
		b.minute++
	}
	n := 0
	for n < len(b.ended) && t-b.ended[n] > time.Hour {
		n++
	}
	b.ended = slices.Delete(b.ended, 0, n)
	b.minute -= n
}

// next returns the earliest time at which a call with ahead others before it
// could be sent, and whether a pause is what it would wait for. The time is a
// lower bound: requests in flight end when they end.
func (b *budget) next(now time.Time, ahead int) (at time.Time, paused bool) {
	b.advance(now)
	at = b.doubt.next(now, ahead)
	if b.pausedUntil.After(at) {
		at, paused = b.pausedUntil, true
	}
	for _, w := range []struct {
		length time.Duration
		limit  int
		ended  []time.Duration
	}{
		{b.quota.minute, b.contention.limit(b.quota.PerMinute, now), b.ended[b.minute:]},
		{time.Hour, b.quota.PerHour, b.ended},
	} {
		leave := b.inFlight + len(w.ended) + ahead + 1 - w.limit // requests that must leave the window first
		if leave <= 0 {
			continue
		}
		free := now.Add(w.length)
		if leave <= len(w.ended) {
			free = b.epoch.Add(w.ended[leave-1] + w.length + 1)
		}
		if free.After(at) {
			at, paused = free, false
		}
	}
	return at, paused
}

// enter takes the reserved place if it is one of this budget, and acquires one
// otherwise. It reports whether it had to wait.
func (b *budget) enter(ctx context.Context, reserved *Reservation) (waited bool, err error) {
	if !reserved.use() {
		return b.acquire(ctx)
	}
	if reserved.budget != b {
		reserved.budget.giveBack()
		return b.acquire(ctx)
	}
	err = b.checkPause() // one may have begun since the place was reserved
	if err != nil {
		b.giveBack()
	}
	return false, err
}

// acquire takes a place for one request, waiting for it until the context's
// deadline, and reports whether it had to wait. When there can be none before, it
// returns a [*LimitError] at once. First come, first served.
func (b *budget) acquire(ctx context.Context) (waited bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tickets++
	me := b.tickets
	b.queue = append(b.queue, me)
	defer func() {
		b.queue = slices.DeleteFunc(b.queue, func(t uint64) bool { return t == me })
		b.broadcast()
	}()
	for ; ; waited = true {
		if ctx.Err() != nil {
			return waited, fmt.Errorf("%s: %w: %w", b.endpoint, ErrNotSent, context.Cause(ctx))
		}
		now := b.now()
		ahead := slices.Index(b.queue, me)
		at, paused := b.next(now, ahead)
		if ahead == 0 && !at.After(now) {
			b.take(now)
			return waited, nil
		}
		if deadline, ok := ctx.Deadline(); ok && at.After(deadline) {
			e := &LimitError{Endpoint: b.endpoint, Until: at}
			if paused {
				e.Pause, e.PauseStatus = b.pause.code, b.pause.status
			}
			return waited, e
		}
		b.wait(ctx, at.Sub(now))
	}
}

// reserve takes a place for one request if one is free now. Otherwise it returns
// when one can be.
func (b *budget) reserve() (ok bool, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	next, _ = b.next(now, len(b.queue))
	if ok = !next.After(now); ok {
		b.take(now)
	}
	return ok, next
}

// take takes a place for a request that is sent at once.
func (b *budget) take(now time.Time) {
	b.inFlight++
	b.touched = true
	b.doubt.take(now)
	b.journal.spend(b.endpoint, b.quota.PerMinute, now)
}

// checkPause returns a [*LimitError] during a pause.
func (b *budget) checkPause() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pausedUntil.After(b.now()) {
		return &LimitError{Endpoint: b.endpoint, Until: b.pausedUntil, Pause: b.pause.code, PauseStatus: b.pause.status}
	}
	return nil
}

// wait returns when d has passed, when something has changed, or when ctx is
// done. It gives the lock away meanwhile.
func (b *budget) wait(ctx context.Context, d time.Duration) {
	changed := b.changed
	b.mu.Unlock()
	defer b.mu.Lock()
	var elapsed <-chan time.Time
	if d > 0 { // otherwise there is room, and only the calls before this one are in the way
		elapsed = time.After(d)
	}
	select {
	case <-elapsed:
	case <-changed:
	case <-ctx.Done():
	}
}

// giveBack frees the place of a request that was not sent.
func (b *budget) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	b.journal.giveBack()
	b.broadcast()
}

// end ends a request that was sent, and begins the pause that came of it.
func (b *budget) end(sent time.Time, worked bool, p pause) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.inFlight--
	b.ended = append(b.ended, now.Sub(b.epoch))
	if p.code == CodeRateLimited && b.contention.met(sent, now) {
		b.journal.lower(b.endpoint, b.contention.steps, now)
	}
	// What was sent before a pause began says nothing about its end.
	since := !sent.Before(b.doubledAt)
	switch {
	case p.doubles && b.doubled == 0:
		b.doubled, b.doubledAt = p.length, now
	case p.doubles && since:
		b.doubled, b.doubledAt = min(2*b.doubled, maxAskedPause), now
	case worked && since:
		b.doubled = 0
	}
	if p.doubles {
		p.length = b.doubled
	}
	if until := now.Add(p.length); p.length > 0 && until.After(b.pausedUntil) {
		b.pausedUntil, b.pause = until, p
		b.journal.pause(b.endpoint, until, p)
	}
	b.broadcast()
}

func (b *budget) broadcast() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *budget) snapshot() Budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	next, _ := b.next(now, len(b.queue))
	perMinute := b.contention.limit(b.quota.PerMinute, now)
	s := Budget{
		Endpoint:        b.endpoint,
		Limits:          Limits{PerMinute: perMinute, PerHour: b.quota.PerHour},
		Contended:       b.contention.times,
		Untouched:       !b.touched,
		InFlight:        b.inFlight,
		MinuteRemaining: max(0, perMinute-b.inFlight-(len(b.ended)-b.minute)),
		HourRemaining:   max(0, b.quota.PerHour-b.inFlight-len(b.ended)),
		Next:            next,
	}
	if b.pausedUntil.After(now) {
		s.PausedUntil = b.pausedUntil
	}
	return s
}
