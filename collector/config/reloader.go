package config

import (
	"net/http"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/watch"
)

// A Reloader reads the accounts again when it is told to, and remembers whether
// that worked. It is the handler of the reload path. It is safe for concurrent
// use.
type Reloader struct {
	load     func() ([]watch.AccountConfig, error)
	apply    func([]watch.AccountConfig) error
	failures *watch.FailureLog
	logger   log.Logger
	now      func() time.Time

	reloading sync.Mutex // held during a reload

	mu          sync.Mutex // guards what is below
	last        time.Time
	failure     error // of the last reading
	lastSuccess time.Time
}

// NewReloader returns a reloader of accounts that were loaded and applied just
// now.
func NewReloader(load func() ([]watch.AccountConfig, error), apply func([]watch.AccountConfig) error, logger log.Logger, now func() time.Time) *Reloader {
	r := &Reloader{
		load: load, apply: apply, logger: logger, now: now,
		failures: watch.NewFailureLog("Reloading the configuration", "the one before stays in force", logger, now),
	}
	r.ended(nil)
	return r
}

func (r *Reloader) ended(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.failure = r.now(), err
	if err == nil {
		r.lastSuccess = r.last
	}
}

// Last reports whether the last reading worked, and when one last did.
func (r *Reloader) Last() (successful bool, lastSuccess time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failure == nil, r.lastSuccess
}

// Failure returns when and why the last reading failed, nil when it worked.
func (r *Reloader) Failure() (at time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.failure
}

// Reload reads the accounts and applies them. After an error everything is as
// before.
func (r *Reloader) Reload() error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	accounts, err := r.load()
	if err == nil {
		err = r.apply(accounts)
	}
	r.ended(err)
	r.failures.Report(err)
	if err != nil {
		return err
	}
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
