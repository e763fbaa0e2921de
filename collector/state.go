package collector

import "github.com/prometheus/client_golang/prometheus"

// StateWrites exposes whether the last writes of the state worked.
func StateWrites(writable func() bool) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "geelark_state_last_write_successful",
		Help: "Whether the last writes to the state directory worked. Absent without one.",
	}, func() float64 { return oneIf(writable()) })
}
