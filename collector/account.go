package collector

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/geelark"
)

// account is one account at work: credentials go into its client, the client's
// answers into its cache.
type account struct {
	cfg          AccountConfig
	name         string
	maxStaleness time.Duration
	now          func() time.Time
	collectors   []string // those that are switched on

	budgets   *accountBudgets
	client    *geelark.Client
	cache     *cache
	fixed     *fixedTracker // nil: the phones are discovered
	poller    *poller
	inventory *inventory
	billing   *billing
	errors    *recentErrors
}

// newAccount makes an account. One that is to take the place of another of the
// same name shares its phones.
func newAccount(cfg AccountConfig, o *Options, m *counters, budgets *budgetStore, old *account) (*account, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &account{cfg: cfg, name: cfg.Name, maxStaleness: cfg.MaxStaleness, now: o.Now, collectors: o.Collectors, cache: newCache(o.Now()), errors: new(recentErrors)}
	logger := log.With(o.Logger, "account", cfg.Name)
	options := []geelark.Option{
		geelark.WithBaseURL(cfg.BaseURL),
		geelark.WithTimeout(cfg.Timeout),
		geelark.WithUserAgent(o.UserAgent),
		geelark.WithClock(o.Now),
		geelark.WithObserver(m.request(cfg.Name)),
	}
	if old != nil {
		a.cache, a.errors = old.cache, old.errors
	}
	var err error
	a.budgets = budgets.of(&cfg, old)
	if a.client, err = geelark.New(cfg.Credentials, a.budgets, append(options, o.ClientOptions...)...); err != nil {
		return nil, err
	}
	if !a.discovers() {
		if a.fixed, err = newFixedTracker(cfg.IDs, cfg.IDsFile, a.cache, logger); err != nil {
			return nil, &FieldError{FieldIDsFile, fmt.Errorf("cannot be read: %w", err)}
		}
	}
	a.poller = newPoller(&cfg, a.client, a.cache, o.Now, logger, m.lookupFailed(cfg.Name), a.leastDue)
	a.inventory = newInventory(&cfg, a.has(CollectorInventory), a.client, a.cache, o.Now, logger, a.poller.news, a.poller.wakeScrapes)
	a.billing = newBilling(&cfg, a.client, o.Now, logger, a.poller.news)
	a.poller.record = a.errors.of(CollectorStatus, o.Now)
	a.inventory.record = a.errors.of(CollectorInventory, o.Now)
	a.billing.record = a.errors.of(CollectorBilling, o.Now)
	return a, nil
}

// takeOver makes the account keep what the one whose place it takes knew.
func (a *account) takeOver(old *account) {
	a.poller.inherit(old.poller)
	a.billing.inherit(old.billing)
	if reflect.DeepEqual(a.cfg.Discovery, old.cfg.Discovery) && reflect.DeepEqual(a.cfg.IDs, old.cfg.IDs) && a.cfg.IDsFile == old.cfg.IDsFile {
		a.inventory.inherit(old.inventory.job)
	}
}

func (a *account) discovers() bool { return len(a.cfg.IDs) == 0 && a.cfg.IDsFile == "" }

func (a *account) has(collector string) bool { return slices.Contains(a.collectors, collector) }

// leastDue is how many phones must be due for a call. While the phones are being
// discovered, a listing may still tell the status of some, and others may come
// to fill the batch.
func (a *account) leastDue() int {
	if a.discovers() && a.inventory.first() {
		return geelark.MaxStatusIDs
	}
	return 1
}

// refresh begins what is due of the collectors and returns when that is done, or
// ctx.
func (a *account) refresh(ctx context.Context, collectors []string) {
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
func (a *account) close() {
	a.inventory.close()
	a.billing.close()
	a.poller.close()
	if a.fixed != nil {
		a.fixed.close()
	}
	a.client.CloseIdleConnections()
}

// state returns how a collector's last calls went.
func (a *account) state(collector string) jobState {
	switch collector {
	case CollectorStatus:
		return a.poller.state()
	case CollectorInventory:
		return a.inventory.state()
	}
	return a.billing.state()
}

// endpoints are those that the account's collectors call.
func (a *account) endpoints() []geelark.Endpoint {
	var endpoints []geelark.Endpoint
	if a.discovers() && a.has(CollectorStatus) && !a.has(CollectorInventory) {
		endpoints = endpointsOf(CollectorInventory)
	}
	for _, c := range a.collectors {
		endpoints = append(endpoints, endpointsOf(c)...)
	}
	return endpoints
}

// up reports whether the last calls of the decisive collectors worked and no
// pause holds the next back; and when one of them last worked.
func (a *account) up() (up bool, lastSuccess time.Time) {
	up = true
	decisive := a.decisive()
	for _, c := range decisive {
		s := a.state(c)
		// A large fleet is polled long before it is listed for the first time.
		listing := c == CollectorInventory && len(decisive) > 1 && !s.tried
		up = up && (s.worked || listing)
		if s.lastSuccess.After(lastSuccess) {
			lastSuccess = s.lastSuccess
		}
		for _, e := range endpointsOf(c) {
			up = up && a.client.Budget(e).PausedUntil.IsZero()
		}
	}
	return up, lastSuccess
}

// decisive are the collectors without which an account counts as down.
func (a *account) decisive() []string {
	switch {
	case !a.has(CollectorStatus) && a.has(CollectorInventory):
		return []string{CollectorInventory}
	case !a.has(CollectorStatus):
		return []string{CollectorBilling}
	case !a.discovers():
		return []string{CollectorStatus}
	case a.cache.len() == 0: // nothing to poll
		return []string{CollectorInventory}
	}
	return []string{CollectorStatus, CollectorInventory}
}

// snapshot returns what is known of the account's phones now.
func (a *account) snapshot() *snapshot {
	return a.cache.snapshot(a.now(), a.lifetimes())
}

// lifetimes are how long what is known of the account's phones is trusted. Every
// second listing may fail.
func (a *account) lifetimes() lifetimes {
	return lifetimes{status: a.maxStaleness, rpa: max(a.maxStaleness, 2*a.inventory.interval)}
}

// labelValues returns the account's own labels of these names.
func (a *account) labelValues(names []string) []string {
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = a.cfg.Labels[n]
	}
	return values
}
