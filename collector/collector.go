// Package collector watches the phones of GeeLark accounts and exposes them to
// Prometheus.
//
// Data goes one way: an [AccountConfig] makes an account; its tracker says
// which phones are watched; its poller asks the API for those that are due and
// puts what it learns into the cache; the [Collector] exposes the cache.
package collector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/geelark"
)

// defaultScrapeTimeout is how long a scrape waits for polls when nobody says:
// Prometheus' own default of scrape_timeout.
const defaultScrapeTimeout = 10 * time.Second

// Options are what all accounts of a [Collector] have in common.
type Options struct {
	Logger    log.Logger       // nil: no logs
	Now       func() time.Time // nil: time.Now
	UserAgent string           // of API requests
	// ClientOptions are applied after the options that the accounts'
	// configurations make.
	ClientOptions []geelark.Option
}

// A Collector exposes the phones of accounts. To gather it polls the phones
// that are due, for up to 10 s, and exposes what is known then. It is safe for
// concurrent use: scrapes at the same time share polls.
type Collector struct {
	accounts []*account
	counters *counters
}

var _ prometheus.Collector = (*Collector)(nil)

// New returns a collector of accounts, whose names must differ. It fails when a
// configuration is not valid or an ids file cannot be read. Close it after use.
func New(accounts []AccountConfig, o Options) (*Collector, error) {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Collector{counters: newCounters()}
	names := make(map[string]bool)
	for _, cfg := range accounts {
		if names[cfg.Name] {
			return nil, fmt.Errorf("two accounts have the name %q", cfg.Name)
		}
		names[cfg.Name] = true
		a, err := newAccount(cfg, o, c.counters)
		if err != nil {
			return nil, err
		}
		c.accounts = append(c.accounts, a)
		c.counters.add(cfg.Name)
	}
	return c, nil
}

// Close ends all polls that are under way and waits for their end. A closed
// collector still exposes what it knew.
func (c *Collector) Close() {
	for _, a := range c.accounts {
		a.close()
	}
}

// Refresh polls the phones that are due. It returns when that is done or when
// ctx is, whichever comes first; polls still in flight then finish on their own.
func (c *Collector) Refresh(ctx context.Context) {
	var wg sync.WaitGroup
	for _, a := range c.accounts {
		wg.Go(func() { a.refresh(ctx) })
	}
	wg.Wait()
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { c.exposition().Describe(ch) }

// Collect implements [prometheus.Collector]: it polls, then exposes.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), defaultScrapeTimeout)
	defer cancel()
	c.Refresh(ctx)
	c.exposition().Collect(ch)
}

func (c *Collector) exposition() exposition { return exposition{c} }

// exposition exposes what is known without polling.
type exposition struct{ *Collector }

func (e exposition) Describe(ch chan<- *prometheus.Desc) {
	e.counters.Describe(ch)
	describeStatus(ch)
	describeAPI(ch)
}

func (e exposition) Collect(ch chan<- prometheus.Metric) {
	e.counters.Collect(ch)
	for _, a := range e.accounts {
		collectStatus(ch, a)
		collectAPI(ch, a)
	}
}
