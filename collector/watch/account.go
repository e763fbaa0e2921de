package watch

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// An Account is one account at work: credentials go into its client, the
// client's answers into its store.
type Account struct {
	cfg          AccountConfig
	name         string
	maxStaleness time.Duration
	now          func() time.Time
	collectors   []string // those that are switched on

	budgets   *accountBudgets
	client    *geelark.Client
	store     *phones.Store
	counts    *counts
	workers   *workers
	scrapes   notifier      // of those that wait
	fixed     *fixedTracker // nil: the phones are discovered
	poller    *poller
	inventory *inventory
	billing   *billing
	usage     *usage     // nil: not switched on
	tasks     *taskWatch // likewise
	errors    *recentErrors
	oddities  *oddities
	skew      *skew
	others    *contentionLog
	asked     asked
	logs      *accountLogs
	restored  atomic.Bool // phones of an earlier process are known, and were not exposed yet
}

// newAccount makes an account. One that is to take the place of another of the
// same name shares its phones.
func newAccount(cfg AccountConfig, o *Options, budgets *budgetStore, old *Account) (*Account, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Account{cfg: cfg, name: cfg.Name, maxStaleness: cfg.MaxStaleness, now: o.Now, collectors: o.Collectors, store: phones.NewStore(o.Now()), counts: newCounts(cfg.Name, o), workers: newWorkers(log.With(o.Logger, "account", cfg.Name), o.Observer.Panicked), errors: new(recentErrors), oddities: new(oddities), skew: new(skew), others: newContentionLog(log.With(o.Logger, "account", cfg.Name), o.Now)}
	logger := log.With(o.Logger, "account", cfg.Name)
	options := []geelark.Option{
		geelark.WithBaseURL(cfg.BaseURL),
		geelark.WithTimeout(cfg.Timeout),
		geelark.WithUserAgent(o.UserAgent),
		geelark.WithClock(o.Now),
		geelark.WithObserver(func(r geelark.Request) {
			a.skew.learn(r.Skew)
			a.others.see(r)
			o.Observer.RequestSent(cfg.Name, r)
		}),
	}
	if old != nil {
		a.store, a.counts, a.errors, a.oddities, a.skew, a.others = old.store, old.counts, old.errors, old.oddities, old.skew, old.others
	}
	var err error
	a.budgets = budgets.of(&cfg, old)
	if a.client, err = geelark.New(cfg.Credentials, a.budgets, append(options, o.ClientOptions...)...); err != nil {
		return nil, err
	}
	if !a.discovers() {
		if a.fixed, err = newFixedTracker(a, o, logger, old); err != nil {
			return nil, &FieldError{"phones.ids_file", fmt.Errorf("cannot be read: %w", err)}
		}
	}
	a.poller = &poller{
		client: a.client, store: a.store, workers: a.workers,
		ttl: cfg.CacheTTL, listing: cfg.InventoryInterval, concurrency: cfg.Concurrency, least: 1,
		timeout: 4 * cfg.Timeout, // three requests and the waits between them
		now:     o.Now, logger: logger, notify: a.scrapes.notify,
		counts:   a.counts,
		oddities: a.oddities,
		record:   a.telling(CollectorStatus, NewFailureLog("Polling", "known statuses are kept", logger, o.Now)),
	}
	if a.fixed != nil {
		a.fixed.changed = a.poller.found
	}
	a.inventory = newInventory(a, o, logger)
	a.billing = newBilling(a, o, logger)
	if a.Has(CollectorUsage) {
		a.usage = newUsage(a, o, logger)
	}
	if a.Has(CollectorTasks) {
		a.tasks = newTaskWatch(a, o, logger)
	}
	return a, nil
}

// begin makes the account, which may take the place of another that was closed,
// ready to be refreshed.
func (a *Account) begin(old *Account, o *Options) {
	if old == nil {
		a.logs = openLogs(a, o)
	} else {
		a.logs = old.logs.passTo(a)
		a.asked.add(old.asked.list())
		a.poller.inherit(old.poller)
		a.billing.inherit(old.billing)
		if a.usage != nil {
			a.usage.inherit(old.usage)
		}
		if a.tasks != nil {
			a.tasks.inherit(old.tasks)
		}
		if a.selectsAs(old) {
			a.inventory.inherit(old.inventory)
		} else {
			a.store.NewSelection()
		}
		if a.cfg.Credentials != old.cfg.Credentials || a.budgets.baseURL != old.budgets.baseURL {
			a.forgive()
		}
	}
	switch {
	case a.fixed != nil && old != nil:
		a.fixed.begin(old.fixed)
	case a.fixed != nil:
		a.fixed.begin(nil)
	}
}

// forgive forgets failures: they were those of other credentials.
func (a *Account) forgive() {
	a.errors.end(a.now())
	a.poller.forgive()
	a.inventory.forgive()
	a.billing.forgive()
	if a.usage != nil {
		a.usage.forgive()
	}
	if a.tasks != nil {
		a.tasks.forgive()
	}
}

// selectsAs reports whether the account's phones are chosen as another's are.
func (a *Account) selectsAs(b *Account) bool {
	return reflect.DeepEqual(a.cfg.Discovery, b.cfg.Discovery) && slices.Equal(a.cfg.IDs, b.cfg.IDs) && a.cfg.IDsFile == b.cfg.IDsFile
}

// Name returns the account's name.
func (a *Account) Name() string { return a.name }

// Config returns the configuration in force. Its parts must not be changed.
func (a *Account) Config() AccountConfig { return a.cfg }

// Collectors returns those that are switched on. They must not be changed.
func (a *Account) Collectors() []string { return a.collectors }

// Has reports whether a collector is switched on.
func (a *Account) Has(collector string) bool { return slices.Contains(a.collectors, collector) }

// Phones returns what is known of the account's phones.
func (a *Account) Phones() *phones.Store { return a.store }

// Budget returns what may be sent to an endpoint now. Contended counts on when the
// account has other credentials.
func (a *Account) Budget(e geelark.Endpoint) geelark.Budget {
	b := a.client.Budget(e)
	b.Contended = a.budgets.contended(e)
	return b
}

// Listed returns how many phones the account had at its last whole listing, selected
// or not, and whether there was one.
func (a *Account) Listed() (phones int, ok bool) { return a.inventory.phonesListed() }

// IDsFile returns how reading the account's ids file goes, and whether it has one.
func (a *Account) IDsFile() (f IDsFile, ok bool) {
	if a.fixed == nil {
		return IDsFile{}, false
	}
	return a.fixed.state()
}

// Billing returns wallet and plan, each nil unless it is known.
func (a *Account) Billing() (*geelark.Wallet, *geelark.PlanInfo) {
	return a.billing.known(a.keepTime())
}

func (a *Account) discovers() bool { return len(a.cfg.IDs) == 0 && a.cfg.IDsFile == "" }

// Refresh begins what is due of the collectors and returns when that is done, or
// ctx. What is still under way then goes on.
func (a *Account) Refresh(ctx context.Context, collectors []string) {
	now := a.keepTime()
	a.asked.add(collectors)
	if a.fixed != nil {
		a.fixed.refresh(ctx)
	}
	if a.isPaused() {
		// The credentials may have been rotated to others that are not paused. What
		// is held back by the pause would not read them.
		a.workers.begin(func() { _ = a.client.ReadCredentials(a.workers.ctx) })
	}
	asked := func(collector string) bool { return slices.Contains(collectors, collector) }
	lists := asked(CollectorInventory) || asked(CollectorStatus) && a.discovers()
	if lists {
		a.inventory.start(now)
	}
	if asked(CollectorStatus) {
		a.poller.poll(now)
	}
	if asked(CollectorBilling) {
		a.billing.start(now)
	}
	// Nobody waits for these: what they tell is minutes old anyway.
	if asked(CollectorUsage) {
		a.usage.start(now)
	}
	if asked(CollectorTasks) {
		a.tasks.start(now)
	}
	if a.logs.isDue(now) {
		a.workers.begin(a.logs.save)
	}
	if a.restored.Swap(false) && a.isCurrent() {
		return // what is known is exposed at once after a restart
	}
	a.scrapes.wait(ctx, func() bool {
		return (!lists || !a.inventory.pending()) &&
			(!asked(CollectorStatus) || !a.poller.isBusy()) &&
			(!asked(CollectorBilling) || !a.billing.pending())
	})
}

// isCurrent reports whether something is known of each phone that can be trusted.
func (a *Account) isCurrent() bool {
	s := a.Snapshot()
	return s.Current == s.Phones
}

func (a *Account) isPaused() bool {
	return slices.ContainsFunc(a.Endpoints(), func(e geelark.Endpoint) bool { return !a.client.Budget(e).PausedUntil.IsZero() })
}

// close ends what the account has under way and waits for its end.
func (a *Account) close() {
	a.workers.close()
	a.client.CloseIdleConnections()
}

// State returns how a collector's last calls went.
func (a *Account) State(collector string) State {
	switch collector {
	case CollectorStatus:
		return a.poller.state()
	case CollectorInventory:
		return a.inventory.state()
	case CollectorUsage:
		return a.usage.state()
	case CollectorTasks:
		return a.tasks.state()
	}
	return a.billing.state()
}

// Endpoints returns those that the account's collectors call.
func (a *Account) Endpoints() []geelark.Endpoint {
	var endpoints []geelark.Endpoint
	if a.discovers() && a.Has(CollectorStatus) && !a.Has(CollectorInventory) {
		endpoints = endpointsOf(CollectorInventory)
	}
	for _, c := range a.collectors {
		endpoints = append(endpoints, endpointsOf(c)...)
	}
	return endpoints
}

// Snapshot returns what is known of the account's phones now.
func (a *Account) Snapshot() *phones.Snapshot {
	return a.store.Snapshot(a.keepTime(), a.lifetimes())
}

// keepTime returns the time of now. After the machine was suspended, what is known
// is older than the monotonic clock says.
func (a *Account) keepTime() time.Time {
	now := a.now()
	slept := a.store.KeepTime(now)
	a.inventory.hasten(slept)
	a.billing.hasten(slept)
	return now
}

// lifetimes are how long what is known of the account's phones is trusted. Every
// second listing may fail.
func (a *Account) lifetimes() phones.Lifetimes {
	return phones.Lifetimes{Status: a.maxStaleness, RPA: max(a.maxStaleness, 2*a.inventory.interval)}
}
