package collector

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "test-token"

// bench is a collector of one account beside the API that it polls, in a bubble
// of its own time.
type bench struct {
	*watch.Watcher
	*Collector
	t    *testing.T
	sim  *geelarktest.Server
	logs *processtest.Log
}

// inBubble runs f with a still fleet of n phones and a collector of their
// statuses.
func inBubble(t *testing.T, n int, change func(*watch.AccountConfig), f func(b *bench)) {
	t.Helper()
	inBubbleWith(t, n, func(o *options) { o.Collectors = []string{watch.CollectorStatus} }, change, f)
}

// inBubbleWith runs f with a still fleet of n phones and a collector of
// everything, unless set or change say otherwise.
func inBubbleWith(t *testing.T, n int, set func(*options), change func(*watch.AccountConfig), f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: n, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		cfg := testConfig()
		if change != nil {
			change(&cfg)
		}
		b := newBench(t, sim.RoundTripper(), set, cfg)
		b.sim = sim
		defer b.Close()
		f(b)
	})
}

// newBench returns a bench without a simulator: what it asks is api.
func newBench(t *testing.T, api http.RoundTripper, set func(*options), accounts ...watch.AccountConfig) *bench {
	t.Helper()
	b := &bench{t: t, logs: new(processtest.Log)}
	o := testOptions(api, b.logs)
	if set != nil {
		set(&o)
	}
	var err error
	if b.Watcher, b.Collector, err = newWatched(accounts, o); err != nil {
		t.Fatal(err)
	}
	return b
}

// options are those of a watcher and of its collector.
type options struct {
	watch.Options
	Families *FamilyFilter
}

// newWatched returns a watcher and its collector.
func newWatched(accounts []watch.AccountConfig, o options) (*watch.Watcher, *Collector, error) {
	counters := NewCounters()
	o.Observer = counters
	w, err := watch.New(accounts, o.Options)
	if err != nil {
		return nil, nil, err
	}
	return w, New(w, counters, Options{Families: o.Families}), nil
}

// account is the bench's first.
func (b *bench) account() *watch.Account { return b.Fleet().Accounts[0] }

func (b *bench) tracked() []string { return b.account().Phones().IDs() }

func testOptions(api http.RoundTripper, logs io.Writer) options {
	return options{Options: watch.Options{
		Logger:    level.NewFilter(log.NewLogfmtLogger(logs), level.AllowInfo()),
		UserAgent: "test",
		ClientOptions: []geelark.Option{
			geelark.WithTransport(api),
			geelark.WithRandom(func() string { return "00000000-0000-4000-8000-000000000000" }, func() float64 { return .5 }),
		},
	}}
}

// hosts is a network of several APIs.
type hosts map[string]http.RoundTripper

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) { return h[r.URL.Host].RoundTrip(r) }

// trackAlso tracks n ids of no phone.
func trackAlso(n int) func(*watch.AccountConfig) {
	return func(c *watch.AccountConfig) {
		for i := range n {
			c.IDs = append(c.IDs, strconv.Itoa(i))
		}
	}
}

func testConfig() watch.AccountConfig {
	c := watch.DefaultAccountConfig()
	c.Name, c.Credentials, c.BaseURL = "default", geelark.Credentials{Token: testToken}, "http://api.test"
	return c
}

// poll polls as a scrape with Prometheus' default timeout does.
func (b *bench) poll() {
	ctx, cancel := context.WithTimeout(b.t.Context(), 9500*time.Millisecond)
	defer cancel()
	b.all().refresh(ctx)
}

// pollAndList polls, and waits for a listing that a scrape does not wait for.
func (b *bench) pollAndList() {
	b.poll()
	synctest.Wait()
}

// scrape polls and returns what is exposed then.
func (b *bench) scrape() samples {
	b.t.Helper()
	b.poll()
	return b.exposed()
}

func (b *bench) exposed() samples {
	b.t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(b.all())
	return gather(b.t, r)
}

// samples are gathered values by family and labels, such as
// `geelark_phones{account="default",code="0",status="started"}`. A histogram's
// value is its count.
type samples map[string]float64

func gather(t *testing.T, g prometheus.Gatherer) samples {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	s := make(samples)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+strconv.Quote(l.GetValue()))
			}
			s[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = value(m)
		}
	}
	return s
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Histogram != nil:
		return float64(m.GetHistogram().GetSampleCount())
	}
	return m.GetGauge().GetValue()
}

// want fails unless a sample has a value.
func (s samples) want(t *testing.T, name string, want float64) {
	t.Helper()
	if got, ok := s[name]; !ok {
		t.Errorf("%s is not exposed", name)
	} else if got != want {
		t.Errorf("%s is %v, want %v", name, got, want)
	}
}

// absent fails when a series is exposed whose name begins with prefix.
func (s samples) absent(t *testing.T, prefix string) {
	t.Helper()
	for name := range s {
		if strings.HasPrefix(name, prefix) {
			t.Errorf("%s is exposed", name)
		}
	}
}

// unobserved returns how many phones of an account have no status.
func (s samples) unobserved(account string) (n float64) {
	for name, v := range s.having("geelark_phones_unobserved") {
		if strings.Contains(name, "account="+strconv.Quote(account)) {
			n += v
		}
	}
	return n
}

// wantUnobserved fails unless so many phones of an account have no status.
func (s samples) wantUnobserved(t *testing.T, account string, want float64) {
	t.Helper()
	if got := s.unobserved(account); got != want {
		t.Errorf("%v phones of %s are unobserved, want %v: %v", got, account, want, s.having("geelark_phones_unobserved"))
	}
}

// addUp fails unless tracked = sum of phones by status + unobserved = n.
func (s samples) addUp(t *testing.T, n int) {
	t.Helper()
	sum := s.unobserved("default")
	for name, v := range s {
		if strings.HasPrefix(name, "geelark_phones{") {
			sum += v
		}
	}
	s.want(t, `geelark_phones_tracked{account="default"}`, float64(n))
	if sum != float64(n) {
		t.Errorf("statuses and unobserved phones add up to %v, want %d", sum, n)
	}
}

// records are what is known of the first account's phones.
func (b *bench) records() (all []phones.Record) {
	for r := range b.account().Phones().All(b.Now(), phones.Lifetimes{Status: time.Hour, RPA: time.Hour}) {
		all = append(all, *r)
	}
	return all
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// get asks a handler.
func get(t *testing.T, h http.Handler, url string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
	return w
}

// requests are the simulator's requests by endpoint.
func requests(sim *geelarktest.Server) map[string]int {
	n := make(map[string]int)
	for _, e := range geelark.Endpoints() {
		if r := sim.Requests(string(e)); r > 0 {
			n[string(e)] = r
		}
	}
	return n
}

// wantRequests fails unless the simulator has had exactly these requests.
func (b *bench) wantRequests(want map[string]int) {
	b.t.Helper()
	if got := requests(b.sim); !maps.Equal(got, want) {
		b.t.Errorf("requests %v, want %v", got, want)
	}
}

// having returns the samples of a family.
func (s samples) having(family string) samples {
	has := make(samples)
	for name, v := range s {
		if strings.HasPrefix(name, family+"{") {
			has[name] = v
		}
	}
	return has
}

// answering is an API that answers every request with the same body.
func answering(body string) http.RoundTripper {
	return roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		_ = r.Body.Close()
		w := httptest.NewRecorder()
		_, _ = w.WriteString(body)
		return w.Result(), nil
	})
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
