// Package collector watches the phones of GeeLark accounts and exposes them to
// Prometheus.
//
// Data goes one way: an [AccountConfig] makes an account; its configuration or
// its list says which phones are tracked; its poller asks the API for those that
// are due and puts what it learns into the cache; the [Collector] exposes the
// cache.
package collector

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/geelark"
)

// The collectors that can be switched on and off and chosen by a scrape.
const (
	CollectorStatus    = "status"    // phone/status: each phone's status
	CollectorInventory = "inventory" // phone/list: names, groups, tags, subscriptions
	CollectorBilling   = "billing"   // pay/wallet and pay/plan/info
)

// Collectors returns the names of all collectors.
func Collectors() []string { return []string{CollectorStatus, CollectorInventory, CollectorBilling} }

// defaultScrapeTimeout is how long a scrape waits for polls when nobody says:
// Prometheus' own default of scrape_timeout.
const defaultScrapeTimeout = 10 * time.Second

// Options are what all accounts of a [Collector] have in common.
type Options struct {
	Logger     log.Logger       // nil: no logs
	Now        func() time.Time // nil: time.Now
	UserAgent  string           // of API requests
	Collectors []string         // those that are switched on; nil: all
	Families   *FamilyFilter    // of what is exposed; nil: all
	Shard      Shard            // which accounts are this process's; the zero value: all
	// ClientOptions are applied after the options that the accounts'
	// configurations make.
	ClientOptions []geelark.Option
}

// A Collector exposes the phones of accounts. To gather it polls the phones
// that are due, for up to 10 s, and exposes what is known then. It is safe for
// concurrent use: scrapes at the same time share polls.
type Collector struct {
	o        Options
	counters *counters

	changing sync.Mutex // held while the accounts are changed
	fleet    atomic.Pointer[fleet]
	budgets  *budgetStore
}

var _ prometheus.Collector = (*Collector)(nil)

// fleet is the accounts at one time. It is never changed.
type fleet struct {
	accounts    []*account
	configured  int      // of all shards
	own         []string // the names of the accounts' own labels
	phoneInfo   *family  // with them
	accountInfo *family
}

func newFleet(own []string) *fleet {
	return &fleet{
		own:         own,
		phoneInfo:   newFamily("geelark_phone_info", phoneInfoHelp, slices.Concat(phoneInfoLabels, own)...),
		accountInfo: newFamily("geelark_account_info", "The account and its own labels, always 1.", slices.Concat([]string{"account"}, own)...),
	}
}

// New returns a collector of accounts, whose names must differ. It fails when a
// configuration is not valid or an ids file cannot be read. Close it after use.
func New(accounts []AccountConfig, o Options) (*Collector, error) {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Collectors == nil {
		o.Collectors = Collectors()
	}
	c := &Collector{o: o, counters: newCounters(), budgets: newBudgetStore(o.Now)}
	c.fleet.Store(newFleet(nil))
	if err := c.Reload(accounts); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload watches these accounts from now on. An account whose configuration is
// the same goes on undisturbed; one that changed keeps its cache, its counters,
// and what it has spent of its budgets. After an error everything is as before.
// A registry that holds the collector must register it anew when the accounts'
// own labels have other names.
func (c *Collector) Reload(accounts []AccountConfig) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	before := make(map[string]*account)
	for _, a := range c.fleet.Load().accounts {
		before[a.name] = a
	}
	names := make(map[string]bool)
	labels := make(map[string]bool)
	var made, watched []*account
	for _, cfg := range accounts {
		if names[cfg.Name] {
			closeAll(made)
			return fmt.Errorf("two accounts have the name %q", cfg.Name)
		}
		names[cfg.Name] = true
		if !c.o.Shard.Owns(cfg.Name) {
			continue
		}
		for l := range cfg.Labels {
			labels[l] = true
		}
		a := before[cfg.Name]
		if a == nil || !reflect.DeepEqual(a.cfg, cfg) {
			var err error
			if a, err = newAccount(cfg, &c.o, c.counters, c.budgets, a); err != nil {
				closeAll(made)
				return fmt.Errorf("account %q: %w", cfg.Name, err)
			}
			made = append(made, a)
		}
		watched = append(watched, a)
	}
	now := *c.fleet.Load()
	if own := slices.Sorted(maps.Keys(labels)); !slices.Equal(own, now.own) {
		now = *newFleet(own)
	}
	now.accounts, now.configured = watched, len(accounts)
	// Nothing can fail any more. What takes the place of an account begins when
	// that has ended: both have the same phones.
	for _, a := range before {
		if !slices.Contains(now.accounts, a) {
			a.close()
		}
	}
	c.budgets.use(now.accounts)
	for _, a := range made {
		if old := before[a.name]; old != nil {
			a.takeOver(old)
		}
		if a.fixed != nil {
			a.fixed.refresh()
		}
	}
	for _, a := range now.accounts {
		c.counters.add(a)
	}
	c.fleet.Store(&now)
	for name := range before {
		if !slices.ContainsFunc(now.accounts, func(a *account) bool { return a.name == name }) {
			c.counters.remove(name)
		}
	}
	return nil
}

func closeAll(accounts []*account) {
	for _, a := range accounts {
		a.close()
	}
}

// Close ends all polls that are under way and waits for their end. A closed
// collector still exposes what it knew.
func (c *Collector) Close() {
	c.changing.Lock()
	defer c.changing.Unlock()
	closeAll(c.fleet.Load().accounts)
}

// Accounts returns the names of the accounts that are watched.
func (c *Collector) Accounts() []string {
	var names []string
	for _, a := range c.fleet.Load().accounts {
		names = append(names, a.name)
	}
	return names
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { c.all().Describe(ch) }

// Collect implements [prometheus.Collector]: it polls, then exposes.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), defaultScrapeTimeout)
	defer cancel()
	v := c.all()
	v.refresh(ctx)
	v.Collect(ch)
}

// all is the view that a scrape has unless it asks for less.
func (c *Collector) all() view {
	f := c.fleet.Load()
	return view{Collector: c, fleet: f, accounts: f.accounts, collectors: c.o.Collectors}
}

// A view is a scrape's choice of accounts and collectors. It exposes what is
// known of them and polls only when told to.
type view struct {
	*Collector
	fleet      *fleet
	accounts   []*account
	collectors []string
	probe      bool // of one account, without what is about all of them
}

// refresh polls what is due. It returns when that is done or when ctx is,
// whichever comes first; polls still in flight then finish on their own.
func (v view) refresh(ctx context.Context) {
	var wg sync.WaitGroup
	for _, a := range v.accounts {
		wg.Go(func() { a.refresh(ctx, v.collectors) })
	}
	wg.Wait()
}

func (v view) has(collector string) bool { return slices.Contains(v.collectors, collector) }

// Describe implements [prometheus.Collector].
func (v view) Describe(ch chan<- *prometheus.Desc) {
	v.counters.Describe(ch)
	for _, l := range [][]*family{{v.fleet.phoneInfo, v.fleet.accountInfo}, statusFamilies, inventoryFamilies, billingFamilies, apiFamilies, shardFamilies} {
		for _, f := range l {
			ch <- f.desc
		}
	}
}

// Collect implements [prometheus.Collector].
func (v view) Collect(ch chan<- prometheus.Metric) {
	e := newEmitter(ch, v.o.Families)
	for i, s := range v.snapshots() {
		v.collectAccount(e, v.accounts[i], s)
		v.collectPhones(e, v.accounts[i], s)
	}
	v.collectCommon(e)
}

// snapshots returns one of each account: all families show one moment. Those of
// a view without phones are empty.
func (v view) snapshots() []*snapshot {
	snapshots := make([]*snapshot, len(v.accounts))
	for i, a := range v.accounts {
		snapshots[i] = new(snapshot)
		if v.has(CollectorStatus) || v.has(CollectorInventory) {
			snapshots[i] = a.snapshot()
		}
	}
	return snapshots
}

// collectCommon exposes what is about all accounts.
func (v view) collectCommon(e *emitter) {
	v.counters.collect(e, v)
	if !v.probe {
		collectShard(e, v)
	}
}

// collectAccount exposes what is about an account as a whole.
func (v view) collectAccount(e *emitter, a *account, s *snapshot) {
	e.gauge(v.fleet.accountInfo, 1, append([]string{a.name}, a.labelValues(v.fleet.own)...)...)
	collectAPI(e, a)
	if v.has(CollectorStatus) {
		collectStatuses(e, a.name, s)
	}
	if v.has(CollectorInventory) {
		collectGroups(e, a.name, s.standings)
	}
	if v.has(CollectorBilling) {
		collectBilling(e, a)
	}
}

// collectPhones exposes what is about each phone.
func (v view) collectPhones(e *emitter, a *account, s *snapshot) {
	if v.has(CollectorStatus) {
		for _, p := range s.conditions {
			collectConditions(e, a.name, p)
		}
	}
	for _, p := range s.descriptions {
		collectInfos(e, a, v.fleet, p)
		if v.has(CollectorInventory) {
			collectListings(e, a, p)
		}
	}
}

func collectConditions(e *emitter, account string, p *page[unique.Handle[condition]]) {
	for _, c := range p.entries {
		collectPhoneStatus(e, account, c.phone.id, c.value.Value())
	}
}

func collectInfos(e *emitter, a *account, f *fleet, p *page[*description]) {
	own := a.labelValues(f.own)
	for _, d := range p.entries {
		collectPhoneInfo(e, f.phoneInfo, a.name, d.phone.id, d.value, own)
	}
}

func collectListings(e *emitter, a *account, p *page[*description]) {
	for _, d := range p.entries {
		collectListed(e, a.name, d.phone.id, d.value)
	}
}
