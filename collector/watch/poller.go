package watch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// poller keeps an account's observations fresh with the fewest calls.
//
// Scrapes start sweeps and wait for them; they never poll themselves, so any
// number of scrapes shares the same calls. A sweep polls the phones that are
// due, in batches, the oldest first, until none is left. It ends early when a
// poll fails, and then none begins for a ttl. Its first call goes alone: an
// account that is locked, refused or out of reach is asked once, not concurrency
// times.
type poller struct {
	client       *geelark.Client
	store        *phones.Store
	ttl          time.Duration
	concurrency  int
	timeout      time.Duration // of a poll with its repetitions
	now          func() time.Time
	logger       log.Logger
	lookupFailed func(phones.Failure)
	least        func() int  // phones that must be due for a batch
	record       func(error) // told how each poll went

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	kick   chan struct{} // wakes the sweep

	mu        sync.Mutex
	changed   *sync.Cond // wakes waiting scrapes
	horizon   time.Time  // phones are due as of the latest scrape
	sweeping  bool
	inFlight  int
	starved   bool // the sweep waits for the budget
	proven    bool // a poll of the sweep has worked
	failing   bool // the sweep ends once nothing is in flight
	holdUntil time.Time
	began     time.Time // the sweep
	last      State     // of polls; the duration is the last sweep's
}

func newPoller(a *AccountConfig, client *geelark.Client, store *phones.Store, now func() time.Time, logger log.Logger, lookupFailed func(phones.Failure), least func() int) *poller {
	p := &poller{
		client:       client,
		store:        store,
		ttl:          a.CacheTTL,
		concurrency:  a.Concurrency,
		timeout:      4 * a.Timeout, // three requests and the waits between them
		now:          now,
		logger:       logger,
		lookupFailed: lookupFailed,
		least:        least,
		kick:         make(chan struct{}, 1),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.changed = sync.NewCond(&p.mu)
	return p
}

// close ends polls that are under way and waits for their end.
func (p *poller) close() {
	p.cancel()
	p.wg.Wait()
}

// start makes what is due as of a scrape at now be polled.
func (p *poller) start(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.After(p.horizon) {
		p.horizon = now
	}
	p.resume()
}

// news makes phones that were tracked since the latest scrape be polled too, and
// waiting scrapes look again.
func (p *poller) news() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resume()
	p.changed.Broadcast()
}

// wakeScrapes makes waiting scrapes look again.
func (p *poller) wakeScrapes() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed.Broadcast()
}

func (p *poller) resume() {
	switch {
	case p.sweeping:
		p.wake()
	case p.horizon.IsZero():
		// No scrape has asked for statuses yet.
	case p.ctx.Err() == nil && !p.now().Before(p.holdUntil) && p.store.Due(p.dueBefore(), p.least()) && !p.paused():
		p.sweeping, p.began = true, p.now()
		p.wg.Go(p.sweep)
	}
}

// wait returns when nothing is pending and, if polls matter, nothing is left that
// can be polled now; or when ctx is done. Polls that have to wait for the budget
// serve a later scrape.
func (p *poller) wait(ctx context.Context, polls bool, pending func() bool) {
	stop := context.AfterFunc(ctx, p.wakeScrapes)
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for ctx.Err() == nil && (pending() || polls && p.sweeping && (p.inFlight > 0 || !p.starved)) {
		p.changed.Wait()
	}
}

// wake makes the sweep look again.
func (p *poller) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// dueBefore is the time before which a phone's last poll makes it due.
func (p *poller) dueBefore() time.Time { return p.horizon.Add(-p.ttl) }

func (p *poller) paused() bool {
	return !p.client.Budget(geelark.EndpointPhoneStatus).PausedUntil.IsZero()
}

func (p *poller) sweep() {
	canceled := p.ctx.Done()
	for {
		room, more := p.advance()
		if !more {
			return
		}
		var elapsed <-chan time.Time
		if !room.IsZero() {
			elapsed = time.After(room.Sub(p.now()))
		}
		select {
		case <-p.kick:
		case <-elapsed:
		case <-canceled:
			canceled = nil // the polls in flight end by themselves
		}
	}
}

// advance sends what can be sent now. It reports when the budget has room again
// if that is what the sweep waits for, and whether there is anything to wait
// for at all.
func (p *poller) advance() (room time.Time, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed.Broadcast()
	p.starved = false
	for !p.failing && p.ctx.Err() == nil && !p.paused() {
		limit := p.concurrency
		if !p.proven {
			limit = 1
		}
		if p.inFlight >= limit {
			return time.Time{}, true
		}
		if !p.store.Due(p.dueBefore(), p.least()) {
			break
		}
		place, next := p.client.ReservePhoneStatus()
		if place == nil {
			p.starved = true
			return next, true
		}
		batch := p.store.Take(geelark.MaxStatusIDs)
		if len(batch) == 0 { // forgotten since
			place.Cancel()
			break
		}
		p.inFlight++
		p.wg.Go(func() { p.finish(p.poll(place, batch)) })
	}
	if p.inFlight > 0 {
		return time.Time{}, true
	}
	p.sweeping, p.proven, p.failing = false, false, false
	p.last.Duration = p.now().Sub(p.began)
	return time.Time{}, false
}

// finish takes in how a poll went.
func (p *poller) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	p.wake()
	now := p.now()
	switch {
	case err == nil && p.failing:
		p.last.LastSuccess = now // but a poll beside it has failed
	case err == nil:
		p.record(nil)
		if !p.last.Worked && !p.holdUntil.IsZero() {
			level.Info(p.logger).Log("msg", "Polling works again")
		}
		p.proven = true
		p.last.Worked, p.last.LastSuccess = true, now
	case errors.Is(err, geelark.ErrNotSent) || p.ctx.Err() != nil:
		// Nothing was learned.
	default:
		p.record(err)
		level.Warn(p.logger).Log("msg", "Polling failed, known statuses are kept", "err", err)
		p.last.Worked, p.failing, p.holdUntil = false, true, now.Add(p.ttl)
	}
}

// poll looks up one batch.
func (p *poller) poll(place *geelark.Reservation, batch []string) error {
	ctx, cancel := context.WithTimeout(p.ctx, p.timeout)
	defer cancel()
	answer, err := place.PhoneStatus(ctx, batch)
	if err != nil {
		_, unsigned := errors.AsType[*geelark.CredentialsError](err)
		p.store.GiveBack(batch, p.endedAt(!unsigned && !errors.Is(err, geelark.ErrNotSent)))
		return err
	}
	observations := observationsOf(batch, answer)
	for _, o := range observations {
		if o.Failure != (phones.Failure{}) {
			p.lookupFailed(o.Failure)
		}
	}
	level.Debug(p.logger).Log("msg", "Polled", "phones", len(batch))
	p.store.Observe(observations)
	p.store.GiveBack(batch, p.endedAt(true))
	return nil
}

func (p *poller) endedAt(sent bool) time.Time {
	if !sent {
		return time.Time{}
	}
	return p.now()
}

// observationsOf reads an answer: one observation for each id of the batch,
// none for ids that nobody asked for. When an answer names an id more than
// once, its last status counts, and a status before a failure: only a phone
// that exists can have one.
func observationsOf(batch []string, answer *geelark.PhoneStatuses) []phones.Observation {
	place := make(map[string]int, len(batch))
	observations := make([]phones.Observation, len(batch))
	for i, id := range batch {
		place[id] = i
		observations[i] = phones.Observation{ID: id, At: answer.At, Failure: phones.Failure{Kind: phones.Missing}}
	}
	for _, f := range answer.Failures {
		if i, ok := place[f.ID]; ok {
			observations[i].Failure = phones.FailedWith(f.Code)
		}
	}
	for _, s := range answer.Phones {
		if i, ok := place[s.ID]; ok {
			observations[i] = phones.Observation{ID: s.ID, At: answer.At, SerialName: s.SerialName, Status: s.Status}
		}
	}
	return observations
}

// demand returns when a scrape last asked for statuses, the time before which a
// phone's last poll makes it due, and whether such phones wait for the budget.
func (p *poller) demand() (lastScrape, dueBefore time.Time, starved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.horizon, p.dueBefore(), p.starved && p.sweeping
}

// state returns how the last poll and the last sweep went.
func (p *poller) state() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// inherit takes over what another poller of the same account has learned.
func (p *poller) inherit(from *poller) { p.last = from.state() }
