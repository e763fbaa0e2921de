package simulation

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark/geelarktest"
)

func TestAPanicInACallEndsThatCallAlone(t *testing.T) {
	for _, a := range apis {
		t.Run(strings.ReplaceAll(string(a.endpoint), "/", " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCell(t, a)
				defer c.close()
				c.scrape()
				c.scrape()
				const panics = 3
				happened := 0
				c.sim.Inject(geelarktest.Fault{Endpoint: string(a.endpoint), Times: panics, Before: func(string) {
					happened++
					panic("the test has planted this")
				}})
				got := samples{}
				for range 20 {
					time.Sleep(ttl)
					got = c.scrapePanicking()
					synctest.Wait()
				}
				if got["geelark_exporter_panics_total"] != panics || happened != panics {
					t.Errorf("%v panics are counted of %d", got["geelark_exporter_panics_total"], happened)
				}
				if n := strings.Count(c.logs.String(), "panic_test.go"); n < panics {
					t.Errorf("%d stacks are logged", n)
				}
				if known(got) != cellPhones || got[`geelark_up{account="cell"}`] != 1 {
					t.Errorf("%d phones have a status, up is %v", known(got), got[`geelark_up{account="cell"}`])
				}
				if b := c.watcher.Fleet().Accounts[0].Budget(a.endpoint); b.InFlight != 0 {
					t.Errorf("%d requests are in flight for ever", b.InFlight)
				}
			})
		})
	}
}

// scrapePanicking is scrape after panics.
func (c *cell) scrapePanicking() samples {
	c.panics = true
	return c.scrape()
}
