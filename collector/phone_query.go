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
	now := a.now()
	var found []phone
	keepFirst := func() {
		slices.SortFunc(found, byName)
		found = found[:min(limit, len(found))]
	}
	a.cache.each(func(p *phone) {
		if !q.selects(p) || q.State != "" && q.State != stateOf(p, now, a.maxStaleness) {
			return
		}
		if total++; limit > 0 {
			found = append(found, *p)
		}
		if len(found) >= 2*limit+100 {
			keepFirst()
		}
	})
	keepFirst()
	for i := range found {
		first = append(first, a.phoneOverview(&found[i], now))
	}
	return first, total
}

func byName(p, q phone) int { return cmp.Or(cmp.Compare(p.name, q.name), cmp.Compare(p.id, q.id)) }

func (q *PhoneQuery) selects(p *phone) bool {
	d := p.description
	if d == nil {
		d = &description{}
	}
	return (q.ID == "" || p.id == q.ID) &&
		(q.Group == "" || d.group == q.Group) &&
		(q.Text == "" || contains(p.id, q.Text) || contains(p.name, q.Text) || contains(d.serialNo, q.Text))
}

func contains(s, lower string) bool { return strings.Contains(strings.ToLower(s), lower) }

func (a *account) phoneOverview(p *phone, now time.Time) PhoneOverview {
	o := PhoneOverview{
		Account: a.name, ID: p.id, SerialName: p.name, State: stateOf(p, now, a.maxStaleness), Status: p.status,
		Failure: p.failure, ObservedAt: p.observedAt, Unlisted: p.unlisted,
	}
	if d := p.description; d != nil {
		o.Described, o.SerialNo, o.Group, o.Tags = d.at, d.serialNo, d.group, splitTags(d.tags)
		o.ChargeMode, o.Bound, o.Country, o.OSVersion = d.chargeMode, d.bound, d.country, d.osVersion
		o.Brand, o.Model, o.NetType = d.brand, d.model, d.netType
		o.SubscriptionEnds, o.Since, o.RPARunning = d.subscriptionExpiry, d.created, d.rpaRunning
	}
	return o
}

// splitTags is the reverse of joinTags, but for a tag that holds a comma.
func splitTags(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(strings.Trim(joined, ","), ",")
}
