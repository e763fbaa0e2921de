package collector

import (
	"time"

	"geelark_exporter/geelark"
)

var (
	upFamily = newFamily("geelark_up",
		"Whether the last poll of the account worked and none is held back by a pause.",
		"account")
	lastSuccessFamily = newFamily("geelark_last_success_timestamp_seconds",
		"When a poll of the account last worked, 0 before the first.",
		"account")
	collectorSuccessFamily = newFamily("geelark_collector_success",
		"Whether the collector's last calls worked, 0 before the first.",
		"account", "collector")
	collectorDurationFamily = newFamily("geelark_collector_duration_seconds",
		"How long the collector's last calls took, from the first to the end of the last.",
		"account", "collector")
	budgetFamily = newFamily("geelark_api_budget_requests",
		"The most requests that are sent to the endpoint within any such window.",
		"account", "endpoint", "window")
	budgetRemainingFamily = newFamily("geelark_api_budget_remaining_requests",
		"Requests that are left to the endpoint in the window that ends now.",
		"account", "endpoint", "window")
	pausedUntilFamily = newFamily("geelark_api_paused_until_timestamp_seconds",
		"When requests to the endpoint begin again after the API asked for a pause, 0 when there is none.",
		"account", "endpoint")
)

var apiFamilies = []*family{
	upFamily, lastSuccessFamily, collectorSuccessFamily, collectorDurationFamily,
	budgetFamily, budgetRemainingFamily, pausedUntilFamily,
}

// collectAPI exposes how an account's calls go and what it may send.
func collectAPI(e *emitter, a *account) {
	up, last := a.up()
	e.flag(upFamily, up, a.name)
	e.gauge(lastSuccessFamily, timestamp(last), a.name)
	for _, c := range a.collectors {
		s := a.state(c)
		e.flag(collectorSuccessFamily, s.worked, a.name, c)
		e.gauge(collectorDurationFamily, s.duration.Seconds(), a.name, c)
	}
	for _, endpoint := range a.endpoints() {
		b := a.client.Budget(endpoint)
		e.gauge(budgetFamily, float64(b.Limits.PerMinute), a.name, string(endpoint), "minute")
		e.gauge(budgetFamily, float64(b.Limits.PerHour), a.name, string(endpoint), "hour")
		e.gauge(budgetRemainingFamily, float64(b.MinuteRemaining), a.name, string(endpoint), "minute")
		e.gauge(budgetRemainingFamily, float64(b.HourRemaining), a.name, string(endpoint), "hour")
		e.gauge(pausedUntilFamily, timestamp(b.PausedUntil), a.name, string(endpoint))
	}
}

// endpointsOf are the endpoints that a collector calls.
func endpointsOf(collector string) []geelark.Endpoint {
	switch collector {
	case CollectorStatus:
		return []geelark.Endpoint{geelark.EndpointPhoneStatus}
	case CollectorInventory:
		return []geelark.Endpoint{geelark.EndpointPhoneList}
	}
	return []geelark.Endpoint{geelark.EndpointWallet, geelark.EndpointPlanInfo}
}

// timestamp is t in Unix seconds, 0 for the zero time.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
