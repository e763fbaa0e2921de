package watch

import (
	"context"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// job does a piece of work at an interval, when a scrape asks for it, and once
// at a time. Scrapes do not do it themselves and share what it finds.
type job struct {
	interval time.Duration
	retry    time.Duration // after a failure
	work     func(context.Context) error
	ended    func()      // called after each run, and when nobody needs to wait for it any more
	record   func(error) // told how each run went
	failure  string      // what to log when the work fails
	now      func() time.Time
	logger   log.Logger

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	running bool
	awaited bool      // first was true, and ended has not been called since
	known   bool      // one has worked
	next    time.Time // when it is due
	last    State
}

// A State is how a collector's last calls went.
type State struct {
	Tried       bool // there were some
	Worked      bool
	LastSuccess time.Time     // zero: none yet
	Duration    time.Duration // from the first call to the end of the last
}

func (j *job) init() *job {
	j.ctx, j.cancel = context.WithCancel(context.Background())
	return j
}

// start begins the work if it is due.
func (j *job) start(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running || now.Before(j.next) || j.ctx.Err() != nil {
		return
	}
	j.running, j.awaited = true, !j.known
	j.wg.Go(j.run)
}

func (j *job) run() {
	start := j.now()
	err := j.work(j.ctx)
	now := j.now()
	closed := j.ctx.Err() != nil // then a failure tells nothing
	if !closed {
		j.record(err)
	}
	if err != nil && !closed {
		level.Warn(j.logger).Log("msg", j.failure, "err", err)
	}
	j.mu.Lock()
	j.running = false
	if err == nil || !closed {
		j.last.Tried, j.last.Worked, j.last.Duration = true, err == nil, now.Sub(start)
	}
	if err == nil {
		j.known, j.last.LastSuccess, j.next = true, now, now.Add(j.interval)
	} else if !closed {
		j.next = now.Add(j.retry)
	}
	j.mu.Unlock()
	j.ended()
	// Who waits for the run waits for what its end has set going, too.
	j.mu.Lock()
	j.awaited = false
	j.mu.Unlock()
	j.ended()
}

// first reports whether the work is under way that nothing is known before.
func (j *job) first() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running && !j.known
}

func (j *job) isAwaited() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.awaited
}

// firstTry reports whether the work is under way for the first time.
func (j *job) firstTry() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running && !j.last.Tried
}

// underWay reports whether the work is being done.
func (j *job) underWay() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running
}

func (j *job) state() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// inherit takes over what another job knows of the same work.
func (j *job) inherit(from *job) {
	from.mu.Lock()
	defer from.mu.Unlock()
	j.known, j.next, j.last = from.known, from.next, from.last
	if due := j.last.LastSuccess.Add(j.interval); j.known && due.Before(j.next) {
		j.next = due
	}
}

// close ends a run that is under way and waits for its end.
func (j *job) close() {
	j.cancel()
	j.wg.Wait()
}
