package collector

import (
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// Scraped as Prometheus does, a fleet that takes many minutes to poll is polled
// in hardly more time than the budget alone takes, and each phone once.
func TestASweepOfALargeFleetTakesTheLeastTime(t *testing.T) {
	t.Parallel()
	lifetimes := phones.Lifetimes{Status: 10 * time.Hour}
	phones := 100_000
	if race {
		phones = 40_000
	}
	calls := phones / geelark.MaxStatusIDs
	for name, tt := range map[string]struct {
		perMinute  int
		latency    time.Duration
		discovered bool
	}{
		"by id":                        {150, 0, false},
		"by id, answers take 200 ms":   {150, 200 * time.Millisecond, false},
		"by id, the vendor's limit":    {200, 200 * time.Millisecond, false},
		"discovered":                   {150, 0, true},
		"discovered, 200 ms":           {150, 200 * time.Millisecond, true},
		"by id, a tenth of the budget": {15, 200 * time.Millisecond, false},
		"by id, answers take a second": {150, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := geelarktest.New(geelarktest.Config{Phones: phones, Seed: 1, Now: time.Now, Token: testToken, Still: true})
				defer sim.Inject(geelarktest.Fault{Latency: tt.latency})()
				cfg := testConfig()
				cfg.Limits.PerMinute = tt.perMinute
				cfg.CacheTTL, cfg.MaxStaleness, cfg.InventoryInterval = 10*time.Hour, 10*time.Hour, 10*time.Hour
				if !tt.discovered {
					cfg.IDs = sim.IDs()
				}
				b := newBench(t, sim.RoundTripper(), func(o *options) { o.Collectors = []string{watch.CollectorStatus} }, cfg)
				defer b.Close()
				start := time.Now()
				// Whole minutes' budgets, then the rest: pages of a list come one
				// after another, polls four at a time.
				atOnce := cfg.Concurrency
				if tt.discovered {
					atOnce = 1
				}
				minutes := (calls - 1) / tt.perMinute
				rest := (calls - minutes*tt.perMinute + atOnce - 1) / atOnce
				least := time.Duration(minutes)*time.Minute + time.Duration(rest)*tt.latency
				store := b.account().Phones()
				took := time.Duration(-1)
				for took < 0 && time.Since(start) < 2*least {
					b.poll()
					next := start.Add(time.Since(start).Truncate(15*time.Second) + 15*time.Second)
					for time.Now().Before(next) {
						if s := store.Snapshot(time.Now(), lifetimes); s.Current == phones && took < 0 {
							took = time.Since(start)
						}
						time.Sleep(time.Second)
					}
				}
				if took < 0 || took > least*105/100 {
					t.Errorf("%d phones took %s, the least is %s", phones, took, least)
				}
				t.Logf("%d phones: %s, the least is %s; %v", phones, took, least, requests(sim))
				// The list tells the status of those that are started or starting.
				if asked := sim.Requests(status); tt.discovered && (asked > calls || sim.Requests(listing) != calls) || !tt.discovered && asked != calls {
					t.Errorf("requests %v for %d phones", requests(sim), phones)
				}
				if broken := sim.Broken(); len(broken) > 0 {
					t.Errorf("a limit was broken: %v", broken[0])
				}
			})
		})
	}
}
