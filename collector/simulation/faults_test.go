// Package simulation watches simulated fleets on a virtual clock: with every fault
// that its grammar has, and for a week in which all of them happen.
package simulation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// An api is one that faults are made of.
type api struct {
	endpoint  geelark.Endpoint
	collector string
	every     time.Duration // it is asked while all is well
	again     time.Duration // it is asked after a failure
}

var apis = []api{
	{geelark.EndpointPhoneStatus, watch.CollectorStatus, ttl, ttl},
	{geelark.EndpointPhoneList, watch.CollectorInventory, time.Minute, ttl},
	{geelark.EndpointWallet, watch.CollectorBilling, watch.MinBillingInterval, watch.MinBillingInterval},
	{geelark.EndpointPlanInfo, watch.CollectorBilling, watch.MinBillingInterval, watch.MinBillingInterval},
	{geelark.EndpointTransactions, watch.CollectorUsage, 2 * time.Minute, 2 * time.Minute},
	{geelark.EndpointTaskHistory, watch.CollectorTasks, time.Minute, time.Minute},
	{geelark.EndpointTaskQuery, watch.CollectorTasks, time.Minute, time.Minute},
}

// tasksPerDay of a phone are so many that some are open at all times.
const tasksPerDay = 96

const (
	cellToken  = "token-of-the-cell"
	cellPhones = 5
	// A fault lasts until what was known before is too old.
	cellStaleness = 2 * time.Minute
	faulty        = cellStaleness + 2*ttl
)

// everyCell is 1 for all cells, and n for each nth.
func everyCell() int {
	if race || testing.Short() {
		return 11
	}
	return 1
}

func TestEveryFaultLeavesTheExporterTruthful(t *testing.T) {
	var total atomic.Int64
	t.Cleanup(func() { t.Logf("%d cells", total.Load()) })
	for _, a := range apis {
		t.Run(strings.ReplaceAll(string(a.endpoint), "/", " "), func(t *testing.T) {
			t.Parallel()
			for i, w := range wrongsOf(t, a) {
				if i%everyCell() != 0 {
					continue
				}
				total.Add(1)
				synctest.Test(t, func(t *testing.T) { runCell(newCell(t, a), w) })
			}
		})
	}
}

// wrongsOf are all the ways in which an API's answer can be wrong.
func wrongsOf(t *testing.T, a api) []wrong {
	return slices.Concat(transportWrongs(), documentWrongs(), codeWrongs(), fieldWrongs(soundAnswer(t, a)))
}

// soundAnswer returns what an API answers in a cell.
func soundAnswer(t *testing.T, a api) (answer []byte) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell(t, a)
		defer c.close()
		var mu sync.Mutex
		defer c.sim.Inject(geelarktest.Fault{Endpoint: string(a.endpoint), Rewrite: func(r *geelarktest.Reply) {
			mu.Lock()
			defer mu.Unlock()
			if answer == nil {
				answer = slices.Clone(r.Body)
			}
		}})()
		c.isSound()
	})
	if answer == nil {
		t.Fatalf("%s was not asked", a.endpoint)
	}
	return answer
}

// runCell lets a fault last until what was known before is too old, and then end.
func runCell(c *cell, w wrong) {
	defer c.close()
	a := c.api
	c.name = w.name
	if !c.isSound() {
		return
	}
	before := c.requests(c.scrape())
	calls := c.sim.Requests(string(a.endpoint))
	c.field, c.faulty = w.field, true
	remove := c.begin(w)
	began := c.now()
	var got samples
	for c.now().Sub(began) < faulty {
		c.pass(ttl)
		got = c.scrape()
		c.settled()
		if a.collector != watch.CollectorStatus || !w.whole {
			continue
		}
		switch n, since := known(got), c.now().Sub(began); {
		case since < cellStaleness-ttl && n != cellPhones:
			c.errorf("%d phones have a status %s after it began", n, since)
		case since > cellStaleness+ttl/2 && n != 0:
			c.errorf("%d phones have a status still %s after it began", n, since)
		}
	}
	faults := c.sim.Requests(string(a.endpoint)) - calls
	if faults == 0 && !w.unsent {
		c.errorf("it was not asked")
	}
	most := int(faulty/a.again) + 2
	if w.repeated {
		most *= 3
	}
	if w.field == "" && w.whole && faults > most {
		c.errorf("%d requests within %s, at most %d", faults, faulty, most)
	}
	if a.collector != watch.CollectorStatus && !w.everything {
		if n := known(got); n < cellPhones-1 {
			c.errorf("only %d phones have a status although their own API works", n)
		}
	} else if strings.HasPrefix(w.field, "data.successDetails.0") && !w.whole {
		if n := known(got); n < cellPhones-1 {
			c.errorf("only %d phones have a status: one odd detail has cost more than one phone", n)
		}
	}

	remove()
	c.pass(a.again + ttl)
	c.faulty = false
	c.scrape()
	c.settled()
	c.eventually(func() string { return c.unwell(c.scrape(), before, w) })
	logs := c.logs.String()
	if secret := c.secretIn(logs); secret != "" {
		c.errorf("%s is logged: %s", secret, logs)
	}
	c.checkLogs(logs, w)
}

// isSound reports whether all is well before the fault, and fails when it is not.
func (c *cell) isSound() bool {
	var sound samples
	c.scrape()
	for range 20 { // a task is open, and followed, after a while
		c.settled()
		if c.sim.Requests(string(c.api.endpoint)) > 0 {
			break
		}
		c.pass(c.api.every)
		c.scrape()
	}
	c.eventually(func() string {
		c.settled()
		sound = c.scrape()
		if n, up := known(sound), sound[`geelark_up{account="cell"}`]; n != cellPhones || up != 1 {
			return fmt.Sprintf("before it, %d phones have a status, up is %v", n, up)
		}
		if c.sim.Requests(string(c.api.endpoint)) == 0 {
			return "before it, it was not asked"
		}
		return ""
	})
	return known(sound) == cellPhones
}

// begin lets a fault begin.
func (c *cell) begin(w wrong) (remove func()) {
	if w.road != "" {
		return c.breaks(w.road)
	}
	w.with.Endpoint = string(c.api.endpoint)
	return c.sim.Inject(w.with)
}

// unwell says what is not as it should be after a fault.
func (c *cell) unwell(got samples, before map[string]float64, w wrong) string {
	if n := known(got); n < cellPhones || got[`geelark_up{account="cell"}`] != 1 {
		return fmt.Sprintf("after it, %d phones have a status, up is %v", n, got[`geelark_up{account="cell"}`])
	}
	if got[`geelark_collector_success{account="cell",collector="`+c.api.collector+`"}`] != 1 {
		return fmt.Sprintf("after it, the collector is not well: %v", got)
	}
	counted, sum := c.requests(got), 0.0
	for _, n := range counted {
		sum += n
	}
	if seen := c.sim.Requests(string(c.api.endpoint)); !w.unsent && sum != float64(seen) {
		return fmt.Sprintf("%v requests are counted of %d: %v", sum, seen, counted)
	}
	if w.outcome != "" && counted[w.outcome] <= before[w.outcome] {
		return fmt.Sprintf("no %s was counted: %v", w.outcome, counted)
	}
	for outcome := range counted {
		cut := w.everything && outcome == "connection" // what was on its way when the fault ended
		if w.outcome != "" && outcome != w.outcome && outcome != "0" && !cut {
			return fmt.Sprintf("%v were counted as %s", counted[outcome], outcome)
		}
	}
	return ""
}

var failing = regexp.MustCompile(`msg="[^"]* failed, `)

// checkLogs holds that a change of state is told once, and its end too.
func (c *cell) checkLogs(logs string, w wrong) {
	failed, again := len(failing.FindAllString(logs, -1)), strings.Count(logs, " works again\"")
	// The plan is asked again when its minute is over, and by then all is well.
	if w.whole && failed == 0 && (!w.repeated || c.api.endpoint != geelark.EndpointPlanInfo) {
		c.errorf("nothing was logged of it: %s", logs)
	}
	if w.everything {
		if failed > 4 || again == 0 || again > failed {
			c.errorf("failures were logged %d times, their ends %d times: %s", failed, again, logs)
		}
	} else if failed > 1 || again != failed {
		c.errorf("its failure was logged %d times, its end %d times: %s", failed, again, logs)
	}
}
