package watch

import "time"

// Up reports whether the last calls of the decisive collectors worked and no
// pause holds the next back; and when one of them last worked.
func (a *Account) Up() (up bool, lastSuccess time.Time) {
	up = true
	decisive := a.decisive()
	for _, c := range decisive {
		s := a.State(c)
		// A large fleet is polled long before it is listed for the first time.
		listing := c == CollectorInventory && len(decisive) > 1 && !s.Tried
		up = up && (s.Worked || listing)
		if s.LastSuccess.After(lastSuccess) {
			lastSuccess = s.LastSuccess
		}
		for _, e := range endpointsOf(c) {
			up = up && a.client.Budget(e).PausedUntil.IsZero()
		}
	}
	return up, lastSuccess
}

// decisive are the collectors without which an account counts as down.
func (a *Account) decisive() []string {
	switch {
	case !a.Has(CollectorStatus) && a.Has(CollectorInventory):
		return []string{CollectorInventory}
	case !a.Has(CollectorStatus):
		return []string{CollectorBilling}
	case !a.discovers():
		return []string{CollectorStatus}
	case a.store.Len() == 0: // nothing to poll
		return []string{CollectorInventory}
	}
	return []string{CollectorStatus, CollectorInventory}
}
