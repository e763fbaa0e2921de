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
	starved  bool // the last call has to wait for the budget for long, or had to
}

func newBilling(a *Account, o *Options, logger log.Logger) *billing {
	b := &billing{
		client:       a.client,
		recordWallet: a.errors.ofEndpoint(CollectorBilling, geelark.EndpointWallet, o.Now),
		recordPlan:   a.errors.ofEndpoint(CollectorBilling, geelark.EndpointPlanInfo, o.Now),
	}
	b.job = &job{
		workers: a.workers, interval: a.cfg.BillingInterval, retry: MinBillingInterval, work: b.read,
		notify: a.scrapes.notify, now: o.Now,
		// read tells of each of its calls besides
		record: a.unlessHeldBack(CollectorBilling, a.errors.shared(NewFailureLog("Reading wallet and plan", "what is known of them is kept for three intervals", logger, o.Now)).Report),
	}
	return b
}

// read reads both: one that fails does not keep the other back.
func (b *billing) read(ctx context.Context) error {
	// The budget allows both at once at this interval: what has to wait for it is
	// the first minute of a process that does not know what was spent before, a
	// pause, or the turn of an account that shares it.
	ctx, cancel := context.WithTimeout(ctx, b.interval)
	defer cancel()
	b.goOnTo(geelark.EndpointWallet)
	wallet, walletErr := b.client.Wallet(ctx)
	if !b.workers.isClosed() { // then a failure tells nothing
		b.recordWallet(walletErr)
	}
	if walletErr == nil {
		b.mu.Lock()
		b.wallet, b.walletAt = wallet, b.now()
		b.mu.Unlock()
	}
	b.goOnTo(geelark.EndpointPlanInfo)
	plan, planErr := b.client.PlanInfo(ctx)
	if !b.workers.isClosed() {
		b.recordPlan(planErr)
	}
	if planErr == nil {
		b.mu.Lock()
		b.plan, b.planAt = plan, b.now()
		b.mu.Unlock()
	}
	return errors.Join(walletErr, planErr)
}

// goOnTo tells scrapes whether they can wait for the next call. It is decided once,
// before the call: after it, the budget looks as it does before one that has to wait.
func (b *billing) goOnTo(e geelark.Endpoint) {
	wait := !isWorthWaiting(b.client.Budget(e), b.now())
	b.mu.Lock()
	b.starved = wait
	b.mu.Unlock()
	b.notify()
}

// pending reports whether wallet or plan are read for the first time, and not for
// want of budget later than a scrape could wait.
func (b *billing) pending() bool {
	b.mu.Lock()
	starved := b.starved
	b.mu.Unlock()
	return b.firstTry() && !starved
}

// hasten takes in that what is known is older than it seemed.
func (b *billing) hasten(by time.Duration) {
	b.job.hasten(by)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range []*time.Time{&b.walletAt, &b.planAt} {
		if !at.IsZero() {
			*at = at.Add(-by)
		}
	}
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

// record is what a later process goes on from.
func (b *billing) record() billingRecord {
	b.mu.Lock()
	defer b.mu.Unlock()
	return billingRecord{b.wallet, b.plan, b.walletAt, b.planAt}
}

// restore goes on from what an earlier process knew.
func (b *billing) restore(r billingRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wallet, b.plan, b.walletAt, b.planAt = r.Wallet, r.Plan, r.WalletAt, r.PlanAt
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
