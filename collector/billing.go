package collector

import "geelark_exporter/collector/watch"

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

// collectBilling exposes wallet and plan.
func collectBilling(e *emitter, a *watch.Account) {
	account := a.Name()
	wallet, plan := a.Billing()
	if wallet != nil {
		e.gauge(walletBalanceFamily, wallet.Balance, account)
		e.gauge(walletGiftBalanceFamily, wallet.GiftBalance, account)
		e.gauge(walletTimeAddOnsFamily, float64(wallet.TimeAddOns), account)
	}
	if plan != nil {
		e.gauge(planInfoFamily, 1, account, plan.Plan.String())
		e.gauge(planProfilesFamily, float64(plan.Profiles), account)
		e.gauge(planProfilesAvailableFamily, float64(plan.AvailableProfiles), account)
		e.gauge(planMonthlyRentalsFamily, float64(plan.MonthlyRentals), account)
		e.gauge(planMonthlyRentalsAvailableFamily, float64(plan.AvailableMonthlyRentals), account)
		e.gauge(planParallelsFamily, float64(plan.Parallels), account)
		e.gauge(planMonthlyFeeFamily, plan.MonthlyFee, account)
		if !plan.ExpirationTime.IsZero() {
			e.gauge(planExpiryFamily, timestamp(plan.ExpirationTime), account)
		}
	}
}
