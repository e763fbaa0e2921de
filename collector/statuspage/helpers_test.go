package statuspage

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testToken   = "token-of-the-test"
	testVersion = "version 1.2.3"
)

// A bench is the pages of accounts, each of its own simulated API.
type bench struct {
	http.Handler // of the pages and of the metrics
	t            testing.TB
	watcher      *watch.Watcher
	sims         map[string]*geelarktest.Server
	skew         map[string]time.Duration // of the APIs' clocks
	reload       Reload
	unwritten    Unwritten
}

// RoundTrip carries a request to the API of the account whose name is the host's.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	name := strings.TrimSuffix(r.URL.Hostname(), ".test")
	resp, err := b.sims[name].RoundTripper().RoundTrip(r)
	if skew := b.skew[name]; err == nil && skew != 0 {
		resp.Header.Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
	}
	return resp, err
}

func newConfig(name string) watch.AccountConfig {
	c := watch.DefaultAccountConfig()
	c.Name, c.Credentials, c.BaseURL = name, geelark.Credentials{Token: testToken}, "http://"+name+".test"
	return c
}

// newBench has the pages of accounts with this many phones each.
func newBench(t testing.TB, phones int, configs ...watch.AccountConfig) *bench {
	t.Helper()
	return newBenchOf(t, func(i int) *geelarktest.Server {
		return geelarktest.New(geelarktest.Config{Phones: phones, Seed: uint64(i + 1), Token: testToken, Still: true})
	}, nil, configs...)
}

// newBenchOf has the pages of accounts of these simulated APIs, and watches with
// these collectors.
func newBenchOf(t testing.TB, api func(i int) *geelarktest.Server, collectors []string, configs ...watch.AccountConfig) *bench {
	t.Helper()
	b := &bench{t: t, sims: make(map[string]*geelarktest.Server), skew: make(map[string]time.Duration)}
	for i, c := range configs {
		b.sims[c.Name] = api(i)
	}
	var err error
	counters := collector.NewCounters()
	b.watcher, err = watch.New(configs, watch.Options{Observer: counters, Collectors: collectors, ClientOptions: []geelark.Option{
		geelark.WithTransport(b),
		geelark.WithRandom(func() string { return "00000000-0000-4000-8000-000000000000" }, func() float64 { return .5 }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := New(Options{
		Reload:  func() Reload { return b.reload },
		State:   func() Unwritten { return b.unwritten },
		Watcher: b.watcher, Version: testVersion, MetricsPath: "/metrics", ConfigPath: "/config",
		Links: []Link{{Path: "/sd", Text: "Targets"}, {Path: "/-/healthy", Text: "Health"}, {Path: "/-/ready", Text: "Readiness"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", pages.Status())
	mux.Handle("GET /config", pages.Config())
	mux.Handle("/metrics", collector.New(b.watcher, counters, collector.Options{}).Handler(collector.HandlerOptions{}))
	b.Handler = mux
	return b
}

// scrape polls what is due.
func (b *bench) scrape() {
	b.t.Helper()
	b.get("/metrics")
}

func (b *bench) get(path string) *httptest.ResponseRecorder {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		b.t.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
	}
	return w
}
