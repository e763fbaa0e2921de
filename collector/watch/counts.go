package watch

import (
	"maps"
	"sync"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/state"
)

// maxUndocumented bounds the failures with codes of no document that are counted
// each by itself. It is above what observers can tell apart.
const maxUndocumented = 100

// counts are how many of an account's phones were dropped and how many lookups
// failed. The observer is told when the disk has them, if they are kept: what was
// exposed once does not go back at a restart. They are safe for concurrent use.
type counts struct {
	account  string
	observer Observer

	mu       sync.Mutex
	log      *state.Log // nil: they are not kept
	dropped  map[DropReason]int
	failures []failureCount // in the order in which they were met first
}

type failureCount struct {
	Failure phones.Failure
	N       int
}

// A countRecord is what counts have grown by.
type countRecord struct {
	Dropped  map[DropReason]int
	Failures []failureCount
}

func newCounts(account string, o *Options) *counts {
	return &counts{account: account, observer: o.Observer, dropped: make(map[DropReason]int)}
}

// open goes on from what an earlier process counted.
func (c *counts) open(d *state.Directory) {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := d.Log("counts."+c.account, 1, func(record []byte) error {
		var r countRecord
		if err := decode(record, &r); err != nil {
			return err
		}
		c.grow(r)
		return nil
	}, func(add func([]byte)) { add(encode(c.whole())) })
	c.log = log
	c.tell(c.whole())
}

func (c *counts) whole() countRecord { return countRecord{c.dropped, c.failures} }

func (c *counts) grow(r countRecord) {
	for reason, n := range r.Dropped {
		c.dropped[reason] += n
	}
	for _, f := range r.Failures {
		*c.of(f.Failure) += f.N
	}
}

// of returns the count of a failure.
func (c *counts) of(f phones.Failure) *int {
	var undocumented, last int
	for i := range c.failures {
		if c.failures[i].Failure == f {
			return &c.failures[i].N
		}
		if !isDocumented(c.failures[i].Failure) {
			undocumented, last = undocumented+1, i
		}
	}
	if undocumented < maxUndocumented || isDocumented(f) {
		c.failures, last = append(c.failures, failureCount{Failure: f}), len(c.failures)
	}
	return &c.failures[last].N
}

func isDocumented(f phones.Failure) bool { return f.Kind != phones.Coded || f.Code.Documented() }

func (c *counts) tell(r countRecord) {
	for reason, n := range r.Dropped {
		c.observer.PhonesDropped(c.account, reason, n)
	}
	for _, f := range r.Failures {
		c.observer.LookupsFailed(c.account, f.Failure, f.N)
	}
}

func (c *counts) add(r countRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grow(r)
	if c.log != nil {
		c.log.Append(encode(r))
	}
	c.tell(r)
}

// drop counts phones that left.
func (c *counts) drop(l phones.Loss) {
	dropped := map[DropReason]int{DroppedNotFound: l.NotFound, DroppedUnlisted: l.Unlisted, DroppedUnselected: l.Unselected}
	maps.DeleteFunc(dropped, func(_ DropReason, n int) bool { return n == 0 })
	if len(dropped) > 0 {
		c.add(countRecord{Dropped: dropped})
	}
}

// fail counts lookups that failed.
func (c *counts) fail(failures []phones.Failure) {
	times := make(map[phones.Failure]int)
	for _, f := range failures {
		times[f]++
	}
	var r countRecord
	for f, n := range times {
		r.Failures = append(r.Failures, failureCount{f, n})
	}
	if len(r.Failures) > 0 {
		c.add(r)
	}
}

func (c *counts) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log != nil {
		c.log.Close()
	}
}
