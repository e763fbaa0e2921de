package collector

import "geelark_exporter/collector/watch"

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
func collectIDsFile(e *emitter, a *watch.Account) {
	if f, ok := a.IDsFile(); ok {
		e.flag(idsFileSuccessfulFamily, f.Successful, a.Name())
		e.gauge(idsFileSuccessFamily, timestamp(f.LastSuccess), a.Name())
	}
}
