package watch

import (
	"context"
	"sync"
	"time"
)

// A job does a piece of work at an interval, when a scrape asks for it, and once
// at a time. Scrapes do not do it themselves and share what it finds.
type job struct {
	workers  *workers
	interval time.Duration
	retry    time.Duration // after a failure
	work     func(context.Context) error
	begins   func(first bool) // nil, or called before each run, whether nothing is known before
	ended    func()           // nil, or called after each run, for what its end sets going
	notify   func()           // called when nobody needs to wait for a run any more
	record   func(error)      // told how each run went
	now      func() time.Time

	mu       sync.Mutex // held by begins too, which may use the poller
	running  bool
	awaited  bool      // a first run, and ended has not returned since
	finished bool      // a run has ended
	known    bool      // one has worked
	next     time.Time // when it is due
	last     State
}

// A State is how a collector's last calls went.
type State struct {
	Tried       bool // there were some
	Worked      bool
	LastSuccess time.Time     // zero: none yet
	Duration    time.Duration // from the first call to the end of the last
}

// start begins the work if it is due.
func (j *job) start(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running || now.Before(j.next) {
		return
	}
	if j.begins != nil {
		j.begins(!j.known)
	}
	if j.workers.begin(j.run) {
		j.running, j.awaited = true, !j.known
	}
}

func (j *job) run() {
	start := j.now()
	err := j.workers.safely(func() error { return j.work(j.workers.ctx) })
	now := j.now()
	closed := j.workers.isClosed() // then a failure tells nothing
	if !closed {
		j.record(err)
	}
	j.mu.Lock()
	j.running = false
	if err == nil || !closed {
		j.finished = true
		j.last.Tried, j.last.Worked, j.last.Duration = true, err == nil, now.Sub(start)
	}
	if err == nil {
		j.known, j.last.LastSuccess, j.next = true, now, now.Add(j.interval)
	} else if !closed {
		j.next = now.Add(j.retry)
	}
	j.mu.Unlock()
	if j.ended != nil {
		j.ended()
	}
	// Who waits for the run waits for what its end has set going, too.
	j.release()
}

// release lets go who waits for the run.
func (j *job) release() {
	j.mu.Lock()
	j.awaited = false
	j.mu.Unlock()
	j.notify()
}

// progressed tells that a part of the work has worked. Until a run has ended, that
// is how it goes.
func (j *job) progressed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.finished {
		j.last.Tried, j.last.Worked, j.last.LastSuccess = true, true, j.now()
	}
}

// isAwaited reports whether the first run, or what its end sets going, is under
// way.
func (j *job) isAwaited() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.awaited
}

// firstTry reports whether the work is under way for the first time.
func (j *job) firstTry() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running && !j.finished
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

// hasten makes the work due sooner.
func (j *job) hasten(by time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next = j.next.Add(-by)
}

// inherit takes over what another job knows of the same work.
func (j *job) inherit(from *job) {
	from.mu.Lock()
	defer from.mu.Unlock()
	j.finished, j.known, j.next, j.last = from.finished, from.known, from.next, from.last
	if due := j.last.LastSuccess.Add(j.interval); j.known && due.Before(j.next) {
		j.next = due
	}
}

// forgive forgets that the last run failed: the work is due.
func (j *job) forgive() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.last.Worked {
		j.finished, j.next, j.last = false, time.Time{}, State{LastSuccess: j.last.LastSuccess}
	}
}
