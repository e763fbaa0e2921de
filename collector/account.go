package collector

import (
	"context"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/geelark"
)

// An AccountConfig says how one GeeLark account is watched.
type AccountConfig struct {
	Name        string // the account label
	Credentials geelark.CredentialSource
	BaseURL     string         // of the API; "" is the vendor's
	Timeout     time.Duration  // of one request, above zero
	Concurrency int            // polls at a time, from 1
	Limits      geelark.Limits // at most the vendor's

	// IDs and the ids in IDsFile are tracked. When both are empty, all phones
	// of the account are, and its list is read every DiscoveryInterval.
	IDs               []string
	IDsFile           string
	DiscoveryInterval time.Duration

	// CacheTTL is the age from which a phone is due to be polled again, from
	// zero.
	CacheTTL time.Duration
	// MaxStaleness is the age from which a status is not exposed any more.
	MaxStaleness time.Duration
}

// account is one account at work: credentials go into its client, the client's
// answers into its cache.
type account struct {
	name         string
	maxStaleness time.Duration
	now          func() time.Time
	client       *geelark.Client
	cache        *cache
	poller       *poller
	tracker      tracker
}

func newAccount(cfg AccountConfig, o Options, m *counters) (*account, error) {
	for _, id := range cfg.IDs {
		if err := CheckID(id); err != nil {
			return nil, err
		}
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = geelark.DefaultBaseURL
	}
	options := append([]geelark.Option{
		geelark.WithBaseURL(cfg.BaseURL),
		geelark.WithTimeout(cfg.Timeout),
		geelark.WithLimits(cfg.Limits),
		geelark.WithUserAgent(o.UserAgent),
		geelark.WithClock(o.Now),
		geelark.WithObserver(m.request(cfg.Name)),
	}, o.ClientOptions...)
	client, err := geelark.New(cfg.Credentials, options...)
	if err != nil {
		return nil, err
	}
	logger := log.With(o.Logger, "account", cfg.Name)
	a := &account{name: cfg.Name, maxStaleness: cfg.MaxStaleness, now: o.Now, client: client, cache: newCache()}
	a.poller = newPoller(cfg, client, a.cache, o.Now, logger, m.lookupFailed(cfg.Name))
	if len(cfg.IDs) == 0 && cfg.IDsFile == "" {
		a.tracker = newListTracker(cfg, client, a.cache, o.Now, logger, a.poller.tracked)
		return a, nil
	}
	a.tracker, err = newFixedTracker(cfg.IDs, cfg.IDsFile, a.cache, logger)
	return a, err
}

// refresh polls what is due and returns when that is done or ctx is.
func (a *account) refresh(ctx context.Context) {
	now := a.now()
	a.tracker.refresh(now)
	a.poller.start(now)
	a.poller.wait(ctx, a.tracker.pending)
}

// close ends what the account has under way and waits for its end.
func (a *account) close() {
	a.tracker.close()
	a.poller.close()
	a.client.CloseIdleConnections()
}

// up returns 1 when the last poll worked, the last listing too, and no pause
// holds the next back; and when either last worked, in Unix seconds.
func (a *account) up() (up, lastSuccess float64) {
	polled, lastPoll := a.poller.state()
	listed, lastListing := a.tracker.state()
	if a.cache.len() == 0 {
		polled = !lastListing.IsZero() // an account without phones has nothing to poll
	}
	for _, e := range geelark.Endpoints() {
		if !a.client.Budget(e).PausedUntil.IsZero() {
			polled = false
		}
	}
	if polled && listed {
		up = 1
	}
	if lastListing.After(lastPoll) {
		lastPoll = lastListing
	}
	return up, timestamp(lastPoll)
}
