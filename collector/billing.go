package collector

import (
	"geelark_exporter/collector/exposition"
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
func collectBilling(to *exposition.Samples, a *watch.Account) {
	account := a.Name()
	wallet, plan := a.Billing()
	if wallet != nil {
		gaugeOf(to, walletBalanceFamily, wallet.Balance, account)
		gaugeOf(to, walletGiftBalanceFamily, wallet.GiftBalance, account)
		if left, ok := wallet.TimeAddOns.Get(); ok {
			to.Gauge(walletTimeAddOnFamily.paged, left.Seconds(), account)
		}
	}
	if plan != nil {
		to.Gauge(planInfoFamily.paged, 1, account, plan.Plan.Or(-1).String())
		gaugeOf(to, planProfilesFamily, plan.Profiles, account)
		gaugeOf(to, planProfilesAvailableFamily, plan.AvailableProfiles, account)
		gaugeOf(to, planMonthlyRentalsFamily, plan.MonthlyRentals, account)
		gaugeOf(to, planMonthlyRentalsAvailableFamily, plan.AvailableMonthlyRentals, account)
		gaugeOf(to, planParallelPhonesFamily, plan.Parallels, account)
		gaugeOf(to, planMonthlyFeeFamily, plan.MonthlyFee, account)
		if !plan.ExpirationTime.IsZero() {
			to.Gauge(planExpiryFamily.paged, timestamp(plan.ExpirationTime), account)
		}
	}
}

// gaugeOf exposes what was told: an absent value has no sample.
func gaugeOf[T int | float64](to *exposition.Samples, f *family, told geelark.Optional[T], account string) {
	if v, ok := told.Get(); ok {
		to.Gauge(f.paged, float64(v), account)
	}
}
