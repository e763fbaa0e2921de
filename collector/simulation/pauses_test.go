package simulation

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestAPauseIsKeptToTheSecondAndNoLonger(t *testing.T) {
	asks := func(status int, after string) geelarktest.Fault {
		return geelarktest.Fault{Rewrite: func(r *geelarktest.Reply) {
			r.Status = status
			r.Header.Set("Retry-After", after)
		}}
	}
	until := time.Date(2000, time.January, 1, 0, 5, 0, 0, time.UTC) // clocks begin with that year
	for _, p := range []struct {
		name  string
		with  geelarktest.Fault
		pause time.Duration
	}{
		{"40007", geelarktest.Fault{Code: geelark.CodeRateLimited}, time.Minute},
		{"40014", geelarktest.Fault{Code: geelark.CodeHourLimit}, 2 * time.Hour},
		{"47002", geelarktest.Fault{Code: geelark.CodeCrowded}, time.Minute},
		{"429 without a time", geelarktest.Fault{HTTPStatus: http.StatusTooManyRequests}, time.Minute},
		{"429 for two minutes", asks(http.StatusTooManyRequests, "120"), 2 * time.Minute},
		{"503 for two minutes", asks(http.StatusServiceUnavailable, "120"), 2 * time.Minute},
		{"503 until a time", asks(http.StatusServiceUnavailable, until.Format(http.TimeFormat)), 0}, // which began when it did
		{"503 for a year", asks(http.StatusServiceUnavailable, "31536000"), 10 * time.Minute},
	} {
		for _, a := range apis {
			t.Run(p.name+" of "+strings.ReplaceAll(string(a.endpoint), "/", " "), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newCell(t, a)
					c.name = p.name
					defer c.close()
					c.scrape()
					c.scrape()
					p.with.Endpoint, p.with.Times = string(a.endpoint), 1
					began := make(chan time.Time, 1)
					p.with.Before = func(string) { began <- time.Now() }
					calls := c.sim.Requests(p.with.Endpoint)
					defer c.sim.Inject(p.with)()
					for c.sim.Requests(p.with.Endpoint) == calls {
						time.Sleep(ttl)
						c.scrape()
						synctest.Wait()
					}
					first := <-began
					pause := p.pause
					if pause == 0 {
						pause = until.Sub(first)
					}
					for time.Since(first) < pause-ttl {
						time.Sleep(ttl)
						c.scrape()
						synctest.Wait()
						if n := c.sim.Requests(p.with.Endpoint) - calls; n != 1 {
							t.Fatalf("%d requests %s after a pause of %s began", n, time.Since(first), pause)
						}
					}
					for time.Since(first) < pause+ttl+a.again {
						time.Sleep(ttl)
						c.scrape()
						synctest.Wait()
					}
					if n := c.sim.Requests(p.with.Endpoint) - calls; n < 2 {
						t.Errorf("no request %s after a pause of %s began", time.Since(first), pause)
					}
					if got := c.scrape(); known(got) != cellPhones || got[`geelark_up{account="cell"}`] != 1 {
						t.Errorf("%d phones have a status, up is %v", known(got), got[`geelark_up{account="cell"}`])
					}
				})
			})
		}
	}
}

func TestAPauseOfCrowdingDoublesUpToTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell(t, apis[0])
		defer c.close()
		c.scrape()
		defer c.sim.Inject(geelarktest.Fault{Endpoint: string(geelark.EndpointPhoneStatus), Code: geelark.CodeCrowded})()
		calls := c.sim.Requests(string(geelark.EndpointPhoneStatus))
		for range 120 {
			time.Sleep(ttl)
			c.scrape()
			synctest.Wait()
		}
		// 1+2+4+8 minutes, then ten each, within the hour.
		if n := c.sim.Requests(string(geelark.EndpointPhoneStatus)) - calls; n < 8 || n > 9 {
			t.Errorf("%d requests within an hour", n)
		}
	})
}

func TestAProcessThatStoodStillForAnHourWithCallsOnTheirWayGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell(t, apis[0])
		defer c.close()
		c.scrape()
		// Nothing of the process ran meanwhile: the answer, the call's deadline and the
		// next scrape all come at once.
		remove := c.sim.Inject(geelarktest.Fault{Endpoint: string(geelark.EndpointPhoneStatus), Before: func(string) { time.Sleep(time.Hour) }, Times: 1})
		defer remove()
		time.Sleep(ttl + time.Second)
		go func() {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
			c.handler.ServeHTTP(&response{header: make(http.Header)}, r)
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		time.Sleep(ttl + time.Second)
		c.scrape()
		if got := c.scrape(); known(got) != cellPhones || got[`geelark_up{account="cell"}`] != 1 {
			t.Errorf("%d phones have a status, up is %v", known(got), got[`geelark_up{account="cell"}`])
		}
		if n := c.sim.MostIn("", time.Minute); n > 4 {
			t.Errorf("%d requests within a minute", n)
		}
	})
}
