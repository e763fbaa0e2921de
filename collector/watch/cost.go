package watch

import (
	"time"

	"geelark_exporter/geelark"
)

// A Cost is how often an account's settings make an API be called at the most,
// however often metrics are scraped.
type Cost struct {
	Endpoint geelark.Endpoint
	Calls    float64 // a minute
	Limit    int     // a minute, which is kept to
}

// Costs returns what the account's settings cost for so many tracked phones, of so
// many that the account lists.
func (a *Account) Costs(tracked, listed int) []Cost {
	c := &a.cfg
	everyMinute := func(calls int, every time.Duration) float64 {
		if every == 0 {
			every = time.Minute // as often as most scrape
		}
		return float64(calls) / every.Minutes()
	}
	pages := batches(tracked)
	if a.discovers() {
		pages = max(1, batches(listed))
		if !c.Discovery.isAll() {
			// Each filter has a last page that is not full, and one page is read
			// without them.
			pages = len(c.Discovery.filters()) + tracked/geelark.MaxListPageSize + 1
		}
	}
	var costs []Cost
	for _, e := range a.Endpoints() {
		cost := Cost{Endpoint: e, Limit: a.client.Budget(e).Limits.PerMinute}
		switch e {
		case geelark.EndpointPhoneStatus:
			cost.Calls = everyMinute(batches(tracked), c.CacheTTL)
		case geelark.EndpointPhoneList:
			cost.Calls = everyMinute(pages, c.InventoryInterval)
		case geelark.EndpointWallet, geelark.EndpointPlanInfo:
			cost.Calls = everyMinute(1, c.BillingInterval)
		case geelark.EndpointTransactions:
			cost.Calls = everyMinute(usageCalls, usageInterval)
		case geelark.EndpointTaskHistory, geelark.EndpointTaskQuery:
			cost.Calls = everyMinute(tasksCalls, tasksInterval)
		}
		costs = append(costs, cost)
	}
	return costs
}

// batches are the calls that it takes to ask for n phones: phone/status and
// phone/list take a hundred each.
func batches(n int) int { return (n + geelark.MaxStatusIDs - 1) / geelark.MaxStatusIDs }

// backlog is about how long it takes until so many phones that are due are asked
// for.
func backlog(due int, b geelark.Budget, now time.Time) time.Duration {
	calls := batches(due)
	if calls == 0 {
		return 0
	}
	perMinute := float64(b.Limits.PerMinute)
	if calls > b.HourRemaining {
		perMinute = min(perMinute, float64(b.Limits.PerHour)/60)
	}
	return max(0, b.Next.Sub(now)) + time.Duration(float64(calls-1)/perMinute*float64(time.Minute))
}
