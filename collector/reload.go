package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	reloadSuccessfulFamily = newFamily("geelark_config_last_reload_successful",
		"Whether the last reading of the configuration worked.")
	reloadSuccessFamily = newFamily("geelark_config_last_reload_success_timestamp_seconds",
		"When reading the configuration last worked.")
)

// Reloads exposes whether the configuration could be read: it returns whether the
// last reading worked, and when one last did.
type Reloads func() (successful bool, lastSuccess time.Time)

// Describe implements [prometheus.Collector].
func (Reloads) Describe(ch chan<- *prometheus.Desc) {
	ch <- reloadSuccessfulFamily.desc
	ch <- reloadSuccessFamily.desc
}

// Collect implements [prometheus.Collector].
func (r Reloads) Collect(ch chan<- prometheus.Metric) {
	successful, last := r()
	ch <- reloadSuccessfulFamily.sample(oneIf(successful))
	ch <- reloadSuccessFamily.sample(timestamp(last))
}
