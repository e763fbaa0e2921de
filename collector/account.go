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

	client    *geelark.Client
	cache     *cache
	fixed     *fixedTracker // nil: the phones are discovered
	poller    *poller
	inventory *inventory
	billing   *billing
	errors    *recentErrors
}

// newAccount makes an account. One that takes the place of another of the same
// name keeps what that knew and what it had spent.
func newAccount(cfg AccountConfig, o *Options, m *counters, old *account) (*account, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &account{cfg: cfg, name: cfg.Name, maxStaleness: cfg.MaxStaleness, now: o.Now, collectors: o.Collectors, cache: newCache(), errors: new(recentErrors)}
	logger := log.With(o.Logger, "account", cfg.Name)
	options := []geelark.Option{
		geelark.WithBaseURL(cfg.BaseURL),
		geelark.WithTimeout(cfg.Timeout),
		geelark.WithLimits(cfg.Limits),
		geelark.WithUserAgent(o.UserAgent),
		geelark.WithClock(o.Now),
		geelark.WithObserver(m.request(cfg.Name)),
	}
	if old != nil {
		a.cache, a.errors = old.cache, old.errors
		options = append(options, geelark.WithBudgetsOf(old.client))
	}
	var err error
	if a.client, err = geelark.New(cfg.Credentials, append(options, o.ClientOptions...)...); err != nil {
		return nil, err
	}
	if !a.discovers() {
		if a.fixed, err = newFixedTracker(cfg.IDs, cfg.IDsFile, a.cache, logger); err != nil {
			return nil, &FieldError{FieldIDsFile, fmt.Errorf("cannot be read: %w", err)}
		}
	}
	a.poller = newPoller(&cfg, a.client, a.cache, o.Now, logger, m.lookupFailed(cfg.Name), a.leastDue)
	a.inventory = newInventory(&cfg, a.has(CollectorInventory), a.client, a.cache, o.Now, logger, a.poller.news)
	a.billing = newBilling(&cfg, a.client, o.Now, logger, a.poller.news)
	a.poller.record = a.errors.of(CollectorStatus, o.Now)
	a.inventory.record = a.errors.of(CollectorInventory, o.Now)
	a.billing.record = a.errors.of(CollectorBilling, o.Now)
	if old != nil {
		a.poller.inherit(old.poller)
		a.billing.inherit(old.billing)
		if a.discovers() == old.discovers() && reflect.DeepEqual(cfg.Discovery, old.cfg.Discovery) {
			a.inventory.inherit(old.inventory.job)
		}
	}
	return a, nil
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
	for _, c := range collectors {
		switch c {
		case CollectorStatus:
			if a.discovers() {
				a.inventory.start(now)
			}
			a.poller.start(now)
		case CollectorInventory:
			a.inventory.start(now)
		case CollectorBilling:
			a.billing.start(now)
		}
	}
	a.poller.wait(ctx, func() bool { return a.inventory.pending() || a.billing.first() })
}

// close ends what the account has under way and waits for its end.
func (a *account) close() {
	a.inventory.close()
	a.billing.close()
	a.poller.close()
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
	if a.discovers() && !a.has(CollectorInventory) {
		endpoints = endpointsOf(CollectorInventory)
	}
	for _, c := range a.collectors {
		endpoints = append(endpoints, endpointsOf(c)...)
	}
	return endpoints
}

// up reports whether the last poll worked, the last discovery too, and no pause
// holds the next back; and when either last worked.
func (a *account) up() (up bool, lastSuccess time.Time) {
	polled := a.poller.state()
	up, lastSuccess = polled.worked, polled.lastSuccess
	endpoints := endpointsOf(CollectorStatus)
	if a.discovers() {
		listed := a.inventory.state()
		if listed.lastSuccess.After(lastSuccess) {
			lastSuccess = listed.lastSuccess
		}
		if a.cache.len() == 0 || !a.has(CollectorStatus) {
			up = true // nothing to poll
		}
		up = up && listed.worked
		endpoints = append(endpoints, endpointsOf(CollectorInventory)...)
	}
	for _, e := range endpoints {
		if !a.client.Budget(e).PausedUntil.IsZero() {
			up = false
		}
	}
	return up, lastSuccess
}

// labelValues returns the account's own labels of these names.
func (a *account) labelValues(names []string) []string {
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = a.cfg.Labels[n]
	}
	return values
}
