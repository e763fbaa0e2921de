package collector

import (
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

var (
	walletBalanceFamily = newFamily("geelark_wallet_balance",
		"Balance of the account's wallet in the vendor's currency.", "account")
	walletGiftBalanceFamily = newFamily("geelark_wallet_gift_balance",
		"Gifted balance of the account's wallet in the vendor's currency.", "account")
	walletTimeAddOnFamily = newFamily("geelark_wallet_time_addon_seconds",
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
	planParallelPhonesFamily = newFamily("geelark_plan_parallel_phones",
		"Phones that can be open at once without extra charge.", "account")
	planMonthlyFeeFamily = newFamily("geelark_plan_monthly_fee",
		"The plan's fee a month in the vendor's currency.", "account")
	planExpiryFamily = newFamily("geelark_plan_expiry_timestamp_seconds",
		"When the plan ends. Absent when that is not told.", "account")
)

var billingFamilies = []*family{
	walletBalanceFamily, walletGiftBalanceFamily, walletTimeAddOnFamily,
	planInfoFamily, planProfilesFamily, planProfilesAvailableFamily,
	planMonthlyRentalsFamily, planMonthlyRentalsAvailableFamily, planParallelPhonesFamily,
	planMonthlyFeeFamily, planExpiryFamily,
}

// collectBilling exposes wallet and plan.
func collectBilling(e *emitter, a *watch.Account) {
	account := a.Name()
	wallet, plan := a.Billing()
	if wallet != nil {
		gaugeOf(e, walletBalanceFamily, wallet.Balance, account)
		gaugeOf(e, walletGiftBalanceFamily, wallet.GiftBalance, account)
		if left, ok := wallet.TimeAddOns.Get(); ok {
			e.gauge(walletTimeAddOnFamily, left.Seconds(), account)
		}
	}
	if plan != nil {
		e.gauge(planInfoFamily, 1, account, plan.Plan.Or(-1).String())
		gaugeOf(e, planProfilesFamily, plan.Profiles, account)
		gaugeOf(e, planProfilesAvailableFamily, plan.AvailableProfiles, account)
		gaugeOf(e, planMonthlyRentalsFamily, plan.MonthlyRentals, account)
		gaugeOf(e, planMonthlyRentalsAvailableFamily, plan.AvailableMonthlyRentals, account)
		gaugeOf(e, planParallelPhonesFamily, plan.Parallels, account)
		gaugeOf(e, planMonthlyFeeFamily, plan.MonthlyFee, account)
		if !plan.ExpirationTime.IsZero() {
			e.gauge(planExpiryFamily, timestamp(plan.ExpirationTime), account)
		}
	}
}

// gaugeOf exposes what was told: an absent value has no sample.
func gaugeOf[T int | float64](e *emitter, f *family, told geelark.Optional[T], account string) {
	if v, ok := told.Get(); ok {
		e.gauge(f, float64(v), account)
	}
}
