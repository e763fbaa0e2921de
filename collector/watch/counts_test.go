package watch

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func (r *recorder) LookupsFailed(_ string, f phones.Failure, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = make(map[string]int)
	}
	r.failed[f.String()] += n
}

func (r *recorder) wantFailed(t *testing.T, when string, want map[string]int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !maps.Equal(r.failed, want) {
		t.Errorf("%s: lookups failed %v, want %v", when, r.failed, want)
	}
}

func TestPhonesAreDroppedAndLookupsFailOnceOverKills(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 50, Still: true}, func(m *machine) {
		var r *recorder
		m.set = func(o *Options) {
			r = &recorder{dropped: make(map[DropReason]int)}
			o.Observer = r
		}
		b := m.start()
		b.scrapeFor(time.Minute)
		m.sim.Remove(m.sim.IDs()[:2]...)
		for len(r.dropped) == 0 {
			b.pollAndList()
			time.Sleep(10 * time.Second)
		}
		failed := maps.Clone(r.failed)
		if failed["42001"] == 0 {
			t.Fatal("nothing was counted")
		}
		for i := range 5 {
			when := fmt.Sprintf("after %d kills", i)
			r.want(t, when, map[DropReason]int{DroppedNotFound: 2})
			r.wantFailed(t, when, failed)
			m.kill(b)
			b = m.start()
			r.want(t, when+", at the start", map[DropReason]int{DroppedNotFound: 2})
			b.scrapeFor(7 * time.Minute)
		}
		m.stop(b)
	})
}

func TestCountsGoOnWhenAnAccountComesBack(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 50, Still: true}, func(m *machine) {
		r := &recorder{dropped: make(map[DropReason]int)}
		m.set = func(o *Options) { o.Observer = r }
		b := m.start()
		b.scrapeFor(time.Minute)
		m.sim.Remove(m.sim.IDs()[0])
		b.scrapeFor(10 * time.Minute)
		r.want(t, "before", map[DropReason]int{DroppedNotFound: 1})
		for _, cfgs := range [][]AccountConfig{nil, m.accounts} {
			if err := b.Reload(cfgs); err != nil {
				t.Fatal(err)
			}
		}
		// The observer forgets an account that goes; this one does not.
		r.want(t, "when it is back", map[DropReason]int{DroppedNotFound: 2})
		m.stop(b)
	})
}

func TestFailuresOfAnyNumberOfCodesAreKeptInLittleRoom(t *testing.T) {
	c := newCounts("a", &Options{Observer: nobody{}})
	for i := range 300 {
		c.fail([]phones.Failure{phones.FailedWith(geelark.Code(60_000 + i))})
	}
	c.fail([]phones.Failure{phones.FailedWith(geelark.CodePhoneNotFound), {Kind: phones.Missing}, {Kind: phones.Missing}})
	sum := 0
	for _, f := range c.failures {
		sum += f.N
	}
	if len(c.failures) != 100+2 || sum != 300+3 || *c.of(phones.Failure{Kind: phones.Missing}) != 2 {
		t.Errorf("%d failures, %d lookups", len(c.failures), sum)
	}
}

// The room that is left belongs to the codes that came first.
func TestFailuresBeyondTheBoundCountWithTheLastOfTheOthers(t *testing.T) {
	c := newCounts("a", &Options{Observer: nobody{}})
	missing := phones.Failure{Kind: phones.Missing}
	code := func(i int) phones.Failure { return phones.FailedWith(geelark.Code(60_000 + i)) }
	for i := range 100 {
		c.fail([]phones.Failure{code(i)})
	}
	c.fail([]phones.Failure{missing, missing})
	c.fail([]phones.Failure{code(100), code(101), code(0)})
	for f, want := range map[phones.Failure]int{missing: 2, code(0): 2, code(1): 1, code(99): 3} {
		if got := *c.of(f); got != want {
			t.Errorf("%s: %d lookups, want %d", f, got, want)
		}
	}
	if len(c.failures) != 101 {
		t.Errorf("%d failures are told apart", len(c.failures))
	}
}

func TestNothingIsToldOfPhonesThatDidNotLeaveAndLookupsThatDidNotFail(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 5, Still: true}, func(m *machine) {
		b := m.start()
		c := b.account().counts
		c.drop(phones.Loss{Tracked: 5, Doubted: 3})
		c.fail(nil)
		if _, err := os.Stat(filepath.Join(m.dir, "counts.default")); !os.IsNotExist(err) {
			t.Errorf("something was written: %v", err)
		}
		m.stop(b)
	})
}

func TestPhonesThatLeaveAreToldByTheReason(t *testing.T) {
	r := &recorder{dropped: make(map[DropReason]int)}
	c := newCounts("a", &Options{Observer: r})
	c.drop(phones.Loss{NotFound: 1, Unlisted: 2, Unselected: 3})
	c.drop(phones.Loss{Unlisted: 4})
	r.want(t, "after two losses", map[DropReason]int{DroppedNotFound: 1, DroppedUnlisted: 6, DroppedUnselected: 3})
}
