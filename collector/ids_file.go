package collector

import (
	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/watch"
)

var (
	idsFileSuccessfulFamily = newFamily("geelark_ids_file_last_read_successful",
		"Whether the last reading of the account's ids file worked. Absent without one.",
		"account")
	idsFileSuccessFamily = newFamily("geelark_ids_file_last_read_success_timestamp_seconds",
		"When reading the account's ids file last worked. Absent without one.",
		"account")
)

var idsFileFamilies = []*family{idsFileSuccessfulFamily, idsFileSuccessFamily}

// collectIDsFile exposes how reading an account's ids file goes.
func collectIDsFile(to *exposition.Samples, a *watch.Account) {
	if f, ok := a.IDsFile(); ok {
		to.Gauge(idsFileSuccessfulFamily.paged, oneIf(f.Successful), a.Name())
		to.Gauge(idsFileSuccessFamily.paged, timestamp(f.LastSuccess), a.Name())
	}
}
