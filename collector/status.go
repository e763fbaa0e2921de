package collector

import (
	"slices"
	"time"

	"geelark_exporter/geelark"
)

var (
	phoneStatusFamily = newFamily("geelark_phone_status",
		"Whether the phone has this status: 1 for the current one, 0 for the others.",
		"account", "id", "status")
	phoneStatusCodeFamily = newFamily("geelark_phone_status_code",
		"The phone's status code: 0 started, 1 starting, 2 shut down, 3 expired.",
		"account", "id")
	phoneLookupFailureFamily = newFamily("geelark_phone_lookup_failure",
		"1 while the last lookup of the phone failed with this code.",
		"account", "id", "code")
	phonesFamily = newFamily("geelark_phones",
		"Phones by status.",
		"account", "code", "status")
	phonesTrackedFamily = newFamily("geelark_phones_tracked",
		"Phones that are tracked.",
		"account")
	phonesUnobservedFamily = newFamily("geelark_phones_unobserved",
		"Tracked phones without a status that can be trusted now: not looked up yet, last looked up too long ago, or with a failed lookup.",
		"account")
	statusMaxAgeFamily = newFamily("geelark_status_max_age_seconds",
		"Age of the oldest exposed status. Absent when there is none.",
		"account")
	statusMedianAgeFamily = newFamily("geelark_status_median_age_seconds",
		"Median age of the exposed statuses. Absent when there is none.",
		"account")
)

var statusFamilies = []*family{
	phoneStatusFamily, phoneStatusCodeFamily, phoneLookupFailureFamily,
	phonesFamily, phonesTrackedFamily, phonesUnobservedFamily, statusMaxAgeFamily, statusMedianAgeFamily,
}

// documentedStatuses always have their series.
var documentedStatuses = []geelark.Status{
	geelark.StatusStarted, geelark.StatusStarting, geelark.StatusShutDown, geelark.StatusExpired,
}

// collectStatus exposes the statuses of an account's phones.
func collectStatus(e *emitter, a *account, phones []phone) {
	now := a.now()
	counts := make(map[geelark.Status]int)
	for _, s := range documentedStatuses {
		counts[s] = 0
	}
	var ages []time.Duration
	for i := range phones {
		p := &phones[i]
		switch {
		case p.failure != "":
			e.gauge(phoneLookupFailureFamily, 1, a.name, p.id, p.failure)
		case p.trusted(now, a.maxStaleness):
			ages = append(ages, max(now.Sub(p.observedAt), 0))
			counts[p.status]++
			collectPhoneStatus(e, a.name, p)
		}
	}
	for s, n := range counts {
		e.gauge(phonesFamily, float64(n), a.name, codeLabel(s), s.String())
	}
	e.gauge(phonesTrackedFamily, float64(len(phones)), a.name)
	e.gauge(phonesUnobservedFamily, float64(len(phones)-len(ages)), a.name)
	if len(ages) > 0 {
		slices.Sort(ages)
		e.gauge(statusMaxAgeFamily, ages[len(ages)-1].Seconds(), a.name)
		e.gauge(statusMedianAgeFamily, median(ages).Seconds(), a.name)
	}
}

func collectPhoneStatus(e *emitter, account string, p *phone) {
	e.gauge(phoneStatusCodeFamily, float64(p.status), account, p.id)
	if !e.wants(phoneStatusFamily) {
		return
	}
	for _, s := range documentedStatuses {
		e.flag(phoneStatusFamily, s == p.status, account, p.id, s.String())
	}
	if !slices.Contains(documentedStatuses, p.status) {
		e.gauge(phoneStatusFamily, 1, account, p.id, p.status.String())
	}
}

// median returns the middle of sorted ages, at least one.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
