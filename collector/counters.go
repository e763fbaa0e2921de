package collector

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/geelark"
)

// counters are the metrics that count events as they happen, for all accounts.
type counters struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	lookups  *prometheus.CounterVec
}

func newCounters() *counters {
	return &counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "geelark_api_requests_total",
			Help: "Requests sent to the GeeLark API by outcome: the answer's code, the HTTP status if not 200, or the reason why there was no usable answer.",
		}, []string{"account", "endpoint", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "geelark_api_request_duration_seconds",
			Help:    "Time from sending a request to the GeeLark API to the end of its answer.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			// The classic buckets stay for servers that do not scrape native
			// histograms.
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 100,
		}, []string{"account", "endpoint", "code"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "geelark_phone_lookup_failures_total",
			Help: "Failed lookups of phones by failure code: 42001 is a phone that does not exist, missing one that the answer left out.",
		}, []string{"account", "code"}),
	}
}

// add makes an account's series exist from the start, so that the first event
// shows as an increase.
func (c *counters) add(account string) {
	for _, e := range geelark.Endpoints() {
		for _, outcome := range []string{
			codeLabel(geelark.CodeOK), codeLabel(geelark.CodeSignature), codeLabel(geelark.CodeRateLimited),
			codeLabel(geelark.CodeHourLimit), string(geelark.ReasonTimeout), string(geelark.ReasonConnection),
		} {
			c.requests.WithLabelValues(account, string(e), outcome)
		}
		c.duration.WithLabelValues(account, string(e), codeLabel(geelark.CodeOK))
	}
	for _, code := range []string{codeLabel(geelark.CodePhoneNotFound), FailureMissing} {
		c.lookups.WithLabelValues(account, code)
	}
}

// request returns an observer of an account's requests.
func (c *counters) request(account string) func(geelark.Request) {
	return func(r geelark.Request) {
		c.requests.WithLabelValues(account, string(r.Endpoint), r.Outcome).Inc()
		c.duration.WithLabelValues(account, string(r.Endpoint), r.Outcome).Observe(r.Duration.Seconds())
	}
}

// lookupFailed returns what is told of an account's failed lookups.
func (c *counters) lookupFailed(account string) func(code string) {
	return func(code string) { c.lookups.WithLabelValues(account, code).Inc() }
}

func (c *counters) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range []prometheus.Collector{c.requests, c.duration, c.lookups} {
		v.Describe(ch)
	}
}

func (c *counters) Collect(ch chan<- prometheus.Metric) {
	for _, v := range []prometheus.Collector{c.requests, c.duration, c.lookups} {
		v.Collect(ch)
	}
}

func codeLabel(c geelark.Code) string { return strconv.Itoa(int(c)) }
