package collector

import (
	"time"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/watch"
)

var (
	upFamily = newFamily("geelark_up",
		"Whether the last calls of the collectors that find and poll phones worked, and no pause holds the next back.",
		"account")
	lastSuccessFamily = newFamily("geelark_account_last_success_timestamp_seconds",
		"When a call that decides geelark_up last worked, 0 before the first.",
		"account")
	collectorSuccessFamily = newFamily("geelark_collector_success",
		"Whether the collector's last calls worked. Absent before the first.",
		"account", "collector")
	collectorDurationFamily = newFamily("geelark_collector_duration_seconds",
		"How long the collector's last calls took, from the first to the end of the last. Absent before the first.",
		"account", "collector")
	budgetFamily = newFamily("geelark_api_budget_requests",
		"The most requests that are sent to the API within any such window.",
		"account", "api", "window")
	budgetRemainingFamily = newFamily("geelark_api_budget_remaining_requests",
		"Requests that are left to the API in the window that ends now.",
		"account", "api", "window")
	clockSkewFamily = newFamily("geelark_clock_skew_seconds",
		"The API's clock less the exporter's, to a second, as the last answer told it. Absent before the first.",
		"account")
	pausedUntilFamily = newFamily("geelark_api_paused_until_timestamp_seconds",
		"When requests to the API begin again after it asked for a pause, 0 when there is none.",
		"account", "api")
	contendedFamily = newCounterFamily("geelark_api_contended_total",
		"How often the API said that a limit is broken which the exporter had kept to: others spend from it. The exporter's own limit is lower for an hour then.",
		"account", "api")
)

var apiFamilies = []*family{
	upFamily, lastSuccessFamily, collectorSuccessFamily, collectorDurationFamily,
	budgetFamily, budgetRemainingFamily, pausedUntilFamily, contendedFamily, clockSkewFamily,
}

// collectAPI exposes how an account's calls go and what it may send.
func collectAPI(to *exposition.Samples, a *watch.Account) {
	account := a.Name()
	up, last := a.Up()
	to.Gauge(upFamily.paged, oneIf(up), account)
	to.Gauge(lastSuccessFamily.paged, timestamp(last), account)
	for _, c := range a.Collectors() {
		s := a.State(c)
		if !s.Tried {
			continue
		}
		to.Gauge(collectorSuccessFamily.paged, oneIf(s.Worked), account, c)
		to.Gauge(collectorDurationFamily.paged, s.Duration.Seconds(), account, c)
	}
	if skew, ok := a.Skew().Get(); ok {
		to.Gauge(clockSkewFamily.paged, skew.Seconds(), account)
	}
	for _, api := range a.Endpoints() {
		b := a.Budget(api)
		to.Gauge(budgetFamily.paged, float64(b.Limits.PerMinute), account, string(api), "minute")
		to.Gauge(budgetFamily.paged, float64(b.Limits.PerHour), account, string(api), "hour")
		to.Gauge(budgetRemainingFamily.paged, float64(b.MinuteRemaining), account, string(api), "minute")
		to.Gauge(budgetRemainingFamily.paged, float64(b.HourRemaining), account, string(api), "hour")
		to.Gauge(pausedUntilFamily.paged, timestamp(b.PausedUntil), account, string(api))
		to.Counter(contendedFamily.paged, float64(b.Contended), account, string(api))
	}
}

// timestamp is t in Unix seconds, 0 for the zero time.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
