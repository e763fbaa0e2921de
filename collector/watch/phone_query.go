package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// A PhoneQuery selects phones. Empty fields select all.
type PhoneQuery struct {
	Account string
	ID      string
	Text    string // within the id, the serial name or the serial number, in any case
	Group   string // its whole name
	State   string // one of [States]
	Limit   int    // the most phones that are returned
}

// A PhoneOverview is what is known of a phone.
type PhoneOverview struct {
	Account, ID, SerialName string
	State                   string         // one of [States]
	Status                  geelark.Status // the last one that is known, if there was one
	Failure                 phones.Failure // of the last lookup
	ObservedAt              time.Time      // when State was found out; zero: never
	Unlisted                bool           // absent from the last whole listing
	Delay                   Delay          // why there is no status now; zero when there is one

	// Described is when a listing told the fields below; zero: never.
	Described               time.Time
	SerialNo, Group         string
	Tags                    []string
	ChargeMode              geelark.ChargeMode
	Bound                   phones.Flag // to a subscription
	Country, OSVersion      string
	Brand, Model, NetType   string
	SubscriptionEnds, Since time.Time // Since is its creation; either can be zero
	RPARunning              phones.Flag
}

// Phones returns what is known of the phones that a query selects, in the order
// of accounts, serial names and ids, and how many there are in all. It polls
// nothing.
func (w *Watcher) Phones(q PhoneQuery) (found []PhoneOverview, total int) {
	q.Text = strings.ToLower(q.Text)
	for _, a := range w.fleet.Load().Accounts {
		if q.Account != "" && q.Account != a.name {
			continue
		}
		some, n := a.phones(q, max(0, q.Limit-len(found)))
		found = append(found, some...)
		total += n
	}
	return found, total
}

// phones copies no more phones than are asked for, but for a few: fleets are
// large.
func (a *Account) phones(q PhoneQuery, limit int) (first []PhoneOverview, total int) {
	var found []phones.Record
	keepFirst := func() {
		slices.SortFunc(found, byName)
		found = found[:min(limit, len(found))]
	}
	for r := range a.store.All(a.keepTime(), a.lifetimes()) {
		if !q.selects(r) {
			continue
		}
		if total++; limit > 0 {
			found = append(found, *r)
		}
		if len(found) >= 2*limit+100 {
			keepFirst()
		}
	}
	keepFirst()
	delays := a.Delays()
	for i := range found {
		o := overviewOf(a.name, &found[i])
		o.Delay = delays[found[i].Knowledge]
		first = append(first, o)
	}
	return first, total
}

func byName(p, q phones.Record) int {
	return cmp.Or(cmp.Compare(p.SerialName, q.SerialName), cmp.Compare(p.ID, q.ID))
}

func (q *PhoneQuery) selects(r *phones.Record) bool {
	return (q.ID == "" || r.ID == q.ID) &&
		(q.Group == "" || r.Group == q.Group) &&
		(q.State == "" || stateOf(r.Condition) == q.State) &&
		(q.Text == "" || contains(r.ID, q.Text) || contains(r.SerialName, q.Text) || contains(r.SerialNo, q.Text))
}

func contains(s, lower string) bool { return strings.Contains(strings.ToLower(s), lower) }

func overviewOf(account string, r *phones.Record) PhoneOverview {
	o := PhoneOverview{
		Account: account, ID: r.ID, SerialName: r.SerialName, State: stateOf(r.Condition), Status: r.Status,
		Failure: r.Failure, ObservedAt: r.ObservedAt, Unlisted: r.Unlisted,
	}
	if r.Listed {
		t := r.Traits()
		o.Described, o.SerialNo, o.Group, o.Tags = r.DescribedAt, r.SerialNo, r.Group, r.Tags.Names()
		o.ChargeMode, o.Bound, o.Country, o.OSVersion = t.ChargeMode, t.Bound, t.Country, t.OSVersion
		o.Brand, o.Model, o.NetType = t.Brand, t.Model, t.NetworkType
		o.SubscriptionEnds, o.Since, o.RPARunning = r.SubscriptionEnds(), r.Created(), r.RPARunning
	}
	return o
}
