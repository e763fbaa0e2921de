package watch

import (
	"slices"
	"sync"
	"time"
)

// Up reports whether the account can be watched, and when a collector that decides
// that last worked. It decides from what scrapes have asked for and what came of
// it: before the first, the account is not up.
//
// It can when the last attempt of every collector that decides worked, and no
// pause holds the next one back. One that had nothing to do, or whose work another
// has done for it, has not failed; one that has not come to an end yet says
// nothing, unless there is no other.
func (a *Account) Up() (up bool, lastSuccess time.Time) {
	up = true
	worked, idle := false, true
	decisive := a.decisive()
	for _, c := range decisive {
		s := a.State(c)
		if s.LastSuccess.After(lastSuccess) {
			lastSuccess = s.LastSuccess
		}
		worked = worked || s.Worked
		idle = idle && a.isIdle(c)
		up = up && (s.Worked || !s.Tried) && !a.isHeldBack(c)
	}
	return up && (worked || idle && len(decisive) > 0), lastSuccess
}

// decisive are the collectors that decide whether the account is up, of those that
// scrapes have asked for.
func (a *Account) decisive() []string {
	asked := a.asked.list()
	switch {
	case slices.Contains(asked, CollectorStatus) && a.discovers():
		return []string{CollectorStatus, CollectorInventory}
	case slices.Contains(asked, CollectorStatus):
		return []string{CollectorStatus}
	case slices.Contains(asked, CollectorInventory):
		return []string{CollectorInventory}
	}
	return asked
}

// asked are the collectors that scrapes have asked for.
type asked struct {
	mu         sync.Mutex // nothing else is locked while it is held
	collectors []string
}

func (a *asked) add(collectors []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range collectors {
		if !slices.Contains(a.collectors, c) {
			a.collectors = append(a.collectors, c)
		}
	}
}

func (a *asked) list() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.collectors)
}

// isIdle reports whether a collector was asked and had nothing to do.
func (a *Account) isIdle(collector string) bool {
	return collector == CollectorStatus && a.poller.isIdle()
}

// isHeldBack reports whether a pause holds back what a collector has to do.
func (a *Account) isHeldBack(collector string) bool {
	if collector == CollectorStatus {
		return a.poller.isHeldBack()
	}
	for _, e := range endpointsOf(collector) {
		if !a.client.Budget(e).PausedUntil.IsZero() {
			return true
		}
	}
	return false
}

// telling returns a function to be told how a collector's calls went, which logs
// and remembers it. Nothing works again while a pause holds it back: then the
// account is not up either.
func (a *Account) telling(collector string, l *FailureLog) func(error) {
	return a.unlessHeldBack(collector, a.errors.logging(collector, l))
}

// unlessHeldBack returns tell, which is not told of a success during a pause.
func (a *Account) unlessHeldBack(collector string, tell func(error)) func(error) {
	return func(err error) {
		if err != nil || !a.isHeldBack(collector) {
			tell(err)
		}
	}
}
