package watch

import (
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/phones"
)

// fixedTracker tracks ids from the configuration, and those in a file that is
// read again when it changes. A file that cannot be read leaves the set as it
// was.
type fixedTracker struct {
	ids    []string
	store  *phones.Store
	logger log.Logger

	mu     sync.Mutex // held while a file is read and while phones are dropped
	losses losses
	file   *idsFile // nil: none
	failed string   // the last error, so that it is logged once
	closed bool
}

// newFixedTracker fails when the file cannot be read. Nothing is tracked before
// the first refresh.
func newFixedTracker(a *Account, o *Options, logger log.Logger) (*fixedTracker, error) {
	file := a.cfg.IDsFile
	t := &fixedTracker{ids: a.cfg.IDs, store: a.store, logger: logger, losses: losses{account: a.name, observer: o.Observer, logger: logger}}
	if file == "" {
		return t, nil
	}
	t.file = &idsFile{path: file}
	_, _, err := (&idsFile{path: file}).read()
	return t, err
}

// refresh brings the set up to date.
func (t *fixedTracker) refresh() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return
	case t.file == nil:
		t.losses.take(t.store.TrackOnly(t.ids))
		t.closed = true // they do not change
		return
	}
	ids, changed, err := t.file.read()
	if err == nil && changed {
		ids = append(ids, t.ids...)
		t.losses.take(t.store.TrackOnly(ids))
		if len(ids) == 0 {
			level.Warn(t.logger).Log("msg", "No phone is tracked: the file holds no id", "file", t.file.path)
		}
	}
	switch {
	case err == nil:
		t.failed = ""
	case err.Error() != t.failed:
		t.failed = err.Error()
		level.Error(t.logger).Log("msg", "Reading the phone ids failed, tracking the phones as before", "err", err)
	}
}

// close makes later refreshes do nothing: the store is another tracker's now.
func (t *fixedTracker) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}
