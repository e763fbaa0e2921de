// Package state keeps on disk what must outlive the process: what was spent of
// the API's limits, pauses, and what is known of phones and usage. It knows
// nothing of their meaning, only records.
//
// A [Directory] belongs to one process at a time and holds a file for each
// [Log]. A file begins with a header of 16 bytes: a magic number, the format's
// version, which its owner gives, and the file's length. Behind it stand records:
// the length of the payload (4 bytes, little endian), the CRC-32C of length and
// payload (4 bytes), and the payload.
//
// Records are appended without fsync: they survive the end of the process in any
// way, which is what happens every day. What must be on disk before something is
// done is cheap so, and an owner can make it cheaper by a record for several at a
// time: of the API's limits five requests are told of before the first of them is
// sent, so that a sweep of 15,000 phones writes 30 records of some 200 bytes, and
// a crash costs at most those that were told of and not sent. A record that must
// survive the end of the machine too is followed by [Log.Sync]. When a file has
// grown to several times what it has to say, its owner says it anew into a file
// beside it, which is synced and takes its place by a rename.
//
// A file that is shorter than its header says, or ends within a record, as after a
// crash while it was written, loses what is missing, and says so ([Log.Whole]). A
// file that is damaged elsewhere, has another version or is not
// one of this package's is set aside under another name, with one warning, and a
// new one begins. Neither that nor a disk that is full or read-only is an error
// for the owner: what cannot be written is told to the log once, shows in
// [Directory.Writable], and is written with the rest as soon as that works again.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/gofrs/flock"
)

// ErrInUse is what [Open] returns when another process holds the directory.
var ErrInUse = errors.New("another process holds the state directory: give each exporter a directory of its own")

const (
	// lockName is the file whose lock tells who holds a directory.
	lockName = "lock"
	// unfinished is in the names of files that are being written.
	unfinished = ".unfinished-"
)

// A Directory holds the state of one process. It is safe for concurrent use.
type Directory struct {
	path   string
	logger log.Logger
	now    func() time.Time
	lock   *flock.Flock

	mu      sync.Mutex
	failing map[string]bool // by log: its last write failed
	failure error           // the first of them that lasts, nil: none does
	since   time.Time       // when that was
}

// Open takes the directory at path, which is made when it is missing. It fails
// with [ErrInUse] when another process has it, and when it cannot be made or
// read. One that cannot be written is not an error: [Directory.Writable] tells.
func Open(path string, logger log.Logger, now func() time.Time) (*Directory, error) {
	d := &Directory{path: path, logger: log.With(logger, "state_directory", path), now: now, failing: make(map[string]bool)}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	if _, err := os.ReadDir(path); err != nil {
		return nil, fmt.Errorf("reading the state directory: %w", err)
	}
	d.lock = flock.New(filepath.Join(path, lockName), flock.SetPermissions(0o600))
	held, err := d.lock.TryLock()
	switch {
	case err == nil && !held:
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	case err != nil:
		// A disk that takes no file takes no lock either.
		d.wrote(lockName, err)
	default:
		d.tidy()
	}
	return d, nil
}

// tidy removes files that a crash has left half written.
func (d *Directory) tidy() {
	left, _ := filepath.Glob(filepath.Join(d.path, "*"+unfinished+"*")) // the pattern is sound
	for _, file := range left {
		_ = os.Remove(file) // it takes room, nothing else
	}
}

// Writable reports whether the last write to each log worked.
func (d *Directory) Writable() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.failing) == 0
}

// Failure returns since when the state cannot be written, and the first error; nil
// when it can.
func (d *Directory) Failure() (since time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.since, d.failure
}

// Path returns where the directory is.
func (d *Directory) Path() string { return d.path }

// Close gives the directory back. Logs must not be used any more.
func (d *Directory) Close() error { return d.lock.Unlock() }

// wrote takes in how a write went and logs when that has changed.
func (d *Directory) wrote(name string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil && d.failing[name]:
		delete(d.failing, name)
		if len(d.failing) == 0 {
			d.since, d.failure = time.Time{}, nil
			level.Info(d.logger).Log("msg", "Writing the state works again")
		}
	case err != nil && !d.failing[name]:
		if len(d.failing) == 0 {
			d.since, d.failure = d.now(), err
			level.Warn(d.logger).Log("msg", "Writing the state failed: what happens now is forgotten at a restart, make room or give the directory write permission", "err", err)
		}
		d.failing[name] = true
	}
}

// setAside keeps a file that cannot be used out of the way.
func (d *Directory) setAside(path string, why error) error {
	aside := fmt.Sprintf("%s.unusable-%s", path, d.now().UTC().Format("20060102T150405Z"))
	err := os.Rename(path, aside)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	level.Warn(d.logger).Log("msg", "A state file cannot be used and is set aside, what it knew is forgotten", "file", filepath.Base(path), "kept_as", filepath.Base(aside), "reason", why, "err", err)
	return err
}
