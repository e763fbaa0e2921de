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

// listedFamilies have series for each phone.
var listedFamilies = []*family{subscriptionExpiryFamily, rpaRunningFamily, createdFamily}

var inventoryFamilies = append([]*family{groupPhonesFamily}, listedFamilies...)

// A description is what is known of a phone beside its status. It is never
// changed.
type description struct {
	name string // "" when not told

	serialNo, group, tags string
	traits                unique.Handle[traits]
	// Unix times in milliseconds, 0 for none.
	subscriptionExpiry, created int64

	listed      bool // otherwise nothing but the name is known
	rpaRunning  bool
	rpaOutdated bool // that was told too long ago
}

// traits are what thousands of phones have in common.
type traits struct {
	chargeMode, bound, country, osVersion, brand, model, netType string
}

func describeListed(l geelark.ListedPhone) description {
	// Thousands of phones share these words.
	word := func(s string) string { return unique.Make(s).Value() }
	bound := "no"
	if l.Bound {
		bound = "yes"
	}
	return description{
		name: l.SerialName, listed: true,
		serialNo: l.SerialNo, group: word(l.Group), tags: word(joinTags(l.Tags)),
		traits: unique.Make(traits{
			chargeMode: l.ChargeMode.String(), bound: bound, country: l.Country, osVersion: l.OSVersion,
			brand: l.Brand, model: l.Model, netType: l.NetType,
		}),
		subscriptionExpiry: unixMilli(l.MonthlyExpire), created: unixMilli(l.CreateTime), rpaRunning: l.RPARunning,
	}
}

// unixMilli is t in Unix milliseconds, 0 for the zero time.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// joinTags sorts tags into ",a,b,", in which a matcher finds one tag as ".*,a,.*".
func joinTags(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return "," + strings.Join(slices.Compact(slices.Sorted(slices.Values(tags))), ",") + ","
}

// listedStatus reads the status of a listing for a phone whose condition is
// known. The list has no code for expired: such a phone shows as shut down. So
// started and starting are taken as they are, and shut down only as a
// confirmation that a phone whose subscription still runs has stayed so. A failed
// lookup ends with a lookup that works: where the two disagree, the phone would
// show as both in turn.
func listedStatus(known condition, l geelark.ListedPhone) (geelark.Status, bool) {
	switch {
	case !l.HasStatus, known.knowledge == failed:
		return 0, false
	case l.Status == geelark.StatusStarted, l.Status == geelark.StatusStarting:
		return l.Status, true
	case l.Status == geelark.StatusShutDown:
		confirms := known.knowledge != pending && known.status == geelark.StatusShutDown
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
	progress func() // called when phones that are tracked anyway were listed
}

func newInventory(cfg *AccountConfig, describe bool, client *geelark.Client, c *cache, now func() time.Time, logger log.Logger, news, progress func()) *inventory {
	i := &inventory{client: client, cache: c, describe: describe, news: news, progress: progress}
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
	round := i.cache.newRound()
	var found []geelark.ListedPhone
	track := func() {
		i.cache.trackListed(round, found, i.describe)
		found = found[:0]
		i.news()
	}
	for _, f := range i.discover.filters() {
		for p, err := range i.client.AllPhones(ctx, f) {
			if err != nil {
				track()
				return err
			}
			if !i.discover.selects(p.Phone) {
				continue
			}
			// A large fleet is polled while it is still listed, in whole batches
			// so that it costs no more calls.
			if found = append(found, p); len(found) == geelark.MaxStatusIDs {
				track()
			}
		}
	}
	track()
	i.cache.retainListed(round)
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
		i.progress()
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

// collectPhoneInfo exposes a description. The account's own labels stand behind
// the exporter's.
func collectPhoneInfo(e *emitter, info *family, account, id string, d *description, own []string) {
	if d == nil || !e.wants(info) {
		return
	}
	var t traits
	if d.listed {
		t = d.traits.Value()
	}
	e.labels = append(append(e.labels[:0],
		account, id, d.name, d.serialNo, d.group, d.tags, t.chargeMode, t.bound,
		t.country, t.osVersion, t.brand, t.model, t.netType), own...)
	e.gauge(info, 1, e.labels...)
}

// collectListed exposes what else a listing told of a phone.
func collectListed(e *emitter, account, id string, d *description) {
	if d == nil || !d.listed {
		return
	}
	if d.subscriptionExpiry != 0 {
		e.gauge(subscriptionExpiryFamily, float64(d.subscriptionExpiry)/1000, account, id)
	}
	if d.created != 0 {
		e.gauge(createdFamily, float64(d.created)/1000, account, id)
	}
	if !d.rpaOutdated {
		e.flag(rpaRunningFamily, d.rpaRunning, account, id)
	}
}

// collectGroups exposes how many phones of each group have each status.
func collectGroups(e *emitter, account string, standings map[standing]int) {
	type place struct {
		group  string
		status geelark.Status
	}
	counts := make(map[place]int)
	for s, n := range standings {
		if !s.listed {
			continue
		}
		for _, status := range documentedStatuses {
			counts[place{s.group, status}] += 0
		}
		if s.knowledge == current {
			counts[place{s.group, s.status}] += n
		}
	}
	for at, n := range counts {
		e.gauge(groupPhonesFamily, float64(n), account, at.group, codeLabel(at.status), at.status.String())
	}
}
