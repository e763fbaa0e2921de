package dashboards

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const costUID = "geelark-cost"

// speed is how much faster time is for the exporter and its API than for the
// Prometheus that scrapes it: four minutes pass between two scrapes.
const speed = 240

// startFastChain starts a fleet that is billed and runs tasks, and a collector of
// it in this process, where a clock can be handed in.
func startFastChain(t *testing.T) *chain {
	t.Helper()
	began := time.Now()
	now := func() time.Time { return began.Add(speed * time.Since(began)) }
	c := &chain{
		api: geelarktest.New(geelarktest.Config{
			Phones: phones, Seed: 1, Token: token, Now: now,
			Usage: geelarktest.Usage{Every: time.Minute}, TasksPerDay: 24,
		}),
		servers: make(map[string]*server),
		group:   "farm-1",
	}
	c.api.SetBilling(geelarktest.Billing{Balance: 1000})
	c.api.SetTrouble(geelarktest.Trouble{Group: c.group, App: true})

	counters := collector.NewCounters()
	w, err := watch.New([]watch.AccountConfig{{
		Name: account, Credentials: geelark.Credentials{Token: token}, BaseURL: "http://api.test",
		Timeout: 5 * time.Second, Concurrency: 4, Limits: geelark.Limits{PerMinute: 150, PerHour: 18000, Share: 1},
		InventoryInterval: time.Minute, BillingInterval: 10 * time.Minute, CacheTTL: time.Second, MaxStaleness: 20 * time.Minute,
	}}, watch.Options{
		Now: now, UserAgent: "test", Collectors: watch.Collectors(), Observer: counters,
		ClientOptions: []geelark.Option{geelark.WithTransport(c.api.RoundTripper())},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	exporter := httptest.NewServer(collector.New(w, counters, collector.Options{PhoneUsage: true}).Handler(collector.HandlerOptions{}))
	t.Cleanup(exporter.Close)
	c.exporters = []string{strings.TrimPrefix(exporter.URL, "http://")}
	for kind, native := range map[string]bool{"native histograms": true, "classic histograms": false} {
		c.servers[kind] = startPrometheus(t, fmt.Sprintf(fastScrapeConfig, native, c.exporters[0]))
	}
	return c
}

const fastScrapeConfig = `
global:
  scrape_interval: 1s
  scrape_native_histograms: %v
scrape_configs:
  - job_name: geelark
    static_configs:
      - targets: [%q]
`

// TestEveryPanelShowsWhatIsBilledAndDone runs every query of the dashboard of bills
// and tasks on real servers.
func TestEveryPanelShowsWhatIsBilledAndDone(t *testing.T) {
	processtest.Tool(t, "PROMETHEUS")
	if testing.Short() {
		t.Skip("starts servers")
	}
	d := load(t)[costUID]
	c := startFastChain(t)
	c.everywhere(t, `increase(geelark_task_failures_total[1m]) > 0`)
	c.everywhere(t, `increase(geelark_phone_usage_cost_total[1m]) > 0`)
	c.everywhere(t, `count_over_time(geelark_usage_cost_total[1m]) > 5`)
	known := c.exposed(t)
	for kind, s := range c.servers {
		t.Run(kind, func(t *testing.T) {
			s.t = t
			c.showsData(t, s, d, known)
		})
	}
}
