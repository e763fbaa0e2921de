package collector

import (
	"time"

	"geelark_exporter/collector/watch"
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
func collectAPI(e *emitter, a *watch.Account) {
	account := a.Name()
	up, last := a.Up()
	e.flag(upFamily, up, account)
	e.gauge(lastSuccessFamily, timestamp(last), account)
	for _, c := range a.Collectors() {
		s := a.State(c)
		e.flag(collectorSuccessFamily, s.Worked, account, c)
		e.gauge(collectorDurationFamily, s.Duration.Seconds(), account, c)
	}
	for _, endpoint := range a.Endpoints() {
		b := a.Budget(endpoint)
		e.gauge(budgetFamily, float64(b.Limits.PerMinute), account, string(endpoint), "minute")
		e.gauge(budgetFamily, float64(b.Limits.PerHour), account, string(endpoint), "hour")
		e.gauge(budgetRemainingFamily, float64(b.MinuteRemaining), account, string(endpoint), "minute")
		e.gauge(budgetRemainingFamily, float64(b.HourRemaining), account, string(endpoint), "hour")
		e.gauge(pausedUntilFamily, timestamp(b.PausedUntil), account, string(endpoint))
	}
}

// timestamp is t in Unix seconds, 0 for the zero time.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
