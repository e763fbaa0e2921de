package watch

import (
	"context"
	"fmt"
	"reflect"
	"slices"
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
	fixed     *fixedTracker // nil: the phones are discovered
	poller    *poller
	inventory *inventory
	billing   *billing
	errors    *recentErrors
}

// newAccount makes an account. One that is to take the place of another of the
// same name shares its phones.
func newAccount(cfg AccountConfig, o *Options, budgets *budgetStore, old *Account) (*Account, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Account{cfg: cfg, name: cfg.Name, maxStaleness: cfg.MaxStaleness, now: o.Now, collectors: o.Collectors, store: phones.NewStore(o.Now()), errors: new(recentErrors)}
	logger := log.With(o.Logger, "account", cfg.Name)
	options := []geelark.Option{
		geelark.WithBaseURL(cfg.BaseURL),
		geelark.WithTimeout(cfg.Timeout),
		geelark.WithUserAgent(o.UserAgent),
		geelark.WithClock(o.Now),
		geelark.WithObserver(func(r geelark.Request) { o.Observer.RequestSent(cfg.Name, r) }),
	}
	if old != nil {
		a.store, a.errors = old.store, old.errors
	}
	var err error
	a.budgets = budgets.of(&cfg, old)
	if a.client, err = geelark.New(cfg.Credentials, a.budgets, append(options, o.ClientOptions...)...); err != nil {
		return nil, err
	}
	if !a.discovers() {
		if a.fixed, err = newFixedTracker(cfg.IDs, cfg.IDsFile, a.store, logger); err != nil {
			return nil, &FieldError{FieldIDsFile, fmt.Errorf("cannot be read: %w", err)}
		}
	}
	a.poller = newPoller(&cfg, a.client, a.store, o.Now, logger, func(f phones.Failure) { o.Observer.LookupFailed(cfg.Name, f) }, a.leastDue)
	a.inventory = newInventory(&cfg, a.Has(CollectorInventory), a.client, a.store, o.Now, logger, a.poller.news, a.poller.wakeScrapes)
	a.billing = newBilling(&cfg, a.client, o.Now, logger, a.poller.news)
	a.poller.record = a.errors.of(CollectorStatus, o.Now)
	a.inventory.record = a.errors.of(CollectorInventory, o.Now)
	a.billing.record = a.errors.of(CollectorBilling, o.Now)
	return a, nil
}

// takeOver makes the account keep what the one whose place it takes knew.
func (a *Account) takeOver(old *Account) {
	a.poller.inherit(old.poller)
	a.billing.inherit(old.billing)
	if reflect.DeepEqual(a.cfg.Discovery, old.cfg.Discovery) && reflect.DeepEqual(a.cfg.IDs, old.cfg.IDs) && a.cfg.IDsFile == old.cfg.IDsFile {
		a.inventory.inherit(old.inventory.job)
	}
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

// Budget returns what may be sent to an endpoint now.
func (a *Account) Budget(e geelark.Endpoint) geelark.Budget { return a.client.Budget(e) }

// Billing returns wallet and plan, each nil unless it is known.
func (a *Account) Billing() (*geelark.Wallet, *geelark.PlanInfo) { return a.billing.known(a.now()) }

func (a *Account) discovers() bool { return len(a.cfg.IDs) == 0 && a.cfg.IDsFile == "" }

// leastDue is how many phones must be due for a call. While the phones are being
// discovered, a listing may still tell the status of some, and others may come
// to fill the batch.
func (a *Account) leastDue() int {
	if a.discovers() && a.inventory.first() {
		return geelark.MaxStatusIDs
	}
	return 1
}

// Refresh begins what is due of the collectors and returns when that is done, or
// ctx. What is still under way then goes on.
func (a *Account) Refresh(ctx context.Context, collectors []string) {
	now := a.now()
	if a.fixed != nil {
		a.fixed.refresh()
	}
	asked := func(collector string) bool { return slices.Contains(collectors, collector) }
	lists := asked(CollectorInventory) || asked(CollectorStatus) && a.discovers()
	if lists {
		a.inventory.start(now)
	}
	if asked(CollectorStatus) {
		a.poller.start(now)
	}
	if asked(CollectorBilling) {
		a.billing.start(now)
	}
	a.poller.wait(ctx, asked(CollectorStatus), func() bool {
		return lists && a.inventory.pending() || asked(CollectorBilling) && a.billing.firstTry()
	})
}

// close ends what the account has under way and waits for its end.
func (a *Account) close() {
	a.inventory.close()
	a.billing.close()
	a.poller.close()
	if a.fixed != nil {
		a.fixed.close()
	}
	a.client.CloseIdleConnections()
}

// State returns how a collector's last calls went.
func (a *Account) State(collector string) State {
	switch collector {
	case CollectorStatus:
		return a.poller.state()
	case CollectorInventory:
		return a.inventory.state()
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

// Up reports whether the last calls of the decisive collectors worked and no
// pause holds the next back; and when one of them last worked.
func (a *Account) Up() (up bool, lastSuccess time.Time) {
	up = true
	decisive := a.decisive()
	for _, c := range decisive {
		s := a.State(c)
		// A large fleet is polled long before it is listed for the first time.
		listing := c == CollectorInventory && len(decisive) > 1 && !s.Tried
		up = up && (s.Worked || listing)
		if s.LastSuccess.After(lastSuccess) {
			lastSuccess = s.LastSuccess
		}
		for _, e := range endpointsOf(c) {
			up = up && a.client.Budget(e).PausedUntil.IsZero()
		}
	}
	return up, lastSuccess
}

// decisive are the collectors without which an account counts as down.
func (a *Account) decisive() []string {
	switch {
	case !a.Has(CollectorStatus) && a.Has(CollectorInventory):
		return []string{CollectorInventory}
	case !a.Has(CollectorStatus):
		return []string{CollectorBilling}
	case !a.discovers():
		return []string{CollectorStatus}
	case a.store.Len() == 0: // nothing to poll
		return []string{CollectorInventory}
	}
	return []string{CollectorStatus, CollectorInventory}
}

// Snapshot returns what is known of the account's phones now.
func (a *Account) Snapshot() *phones.Snapshot {
	return a.store.Snapshot(a.now(), a.lifetimes())
}

// lifetimes are how long what is known of the account's phones is trusted. Every
// second listing may fail.
func (a *Account) lifetimes() phones.Lifetimes {
	return phones.Lifetimes{Status: a.maxStaleness, RPA: max(a.maxStaleness, 2*a.inventory.interval)}
}
