package ledger_test

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// TestALedgerOfTheSimulatedAPIIsExact follows a billed fleet for some days with
// a gap of a day, through the client, in the ways in which the API's list may
// come.
func TestALedgerOfTheSimulatedAPIIsExact(t *testing.T) {
	for _, l := range []geelarktest.Listing{
		{Order: geelarktest.NewestFirst},
		{Order: geelarktest.OldestFirst, Twice: true},
		{Order: geelarktest.ByID, Late: 2 * time.Hour},
		{Order: geelarktest.Shuffled, Drift: true},
		{Order: geelarktest.NewestFirst, Drift: true, OpenEnd: true},
		{Order: geelarktest.OldestFirst, Late: 30 * time.Minute, Twice: true, Drift: true, OpenEnd: true},
	} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := geelarktest.New(geelarktest.Config{
					Phones: 20, Seed: 5, Token: "t", TasksPerDay: 4, Past: 24 * time.Hour,
					Usage: geelarktest.Usage{Every: 10 * time.Minute, Bonus: 60, Rentals: true},
				})
				api.SetListing("billing/transaction/detail", l)
				client, err := geelark.New(geelark.Credentials{Token: "t"}, geelark.NewBudgets(geelark.VendorLimits(), time.Now),
					geelark.WithTransport(api.RoundTripper()))
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now().Add(-25 * time.Hour)
				books := ledger.New(start, nil)
				reader := ledger.NewReader(books, client, start, start, func(string) (string, bool) { return "", false }, time.Now)
				follow := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); {
						time.Sleep(5 * time.Minute)
						if err := reader.Turn(t.Context(), 30); err != nil {
							t.Logf("after %v: %v", time.Since(start), err)
						}
					}
				}
				follow(24 * time.Hour)
				time.Sleep(24 * time.Hour)
				follow(24 * time.Hour)
				least := uses(api.Ledger())
				follow(4 * time.Hour) // what is late comes in
				got := map[ledger.Use]ledger.Sum{}
				for u, sum := range books.Groups() {
					s := got[u.Use]
					got[u.Use] = ledger.Sum{Used: s.Used + sum.Used, Amount: s.Amount + sum.Amount}
				}
				if most := uses(api.Ledger()); l.Late == 0 && !maps.Equal(got, most) {
					t.Errorf("got  %v\nwant %v", got, most)
				}
				for u, sum := range least {
					if got[u].Used < sum.Used || got[u].Amount < sum.Amount {
						t.Errorf("%+v: got %v, want at least %v", u, got[u], sum)
					}
				}
			})
		})
	}
}

// uses sums a simulated account's ledger as the reader's own does.
func uses(charges map[geelarktest.Charge]geelarktest.Sum) map[ledger.Use]ledger.Sum {
	sums := map[ledger.Use]ledger.Sum{}
	for c, sum := range charges {
		u := ledger.Use{Kind: geelark.FlowKind(c.Type), Charge: geelark.ChargeType(c.ChargeType)}
		sums[u] = ledger.Sum{
			Used:   sums[u].Used + time.Duration(sum.Seconds)*time.Second,
			Amount: sums[u].Amount + geelark.Amount(sum.Micros)*1000,
		}
	}
	return sums
}
