package collector

import (
	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/ledger"
	"geelark_exporter/collector/watch"
)

var (
	usageSecondsFamily = newCounterFamily("geelark_usage_seconds_total",
		"Time of use that was charged since counting began, by what was used and what it was charged to.",
		"account", "kind", "charge_type")
	usageCostFamily = newCounterFamily("geelark_usage_cost_total",
		"What was charged since counting began, in the vendor's currency, or in points where these were charged.",
		"account", "kind", "charge_type")
	groupUsageSecondsFamily = newCounterFamily("geelark_group_usage_seconds_total",
		"Time of use that was charged since counting began, by the group that the phone was in.",
		"account", "group", "kind", "charge_type")
	groupUsageCostFamily = newCounterFamily("geelark_group_usage_cost_total",
		"What was charged since counting began, in the vendor's currency, or in points where these were charged, by the group that the phone was in.",
		"account", "group", "kind", "charge_type")
	phoneUsageSecondsFamily = newCounterFamily("geelark_phone_usage_seconds_total",
		"Time of use of the phone that was charged since counting began.",
		"account", "id")
	phoneUsageCostFamily = newCounterFamily("geelark_phone_usage_cost_total",
		"What was charged for the phone since counting began, in the vendor's currency. Points are not in it.",
		"account", "id")
	usageLastFlowFamily = newFamily("geelark_usage_last_flow_timestamp_seconds",
		"When the latest entry of the bill was created that is counted. Absent before the first.",
		"account")
	usageLagFamily = newFamily("geelark_usage_lag_seconds",
		"How much time has passed whose entries of the bill were not read yet.",
		"account")
)

// phoneUsageFamilies have series for each phone.
var phoneUsageFamilies = []*family{phoneUsageSecondsFamily, phoneUsageCostFamily}

var usageFamilies = append([]*family{
	usageSecondsFamily, usageCostFamily, groupUsageSecondsFamily, groupUsageCostFamily, usageLastFlowFamily, usageLagFamily,
}, phoneUsageFamilies...)

// collectUsage exposes what an account used and paid for.
func collectUsage(to *exposition.Samples, a *watch.Account) {
	u := a.Usage()
	uses := make(map[ledger.Use]ledger.Sum)
	for at, sum := range u.Groups {
		uses[at.Use] = uses[at.Use].Plus(sum)
		kind, charge := at.Kind.String(), at.Charge.String()
		to.Counter(groupUsageSecondsFamily.paged, sum.Used.Seconds(), a.Name(), at.Group, kind, charge)
		to.Counter(groupUsageCostFamily.paged, sum.Amount.Float(), a.Name(), at.Group, kind, charge)
	}
	for use, sum := range uses {
		to.Counter(usageSecondsFamily.paged, sum.Used.Seconds(), a.Name(), use.Kind.String(), use.Charge.String())
		to.Counter(usageCostFamily.paged, sum.Amount.Float(), a.Name(), use.Kind.String(), use.Charge.String())
	}
	if !u.Last.IsZero() {
		to.Gauge(usageLastFlowFamily.paged, timestamp(u.Last), a.Name())
	}
	to.Gauge(usageLagFamily.paged, u.Behind.Seconds(), a.Name())
}

// collectPhoneUsage exposes what a phone used and paid for.
func collectPhoneUsage(to *exposition.Samples, account, id string, sum ledger.Sum) {
	to.Counter(phoneUsageSecondsFamily.paged, sum.Used.Seconds(), account, id)
	to.Counter(phoneUsageCostFamily.paged, sum.Amount.Float(), account, id)
}
