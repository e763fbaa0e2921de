package collector

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

const (
	requestsName = "geelark_api_requests_total"
	durationName = "geelark_api_request_duration_seconds"
	lookupsName  = "geelark_phone_lookup_failures_total"
	panicsName   = "geelark_exporter_panics_total"
	skippedName  = "geelark_phone_list_items_skipped_total"
	droppedName  = "geelark_phones_dropped_total"
	tasksName    = "geelark_task_duration_seconds"
)

// Counters are the metrics that count events as they happen, for all accounts.
// They observe a [watch.Watcher].
type Counters struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	lookups  *prometheus.CounterVec
	tasks    *prometheus.HistogramVec
	panics   prometheus.Counter // of all accounts together
	dropped  *prometheus.CounterVec
	skipped  *prometheus.CounterVec

	// Servers choose codes and HTTP statuses.
	outcomes, statuses, failures *bounded
}

// NewCounters returns counters of nothing.
func NewCounters() *Counters {
	return &Counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: requestsName,
			Help: "Requests sent to the GeeLark API by outcome: the answer's code, the HTTP status if not 200, or the reason why there was no usable answer; other is any beyond the documented and the first 30 others.",
		}, []string{"account", "api", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    durationName,
			Help:    "Time from sending a request to the GeeLark API to the end of its answer.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			// The classic buckets stay for servers that do not scrape native
			// histograms.
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 100,
		}, []string{"account", "api", "outcome"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: lookupsName,
			Help: "Failed lookups of phones by failure code: 42001 is a phone that does not exist, missing one that the answer left out, malformed one whose status cannot be read, other any code beyond the documented and the first 30 others.",
		}, []string{"account", "code"}),
		tasks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                           tasksName,
			Help:                           "Time that automation tasks took until they were completed or failed, by type and last status.",
			Buckets:                        []float64{30, 60, 120, 300, 600, 1200, 1800, 3600, 7200},
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 100,
		}, []string{"account", "type", "status"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: panicsName,
			Help: "Panics that ended a single scrape or call. Each is a bug, and the log has its stack.",
		}),
		outcomes: newBounded(isOutcome), statuses: newBounded(isOutcome), failures: newBounded(isLookupFailure),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: skippedName,
			Help: "Items of the account's list that were skipped because their ids cannot be read.",
		}, []string{"account"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: droppedName,
			Help: "Phones that are not tracked any more: not_found by their own lookups, unlisted by the account's list, unselected by configuration, ids file or filter.",
		}, []string{"account", "reason"}),
	}
}

// expectedCodes and expectedReasons are the outcomes that a healthy account may
// meet one day, and that somebody is woken for.
var (
	expectedCodes = []geelark.Code{
		geelark.CodeOK, geelark.CodeUnknown, geelark.CodeSignature, geelark.CodeRateLimited, geelark.CodePaidOnly,
		geelark.CodeHourLimit, geelark.CodePermission, geelark.CodeIPNotAllowed, geelark.CodeTooManyRequests,
		geelark.CodeBalance, geelark.CodePlanExpired, geelark.CodeCrowded, geelark.CodeInternal,
	}
	expectedReasons = []geelark.Reason{
		geelark.ReasonTimeout, geelark.ReasonConnection, geelark.ReasonDNS, geelark.ReasonTLS, geelark.ReasonMalformed,
	}
)

// AccountAdded implements [watch.Observer]: it makes an account's series exist
// from the start, so that the first event shows as an increase.
func (c *Counters) AccountAdded(a *watch.Account) {
	account := a.Name()
	for _, e := range a.Endpoints() {
		for _, code := range expectedCodes {
			c.requests.WithLabelValues(account, string(e), codeLabel(code))
		}
		for _, reason := range expectedReasons {
			c.requests.WithLabelValues(account, string(e), string(reason))
		}
		c.duration.WithLabelValues(account, string(e), codeLabel(geelark.CodeOK))
	}
	if a.Has(watch.CollectorStatus) || a.Has(watch.CollectorInventory) {
		for _, r := range watch.DropReasons() {
			c.dropped.WithLabelValues(account, string(r))
		}
		c.skipped.WithLabelValues(account)
	}
	if !a.Has(watch.CollectorStatus) {
		return
	}
	for _, f := range []phones.Failure{phones.FailedWith(geelark.CodePhoneNotFound), {Kind: phones.Missing}} {
		c.lookups.WithLabelValues(account, f.String())
	}
}

// AccountRemoved implements [watch.Observer]: it ends an account's series.
func (c *Counters) AccountRemoved(account string) {
	for _, v := range []*prometheus.MetricVec{c.requests.MetricVec, c.duration.MetricVec, c.lookups.MetricVec, c.tasks.MetricVec, c.dropped.MetricVec, c.skipped.MetricVec} {
		v.DeletePartialMatch(prometheus.Labels{"account": account})
	}
	for _, b := range []*bounded{c.outcomes, c.statuses, c.failures} {
		b.forget(account)
	}
}

// RequestSent implements [watch.Observer].
func (c *Counters) RequestSent(account string, r geelark.Request) {
	b := c.outcomes
	if isHTTPStatus(r.Outcome) {
		b = c.statuses
	}
	outcome := b.admit(account, r.Outcome)
	c.requests.WithLabelValues(account, string(r.Endpoint), outcome).Inc()
	c.duration.WithLabelValues(account, string(r.Endpoint), outcome).Observe(r.Duration.Seconds())
}

// LookupsFailed implements [watch.Observer].
func (c *Counters) LookupsFailed(account string, f phones.Failure, n int) {
	c.lookups.WithLabelValues(account, c.failureLabel(account, f)).Add(float64(n))
}

// failureLabel is a failure of a lookup as a label value.
func (c *Counters) failureLabel(account string, f phones.Failure) string {
	return c.failures.admit(account, f.String())
}

// ItemsSkipped implements [watch.Observer].
func (c *Counters) ItemsSkipped(account string, n int) {
	c.skipped.WithLabelValues(account).Add(float64(n))
}

// TaskEnded implements [watch.Observer].
func (c *Counters) TaskEnded(account string, t geelark.TaskType, s geelark.TaskStatus, took time.Duration) {
	c.tasks.WithLabelValues(account, t.String(), s.String()).Observe(took.Seconds())
}

// Panicked implements [watch.Observer]. It counts scrapes that panicked too.
func (c *Counters) Panicked() { c.panics.Inc() }

// PhonesDropped implements [watch.Observer].
func (c *Counters) PhonesDropped(account string, reason watch.DropReason, n int) {
	c.dropped.WithLabelValues(account, string(reason)).Add(float64(n))
}

// Describe implements [prometheus.Collector].
func (c *Counters) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range []prometheus.Collector{c.requests, c.duration, c.lookups, c.tasks, c.dropped, c.skipped, c.panics} {
		v.Describe(ch)
	}
}

// counted are the counters of a view's accounts.
type counted struct {
	view
	catcher *catcher // of panics in Collect, which a registry calls in a goroutine
}

// Describe implements [prometheus.Collector].
func (c counted) Describe(ch chan<- *prometheus.Desc) { c.counters.Describe(ch) }

// Collect implements [prometheus.Collector].
func (c counted) Collect(ch chan<- prometheus.Metric) {
	defer c.catcher.catch()
	all := c.counters
	for _, vec := range []struct {
		name string
		prometheus.Collector
	}{{requestsName, all.requests}, {durationName, all.duration}, {lookupsName, all.lookups}, {droppedName, all.dropped}, {skippedName, all.skipped}, {tasksName, all.tasks}} {
		if !c.o.Families.Has(vec.name) {
			continue
		}
		if !c.probe {
			vec.Collect(ch)
			continue
		}
		collectAccount(ch, vec, c.accounts[0].Name())
	}
	if !c.probe && c.o.Families.Has(panicsName) {
		all.panics.Collect(ch)
	}
}

// collectAccount passes on the series of one account.
func collectAccount(ch chan<- prometheus.Metric, c prometheus.Collector, account string) {
	all := make(chan prometheus.Metric)
	go func() {
		c.Collect(all)
		close(all)
	}()
	for m := range all {
		var d dto.Metric
		if err := m.Write(&d); err != nil || slices.ContainsFunc(d.GetLabel(), func(l *dto.LabelPair) bool {
			return l.GetName() == "account" && l.GetValue() == account
		}) {
			ch <- m // an error shows when it is gathered
		}
	}
}

// codeLabel is a code or a status as a label value.
func codeLabel[C geelark.Code | geelark.Status](c C) string { return strconv.Itoa(int(c)) }
