package collector

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/geelark"
)

var (
	walletBalanceFamily = newFamily("geelark_wallet_balance",
		"Balance of the account's wallet in the vendor's currency.", "account")
	walletGiftBalanceFamily = newFamily("geelark_wallet_gift_balance",
		"Gifted balance of the account's wallet in the vendor's currency.", "account")
	walletTimeAddOnsFamily = newFamily("geelark_wallet_time_addons",
		"Time add-ons that are left.", "account")
	planInfoFamily = newFamily("geelark_plan_info",
		"The account's plan, always 1.", "account", "plan")
	planProfilesFamily = newFamily("geelark_plan_profiles",
		"Profiles that the plan includes.", "account")
	planProfilesAvailableFamily = newFamily("geelark_plan_profiles_available",
		"Profiles of the plan that are not in use.", "account")
	planMonthlyRentalsFamily = newFamily("geelark_plan_monthly_rentals",
		"Monthly rental devices of the plan.", "account")
	planMonthlyRentalsAvailableFamily = newFamily("geelark_plan_monthly_rentals_available",
		"Monthly rental devices of the plan that are not in use.", "account")
	planParallelsFamily = newFamily("geelark_plan_parallels",
		"Phones that can be open at once without extra charge.", "account")
	planMonthlyFeeFamily = newFamily("geelark_plan_monthly_fee",
		"The plan's fee a month in the vendor's currency.", "account")
	planExpiryFamily = newFamily("geelark_plan_expiry_timestamp_seconds",
		"When the plan ends. Absent when that is not told.", "account")
)

var billingFamilies = []*family{
	walletBalanceFamily, walletGiftBalanceFamily, walletTimeAddOnsFamily,
	planInfoFamily, planProfilesFamily, planProfilesAvailableFamily,
	planMonthlyRentalsFamily, planMonthlyRentalsAvailableFamily, planParallelsFamily,
	planMonthlyFeeFamily, planExpiryFamily,
}

// billing reads the account's wallet and plan.
type billing struct {
	*job
	client *geelark.Client

	mu       sync.Mutex
	wallet   *geelark.Wallet
	plan     *geelark.PlanInfo
	walletAt time.Time
	planAt   time.Time
}

func newBilling(cfg *AccountConfig, client *geelark.Client, now func() time.Time, logger log.Logger, ended func()) *billing {
	b := &billing{client: client}
	b.job = (&job{
		interval: cfg.BillingInterval, retry: MinBillingInterval, work: b.read, ended: ended,
		failure: "Reading wallet and plan failed",
		now:     now, logger: logger,
	}).init()
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

// collectBilling exposes wallet and plan.
func collectBilling(e *emitter, a *account) {
	wallet, plan := a.billing.known(a.now())
	if wallet != nil {
		e.gauge(walletBalanceFamily, wallet.Balance, a.name)
		e.gauge(walletGiftBalanceFamily, wallet.GiftBalance, a.name)
		e.gauge(walletTimeAddOnsFamily, float64(wallet.TimeAddOns), a.name)
	}
	if plan != nil {
		e.gauge(planInfoFamily, 1, a.name, plan.Plan.String())
		e.gauge(planProfilesFamily, float64(plan.Profiles), a.name)
		e.gauge(planProfilesAvailableFamily, float64(plan.AvailableProfiles), a.name)
		e.gauge(planMonthlyRentalsFamily, float64(plan.MonthlyRentals), a.name)
		e.gauge(planMonthlyRentalsAvailableFamily, float64(plan.AvailableMonthlyRentals), a.name)
		e.gauge(planParallelsFamily, float64(plan.Parallels), a.name)
		e.gauge(planMonthlyFeeFamily, plan.MonthlyFee, a.name)
		if !plan.ExpirationTime.IsZero() {
			e.gauge(planExpiryFamily, timestamp(plan.ExpirationTime), a.name)
		}
	}
}
