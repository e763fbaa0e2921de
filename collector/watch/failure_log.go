package watch

import (
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// maxKinds bounds the failures of one row that are logged: a peer that fails in
// another way each time must not fill a disk.
const maxKinds = 10

// A FailureLog logs what is tried again and again: a failure once, until it fails
// for another reason, and when it works again how often it has failed. It is safe
// for concurrent use.
type FailureLog struct {
	what, stays string
	logger      log.Logger
	now         func() time.Time

	mu    sync.Mutex
	kinds map[string]bool // of the failures since it last worked
	times int
	since time.Time
}

// NewFailureLog returns the log of what is tried, such as "Polling". After a
// failure something stays as it was, such as "known statuses are kept".
func NewFailureLog(what, stays string, logger log.Logger, now func() time.Time) *FailureLog {
	return &FailureLog{what: what, stays: stays, logger: logger, now: now, kinds: make(map[string]bool)}
}

// Report takes in how an attempt went: nil is that it worked.
func (l *FailureLog) Report(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		if l.times > 0 {
			level.Info(l.logger).Log("msg", l.what+" works again", "failures", l.times, "after", l.now().Sub(l.since).Round(time.Second))
		}
		l.forget()
		return
	}
	if l.times++; l.times == 1 {
		l.since = l.now()
	}
	if kind := kindOf(err); !l.kinds[kind] && len(l.kinds) < maxKinds {
		l.kinds[kind] = true
		level.Error(l.logger).Log("msg", l.what+" failed, "+l.stays, "err", err)
	}
}

// Forget makes the next failure the first.
func (l *FailureLog) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
}

func (l *FailureLog) forget() {
	l.times = 0
	clear(l.kinds)
}

// kindOf is what two failures have in common that need not be told twice: not
// their trace ids and times.
func kindOf(err error) string {
	var kinds []string
	for _, e := range accountErrors(err) {
		kind := string(e.Endpoint) + " " + e.Outcome
		if e.Endpoint == "" {
			kind += " " + e.Message
		}
		kinds = append(kinds, kind)
	}
	return strings.Join(kinds, "\n")
}
