package watch

import (
	"maps"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// The states of a phone beside the words of [geelark.Status]: those of phones
// without a status that can be trusted now.
const (
	StateFailed   = "failed"   // its last lookup failed
	StateOutdated = "outdated" // it was last looked up too long ago
	StatePending  = "pending"  // it was not looked up yet
)

// States returns every state of a phone.
func States() []string {
	return []string{
		geelark.StatusStarted.String(), geelark.StatusStarting.String(), geelark.StatusShutDown.String(), geelark.StatusExpired.String(),
		geelark.Status(-1).String(), StateFailed, StateOutdated, StatePending,
	}
}

// stateOf is a phone's condition in a word.
func stateOf(c phones.Condition) string {
	switch c.Knowledge {
	case phones.Failed:
		return StateFailed
	case phones.Pending:
		return StatePending
	case phones.Outdated:
		return StateOutdated
	}
	return c.Status.String()
}

// An Overview is what an operator looks at first. Its size goes by the number of
// accounts and their groups, not of phones.
type Overview struct {
	At         time.Time
	Shard      Shard
	Configured int // accounts of all shards
	Accounts   []AccountOverview
}

// An AccountOverview is an account at one moment.
type AccountOverview struct {
	Name         string
	Labels       map[string]string // its own
	Up           bool              // as geelark_up
	LastSuccess  time.Time         // zero: none yet
	LastScrape   time.Time         // that asked for statuses; zero: none yet
	MaxStaleness time.Duration

	Phones int
	States map[string]int // phones by state, without zeros
	Groups map[string]int // phones by group, without those of none
	// Unobserved are the phones without a status that can be trusted now, by the
	// reason why: every reason is there.
	Unobserved map[Reason]int
	// OldestAge and MedianAge are those of the statuses that can be trusted now.
	OldestAge, MedianAge time.Duration
	// Waiting phones are due to be polled as soon as the budget has room, at
	// WaitingUntil at the earliest.
	Waiting      int
	WaitingUntil time.Time
	// Backlog is about how long it takes until all that wait were asked for.
	Backlog time.Duration
	// ListingUntil is when a listing of the phones that waits for the budget
	// goes on at the earliest; zero: none waits.
	ListingUntil time.Time

	Budgets []geelark.Budget // of the endpoints that are called
	Errors  []AccountError   // the last, the latest first
	Costs   []Cost           // of the same endpoints
	// SharedWith are the names of the other accounts here with the same
	// credentials, and with that the same limits. Together is what all of them
	// cost: Costs, when there are none.
	SharedWith []string
	Together   []Cost

	// Wallet and Plan are as they were last read, which can be long ago; nil: never.
	Wallet           *geelark.Wallet
	Plan             *geelark.PlanInfo
	WalletAt, PlanAt time.Time

	Usage *Usage // nil: that collector is not on
	Tasks *Tasks // likewise
	// Named are the phones of Tasks.Failures that have a name.
	Named map[string]string

	// Listed are the phones that the account had at its last whole listing,
	// selected or not.
	Listed geelark.Optional[int]
	// Vain is why phones are listed and none of them is tracked; nil: that is not
	// so.
	Vain *Vain
	// Unmatched are the names in the selection that match no phone while others
	// do; nil: there are none.
	Unmatched *Unmatched
	// Skew is the clock of the API less this machine's, to a second.
	Skew geelark.Optional[time.Duration]
	// Config is the configuration in force. Its parts must not be changed.
	Config AccountConfig
}

// Overview returns what is known. It polls nothing.
func (w *Watcher) Overview() Overview {
	f := w.fleet.Load()
	o := Overview{At: w.o.Now(), Shard: w.o.Shard, Configured: f.Configured}
	for _, a := range f.Accounts {
		o.Accounts = append(o.Accounts, a.overview())
	}
	all := make([]*AccountOverview, len(o.Accounts))
	for i := range o.Accounts {
		all[i] = &o.Accounts[i]
	}
	share(f.Accounts, all)
	return o
}

func (a *Account) overview() AccountOverview {
	now := a.now()
	o := AccountOverview{
		Name: a.name, Labels: maps.Clone(a.cfg.Labels), MaxStaleness: a.maxStaleness,
		States: make(map[string]int), Groups: make(map[string]int), Errors: a.errors.latest(),
	}
	o.Up, o.LastSuccess = a.Up()
	for _, e := range a.Endpoints() {
		o.Budgets = append(o.Budgets, a.client.Budget(e))
	}
	demand := a.poller.demand()
	o.LastScrape = demand.lastScrape
	s := a.Snapshot()
	o.Phones, o.OldestAge, o.MedianAge = s.Phones, s.Oldest, s.Median
	for at, n := range s.Standings {
		o.States[stateOf(phones.Condition{Knowledge: at.Knowledge, Status: at.Status})] += n
		if at.Group != "" {
			o.Groups[at.Group] += n
		}
	}
	o.Unobserved = a.Delays().Unobserved(s)
	if demand.starved {
		for r := range a.store.All(now, a.lifetimes()) {
			if r.Waiting && r.PolledAt.Before(demand.dueBefore) {
				o.Waiting++
			}
		}
	}
	if o.Waiting > 0 {
		b := a.client.Budget(geelark.EndpointPhoneStatus)
		o.WaitingUntil, o.Backlog = b.Next, backlog(o.Waiting, b, now)
	}
	if next := a.client.Budget(geelark.EndpointPhoneList).Next; a.inventory.underWay() && next.After(now) {
		o.ListingUntil = next
	}
	o.Wallet, o.WalletAt, o.Plan, o.PlanAt = a.billing.last()
	if a.usage != nil {
		u := a.Usage()
		o.Usage = &u
	}
	if a.tasks != nil {
		t := a.Tasks()
		o.Tasks, o.Named = &t, make(map[string]string)
		for _, f := range t.Failures {
			if name := a.store.NameOf(f.PhoneID); name != "" {
				o.Named[f.PhoneID] = name
			}
		}
	}
	if n, ok := a.Listed(); ok {
		o.Listed = geelark.Some(n)
	}
	o.Vain, o.Unmatched = a.inventory.selectsInVain()
	o.Skew, o.Config = a.Skew(), a.cfg
	o.Costs = a.Costs(o.Phones, o.Listed.Or(o.Phones))
	return o
}

// Configs returns the configurations in force of the accounts that are watched.
// Their parts must not be changed.
func (w *Watcher) Configs() []AccountConfig {
	var configs []AccountConfig
	for _, a := range w.fleet.Load().Accounts {
		configs = append(configs, a.cfg)
	}
	return configs
}
