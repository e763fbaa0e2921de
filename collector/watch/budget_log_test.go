package watch

import (
	"testing"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
	"geelark_exporter/geelark"
)

// BenchmarkSpendingOfFiveRequestsIsWritten is what a sweep pays for five requests,
// which take seconds.
func BenchmarkSpendingOfFiveRequestsIsWritten(b *testing.B) {
	d, err := state.Open(b.TempDir(), log.NewNopLogger(), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	l := newBudgetLog(d, time.Now)
	defer l.log.Close()
	j := budgetJournal{l, budgetKey{baseURL: "http://api.test"}.id()}
	for b.Loop() {
		j.Spend(geelark.EndpointPhoneStatus, 5, time.Now())
	}
}
