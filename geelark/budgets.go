package geelark

import "time"

// Budgets hold what is spent of the limits of one set of credentials at one
// address of the API: for each endpoint its windows and its pause. Clients that
// use the same credentials share them. They are safe for concurrent use.
type Budgets struct{ endpoints map[Endpoint]*budget }

// NewBudgets returns budgets of which nothing is spent. Limits outside of 1 and
// [VendorLimits] are moved to the nearer of them. An endpoint with lower limits
// of its own keeps those. All of them are divided by the limits' Share.
func NewBudgets(l Limits, now func() time.Time) *Budgets {
	b := &Budgets{endpoints: make(map[Endpoint]*budget)}
	for _, e := range Endpoints() {
		b.endpoints[e] = newBudget(e, l, now)
	}
	return b
}

// SetLimits changes the limits for what is sent from now on; what was spent
// counts on. Limits are bounded as by [NewBudgets].
func (b *Budgets) SetLimits(l Limits) {
	for _, of := range b.endpoints {
		of.setLimits(l)
	}
}

// Of returns what may be sent to an endpoint now.
func (b *Budgets) Of(e Endpoint) Budget { return b.endpoints[e].snapshot() }

// CopySpent counts what other budgets have in their windows as spent here too,
// but not their pauses: new credentials may be those of the same account.
func (b *Budgets) CopySpent(from *Budgets) {
	for e, of := range b.endpoints {
		of.copySpent(from.endpoints[e])
	}
}

// Idle reports whether nothing is in any window, in flight or waiting, and no
// endpoint is paused: the budgets are as good as new ones.
func (b *Budgets) Idle() bool {
	for _, of := range b.endpoints {
		if !of.idle() {
			return false
		}
	}
	return true
}

// A BudgetSource is asked for the budgets of the credentials that a client has
// read for a request. It must be safe for concurrent use, must not block, and
// must answer the same credentials with the same budgets for as long as these
// are not [Budgets.Idle].
//
// A client that has read no credentials yet asks with zero [Credentials], to
// show a [Budget]; nothing is ever sent within that.
type BudgetSource interface {
	BudgetsOf(c Credentials) *Budgets
}

// BudgetsOf returns b, whatever the credentials.
func (b *Budgets) BudgetsOf(Credentials) *Budgets { return b }
