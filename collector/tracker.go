package collector

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/geelark"
)

// A tracker keeps the cache's set of tracked phones as it should be.
type tracker interface {
	// refresh brings the set up to date, or begins to. It returns at once.
	refresh(now time.Time)
	// pending reports whether the set is about to be known for the first time,
	// and is not waiting for the budget.
	pending() bool
	// state reports whether the last call to the API worked, and when one last
	// did: a tracker that makes none is always well.
	state() (worked bool, lastSuccess time.Time)
	close()
}

// fixedTracker tracks ids from the configuration, and those in a file that is
// read again when it changes. A file that cannot be read leaves the set as it
// was.
type fixedTracker struct {
	ids    []string
	cache  *cache
	logger log.Logger

	mu     sync.Mutex
	file   *idsFile // nil: none
	failed string   // the last error, so that it is logged once
}

// newFixedTracker fails when the file cannot be read.
func newFixedTracker(ids []string, file string, c *cache, logger log.Logger) (*fixedTracker, error) {
	t := &fixedTracker{ids: ids, cache: c, logger: logger}
	if file == "" {
		c.trackOnly(ids)
		return t, nil
	}
	t.file = &idsFile{path: file}
	return t, t.load()
}

func (t *fixedTracker) load() error {
	ids, changed, err := t.file.read()
	if err != nil || !changed {
		return err
	}
	ids = append(ids, t.ids...)
	t.cache.trackOnly(ids)
	if len(ids) == 0 {
		level.Warn(t.logger).Log("msg", "No phone is tracked: the file holds no id", "file", t.file.path)
	}
	return nil
}

func (t *fixedTracker) refresh(time.Time) {
	if t.file == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.load()
	switch {
	case err == nil:
		t.failed = ""
	case err.Error() != t.failed:
		t.failed = err.Error()
		level.Error(t.logger).Log("msg", "Reading the phone ids failed, tracking the phones as before", "err", err)
	}
}

func (t *fixedTracker) pending() bool            { return false }
func (t *fixedTracker) state() (bool, time.Time) { return true, time.Time{} }
func (t *fixedTracker) close()                   {}

// A listing of the largest fleet waits for its budget for more than an hour,
// and must not wait for the end of a two-hour lock.
const maxListing = 110 * time.Minute

// listTracker tracks what the account's own list holds.
type listTracker struct {
	client   *geelark.Client
	cache    *cache
	interval time.Duration
	retry    time.Duration // after a listing that failed
	now      func() time.Time
	logger   log.Logger
	news     func() // called when phones were added and when a listing ends

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu          sync.Mutex
	listing     bool
	known       bool // a listing has worked
	worked      bool // the last one did
	lastSuccess time.Time
	next        time.Time // when the next one is due
}

func newListTracker(a AccountConfig, client *geelark.Client, c *cache, now func() time.Time, logger log.Logger, news func()) *listTracker {
	t := &listTracker{
		client: client, cache: c, interval: a.DiscoveryInterval, retry: min(a.CacheTTL, a.DiscoveryInterval),
		now: now, logger: logger, news: news,
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

func (t *listTracker) close() {
	t.cancel()
	t.wg.Wait()
}

func (t *listTracker) pending() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.listing && !t.known && !t.client.Budget(geelark.EndpointPhoneList).Next.After(t.now())
}

func (t *listTracker) state() (bool, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.worked, t.lastSuccess
}

func (t *listTracker) refresh(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listing || now.Before(t.next) || t.ctx.Err() != nil {
		return
	}
	if !t.client.Budget(geelark.EndpointPhoneList).PausedUntil.IsZero() {
		return
	}
	t.listing = true
	t.wg.Go(t.list)
}

func (t *listTracker) list() {
	err := t.listAll()
	if errors.Is(err, context.Canceled) && t.ctx.Err() != nil {
		err = nil // closed
	}
	if err != nil {
		level.Warn(t.logger).Log("msg", "Listing the account's phones failed, known phones stay tracked", "err", err)
	}
	now := t.now()
	t.mu.Lock()
	t.listing, t.worked = false, err == nil
	if err == nil {
		t.known, t.lastSuccess, t.next = true, now, now.Add(t.interval)
	} else {
		t.next = now.Add(t.retry)
	}
	t.mu.Unlock()
	t.news()
}

func (t *listTracker) listAll() error {
	ctx, cancel := context.WithTimeout(t.ctx, maxListing)
	defer cancel()
	listed := make(map[string]bool)
	var found []geelark.Phone
	track := func() {
		t.cache.trackListed(found)
		found = found[:0]
		t.news()
	}
	for p, err := range t.client.AllPhones(ctx, geelark.PhoneListFilter{}) {
		if err != nil {
			track()
			return err
		}
		listed[p.ID] = true
		// A large fleet is polled while it is still listed, in whole batches
		// so that it costs no more calls.
		if found = append(found, p); len(found) == geelark.MaxStatusIDs {
			track()
		}
	}
	track()
	t.cache.retainListed(listed)
	return nil
}
