package config

import (
	"net/http"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector/watch"
)

// A Reloader reads the accounts again when it is told to, and exposes whether
// that worked. It is a [prometheus.Collector] and the handler of the reload
// path. It is safe for concurrent use.
type Reloader struct {
	load   func() ([]watch.AccountConfig, error)
	apply  func([]watch.AccountConfig) error
	logger log.Logger
	now    func() time.Time

	mu         sync.Mutex
	successful prometheus.Gauge
	success    prometheus.Gauge
}

// NewReloader returns a reloader of accounts that were loaded and applied just
// now.
func NewReloader(load func() ([]watch.AccountConfig, error), apply func([]watch.AccountConfig) error, logger log.Logger, now func() time.Time) *Reloader {
	r := &Reloader{
		load: load, apply: apply, logger: logger, now: now,
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "geelark_config_last_reload_successful",
			Help: "Whether the last reading of the configuration worked.",
		}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "geelark_config_last_reload_success_timestamp_seconds",
			Help: "When reading the configuration last worked.",
		}),
	}
	r.worked()
	return r
}

func (r *Reloader) worked() {
	r.successful.Set(1)
	r.success.Set(float64(r.now().UnixMilli()) / 1000)
}

// Reload reads the accounts and applies them. After an error everything is as
// before.
func (r *Reloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	accounts, err := r.load()
	if err == nil {
		err = r.apply(accounts)
	}
	if err != nil {
		r.successful.Set(0)
		level.Error(r.logger).Log("msg", "Reloading the configuration failed, the one before stays in force", "err", err)
		return err
	}
	r.worked()
	level.Info(r.logger).Log("msg", "Reloaded the configuration", "accounts", len(accounts))
	return nil
}

// ServeHTTP reloads on POST and PUT.
func (r *Reloader) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost && req.Method != http.MethodPut {
		w.Header().Set("Allow", "POST, PUT")
		http.Error(w, "Reloading takes a POST request.", http.StatusMethodNotAllowed)
		return
	}
	if err := r.Reload(); err != nil {
		http.Error(w, "Reloading failed, the configuration before stays in force:\n"+err.Error(), http.StatusInternalServerError)
	}
}

// Describe implements [prometheus.Collector].
func (r *Reloader) Describe(ch chan<- *prometheus.Desc) {
	r.successful.Describe(ch)
	r.success.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (r *Reloader) Collect(ch chan<- prometheus.Metric) {
	r.successful.Collect(ch)
	r.success.Collect(ch)
}
