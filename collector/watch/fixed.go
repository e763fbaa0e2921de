package watch

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/phones"
)

// idsFilePatience is how long a scrape waits for the ids file, which takes much
// less than that where nothing is stuck. What takes longer serves a later scrape.
const idsFilePatience = 200 * time.Millisecond

// fixedTracker tracks ids from the configuration, and those in a file that is
// read again at each scrape. A file that cannot be read leaves the set as it was.
type fixedTracker struct {
	ids     []string
	path    string // of the file; "": none
	store   *phones.Store
	workers *workers
	read    func(ctx context.Context, file string) ([]byte, error)
	report  func(error)
	changed func() // called with the lock held when other phones are tracked
	now     func() time.Time
	logger  log.Logger
	seed    maphash.Seed

	mu      sync.Mutex // held while phones are tracked and dropped
	losses  losses
	content uint64        // hash of what the file last held
	inFile  []string      // its ids
	file    IDsFile       // how reading it went
	reading chan struct{} // closed when the reading that is under way has ended
}

// An IDsFile is how reading an account's ids file goes.
type IDsFile struct {
	Successful  bool // the last reading worked
	LastSuccess time.Time
}

// newFixedTracker fails when the file cannot be read, unless another account, whose
// place this one takes, watches it already. Nothing is tracked before begin.
func newFixedTracker(a *Account, o *Options, logger log.Logger, old *Account) (*fixedTracker, error) {
	t := &fixedTracker{
		ids: a.cfg.IDs, path: a.cfg.IDsFile, store: a.store, workers: a.workers, read: o.ReadFile, now: o.Now, logger: logger, seed: maphash.MakeSeed(),
		report: a.errors.logging("", NewFailureLog("Reading the phone ids", "the phones before stay tracked", logger, o.Now)),
		losses: a.newLosses(logger),
	}
	if t.path == "" || old != nil && t.watchesAs(old.fixed) {
		return t, nil
	}
	content, err := t.read(context.Background(), t.path)
	if err == nil {
		t.inFile, err = parseIDs(t.path, content)
	}
	t.content, t.file = maphash.Bytes(t.seed, content), IDsFile{true, t.now()}
	return t, err
}

func (t *fixedTracker) watchesAs(old *fixedTracker) bool { return old != nil && old.path == t.path }

// begin tracks the phones, and knows of the file what another tracker does whose
// place this one takes.
func (t *fixedTracker) begin(old *fixedTracker) {
	if t.path != "" && t.watchesAs(old) {
		old.mu.Lock()
		t.seed, t.content, t.inFile, t.file = old.seed, old.content, old.inFile, old.file
		old.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.track()
}

// track brings the set up to date.
func (t *fixedTracker) track() {
	ids := slices.Concat(t.ids, t.inFile)
	t.losses.take(t.store.TrackOnly(ids))
	t.changed()
	if len(ids) == 0 {
		level.Warn(t.logger).Log("msg", "No phone is tracked: the file holds no id", "file", t.path)
	}
}

// refresh begins to read the file unless that is under way. It returns when that is
// done, or when it takes too long to be waited for.
func (t *fixedTracker) refresh(ctx context.Context) {
	ended := t.start()
	if ended == nil {
		return
	}
	select {
	case <-ended:
	case <-time.After(idsFilePatience):
	case <-ctx.Done():
	}
}

// start returns what is closed at the reading's end, nil when there is none.
func (t *fixedTracker) start() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.path == "" || t.reading != nil {
		return t.reading
	}
	ended := make(chan struct{})
	if t.workers.begin(func() { t.readAgain(ended) }) {
		t.reading = ended
	}
	return t.reading
}

func (t *fixedTracker) readAgain(ended chan struct{}) {
	defer close(ended)
	content, err := t.read(t.workers.ctx, t.path)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reading = nil
	if t.workers.isClosed() { // the store is another tracker's now, or nobody's
		return
	}
	if err == nil {
		err = t.take(content)
	}
	if t.file.Successful = err == nil; err == nil {
		t.file.LastSuccess = t.now()
		t.report(nil)
	} else {
		t.report(&idsFileError{err})
	}
}

// take takes in what the file holds.
func (t *fixedTracker) take(content []byte) error {
	hash := maphash.Bytes(t.seed, content)
	if hash == t.content {
		return nil
	}
	ids, err := parseIDs(t.path, content)
	if err == nil {
		t.content, t.inFile = hash, ids
		t.track()
	}
	return err
}

// state returns how reading the file goes, and whether there is one.
func (t *fixedTracker) state() (f IDsFile, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.file, t.path != ""
}

// idsFileError is why an ids file could not be read.
type idsFileError struct{ error }
