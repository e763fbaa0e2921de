package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const (
	perMinute = 150
	// A team has bursts of what is left of the vendor's 200.
	burst = 50

	ttl              = 30 * time.Second // of a cell
	fleetTTL         = 5 * time.Minute
	listingEvery     = 30 * time.Minute
	billingEvery     = 30 * time.Minute
	maxStaleness     = 20 * time.Minute
	busyInterval     = time.Minute // between scrapes
	quietInterval    = 5 * time.Minute
	scrapeTimeout    = 10 * time.Second
	startOfAnAccount = 2 * time.Minute
)

// isBusy reports whether it is one of the hours in which all servers scrape, and
// often, so that the large account spends all that it may. They are few, so that a
// week takes no longer to simulate than somebody waits.
func isBusy(t time.Time) bool { return t.Hour()%12 == 0 }

// intervalAt returns how often a server scrapes.
func intervalAt(t time.Time) time.Duration {
	if isBusy(t) {
		return busyInterval
	}
	return quietInterval
}

// A world is a fleet of accounts, the exporter that watches them, and those who
// scrape it.
type world struct {
	t      *testing.T
	state  bool // the exporter keeps its state
	chance *rand.Rand
	site   geelarktest.Site

	mu          sync.Mutex
	accounts    []*account // that are configured
	process     *process   // nil: none runs
	crashes     int
	root        string
	directories int
	quiet       time.Time // no server scrapes before
}

// An account is one of the vendor's, and how it is watched.
type account struct {
	sim    *geelarktest.Server
	cfg    watch.AccountConfig
	phones int
	names  int // that it had
	// returned is when it was last configured again, after which its counters begin
	// anew.
	returned time.Time
	// disturbed is until when something is wrong with it that nothing is promised
	// during.
	disturbed time.Time
	// contended is until when its limits are lower.
	contended time.Time
	// lockedUntil is the end of a lock of two hours, and calls are those to the
	// locked endpoint until then.
	lockedUntil time.Time
	calls       int
	// known are how many phones had a status when the last process ended, of an
	// account of which nothing was wrong.
	known int
}

// bound is how long a phone can be without a fresh status while nothing is wrong:
// until it is due, until a scrape comes, and until the budget has had room for all
// phones.
func (a *account) bound(now time.Time) time.Duration {
	limit := a.cfg.Limits.PerMinute
	if now.Before(a.contended) {
		limit /= 10
	}
	minutes := a.phones/geelark.MaxStatusIDs/limit + 1
	interval := max(intervalAt(now), intervalAt(now.Add(-3*quietInterval)))
	return a.cfg.CacheTTL + 2*interval + time.Duration(minutes)*time.Minute + scrapeTimeout
}

// newWorld has 10,000 phones in 50 accounts: a large one that spends all that it
// may, two middling ones and small ones.
func newWorld(t *testing.T, seed uint64, state bool) *world {
	w := &world{t: t, root: t.TempDir(), state: state, chance: rand.New(rand.NewPCG(seed, 0))}
	for i := range 50 {
		phones, due := 64, fleetTTL
		switch i {
		case 0:
			phones, due = 6000, 0
		case 1, 2:
			phones = 500
		}
		token := fmt.Sprintf("token-%d", i)
		cfg := geelarktest.Config{Phones: phones, Seed: seed + uint64(i), Now: time.Now, Token: token, Calm: true}
		if i >= 40 { // have something to count
			cfg.Usage, cfg.TasksPerDay = geelarktest.Usage{Every: 30 * time.Minute, TopUp: 50_000_000}, 8
		}
		sim := geelarktest.New(cfg)
		// What the exporter may spend after a restart without state is the team's.
		if state || i > 0 {
			sim.SetTeam("phone/status", geelarktest.Team{Burst: burst, Every: time.Minute})
			sim.SetTeam("phone/list", geelarktest.Team{Burst: burst, Every: time.Minute, Over: 20 * time.Second})
		}
		w.site = append(w.site, sim)
		w.accounts = append(w.accounts, &account{sim: sim, phones: phones, cfg: watch.AccountConfig{
			Name:        fmt.Sprintf("account-%d", i),
			Credentials: geelark.Credentials{Token: geelark.Secret(token)},
			BaseURL:     "http://api.test",
			Timeout:     5 * time.Second, Concurrency: 4,
			Limits:            geelark.Limits{PerMinute: perMinute, PerHour: 18000, Share: 1},
			InventoryInterval: listingEvery, BillingInterval: billingEvery,
			CacheTTL: due, MaxStaleness: maxStaleness,
		}})
	}
	return w
}

func (w *world) configs() (cfgs []watch.AccountConfig) {
	for _, a := range w.accounts {
		cfgs = append(cfgs, a.cfg)
	}
	return cfgs
}

// named returns the account that has a name now.
func (w *world) named(name string) *account {
	for _, a := range w.accounts {
		if a.cfg.Name == name {
			return a
		}
	}
	return nil
}

// A process is a run of the exporter.
type process struct {
	watcher *watch.Watcher
	handler http.Handler
	cheap   http.Handler // has the fewest families
	network *network
	close   func()
}

// A network carries requests until it is cut.
type network struct {
	site http.RoundTripper
	ctx  context.Context
	cut  context.CancelFunc
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.ctx.Err() != nil {
		return nil, errors.New("the process is gone")
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel() // answers are read whole before they come
	defer context.AfterFunc(n.ctx, cancel)()
	return n.site.RoundTrip(r.WithContext(ctx))
}

// start starts an exporter, which goes on from the state that was left.
func (w *world) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &process{network: &network{site: w.site.RoundTripper()}}
	p.network.ctx, p.network.cut = context.WithCancel(context.Background())
	logger := level.NewFilter(log.NewLogfmtLogger(io.Discard), level.AllowDebug())
	counters := collector.NewCounters()
	o := watch.Options{
		Logger: logger, UserAgent: "simulation", Collectors: watch.Collectors(), Observer: counters,
		ClientOptions: []geelark.Option{geelark.WithTransport(p.network), geelark.WithRandom(
			func() string { return "00000000-0000-4000-8000-000000000000" }, func() float64 { return .5 })},
	}
	stopped := w.keepState(&o, logger)
	var err error
	if p.watcher, err = watch.New(w.configs(), o); err != nil {
		w.t.Fatal(err)
	}
	p.close = func() {
		p.watcher.Close()
		stopped()
	}
	for handler, not := range map[*http.Handler][]string{&p.handler: nil, &p.cheap: dearFamilies} {
		families, err := collector.NewFamilyFilter(nil, not)
		if err != nil {
			w.t.Fatal(err)
		}
		*handler = collector.New(p.watcher, counters, collector.Options{Families: families}).Handler(collector.HandlerOptions{TimeoutOffset: 500 * time.Millisecond})
	}
	w.process = p
	if w.state {
		w.checkMemory(p)
	}
	w.disturb(startOfAnAccount)
}

// disturb tells that nothing is promised of any account for a while.
func (w *world) disturb(d time.Duration) {
	for _, a := range w.accounts {
		a.disturb(d)
	}
}

func (a *account) disturb(d time.Duration) {
	if until := time.Now().Add(d); until.After(a.disturbed) {
		a.disturbed = until
	}
}

// stop ends the exporter as SIGTERM does.
func (w *world) stop() {
	w.mu.Lock()
	p := w.process
	w.process = nil
	w.remember(p)
	w.disturb(startOfAnAccount)
	w.mu.Unlock()
	p.close()
	p.network.cut()
}

// kill ends the exporter as SIGKILL does: what it wrote until then is all that is
// left of it.
func (w *world) kill() {
	w.mu.Lock()
	p := w.process
	w.process = nil
	w.crashes++
	w.remember(p)
	w.disturb(startOfAnAccount)
	w.mu.Unlock()
	p.network.cut()
	w.leaveState(p.close)
}

// reload applies what is configured now.
func (w *world) reload() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil {
		return
	}
	if err := w.process.watcher.Reload(w.configs()); err != nil {
		w.t.Error(err)
	}
}
