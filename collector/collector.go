// Package collector exposes GeeLark accounts and their phones to Prometheus: the
// metric families, a file for each subject, and the handlers of scrapes. What is
// exposed is known by package watch, which asks the API.
package collector

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
)

// Options are those of a [Collector].
type Options struct {
	Families *FamilyFilter // of what is exposed; nil: all
	// PhoneUsage exposes what each phone used and paid for, beside its group.
	PhoneUsage bool
}

// A Collector exposes the phones of accounts. To gather it polls the phones
// that are due, for up to 10 s, and exposes what is known then. It is safe for
// concurrent use: scrapes at the same time share polls. A registry that holds it
// must register it anew when the accounts' own labels have other names.
type Collector struct {
	o        Options
	watcher  *watch.Watcher
	counters *Counters
	infos    atomic.Pointer[infos]
}

var _ prometheus.Collector = (*Collector)(nil)

// infos are the families that have the accounts' own labels.
type infos struct {
	own     []string // the labels' names
	phone   *family
	account *family
}

// families are all but those of the counters.
func (i *infos) families() []*family {
	return slices.Concat([]*family{i.phone, i.account, phonesListedFamily},
		statusFamilies, inventoryFamilies, billingFamilies, usageFamilies, taskFamilies, apiFamilies, idsFileFamilies, shardFamilies)
}

// New returns a collector of what a watcher watches and of its counters, which
// must observe the watcher.
func New(w *watch.Watcher, counters *Counters, o Options) *Collector {
	return &Collector{o: o, watcher: w, counters: counters}
}

// infosWith returns the families with these labels: the same ones for as long as
// the labels are the same.
func (c *Collector) infosWith(own []string) *infos {
	if i := c.infos.Load(); i != nil && slices.Equal(i.own, own) {
		return i
	}
	i := &infos{
		own:     own,
		phone:   phoneInfo(own),
		account: accountInfo(own),
	}
	c.infos.Store(i)
	return i
}

func phoneInfo(own []string) *family {
	return newFamily("geelark_phone_info", phoneInfoHelp, slices.Concat(phoneInfoLabels, own)...)
}

func accountInfo(own []string) *family {
	return newFamily("geelark_account_info", "The account and its own labels, always 1.", slices.Concat([]string{"account"}, own)...)
}

// FamilyNames returns the names of all families of a [Collector], those that are off
// by default or left out too.
func FamilyNames() []string {
	names := []string{requestsName, durationName, lookupsName, panicsName, skippedName, droppedName, tasksName}
	for _, f := range (&infos{phone: phoneInfo(nil), account: accountInfo(nil)}).families() {
		names = append(names, f.name)
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
	f := c.watcher.Fleet()
	return view{Collector: c, fleet: f, infos: c.infosWith(f.Labels), accounts: f.Accounts, collectors: c.watcher.Collectors()}
}

// A view is a scrape's choice of accounts and collectors. It exposes what is
// known of them and polls only when told to.
type view struct {
	*Collector
	fleet      *watch.Fleet
	infos      *infos
	accounts   []*watch.Account
	collectors []string
	probe      bool // of one account, without what is about all of them
}

// refresh polls what is due. It returns when that is done or when ctx is,
// whichever comes first; polls still in flight then finish on their own.
func (v view) refresh(ctx context.Context) {
	var wg sync.WaitGroup
	var c catcher
	for _, a := range v.accounts {
		wg.Go(func() {
			defer c.catch()
			a.Refresh(ctx, v.collectors)
		})
	}
	wg.Wait()
	c.rethrow()
}

func (v view) has(collector string) bool { return slices.Contains(v.collectors, collector) }

// Describe implements [prometheus.Collector].
func (v view) Describe(ch chan<- *prometheus.Desc) {
	v.counters.Describe(ch)
	for _, f := range v.infos.families() {
		ch <- f.desc
	}
}

// Collect implements [prometheus.Collector].
func (v view) Collect(ch chan<- prometheus.Metric) {
	counted{view: v}.Collect(ch)
	paged{view: v, snapshots: v.snapshots(), alone: true}.collect(ch)
}

// snapshots returns one of each account: all families show one moment. Those of
// a view without phones are empty.
func (v view) snapshots() []*phones.Snapshot {
	snapshots := make([]*phones.Snapshot, len(v.accounts))
	for i, a := range v.accounts {
		snapshots[i] = new(phones.Snapshot)
		if v.has(watch.CollectorStatus) || v.has(watch.CollectorInventory) {
			snapshots[i] = a.Snapshot()
		}
	}
	return snapshots
}

// collectAccount exposes what is about an account as a whole.
func (v view) collectAccount(to *exposition.Samples, a *watch.Account, s *phones.Snapshot) {
	to.Gauge(v.infos.account.paged, 1, append([]string{a.Name()}, labelValues(a, v.infos.own)...)...)
	collectAPI(to, a)
	if v.has(watch.CollectorStatus) {
		collectStatuses(to, a, s)
	}
	if v.has(watch.CollectorStatus) || v.has(watch.CollectorInventory) {
		collectListed(to, a)
		collectIDsFile(to, a)
	}
	if v.has(watch.CollectorInventory) {
		collectGroups(to, a.Name(), s.Standings)
	}
	if v.has(watch.CollectorBilling) {
		collectBilling(to, a)
	}
	if v.has(watch.CollectorUsage) {
		collectUsage(to, a)
	}
	if v.has(watch.CollectorTasks) {
		collectTasks(to, a)
	}
}

// labelValues returns an account's own labels of these names.
func labelValues(a *watch.Account, names []string) []string {
	labels := a.Config().Labels
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = labels[n]
	}
	return values
}
