package watch

import (
	"slices"

	"geelark_exporter/geelark"
)

// sharers returns which of these accounts have the same budgets, in their order.
func sharers(accounts []*Account) map[*geelark.Budgets][]int {
	by := make(map[*geelark.Budgets][]int)
	for i, a := range accounts {
		b := a.budgets.inUse()
		by[b] = append(by[b], i)
	}
	return by
}

// inUse returns the budgets of the credentials that were last read, before that some
// that no other account has. The account's client has asked for them.
func (a *accountBudgets) inUse() *geelark.Budgets {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.last
}

// share tells the overviews of accounts with whom each shares its limits, and what
// that means for it.
func share(accounts []*Account, overviews []*AccountOverview) {
	for _, group := range sharers(accounts) {
		waiting := 0
		for _, i := range group {
			waiting += overviews[i].Waiting
		}
		for _, i := range group {
			o := overviews[i]
			o.Together = slices.Clone(o.Costs)
			for _, j := range group {
				if i == j {
					continue
				}
				o.SharedWith = append(o.SharedWith, overviews[j].Name)
				for _, c := range overviews[j].Costs {
					if k := slices.IndexFunc(o.Together, func(t Cost) bool { return t.Endpoint == c.Endpoint }); k >= 0 {
						o.Together[k].Calls += c.Calls
					}
				}
			}
			if o.Waiting > 0 {
				o.Backlog = backlog(waiting, accounts[i].client.Budget(geelark.EndpointPhoneStatus), accounts[i].now())
			}
		}
	}
}
