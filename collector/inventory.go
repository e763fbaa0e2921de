package collector

import (
	"context"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/go-kit/log"

	"geelark_exporter/geelark"
)

// phoneInfoLabels are those that the exporter sets itself. Operators' own are
// added.
var phoneInfoLabels = []string{
	"account", "id", "serial_name", "serial_no", "group", "tags", "charge_mode", "bound",
	"country", "os_version", "brand", "model", "net_type",
}

const phoneInfoHelp = "What is known of the phone, always 1. Join it by account and id."

var (
	subscriptionExpiryFamily = newFamily("geelark_phone_subscription_expiry_timestamp_seconds",
		"When the phone's monthly subscription ends. Absent without one.",
		"account", "id")
	rpaRunningFamily = newFamily("geelark_phone_rpa_running",
		"Whether an automation task was running on the phone when it was last listed.",
		"account", "id")
	createdFamily = newFamily("geelark_phone_created_timestamp_seconds",
		"When the phone was created.",
		"account", "id")
	groupPhonesFamily = newFamily("geelark_group_phones",
		"Phones by group and status.",
		"account", "group", "code", "status")
)

var inventoryFamilies = []*family{subscriptionExpiryFamily, rpaRunningFamily, createdFamily, groupPhonesFamily}

// A description is what a listing tells of a phone. It is never changed.
type description struct {
	serialNo, group, tags, chargeMode, bound string
	country, osVersion, brand, model         string
	netType                                  string
	subscriptionExpiry, created              time.Time
	rpaRunning                               bool
	at                                       time.Time
}

func describeListed(l geelark.ListedPhone) *description {
	// Thousands of phones share these words.
	word := func(s string) string { return unique.Make(s).Value() }
	d := &description{
		serialNo: l.SerialNo, group: word(l.Group), tags: word(joinTags(l.Tags)), chargeMode: l.ChargeMode.String(), bound: "no",
		country: word(l.Country), osVersion: word(l.OSVersion), brand: word(l.Brand), model: word(l.Model), netType: l.NetType,
		subscriptionExpiry: l.MonthlyExpire, created: l.CreateTime, rpaRunning: l.RPARunning, at: l.At,
	}
	if l.Bound {
		d.bound = "yes"
	}
	return d
}

// joinTags sorts tags into ",a,b,", in which a matcher finds one tag as ".*,a,.*".
func joinTags(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return "," + strings.Join(slices.Compact(slices.Sorted(slices.Values(tags))), ",") + ","
}

// listedStatus reads the status of a listing for a phone of which p is known.
// The list has no code for expired: such a phone shows as shut down. So started
// and starting are taken as they are, and shut down only as a confirmation that
// a phone whose subscription still runs has stayed so. A failed lookup ends with
// a lookup that works: where the two disagree, the phone would show as both in
// turn.
func listedStatus(p *phone, l geelark.ListedPhone) (geelark.Status, bool) {
	switch {
	case !l.HasStatus, p.failure != "":
		return 0, false
	case l.Status == geelark.StatusStarted, l.Status == geelark.StatusStarting:
		return l.Status, true
	case l.Status == geelark.StatusShutDown:
		confirms := !p.observedAt.IsZero() && p.status == geelark.StatusShutDown
		return l.Status, confirms && l.MonthlyExpire.After(l.At)
	}
	return 0, false
}

// A listing of the largest fleet waits for its budget for more than an hour,
// and must not wait for the end of a two-hour lock.
const maxListing = 110 * time.Minute

// inventory reads the account's list of phones: to find the phones to track when
// they are discovered, and to learn their descriptions.
type inventory struct {
	*job
	client   *geelark.Client
	cache    *cache
	discover *Discovery // nil: descriptions of what is tracked otherwise
	describe bool
	news     func() // called when phones were added
}

func newInventory(cfg *AccountConfig, describe bool, client *geelark.Client, c *cache, now func() time.Time, logger log.Logger, news func()) *inventory {
	i := &inventory{client: client, cache: c, describe: describe, news: news}
	i.job = (&job{
		interval: cfg.InventoryInterval, work: i.list, ended: news,
		failure: "Listing the account's phones failed, what is known of them is kept",
		now:     now, logger: logger,
	}).init()
	if len(cfg.IDs) == 0 && cfg.IDsFile == "" {
		i.discover, i.interval = &cfg.Discovery, cfg.Discovery.Interval
	}
	i.retry = min(cfg.CacheTTL, i.interval)
	return i
}

// start begins a listing if one is due and no pause is in its way.
func (i *inventory) start(now time.Time) {
	if i.client.Budget(geelark.EndpointPhoneList).PausedUntil.IsZero() {
		i.job.start(now)
	}
}

// pending reports whether the phones are being discovered for the first time,
// and not for want of budget later than a scrape could wait.
func (i *inventory) pending() bool {
	b := i.client.Budget(geelark.EndpointPhoneList)
	return i.isAwaited() && (b.InFlight > 0 || !b.Next.After(i.now()))
}

func (i *inventory) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxListing)
	defer cancel()
	// Their buffers hold the personal data of the last phones.
	defer i.client.CloseIdleConnections()
	if i.discover == nil {
		return i.listTracked(ctx)
	}
	listed := make(map[string]bool)
	var found []geelark.ListedPhone
	track := func() {
		i.cache.trackListed(found, i.describe)
		found = found[:0]
		i.news()
	}
	for _, f := range i.discover.filters() {
		for p, err := range i.client.AllPhones(ctx, f) {
			if err != nil {
				track()
				return err
			}
			if listed[p.ID] || !i.discover.selects(p.Phone) {
				continue
			}
			listed[p.ID] = true
			// A large fleet is polled while it is still listed, in whole batches
			// so that it costs no more calls.
			if found = append(found, p); len(found) == geelark.MaxStatusIDs {
				track()
			}
		}
	}
	track()
	i.cache.retainListed(listed)
	return nil
}

// listTracked reads the descriptions of the phones that are tracked.
func (i *inventory) listTracked(ctx context.Context) error {
	for ids := range slices.Chunk(i.cache.ids(), geelark.MaxListIDs) {
		page, err := i.client.PhoneList(ctx, geelark.PhoneListFilter{IDs: ids}, 1, geelark.MaxListPageSize)
		if err != nil {
			return err
		}
		i.cache.describeListed(page)
	}
	return nil
}

// filters are the listings that find all selected phones. The API takes one
// group; whether a phone must have one or all of several tags is not documented,
// so it is given one.
func (d *Discovery) filters() []geelark.PhoneListFilter {
	groups, tags := d.Groups, d.Tags
	if len(groups) == 0 {
		groups = []string{""}
	}
	if len(tags) == 0 {
		tags = []string{""}
	}
	var filters []geelark.PhoneListFilter
	for _, g := range groups {
		for _, t := range tags {
			f := geelark.PhoneListFilter{GroupName: g, ChargeMode: d.ChargeMode}
			if t != "" {
				f.Tags = []string{t}
			}
			filters = append(filters, f)
		}
	}
	return filters
}

// selects reports whether the phone is one to track: how exactly the API matches
// names is not documented.
func (d *Discovery) selects(p geelark.Phone) bool {
	return (len(d.Groups) == 0 || slices.Contains(d.Groups, p.Group)) &&
		(len(d.Tags) == 0 || slices.ContainsFunc(d.Tags, func(t string) bool { return slices.Contains(p.Tags, t) })) &&
		(d.ChargeMode == nil || p.ChargeMode == *d.ChargeMode)
}

// collectPhoneInfo exposes descriptions. Operators' own labels stand behind the
// exporter's.
func collectPhoneInfo(e *emitter, a *account, info *family, phones []phone) {
	if !e.wants(info) {
		return
	}
	own := a.labelValues(info.labels[len(phoneInfoLabels):])
	for i := range phones {
		p := &phones[i]
		d := p.description
		if d == nil {
			if p.name == "" {
				continue
			}
			d = &description{}
		}
		e.gauge(info, 1, append([]string{
			a.name, p.id, p.name, d.serialNo, d.group, d.tags, d.chargeMode, d.bound,
			d.country, d.osVersion, d.brand, d.model, d.netType,
		}, own...)...)
	}
}

// collectInventory exposes an account's phones as they were listed.
func collectInventory(e *emitter, a *account, phones []phone) {
	now := a.now()
	type place struct {
		group  string
		status geelark.Status
	}
	counts := make(map[place]int)
	for i := range phones {
		p := &phones[i]
		d := p.description
		if d == nil {
			continue
		}
		for _, s := range documentedStatuses {
			counts[place{d.group, s}] += 0
		}
		if p.trusted(now, a.maxStaleness) {
			counts[place{d.group, p.status}]++
		}
		if !d.subscriptionExpiry.IsZero() {
			e.gauge(subscriptionExpiryFamily, timestamp(d.subscriptionExpiry), a.name, p.id)
		}
		if !d.created.IsZero() {
			e.gauge(createdFamily, timestamp(d.created), a.name, p.id)
		}
		if now.Sub(d.at) <= max(a.maxStaleness, 2*a.inventory.interval) {
			e.flag(rpaRunningFamily, d.rpaRunning, a.name, p.id)
		}
	}
	for at, n := range counts {
		e.gauge(groupPhonesFamily, float64(n), a.name, at.group, codeLabel(at.status), at.status.String())
	}
}
