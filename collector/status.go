package collector

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/geelark"
)

var (
	phoneStatusDesc = prometheus.NewDesc("geelark_phone_status",
		"Whether the phone has this status: 1 for the current one, 0 for the others.",
		[]string{"account", "id", "status"}, nil)
	phoneStatusCodeDesc = prometheus.NewDesc("geelark_phone_status_code",
		"The phone's status code: 0 started, 1 starting, 2 shut down, 3 expired.",
		[]string{"account", "id"}, nil)
	phoneInfoDesc = prometheus.NewDesc("geelark_phone_info",
		"What is known of the phone, always 1. Join it by account and id.",
		[]string{"account", "id", "serial_name"}, nil)
	phoneLookupFailureDesc = prometheus.NewDesc("geelark_phone_lookup_failure",
		"1 while the last lookup of the phone failed with this code.",
		[]string{"account", "id", "code"}, nil)
	phonesDesc = prometheus.NewDesc("geelark_phones",
		"Phones by status.",
		[]string{"account", "code", "status"}, nil)
	phonesTrackedDesc = prometheus.NewDesc("geelark_phones_tracked",
		"Phones that are tracked.",
		[]string{"account"}, nil)
	phonesUnobservedDesc = prometheus.NewDesc("geelark_phones_unobserved",
		"Tracked phones without a status that can be trusted now: not looked up yet, last looked up too long ago, or with a failed lookup.",
		[]string{"account"}, nil)
	statusMaxAgeDesc = prometheus.NewDesc("geelark_status_max_age_seconds",
		"Age of the oldest exposed status. Absent when there is none.",
		[]string{"account"}, nil)
	statusMedianAgeDesc = prometheus.NewDesc("geelark_status_median_age_seconds",
		"Median age of the exposed statuses. Absent when there is none.",
		[]string{"account"}, nil)
	upDesc = prometheus.NewDesc("geelark_up",
		"Whether the last poll of the account worked and none is held back by a pause.",
		[]string{"account"}, nil)
	lastSuccessDesc = prometheus.NewDesc("geelark_last_success_timestamp_seconds",
		"When a poll of the account last worked, 0 before the first.",
		[]string{"account"}, nil)
)

// documentedStatuses always have their series.
var documentedStatuses = []geelark.Status{
	geelark.StatusStarted, geelark.StatusStarting, geelark.StatusShutDown, geelark.StatusExpired,
}

func describeStatus(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		phoneStatusDesc, phoneStatusCodeDesc, phoneInfoDesc, phoneLookupFailureDesc,
		phonesDesc, phonesTrackedDesc, phonesUnobservedDesc,
		statusMaxAgeDesc, statusMedianAgeDesc, upDesc, lastSuccessDesc,
	} {
		ch <- d
	}
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// collectStatus exposes an account's phones, all as they were at one moment.
func collectStatus(ch chan<- prometheus.Metric, a *account) {
	phones := a.cache.snapshot()
	now := a.now()
	counts := make(map[geelark.Status]int)
	for _, s := range documentedStatuses {
		counts[s] = 0
	}
	var ages []time.Duration
	for i := range phones {
		p := &phones[i]
		if p.name != "" {
			ch <- gauge(phoneInfoDesc, 1, a.name, p.id, p.name)
		}
		age := now.Sub(p.observedAt)
		switch {
		case p.observedAt.IsZero():
		case p.failure != "":
			ch <- gauge(phoneLookupFailureDesc, 1, a.name, p.id, p.failure)
		case age <= a.maxStaleness:
			ages = append(ages, max(age, 0))
			counts[p.status]++
			collectPhoneStatus(ch, a.name, p)
		}
	}
	for s, n := range counts {
		ch <- gauge(phonesDesc, float64(n), a.name, strconv.Itoa(int(s)), s.String())
	}
	ch <- gauge(phonesTrackedDesc, float64(len(phones)), a.name)
	ch <- gauge(phonesUnobservedDesc, float64(len(phones)-len(ages)), a.name)
	if len(ages) > 0 {
		slices.Sort(ages)
		ch <- gauge(statusMaxAgeDesc, ages[len(ages)-1].Seconds(), a.name)
		ch <- gauge(statusMedianAgeDesc, median(ages).Seconds(), a.name)
	}
	up, last := a.up()
	ch <- gauge(upDesc, up, a.name)
	ch <- gauge(lastSuccessDesc, last, a.name)
}

func collectPhoneStatus(ch chan<- prometheus.Metric, account string, p *phone) {
	statuses := documentedStatuses
	if !slices.Contains(statuses, p.status) {
		statuses = append(slices.Clone(statuses), p.status)
	}
	for _, s := range statuses {
		v := 0.0
		if s == p.status {
			v = 1
		}
		ch <- gauge(phoneStatusDesc, v, account, p.id, s.String())
	}
	ch <- gauge(phoneStatusCodeDesc, float64(p.status), account, p.id)
}

// median returns the middle of sorted ages, at least one.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
