package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/geelark"
)

var (
	budgetDesc = prometheus.NewDesc("geelark_api_budget_requests",
		"The most requests that are sent to the endpoint within any such window.",
		[]string{"account", "endpoint", "window"}, nil)
	budgetRemainingDesc = prometheus.NewDesc("geelark_api_budget_remaining_requests",
		"Requests that are left to the endpoint in the window that ends now.",
		[]string{"account", "endpoint", "window"}, nil)
	pausedUntilDesc = prometheus.NewDesc("geelark_api_paused_until_timestamp_seconds",
		"When requests to the endpoint begin again after the API asked for a pause, 0 when there is none.",
		[]string{"account", "endpoint"}, nil)
)

func describeAPI(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{budgetDesc, budgetRemainingDesc, pausedUntilDesc} {
		ch <- d
	}
}

// collectAPI exposes what an account may send.
func collectAPI(ch chan<- prometheus.Metric, a *account) {
	for _, e := range geelark.Endpoints() {
		b := a.client.Budget(e)
		ch <- gauge(budgetDesc, float64(b.Limits.PerMinute), a.name, string(e), "minute")
		ch <- gauge(budgetDesc, float64(b.Limits.PerHour), a.name, string(e), "hour")
		ch <- gauge(budgetRemainingDesc, float64(b.MinuteRemaining), a.name, string(e), "minute")
		ch <- gauge(budgetRemainingDesc, float64(b.HourRemaining), a.name, string(e), "hour")
		ch <- gauge(pausedUntilDesc, timestamp(b.PausedUntil), a.name, string(e))
	}
}

// timestamp is t in Unix seconds, 0 for the zero time.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
