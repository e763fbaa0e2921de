package watch

import (
	"sync"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// A poller keeps an account's statuses fresh with the fewest calls.
//
// Scrapes begin sweeps and wait for them; they never poll themselves, so any
// number of scrapes shares the same calls. Here is decided that there is something
// to sweep, and remembered what came of it.
type poller struct {
	client      *geelark.Client
	store       *phones.Store
	workers     *workers
	ttl         time.Duration
	listing     time.Duration // between listings
	concurrency int           // polls at a time
	timeout     time.Duration // of a poll with its repetitions
	now         func() time.Time
	logger      log.Logger
	notify      func() // called when what scrapes wait for has changed
	counts      *counts
	record      func(error) // told how each poll went
	oddities    *oddities

	// While it is held, what calls nobody else may be used: the store, the
	// client's budgets, the workers, the notifier, the list of errors.
	mu        sync.Mutex
	horizon   time.Time // phones are due as of the latest scrape; zero: none yet
	least     int       // phones that must be due for a batch
	sweep     *sweep    // nil: none is under way
	holdUntil time.Time // no sweep begins before, after a failure
	last      State     // of polls; the duration is the last sweep's
	// undone are the phones of the polls that failed last, at undoneAt.
	undone   []string
	undoneAt time.Time
}

// poll makes what is due as of a scrape at now be polled.
func (p *poller) poll(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.After(p.horizon) {
		p.horizon = now
	}
	p.resume()
}

// found makes phones that were tracked since the latest scrape be polled too.
func (p *poller) found() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resume()
	p.notify()
}

// fill makes polls wait for whole batches, or no longer. While the phones are
// being discovered, a listing may still tell the status of some, and others may
// come to fill the batch.
func (p *poller) fill(whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.least = 1
	if whole {
		p.least = geelark.MaxStatusIDs
	}
}

// resume begins a sweep if there is reason to, or makes the one that is under way
// look again.
func (p *poller) resume() {
	switch {
	case p.sweep != nil:
		p.sweep.wake()
	case p.horizon.IsZero():
		// No scrape has asked for statuses yet.
	case p.now().Before(p.holdUntil), p.paused(), !p.isDue():
	default:
		s := &sweep{poller: p, began: p.now(), woken: make(chan struct{}, 1)}
		if p.workers.begin(s.run) {
			p.sweep = s
		}
	}
}

// isDue reports whether there is something to poll.
func (p *poller) isDue() bool { return p.store.Due(p.dueBefore(), p.least) }

// dueBefore is the time before which a phone's last poll makes it due.
func (p *poller) dueBefore() time.Time { return p.horizon.Add(-p.ttl) }

func (p *poller) paused() bool {
	return !p.client.Budget(geelark.EndpointPhoneStatus).PausedUntil.IsZero()
}

// isHeldBack reports whether a pause holds polls back.
func (p *poller) isHeldBack() bool { return p.store.Len() > 0 && p.paused() }

// isBusy reports whether polls are under way that a scrape can wait for. Polls that
// have to wait for the budget serve a later scrape.
func (p *poller) isBusy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sweep != nil && (p.sweep.inFlight > 0 || !p.sweep.starved ||
		isWorthWaiting(p.client.Budget(geelark.EndpointPhoneStatus), p.now()))
}

// isIdle reports whether a scrape has asked for statuses and there was nothing to
// poll.
func (p *poller) isIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.horizon.IsZero() && p.sweep == nil && !p.store.Due(p.dueBefore(), 1)
}

// A demand is what is to be polled, and what is in the way.
type demand struct {
	lastScrape time.Time // that asked for statuses; zero: none yet
	dueBefore  time.Time // a phone's last poll before makes it due
	starved    bool      // phones that are due wait for the budget
	failing    bool      // the last poll failed
	holdUntil  time.Time // none is sent before
}

func (p *poller) demand() demand {
	p.mu.Lock()
	defer p.mu.Unlock()
	return demand{
		lastScrape: p.horizon, dueBefore: p.dueBefore(), starved: p.sweep != nil && p.sweep.starved,
		failing: p.last.Tried && !p.last.Worked, holdUntil: p.holdUntil,
	}
}

// failed takes in that the poll of a batch failed.
func (p *poller) failed(batch []string, another bool) {
	if !another {
		p.undone = nil
	}
	now := p.now()
	p.undone, p.undoneAt = append(p.undone, batch...), now
	p.last.Tried, p.last.Worked, p.holdUntil = true, false, now.Add(p.ttl)
}

// worked takes in that a poll worked.
func (p *poller) worked() {
	p.last.Tried, p.last.Worked, p.last.LastSuccess = true, true, p.now()
	p.record(nil)
}

// state returns how the last poll and the last sweep went. A failure is over too
// when listings have done the work of the poll that failed, for so long that
// another was due and not needed. Sooner, an account whose polls all fail would
// show as up after each listing; and during a pause none is needed.
func (p *poller) state() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.Tried && !p.last.Worked && p.sweep == nil && !p.isHeldBack() &&
		p.now().Sub(p.undoneAt) >= p.ttl+p.listing && p.store.ObservedSince(p.undone, p.undoneAt) {
		p.last.Worked = true
		p.record(nil)
	}
	return p.last
}

// inherit takes over what another poller of the same account has learned.
func (p *poller) inherit(from *poller) {
	from.mu.Lock()
	defer from.mu.Unlock()
	p.last, p.undone, p.undoneAt = from.last, from.undone, from.undoneAt
}

// forgive forgets that the last poll failed.
func (p *poller) forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.Worked {
		p.last = State{LastSuccess: p.last.LastSuccess}
	}
}
