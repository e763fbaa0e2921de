package phones

import "geelark_exporter/geelark"

// Knowledge is what is known of a phone's status.
type Knowledge uint8

// The kinds of knowledge.
const (
	Pending  Knowledge = iota // nothing yet
	Current                   // a status that can be trusted now
	Outdated                  // one that was told too long ago
	Failed                    // the last lookup failed
)

// A Condition is what is known of a phone's status. There are few different ones.
type Condition struct {
	Knowledge Knowledge
	Status    geelark.Status // the last that was told
	Failure   Failure        // of the lookup that failed
}

// listedStatus reads the status of a listing for a phone whose condition is
// known. The list has no code for expired: such a phone shows as shut down. So
// started and starting are taken as they are, and shut down only as a
// confirmation that a phone whose subscription still runs has stayed so. A failed
// lookup ends with a lookup that works: where the two disagree, the phone would
// show as both in turn.
func listedStatus(known Condition, l geelark.ListedPhone) (geelark.Status, bool) {
	status, told := l.Status.Get()
	switch {
	case !told, known.Knowledge == Failed:
		return 0, false
	case status == geelark.StatusStarted, status == geelark.StatusStarting:
		return status, true
	case status == geelark.StatusShutDown:
		confirms := known.Knowledge != Pending && known.Status == geelark.StatusShutDown
		return status, confirms && l.MonthlyExpire.After(l.At)
	}
	return 0, false
}
