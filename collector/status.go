package collector

import (
	"slices"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

var (
	phoneStatusFamily = newFamily("geelark_phone_status",
		"Whether the phone has this status: 1 for the current one, 0 for the others.",
		"account", "id", "status")
	phoneStatusCodeFamily = newFamily("geelark_phone_status_code",
		"The phone's status code: 0 started, 1 starting, 2 shut down, 3 expired.",
		"account", "id")
	phoneLookupFailedFamily = newFamily("geelark_phone_lookup_failed",
		"1 while the last lookup of the phone failed with this code.",
		"account", "id", "code")
	phonesFamily = newFamily("geelark_phones",
		"Phones by status; of undocumented codes the 30 lowest have their own, other stands for the rest.",
		"account", "code", "status")
	phonesTrackedFamily = newFamily("geelark_phones_tracked",
		"Phones that are tracked.",
		"account")
	phonesUnobservedFamily = newFamily("geelark_phones_unobserved",
		"Tracked phones without a status that can be trusted now, by the reason why.",
		"account", "reason")
	statusMaxAgeFamily = newFamily("geelark_status_max_age_seconds",
		"Age of the oldest exposed status. Absent when there is none.",
		"account")
	statusMedianAgeFamily = newFamily("geelark_status_median_age_seconds",
		"Median age of the exposed statuses. Absent when there is none.",
		"account")
)

// conditionFamilies have series for each phone.
var conditionFamilies = []*family{phoneStatusFamily, phoneStatusCodeFamily, phoneLookupFailedFamily}

var statusFamilies = append([]*family{
	phonesFamily, phonesTrackedFamily, phonesUnobservedFamily, statusMaxAgeFamily, statusMedianAgeFamily,
}, conditionFamilies...)

// documentedStatuses always have their series.
var documentedStatuses = []geelark.Status{
	geelark.StatusStarted, geelark.StatusStarting, geelark.StatusShutDown, geelark.StatusExpired,
}

// statusLabels are those of a number of phones.
type statusLabels struct{ code, status string }

func labelsOf(s geelark.Status) statusLabels { return statusLabels{codeLabel(s), s.String()} }

// boundedLabels returns the labels of an account's statuses. Servers choose them:
// beyond those that are documented the lowest have their own codes, and all others
// one together.
func boundedLabels(standings map[phones.Standing]int) func(geelark.Status) statusLabels {
	var undocumented []geelark.Status
	for s := range standings {
		if s.Knowledge == phones.Current && !slices.Contains(documentedStatuses, s.Status) {
			undocumented = append(undocumented, s.Status)
		}
	}
	slices.Sort(undocumented)
	undocumented = slices.Compact(undocumented)
	if len(undocumented) <= maxUndocumented {
		return labelsOf
	}
	beyond := undocumented[maxUndocumented]
	return func(s geelark.Status) statusLabels {
		l := labelsOf(s)
		if s >= beyond && !slices.Contains(documentedStatuses, s) {
			l.code = otherValue
		}
		return l
	}
}

// collectPhoneStatus exposes a phone's status.
func collectPhoneStatus(to *exposition.Samples, account, id string, c phones.Condition, failure func(account string, f phones.Failure) string) {
	if c.Knowledge == phones.Failed {
		to.Gauge(phoneLookupFailedFamily.paged, 1, account, id, failure(account, c.Failure))
	}
	if c.Knowledge != phones.Current {
		return
	}
	to.Gauge(phoneStatusCodeFamily.paged, float64(c.Status), account, id)
	for _, s := range documentedStatuses {
		to.Gauge(phoneStatusFamily.paged, oneIf(s == c.Status), account, id, s.String())
	}
	if !slices.Contains(documentedStatuses, c.Status) {
		to.Gauge(phoneStatusFamily.paged, 1, account, id, c.Status.String())
	}
}

// collectStatuses exposes how many phones have each status, and how old the
// statuses are.
func collectStatuses(to *exposition.Samples, a *watch.Account, s *phones.Snapshot) {
	account := a.Name()
	counts := make(map[statusLabels]int)
	for _, status := range documentedStatuses {
		counts[labelsOf(status)] = 0
	}
	labels := boundedLabels(s.Standings)
	for s, n := range s.Standings {
		if s.Knowledge == phones.Current {
			counts[labels(s.Status)] += n
		}
	}
	for l, n := range counts {
		to.Gauge(phonesFamily.paged, float64(n), account, l.code, l.status)
	}
	to.Gauge(phonesTrackedFamily.paged, float64(s.Phones), account)
	for reason, n := range a.Delays().Unobserved(s) {
		to.Gauge(phonesUnobservedFamily.paged, float64(n), account, string(reason))
	}
	if s.Current > 0 {
		to.Gauge(statusMaxAgeFamily.paged, s.Oldest.Seconds(), account)
		to.Gauge(statusMedianAgeFamily.paged, s.Median.Seconds(), account)
	}
}
