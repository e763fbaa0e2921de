package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const (
	token = "compare-token"

	// perAccount is the most phones of an account: as many as the vendor's 200
	// requests a minute poll between two scrapes, of 100 phones each.
	perAccount = 20_000

	// interval is the time between two scrapes. It is longer than a minute, so that
	// the budget is free again, and than cacheTTL, so that all phones are due.
	interval = 61 * time.Second
	cacheTTL = 30 * time.Second // the exporter's default

	// never is an interval that does not end while a benchmark runs. The
	// exporter takes it three times, which must still be a time.Duration.
	never = 30 * 365 * 24 * time.Hour
)

// A fleet is simulated accounts beside the collector that watches them, which
// has listed and polled all of their phones.
type fleet struct {
	*watch.Watcher
	*collector.Collector
	clock   *clock
	network *network
	phones  phones
}

// newFleet returns a fleet of n phones.
func newFleet(tb testing.TB, n int) *fleet {
	tb.Helper()
	f := &fleet{
		clock:   &clock{now: time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)},
		network: &network{accounts: make(map[string]*geelarktest.Server)},
	}
	var accounts []watch.AccountConfig
	for left := n; left > 0; left -= perAccount {
		name := fmt.Sprintf("account-%02d", len(accounts))
		f.network.accounts[name] = geelarktest.New(geelarktest.Config{
			Phones: min(left, perAccount), Seed: uint64(len(accounts)), Now: f.clock.Now, Token: token, Still: true,
		})
		accounts = append(accounts, watch.AccountConfig{
			Name:        name,
			Credentials: geelark.Credentials{Token: token},
			BaseURL:     "http://" + name,
			Timeout:     time.Minute, Concurrency: 4,
			Limits:            geelark.VendorLimits(),
			InventoryInterval: never,
			BillingInterval:   never,
			CacheTTL:          cacheTTL, MaxStaleness: never,
		})
	}
	var err error
	counters := collector.NewCounters()
	f.Watcher, err = watch.New(accounts, watch.Options{
		Observer: counters, Now: f.clock.Now, ClientOptions: []geelark.Option{geelark.WithTransport(f.network)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(f.Close)
	f.Collector = collector.New(f.Watcher, counters, collector.Options{})
	f.pollUntil(tb, func() bool { return f.known(n) })
	f.poll() // waits for the end of the listing
	f.phones = newPhones(f.Watcher)
	return f
}

// known reports whether all is known of n phones, and the accounts' billing.
func (f *fleet) known(n int) bool {
	for _, a := range f.Overview().Accounts {
		for _, s := range statuses {
			n -= a.States[s.String()]
		}
		if a.Wallet == nil || a.Plan == nil {
			return false
		}
	}
	return n == 0
}

// poll lets the collector poll what is due, for up to 10 s. It renders nothing:
// the collector exposes to nobody.
func (f *fleet) poll() {
	samples := make(chan prometheus.Metric, 1000)
	go func() {
		defer close(samples)
		f.Collect(samples)
	}()
	for range samples {
	}
}

// pollUntil polls for as long as it takes.
func (f *fleet) pollUntil(tb testing.TB, done func() bool) {
	tb.Helper()
	for !done() {
		before := f.network.requests.Load()
		f.poll()
		if !done() && f.network.requests.Load() == before {
			tb.Fatal("nothing can be polled now, but something is not known")
		}
	}
}

// change gives a share of the phones another status and lets the collector poll
// every phone once more: only their answers tell which have changed.
func (f *fleet) change(tb testing.TB, share float64) {
	tb.Helper()
	for _, i := range f.phones.change(share) {
		p := &f.phones.known[i]
		f.network.accounts[p.Account].SetStatus(p.ID, int(p.Status))
	}
	f.clock.advance(interval)
	f.pollUntil(tb, func() bool {
		return !slices.ContainsFunc(f.Overview().Accounts, func(a watch.AccountOverview) bool { return a.OldestAge > 0 })
	})
}

// phones are what is known of a fleet, and how that goes on. The same changes in
// the same order lead to the same statuses.
type phones struct {
	known  []watch.PhoneOverview
	chance *rand.Rand
}

func newPhones(w *watch.Watcher) phones {
	known, _ := w.Phones(watch.PhoneQuery{Limit: math.MaxInt32})
	return phones{known, rand.New(rand.NewPCG(1, 1))}
}

// change gives a share of the phones, at least one, another status and returns
// their indexes. They are neighbours by chance only.
func (p *phones) change(share float64) []int {
	n := max(1, int(math.Round(share*float64(len(p.known)))))
	changed := p.chance.Perm(len(p.known))[:n]
	for _, i := range changed {
		status := &p.known[i].Status
		*status = statuses[(int(*status)+1+p.chance.IntN(len(statuses)-1))%len(statuses)]
	}
	return changed
}

// statuses are the documented ones, each at the index of its code.
var statuses = []geelark.Status{
	geelark.StatusStarted, geelark.StatusStarting, geelark.StatusShutDown, geelark.StatusExpired,
}

// A network leads to accounts by their names and counts the requests.
type network struct {
	accounts map[string]*geelarktest.Server
	requests atomic.Int64
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.requests.Add(1)
	return n.accounts[r.URL.Host].RoundTripper().RoundTrip(r)
}

// A clock stands still until it is advanced.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
