package watch

import (
	"time"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/geelark"
)

// today remembers what had been counted when the day (UTC) began. The zero value
// has not seen a day yet.
type today struct {
	From   time.Time // midnight, or when counting began or went on
	Before map[ledger.GroupUse]ledger.Sum
}

// begin is called before something is counted, with what has been counted so far
// and when that was. It reports whether a day begins.
func (t *today) begin(now, last time.Time, groups map[ledger.GroupUse]ledger.Sum) bool {
	midnight := now.UTC().Truncate(24 * time.Hour)
	switch {
	case t.From.IsZero():
		*t = today{now, groups}
	case t.From.Before(midnight) && midnight.Sub(last) > 10*time.Minute:
		*t = today{last, groups} // nothing was counted about midnight
	case t.From.Before(midnight):
		*t = today{midnight, groups}
	default:
		return false
	}
	return true
}

// used returns the time and the money that were counted since the day began, by
// group.
func (t *today) used(groups map[ledger.GroupUse]ledger.Sum) map[string]ledger.Sum {
	used := make(map[string]ledger.Sum)
	for at, sum := range groups {
		before := t.Before[at]
		sum = sum.Plus(ledger.Sum{Used: -before.Used, Amount: -before.Amount})
		if at.Charge == geelark.ChargePoints {
			sum.Amount = 0 // points are no money
		}
		if sum != (ledger.Sum{}) {
			used[at.Group] = used[at.Group].Plus(sum)
		}
	}
	return used
}
