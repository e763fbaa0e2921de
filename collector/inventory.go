package collector

import (
	"strings"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
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
	phonesListedFamily = newFamily("geelark_phones_listed",
		"Phones that the account had at its last whole list, whether they are selected or not. Absent before the first and without discovery.",
		"account")
	groupPhonesFamily = newFamily("geelark_group_phones",
		"Phones by group and status; of the undocumented codes of an account the 30 lowest have their own, other stands for the rest.",
		"account", "group", "code", "status")
)

// listedFamilies have series for each phone.
var listedFamilies = []*family{subscriptionExpiryFamily, rpaRunningFamily, createdFamily}

var inventoryFamilies = append([]*family{groupPhonesFamily}, listedFamilies...)

// collectPhoneInfo exposes a description. The account's own labels stand behind
// the exporter's.
func collectPhoneInfo(to *exposition.Samples, info *family, account, id string, d *phones.Description, own []string) {
	if d == nil || !to.Has(info.paged) {
		return
	}
	var chargeMode, bound string
	t := d.Traits()
	if d.Listed {
		chargeMode, bound = t.ChargeMode.String(), t.Bound.String()
	}
	to.Gauge(info.paged, 1, append([]string{
		account, id, d.SerialName, d.SerialNo, d.Group, joinTags(d.Tags), chargeMode, bound,
		t.Country, t.OSVersion, t.Brand, t.Model, t.NetworkType,
	}, own...)...)
}

// joinTags makes ",a,b," of tags, in which a matcher finds one as ".*,a,.*".
func joinTags(tags phones.Tags) string {
	if tags == (phones.Tags{}) {
		return ""
	}
	return "," + strings.Join(tags.Names(), ",") + ","
}

// collectDescribed exposes what else a listing told of a phone.
func collectDescribed(to *exposition.Samples, account, id string, d *phones.Description) {
	if d == nil || !d.Listed {
		return
	}
	if t := d.SubscriptionEnds(); !t.IsZero() {
		to.Gauge(subscriptionExpiryFamily.paged, timestamp(t), account, id)
	}
	if t := d.Created(); !t.IsZero() {
		to.Gauge(createdFamily.paged, timestamp(t), account, id)
	}
	if d.RPARunning != phones.Unknown && !d.RPAOutdated {
		to.Gauge(rpaRunningFamily.paged, oneIf(d.RPARunning == phones.Yes), account, id)
	}
}

// collectListed exposes how many phones the account's list holds.
func collectListed(to *exposition.Samples, a *watch.Account) {
	if n, ok := a.Listed(); ok {
		to.Gauge(phonesListedFamily.paged, float64(n), a.Name())
	}
}

// collectGroups exposes how many phones of each group have each status.
func collectGroups(to *exposition.Samples, account string, standings map[phones.Standing]int) {
	type place struct {
		group string
		statusLabels
	}
	labels := boundedLabels(standings)
	counts := make(map[place]int)
	for s, n := range standings {
		if !s.Listed {
			continue
		}
		for _, status := range documentedStatuses {
			counts[place{s.Group, labelsOf(status)}] += 0
		}
		if s.Knowledge == phones.Current {
			counts[place{s.Group, labels(s.Status)}] += n
		}
	}
	for at, n := range counts {
		to.Gauge(groupPhonesFamily.paged, float64(n), account, at.group, at.code, at.status)
	}
}
