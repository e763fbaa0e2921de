package watch

import (
	"time"
)

// Up reports whether the account can be watched, and when a collector that decides
// that last worked.
//
// It can when the last attempt of every collector that decides worked, and no
// pause holds the next one back. One that had nothing to do, or whose work another
// has done for it, has not failed; one that has not come to an end yet says
// nothing, unless there is no other.
func (a *Account) Up() (up bool, lastSuccess time.Time) {
	up = true
	worked, idle := false, true
	for _, c := range a.decisive() {
		s := a.State(c)
		if s.LastSuccess.After(lastSuccess) {
			lastSuccess = s.LastSuccess
		}
		worked = worked || s.Worked
		idle = idle && a.isIdle(c)
		up = up && (s.Worked || !s.Tried) && !a.isHeldBack(c)
	}
	return up && (worked || idle), lastSuccess
}

// decisive are the collectors that decide whether the account is up.
func (a *Account) decisive() []string {
	switch {
	case a.Has(CollectorStatus) && a.discovers():
		return []string{CollectorStatus, CollectorInventory}
	case a.Has(CollectorStatus):
		return []string{CollectorStatus}
	case a.Has(CollectorInventory):
		return []string{CollectorInventory}
	}
	return a.collectors
}

// isIdle reports whether a collector was asked and had nothing to do.
func (a *Account) isIdle(collector string) bool {
	return collector == CollectorStatus && a.poller.isIdle()
}

// isHeldBack reports whether a pause holds back what a collector has to do.
func (a *Account) isHeldBack(collector string) bool {
	if collector == CollectorStatus && a.store.Len() == 0 {
		return false
	}
	for _, e := range endpointsOf(collector) {
		if !a.client.Budget(e).PausedUntil.IsZero() {
			return true
		}
	}
	return false
}
