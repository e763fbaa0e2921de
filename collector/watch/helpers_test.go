package watch

import (
	"context"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"go.uber.org/goleak"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testToken      = "test-token"
	testAppID      = "test-app"
	testAPIKey     = "test-key"
	status         = "phone/status"
	listing        = "phone/list"
	walletEndpoint = "pay/wallet"
	planEndpoint   = "pay/plan/info"
)

// bench is a watcher of one account beside the API that it asks, in a bubble of
// its own time.
type bench struct {
	*Watcher
	t    *testing.T
	sim  *geelarktest.Server
	logs *processtest.Log

	transport roundTripper // can be changed
	idle      atomic.Int64 // how often idle connections were closed
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// inBubble runs f with a still fleet of n phones and a watcher of their statuses.
func inBubble(t *testing.T, n int, change func(*AccountConfig), f func(b *bench)) {
	t.Helper()
	inBubbleWith(t, n, func(o *Options) { o.Collectors = []string{CollectorStatus} }, change, f)
}

// inBubbleWith runs f with a still fleet of n phones and a watcher of everything,
// unless set or change say otherwise.
func inBubbleWith(t *testing.T, n int, set func(*Options), change func(*AccountConfig), f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: n, Seed: 1, Now: time.Now, Token: testToken, AppID: testAppID, APIKey: testAPIKey, Still: true})
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
func newBench(t *testing.T, api http.RoundTripper, set func(*Options), accounts ...AccountConfig) *bench {
	t.Helper()
	b := &bench{t: t, logs: new(processtest.Log), transport: api.RoundTrip}
	o := Options{
		Logger:    level.NewFilter(log.NewLogfmtLogger(b.logs), level.AllowInfo()),
		UserAgent: "test",
		ClientOptions: []geelark.Option{
			geelark.WithTransport(b),
			geelark.WithRandom(func() string { return "00000000-0000-4000-8000-000000000000" }, func() float64 { return .5 }),
		},
	}
	if set != nil {
		set(&o)
	}
	var err error
	if b.Watcher, err = New(accounts, o); err != nil {
		t.Fatal(err)
	}
	return b
}

func testConfig() AccountConfig {
	c := DefaultAccountConfig()
	c.Name, c.Credentials, c.BaseURL = "default", geelark.Credentials{Token: testToken}, "http://api.test"
	return c
}

// RoundTrip implements [http.RoundTripper].
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) { return b.transport.RoundTrip(r) }

// CloseIdleConnections is called by clients that keep none.
func (b *bench) CloseIdleConnections() { b.idle.Add(1) }

// account is the bench's first.
func (b *bench) account() *Account { return b.Fleet().Accounts[0] }

// poll refreshes all as a scrape with Prometheus' default timeout does.
func (b *bench) poll() {
	ctx, cancel := context.WithTimeout(b.t.Context(), 9500*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for _, a := range b.Fleet().Accounts {
		wg.Go(func() { a.Refresh(ctx, b.Collectors()) })
	}
	wg.Wait()
}

// pollAndList polls, and waits for what a scrape does not wait for.
func (b *bench) pollAndList() {
	b.poll()
	synctest.Wait()
}

// reload applies a changed configuration of the bench's account.
func (b *bench) reload(change func(*AccountConfig)) {
	b.t.Helper()
	cfg := b.account().Config()
	change(&cfg)
	if err := b.Reload([]AccountConfig{cfg}); err != nil {
		b.t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
