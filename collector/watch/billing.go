package watch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/geelark"
)

// billing reads the account's wallet and plan.
type billing struct {
	*job
	client *geelark.Client
	// Each is told how the calls of one endpoint went.
	recordWallet, recordPlan func(error)

	mu       sync.Mutex
	wallet   *geelark.Wallet
	plan     *geelark.PlanInfo
	walletAt time.Time
	planAt   time.Time
}

func newBilling(a *Account, o *Options, logger log.Logger) *billing {
	b := &billing{
		client:       a.client,
		recordWallet: a.errors.ofEndpoint(CollectorBilling, geelark.EndpointWallet, o.Now),
		recordPlan:   a.errors.ofEndpoint(CollectorBilling, geelark.EndpointPlanInfo, o.Now),
	}
	b.job = &job{
		workers: a.workers, interval: a.cfg.BillingInterval, retry: MinBillingInterval, work: b.read,
		notify: a.scrapes.notify, record: func(error) {}, // read does
		failure: "Reading wallet and plan failed",
		now:     o.Now, logger: logger,
	}
	return b
}

// read reads both: one that fails does not keep the other back.
func (b *billing) read(ctx context.Context) error {
	// The budget allows both at once at this interval: what has to wait for it
	// is another program's pause.
	ctx, cancel := context.WithTimeout(ctx, MinBillingInterval/2)
	defer cancel()
	wallet, walletErr := b.client.Wallet(ctx)
	plan, planErr := b.client.PlanInfo(ctx)
	now := b.now()
	if !b.workers.isClosed() { // then a failure tells nothing
		b.recordWallet(walletErr)
		b.recordPlan(planErr)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if walletErr == nil {
		b.wallet, b.walletAt = wallet, now
	}
	if planErr == nil {
		b.plan, b.planAt = plan, now
	}
	return errors.Join(walletErr, planErr)
}

func (b *billing) inherit(from *billing) {
	b.job.inherit(from.job)
	from.mu.Lock()
	defer from.mu.Unlock()
	b.wallet, b.walletAt, b.plan, b.planAt = from.wallet, from.walletAt, from.plan, from.planAt
}

// last returns the wallet and the plan that were read last, and when that was.
func (b *billing) last() (w *geelark.Wallet, walletAt time.Time, p *geelark.PlanInfo, planAt time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wallet, b.walletAt, b.plan, b.planAt
}

// known returns wallet and plan unless they are three intervals old.
func (b *billing) known(now time.Time) (*geelark.Wallet, *geelark.PlanInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fresh := func(at time.Time) bool { return !at.IsZero() && now.Sub(at) <= 3*b.interval }
	wallet, plan := b.wallet, b.plan
	if !fresh(b.walletAt) {
		wallet = nil
	}
	if !fresh(b.planAt) {
		plan = nil
	}
	return wallet, plan
}
