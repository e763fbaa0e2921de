package simulation

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A clock is that of a machine beside the bubble's, which is that of the world
// outside as long as nothing is said. Its times have a monotonic reading, as those
// of a machine have and those of a bubble lack.
type clock struct {
	began time.Time

	mu     sync.Mutex
	wall   time.Duration // the machine's wall clock is ahead
	both   time.Duration // its clocks are ahead
	theirs time.Duration // the world's clock is ahead
}

func (k *clock) now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now().Add(k.both)
	return timeOf(now.Add(k.wall), now.Sub(k.began))
}

func (k *clock) outside() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().Add(k.theirs)
}

func (k *clock) jump(j jump, d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	j.do(k, d)
}

// timeOf returns a time of two clocks. Package time makes such times and has no way
// to ask for one.
func timeOf(wall time.Time, monotonic time.Duration) time.Time {
	const hasMonotonic = 1 << 63
	since := wall.Unix() - time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	var t time.Time
	*(*struct {
		wall uint64
		ext  int64
	})(unsafe.Pointer(&t)) = struct {
		wall uint64
		ext  int64
	}{hasMonotonic | uint64(since)<<30 | uint64(wall.Nanosecond()), int64(monotonic) + 1}
	return t
}

func TestATimeHasTwoClocks(t *testing.T) {
	wall := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	now := timeOf(wall, time.Hour)
	for _, ahead := range []time.Duration{time.Hour, -48 * time.Hour} {
		then := timeOf(wall.Add(ahead), time.Hour+time.Second)
		if !now.Equal(wall) || then.Sub(now) != time.Second || !then.Round(0).Equal(wall.Add(ahead)) {
			t.Errorf("%s ahead: %s, then %s", ahead, now, then)
		}
	}
}

// A jump is what can happen to clocks and to a process in no time of its own.
type jump struct {
	name string
	do   func(k *clock, d time.Duration)
	// ages is whether what is known is older by that.
	ages bool
	// suspected is whether it may be taken for older than it is.
	suspected bool
}

var jumps = []jump{
	{name: "the wall clock is set ahead", do: func(k *clock, d time.Duration) { k.wall += d }, suspected: true},
	{name: "the wall clock is set back", do: func(k *clock, d time.Duration) { k.wall -= d }},
	// Monotonic clocks stand still while the machine does.
	{name: "the machine is suspended and resumes", do: func(k *clock, d time.Duration) { k.wall, k.theirs = k.wall+d, k.theirs+d }, ages: true},
	// Nothing of a process runs until SIGCONT: then it finds that both of its clocks
	// have gone on, and its timers come late.
	{name: "the process is stopped and continues", do: func(k *clock, d time.Duration) { k.both, k.theirs = k.both+d, k.theirs+d }, ages: true},
}

// Situations are what is under way meanwhile.
var situations = []struct {
	name  string
	fault *geelarktest.Fault
	lasts bool // until what was known is too old
}{
	{name: "while all is well"},
	{name: "while a call is on its way", fault: &geelarktest.Fault{Hang: true, Times: 1}},
	{name: "while a call is on its way, whose connection breaks", fault: &geelarktest.Fault{Latency: time.Second, Drop: true, Times: 1}},
	{name: "while the API does not answer", fault: &geelarktest.Fault{Hang: true}, lasts: true},
	{name: "while the API has an internal error", fault: &geelarktest.Fault{Code: geelark.CodeInternal}, lasts: true},
}

func TestNoClockThatJumpsLetsTheExporterLie(t *testing.T) {
	cells := 0
	for _, a := range apis {
		for _, j := range jumps {
			for _, s := range situations {
				for _, d := range []time.Duration{10 * time.Second, time.Minute, time.Hour, 48 * time.Hour} {
					cells++
					synctest.Test(t, func(t *testing.T) {
						k := &clock{began: time.Now()}
						at := bubble()
						at.now, at.theirs = k.now, k.outside
						c := newCellAt(t, a, at)
						c.name = fmt.Sprintf("%s by %s %s", j.name, d, s.name)
						runJump(c, j, k, d, s.fault, s.lasts)
					})
				}
			}
		}
	}
	t.Logf("%d cells", cells)
}

func runJump(c *cell, j jump, k *clock, d time.Duration, fault *geelarktest.Fault, lasts bool) {
	defer c.close()
	a := c.api
	if !c.isSound() {
		return
	}
	before := c.requests(c.scrape())
	remove := func() {}
	if fault != nil {
		f := *fault
		f.Endpoint = string(a.endpoint)
		remove = c.sim.Inject(f)
		c.pass(a.again + time.Second)
		go c.handler.ServeHTTP(&response{header: make(http.Header)}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		c.settled()
	}
	calls := c.sim.Requests("")
	k.jump(j, d)
	if j.ages && d > cellStaleness {
		c.turn()
	}
	began := time.Now()
	told, listed, listings := began, time.Time{}, c.sim.Requests(string(geelark.EndpointPhoneList))
	if j.ages {
		told = told.Add(-d)
	}
	c.scrape()
	for lasts && time.Since(began) < faulty {
		c.settled()
		if n := c.sim.Requests(string(geelark.EndpointPhoneList)); n > listings { // which tells most statuses
			listed, listings = time.Now(), n
		}
		c.pass(ttl)
		n, since := known(c.scrape()), time.Since(told)
		switch {
		case a.collector != watch.CollectorStatus:
		case since < cellStaleness-2*ttl && n != cellPhones && !j.suspected:
			c.errorf("%d phones have a status, %s after it was told", n, since)
		case since > cellStaleness+ttl/2 && time.Since(listed) > cellStaleness && n != 0:
			c.errorf("%d phones have a status still, %s after it was told", n, since)
		}
	}
	remove()
	c.settled()
	most := len(geelark.Endpoints())
	if a.collector == watch.CollectorTasks || a.collector == watch.CollectorUsage {
		most += 20 // pages of what has happened meanwhile
	}
	if n := c.sim.Requests("") - calls; fault == nil && n > most {
		c.errorf("%d requests at once", n)
	}
	c.pass(a.again + ttl)
	c.scrape()
	c.settled()
	c.eventually(func() string { return c.unwell(c.scrape(), before, wrong{}) })
	if n := c.sim.MostIn("", time.Minute); n > most+10 {
		c.errorf("%d requests within a minute", n)
	}
	if n := strings.Count(c.logs.String(), " failed, "); n > 1 {
		c.errorf("logged %d failures: %s", n, c.logs)
	}
}

// turn gives every phone another status, of those that a listing tells too: one that
// was told before is not true any more.
func (c *cell) turn() {
	for id, status := range c.true {
		c.sim.SetStatus(id, map[string]int{"0": 2}[status])
	}
	c.look()
}
