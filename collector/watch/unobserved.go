package watch

import (
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// A Reason is why a phone has no status that can be trusted now.
type Reason string

// The reasons.
const (
	NotScraped   Reason = "not_scraped"   // nobody asks for statuses
	Waiting      Reason = "waiting"       // it waits for its turn in the budget
	Paused       Reason = "paused"        // the API asked for a pause
	LookupFailed Reason = "lookup_failed" // the API told of the phone that it could not be looked up
	CallFailed   Reason = "call_failed"   // the last call for statuses failed as a whole
	TooOld       Reason = "outdated"      // it was looked up longer ago than a status is trusted
)

// Reasons returns every reason.
func Reasons() []Reason {
	return []Reason{NotScraped, Waiting, Paused, LookupFailed, CallFailed, TooOld}
}

// A Delay is why phones have no status, and until when at least that will last,
// zero where that is not known.
type Delay struct {
	Reason Reason
	Until  time.Time
}

// Delays are why an account's phones have no status at one moment, by what is
// known of them.
type Delays map[phones.Knowledge]Delay

// Delays returns why phones have no status now.
func (a *Account) Delays() Delays {
	d := a.poller.demand()
	now, budget := a.now(), a.client.Budget(geelark.EndpointPhoneStatus)
	unasked := Delay{Reason: Waiting}
	switch {
	case d.lastScrape.IsZero() || now.Sub(d.lastScrape) > a.maxStaleness:
		unasked.Reason = NotScraped
	case !budget.PausedUntil.IsZero():
		unasked = Delay{Paused, budget.PausedUntil}
	case d.failing:
		unasked.Reason = CallFailed
		if d.holdUntil.After(now) {
			unasked.Until = d.holdUntil
		}
	case d.starved && budget.Next.After(now):
		unasked.Until = budget.Next
	}
	old := unasked
	if old.Reason == Waiting && !d.starved {
		old.Reason = TooOld
	}
	return Delays{phones.Pending: unasked, phones.Outdated: old, phones.Failed: {Reason: LookupFailed}}
}

// Unobserved returns how many phones of a snapshot have no status, by reason:
// every reason is there.
func (d Delays) Unobserved(s *phones.Snapshot) map[Reason]int {
	n := make(map[Reason]int)
	for _, r := range Reasons() {
		n[r] = 0
	}
	for at, phones := range s.Standings {
		if delay, ok := d[at.Knowledge]; ok {
			n[delay.Reason] += phones
		}
	}
	return n
}
