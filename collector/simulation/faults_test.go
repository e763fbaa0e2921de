// Package simulation watches simulated fleets on a virtual clock: with every fault
// that its grammar has, and for a week in which all of them happen.
package simulation

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector"
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
}

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
	total := 0
	for _, a := range apis {
		t.Run(strings.ReplaceAll(string(a.endpoint), "/", " "), func(t *testing.T) {
			wrongs := slices.Concat(transportWrongs(), documentWrongs(), codeWrongs(), fieldWrongs(soundAnswer(t, a)))
			for i, w := range wrongs {
				if i%everyCell() != 0 {
					continue
				}
				total++
				synctest.Test(t, func(t *testing.T) { runCell(t, a, w) })
			}
		})
	}
	t.Logf("%d cells", total)
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
		c.scrape()
		c.scrape()
	})
	if answer == nil {
		t.Fatalf("%s was not asked", a.endpoint)
	}
	return answer
}

// A cell is one fault of one API, in a small fleet.
type cell struct {
	t    *testing.T
	api  api
	name string
	sim  *geelarktest.Server
	*process
	logs *logged
	// field is the one that is wrong while faulty is true, or was just now.
	field  string
	faulty bool
	panics bool              // are wanted
	true   map[string]string // the statuses, which do not change
}

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newCell(t *testing.T, a api) *cell { return newCellWith(t, a, nil) }

// newCellWith gives the exporter a clock of its own.
func newCellWith(t *testing.T, a api, now func() time.Time) *cell {
	c := &cell{t: t, api: a, logs: new(logged), true: make(map[string]string)}
	cfg := geelarktest.Config{Phones: cellPhones, Seed: 1, Now: time.Now, Token: cellToken, Still: true}
	switch a.collector {
	case watch.CollectorUsage:
		cfg.Still, cfg.Calm, cfg.Past, cfg.Usage = false, true, 6*time.Hour, geelarktest.Usage{Every: 5 * time.Minute}
	case watch.CollectorTasks:
		cfg.Still, cfg.Calm, cfg.Past, cfg.TasksPerDay = false, true, 6*time.Hour, 24
	}
	c.sim = geelarktest.New(cfg)
	c.process = &process{network: &network{site: c.sim.RoundTripper()}}
	c.network.ctx, c.network.cut = context.WithCancel(context.Background())
	counters := collector.NewCounters()
	collectors := []string{watch.CollectorStatus}
	if a.collector != watch.CollectorStatus {
		collectors = append(collectors, a.collector)
	}
	account := watch.AccountConfig{
		Name: "cell", Credentials: geelark.Credentials{Token: cellToken}, BaseURL: "http://api.test",
		Timeout: 5 * time.Second, Concurrency: 4, Limits: geelark.Limits{PerMinute: perMinute, PerHour: 18000},
		InventoryInterval: time.Hour, BillingInterval: watch.MinBillingInterval, CacheTTL: ttl, MaxStaleness: cellStaleness,
	}
	if a.collector == watch.CollectorInventory {
		account.InventoryInterval = a.every
	}
	var err error
	if c.watcher, err = watch.New([]watch.AccountConfig{account}, watch.Options{
		Logger: log.NewLogfmtLogger(c.logs), UserAgent: "simulation", Collectors: collectors, Observer: counters, Now: now,
		ClientOptions: []geelark.Option{geelark.WithTransport(c.network), geelark.WithRandom(
			func() string { return "00000000-0000-4000-8000-000000000000" }, func() float64 { return .5 })},
	}); err != nil {
		t.Fatal(err)
	}
	c.handler = collector.New(c.watcher, counters, collector.Options{}).Handler(collector.HandlerOptions{TimeoutOffset: 500 * time.Millisecond})
	for _, id := range c.sim.IDs() {
		p, _ := c.sim.Phone(id)
		c.true[id] = strconv.Itoa(p.Status)
	}
	return c
}

func (c *cell) close() {
	c.watcher.Close()
	c.network.cut()
}

func (c *cell) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("%s: %s: %s", c.api.endpoint, c.name, fmt.Sprintf(format, args...))
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
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics?"+asked, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	w := &response{header: make(http.Header), code: http.StatusOK}
	start := time.Now()
	c.handler.ServeHTTP(w, r)
	if took := time.Since(start); took > scrapeTimeout || w.code != http.StatusOK {
		c.errorf("a scrape took %s, status %d: %s", took, w.code, w.body.String())
	}
	text := w.body.String()
	if strings.Contains(text, planted) || strings.Contains(text, cellToken) {
		c.errorf("a secret is exposed: %s", text)
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

func runCell(t *testing.T, a api, w wrong) {
	c := newCell(t, a)
	defer c.close()
	c.name = w.name
	c.scrape()
	sound := c.scrape()
	if n := known(sound); n != cellPhones || sound[`geelark_up{account="cell"}`] != 1 {
		c.errorf("before it, %d phones have a status, up is %v", n, sound[`geelark_up{account="cell"}`])
		return
	}
	before := c.requests(sound)
	calls := c.sim.Requests(string(a.endpoint))

	w.with.Endpoint = string(a.endpoint)
	c.field, c.faulty = w.field, true
	remove := c.sim.Inject(w.with)
	began := time.Now()
	for time.Since(began) < faulty {
		time.Sleep(ttl)
		got := c.scrape()
		synctest.Wait()
		if n := known(got); a.collector == watch.CollectorStatus && w.whole && time.Since(began) < cellStaleness-ttl && n != cellPhones {
			c.errorf("%d phones have a status %s after the fault began", n, time.Since(began))
		}
	}
	remove()
	synctest.Wait()
	got := c.scrape()
	faults := c.sim.Requests(string(a.endpoint)) - calls
	if faults == 0 {
		c.errorf("it was not asked")
	}
	most := int(faulty/a.again) + 2
	if w.repeated {
		most *= 3
	}
	if w.field == "" && w.whole && faults > most {
		c.errorf("%d requests within %s, at most %d", faults, faulty, most)
	}
	if w.whole && a.collector == watch.CollectorStatus {
		if n := known(got); n != 0 && got[`geelark_up{account="cell"}`] == 0 {
			c.errorf("%d phones have a status still", n)
		}
	}
	if a.collector != watch.CollectorStatus {
		if n := known(got); n < cellPhones-1 {
			c.errorf("only %d phones have a status although their own API works", n)
		}
	} else if strings.HasPrefix(w.field, "data.successDetails.0") && !w.whole {
		if n := known(got); n < cellPhones-1 {
			c.errorf("only %d phones have a status: one odd detail has cost more than one phone", n)
		}
	}

	// All is well again.
	time.Sleep(a.again + ttl)
	c.scrape()
	c.faulty = false
	time.Sleep(a.again)
	c.scrape()
	synctest.Wait()
	got = c.scrape()
	if n := known(got); n < cellPhones || got[`geelark_up{account="cell"}`] != 1 {
		c.errorf("after it, %d phones have a status, up is %v", n, got[`geelark_up{account="cell"}`])
	}
	if got[`geelark_collector_success{account="cell",collector="`+a.collector+`"}`] != 1 {
		c.errorf("after it, the collector is not well: %v", got)
	}
	counted, sum := c.requests(got), 0.0
	for _, n := range counted {
		sum += n
	}
	if seen := c.sim.Requests(string(a.endpoint)); sum != float64(seen) {
		c.errorf("%v requests are counted of %d: %v", sum, seen, counted)
	}
	if w.outcome != "" && counted[w.outcome] <= before[w.outcome] {
		c.errorf("no %s was counted: %v", w.outcome, counted)
	}
	for _, outcome := range slices.Collect(maps.Keys(counted)) {
		if w.outcome != "" && outcome != w.outcome && outcome != "0" {
			c.errorf("%v were counted as %s", counted[outcome], outcome)
		}
	}
	logs := c.logs.String()
	for _, secret := range append(c.sim.Secrets(), planted) {
		if strings.Contains(logs, secret) {
			c.errorf("%s is logged: %s", secret, logs)
		}
	}
	c.checkLogs(logs, w)
}

// checkLogs holds that a change of state is told once.
func (c *cell) checkLogs(logs string, w wrong) {
	failed := 0
	for line := range strings.Lines(logs) {
		if strings.Contains(line, " failed, ") {
			failed++
		}
	}
	// The plan is asked again when its minute is over, and by then all is well.
	if w.whole && failed == 0 && (!w.repeated || c.api.endpoint != geelark.EndpointPlanInfo) {
		c.errorf("nothing was logged of it: %s", logs)
	}
	if failed > mostFailures {
		c.errorf("its failure was logged %d times: %s", failed, logs)
	}
}

// mostFailures are the lines of one change of state.
const mostFailures = 1
