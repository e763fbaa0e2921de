package simulation

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A cell is one fault of one API, in a small fleet.
type cell struct {
	t    *testing.T
	api  api
	name string
	sim  *geelarktest.Server
	*process
	logs *processtest.Log
	// field is the one that is wrong while faulty is true, or was just now.
	field  string
	faulty bool
	panics bool              // are wanted
	true   map[string]string // the statuses
	place
}

// A place is where a cell is: in a bubble, or at real sockets.
type place struct {
	url     string // of the API
	way     func(*geelarktest.Server) []geelark.Option
	now     func() time.Time // of the exporter
	theirs  func() time.Time // of the API
	pass    func(time.Duration)
	settle  func()                           // until nothing is under way; nil: there is no way to tell for sure
	until   func(wrong func() string) string // waits until nothing is wrong, where waiting may help
	breaks  func(road string) (mend func())  // the way to the API
	timeout time.Duration
	secrets []string // of the way
}

// bubble has no network, and time of its own.
func bubble() place {
	return place{url: "http://api.test", now: time.Now, theirs: time.Now, pass: time.Sleep, settle: synctest.Wait, until: func(wrong func() string) string { return wrong() }, timeout: 5 * time.Second}
}

func newCell(t *testing.T, a api) *cell { return newCellAt(t, a, bubble()) }

func newCellAt(t *testing.T, a api, at place) *cell {
	c := &cell{t: t, api: a, logs: new(processtest.Log), true: make(map[string]string), place: at}
	cfg := geelarktest.Config{Phones: cellPhones, Seed: 1, Now: c.theirs, Token: cellToken, Still: true}
	switch a.collector {
	case watch.CollectorUsage:
		cfg.Still, cfg.Calm, cfg.Past, cfg.Usage = false, true, 6*time.Hour, geelarktest.Usage{Every: 5 * time.Minute}
	case watch.CollectorTasks:
		cfg.Still, cfg.Calm, cfg.Past, cfg.TasksPerDay = false, true, 6*time.Hour, tasksPerDay
	}
	c.sim = geelarktest.New(cfg)
	c.process = &process{network: &network{site: c.sim.RoundTripper()}}
	c.network.ctx, c.network.cut = context.WithCancel(context.Background())
	counters := collector.NewCounters()
	collectors := []string{watch.CollectorStatus}
	if a.collector != watch.CollectorStatus {
		collectors = append(collectors, a.collector)
	}
	options := []geelark.Option{geelark.WithTransport(c.network)}
	if c.way != nil {
		options = c.way(c.sim)
	}
	account := watch.AccountConfig{
		Name: "cell", Credentials: geelark.Credentials{Token: cellToken}, BaseURL: c.url,
		Timeout: c.timeout, Concurrency: 4, Limits: geelark.Limits{PerMinute: perMinute, PerHour: 18000, Share: 1},
		InventoryInterval: time.Hour, BillingInterval: watch.MinBillingInterval, CacheTTL: ttl, MaxStaleness: cellStaleness,
	}
	if a.collector == watch.CollectorInventory {
		account.InventoryInterval = a.every
	}
	var err error
	if c.watcher, err = watch.New([]watch.AccountConfig{account}, watch.Options{
		Logger: log.NewLogfmtLogger(c.logs), UserAgent: "simulation", Collectors: collectors, Observer: counters, Now: c.now,
		ClientOptions: append(options, geelark.WithRandom(func() string { return "00000000-0000-4000-8000-000000000000" }, func() float64 { return .5 })),
	}); err != nil {
		panic(err) // over sockets, not every cell is in the test's own goroutine
	}
	c.handler = collector.New(c.watcher, counters, collector.Options{}).Handler(collector.HandlerOptions{TimeoutOffset: 500 * time.Millisecond})
	c.look()
	return c
}

func (c *cell) close() {
	c.watcher.Close()
	c.network.cut()
}

// look takes in which statuses the phones have.
func (c *cell) look() {
	for _, id := range c.sim.IDs() {
		p, _ := c.sim.Phone(id)
		c.true[id] = strconv.Itoa(p.Status)
	}
}

func (c *cell) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("%s: %s: %s", c.api.endpoint, c.name, fmt.Sprintf(format, args...))
}

// settled waits until nothing is under way.
func (c *cell) settled() {
	if c.settle != nil {
		c.settle()
		return
	}
	c.eventually(func() string {
		for _, e := range geelark.Endpoints() {
			if n := c.watcher.Fleet().Accounts[0].Budget(e).InFlight; n > 0 {
				return fmt.Sprintf("%d requests to %s are under way", n, e)
			}
		}
		return ""
	})
}

// eventually fails when something is wrong and stays so.
func (c *cell) eventually(wrong func() string) {
	c.t.Helper()
	if what := c.until(wrong); what != "" {
		c.errorf("%s", what)
	}
}

// asked are the families that are looked at.
var asked = url.Values{"name[]": {
	"geelark_up", "geelark_phones", "geelark_phones_tracked", "geelark_phones_unobserved", "geelark_phone_status_code", "geelark_phone_info",
	"geelark_api_requests_total", "geelark_phone_lookup_failures_total", "geelark_exporter_panics_total", "geelark_collector_success", "geelark_group_phones",
	"geelark_wallet_balance", "geelark_plan_info", "geelark_tasks", "geelark_usage_seconds_total",
}}.Encode()

// scrape scrapes, and holds what always holds.
func (c *cell) scrape() samples {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), scrapeTimeout)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics?"+asked, nil)
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	w := &response{header: make(http.Header), code: http.StatusOK}
	start := time.Now()
	c.handler.ServeHTTP(w, r)
	if took := time.Since(start); took > scrapeTimeout || w.code != http.StatusOK {
		c.errorf("a scrape took %s, status %d: %s", took, w.code, w.body.String())
	}
	text := w.body.String()
	if secret := c.secretIn(text); secret != "" {
		c.errorf("%s is exposed: %s", secret, text)
	}
	got := parse(c.errorf, text)
	sum, lies := 0.0, 0
	for series, v := range got {
		name, labels, _ := strings.Cut(series, "{")
		switch name {
		case "geelark_phones", "geelark_phones_unobserved":
			sum += v
		case "geelark_exporter_panics_total":
			if v != 0 && !c.panics {
				c.errorf("%v panics", v)
			}
		case "geelark_phone_status_code":
			if truth, known := c.true[label(labels, "id")]; known && c.api.collector != watch.CollectorUsage && c.api.collector != watch.CollectorTasks && strconv.Itoa(int(v)) != truth {
				lies++
				if lies > 1 || !c.mayBeWrong() {
					c.errorf("phone %s is exposed with status %v, has %s", label(labels, "id"), v, truth)
				}
			}
		}
	}
	if tracked := got[`geelark_phones_tracked{account="cell"}`]; tracked != sum {
		c.errorf("%v phones are tracked, statuses and unobserved ones add up to %v", tracked, sum)
	}
	return got
}

// mayBeWrong reports whether the fault gives a phone another status: the API is
// believed what it says of one.
func (c *cell) mayBeWrong() bool {
	return c.faulty && (strings.HasSuffix(c.field, ".0.status") || strings.HasSuffix(c.field, ".0.id"))
}

// requests are those that were counted, by outcome.
func (c *cell) requests(got samples) map[string]float64 {
	n := make(map[string]float64)
	for series, v := range got {
		if strings.HasPrefix(series, "geelark_api_requests_total{") && label(series, "api") == string(c.api.endpoint) && v > 0 {
			n[label(series, "outcome")] += v
		}
	}
	return n
}

// known counts phones that are exposed with a status.
func known(got samples) (n int) {
	for series := range got {
		if strings.HasPrefix(series, "geelark_phone_status_code{") {
			n++
		}
	}
	return n
}

// secretIn returns what must not be in a text and is, "" for nothing.
func (c *cell) secretIn(text string) string {
	for _, secret := range slices.Concat([]string{planted, cellToken}, c.secrets, c.sim.Secrets()) {
		if strings.Contains(text, secret) {
			return secret
		}
	}
	return ""
}
