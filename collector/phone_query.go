package collector

import (
	"cmp"
	"slices"
	"strings"
	"time"

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
	Failure                 string         // the code of the last lookup if that failed, or [FailureMissing]
	ObservedAt              time.Time      // when State was found out; zero: never
	Unlisted                bool           // absent from the last whole listing

	// Described is when a listing told the fields below; zero: never.
	Described               time.Time
	SerialNo, Group         string
	Tags                    []string
	ChargeMode, Bound       string // as labels
	Country, OSVersion      string
	Brand, Model, NetType   string
	SubscriptionEnds, Since time.Time // Since is its creation; either can be zero
	RPARunning              bool
}

// Phones returns what is known of the phones that a query selects, in the order
// of accounts, serial names and ids, and how many there are in all. It polls
// nothing.
func (c *Collector) Phones(q PhoneQuery) (phones []PhoneOverview, total int) {
	q.Text = strings.ToLower(q.Text)
	for _, a := range c.fleet.Load().accounts {
		if q.Account != "" && q.Account != a.name {
			continue
		}
		found, n := a.phones(q, max(0, q.Limit-len(phones)))
		phones = append(phones, found...)
		total += n
	}
	return phones, total
}

// phones copies no more phones than are asked for, but for a few: fleets are
// large.
func (a *account) phones(q PhoneQuery, limit int) (first []PhoneOverview, total int) {
	a.cache.settle(a.now(), a.lifetimes())
	var found []record
	keepFirst := func() {
		slices.SortFunc(found, byName)
		found = found[:min(limit, len(found))]
	}
	a.cache.each(func(r *record) {
		if !q.selects(r) {
			return
		}
		if total++; limit > 0 {
			found = append(found, *r)
		}
		if len(found) >= 2*limit+100 {
			keepFirst()
		}
	})
	keepFirst()
	for i := range found {
		first = append(first, found[i].overview(a.name))
	}
	return first, total
}

func byName(p, q record) int { return cmp.Or(cmp.Compare(p.name, q.name), cmp.Compare(p.id, q.id)) }

func (q *PhoneQuery) selects(r *record) bool {
	return (q.ID == "" || r.id == q.ID) &&
		(q.Group == "" || r.group == q.Group) &&
		(q.State == "" || r.state() == q.State) &&
		(q.Text == "" || contains(r.id, q.Text) || contains(r.name, q.Text) || contains(r.serialNo, q.Text))
}

func contains(s, lower string) bool { return strings.Contains(strings.ToLower(s), lower) }

func (r *record) overview(account string) PhoneOverview {
	o := PhoneOverview{
		Account: account, ID: r.id, SerialName: r.name, State: r.state(), Status: r.status,
		Failure: r.failure, ObservedAt: r.observedAt, Unlisted: r.unlisted,
	}
	if r.listed {
		t := r.traits.Value()
		o.Described, o.SerialNo, o.Group, o.Tags = r.describedAt, r.serialNo, r.group, splitTags(r.tags)
		o.ChargeMode, o.Bound, o.Country, o.OSVersion = t.chargeMode, t.bound, t.country, t.osVersion
		o.Brand, o.Model, o.NetType = t.brand, t.model, t.netType
		o.SubscriptionEnds, o.Since, o.RPARunning = ofUnixMilli(r.subscriptionExpiry), ofUnixMilli(r.created), r.rpaRunning
	}
	return o
}

// ofUnixMilli is the reverse of unixMilli.
func ofUnixMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// splitTags is the reverse of joinTags, but for a tag that holds a comma.
func splitTags(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(strings.Trim(joined, ","), ",")
}
