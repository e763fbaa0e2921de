package statuspage

import (
	"fmt"

	"geelark_exporter/collector/watch"
)

// reasons say why a phone has no status, in the words of the reference of metrics
// and of the runbook: the phone ...
var reasons = map[watch.Reason]string{
	watch.NotScraped:   "is not asked for: no scrape asks for statuses",
	watch.Waiting:      "waits for its turn in the request budget",
	watch.Paused:       "waits for the end of a pause that the API asked for",
	watch.LookupFailed: "was looked up, and the lookup failed",
	watch.CallFailed:   "was asked for in a call that failed as a whole",
	watch.TooOld:       "has a status that is older than the greatest staleness",
}

// Why is why the phone has no status that can be trusted now, as a sentence; "" if
// it has one.
func (p phone) Why() string {
	why := reasons[p.Delay.Reason]
	if why == "" {
		return ""
	}
	s := "It " + why
	a := p.status.account(p.Account)
	until := p.Time(p.Delay.Until)
	switch p.Delay.Reason {
	case watch.NotScraped:
		if a.LastScrape.IsZero() {
			return s + ". None has so far."
		}
		return s + fmt.Sprintf(". The last that did was %s.", p.Time(a.LastScrape).Age)
	case watch.Waiting:
		switch {
		case a.Backlog > 0:
			return s + fmt.Sprintf(", for about %s.", roughly(a.Backlog))
		case until.Machine != "":
			return s + fmt.Sprintf(", which comes %s.", until.Age)
		}
		return s + ", which comes with the next scrape."
	case watch.Paused:
		return s + fmt.Sprintf(", until %s (%s).", until.UTC, until.Age)
	case watch.LookupFailed:
		return s + fmt.Sprintf(" with %s: %s", p.Failure, p.status.settings.name(meaningOfFailure(p.Failure)))
	case watch.CallFailed:
		if e, ok := a.ongoing(watch.CollectorStatus, ""); ok {
			s += " with " + brief(e)
		}
		if until.Machine != "" {
			return s + fmt.Sprintf(". It is asked for again %s.", until.Age)
		}
		return s + ". It is asked for again with the next scrape."
	case watch.TooOld:
		s += fmt.Sprintf(" of %s", span(a.MaxStaleness))
	}
	return s + "."
}
