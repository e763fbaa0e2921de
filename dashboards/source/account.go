package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

func account() *dashboard.DashboardBuilder {
	p := page{
		uid: "geelark-account", title: "Account", from: "now-7d",
		description: "What is left to spend, plan and quotas of GeeLark accounts.",
		variables: []cog.Builder[dashboard.VariableModel]{
			oneOf("history", "History", "What the forecast is made from.", "1d",
				option{"6h", "6h:1m"}, option{"1d", "1d:5m"}, option{"3d", "3d:15m"}, option{"7d", "7d:30m"}),
			span("ahead", "Time ahead", "How far the forecast looks ahead.", "7 days"),
		},
	}
	d := p.builder()

	// What is left in the order in which it is spent: minutes, gift, balance. What a
	// minute is worth the shipped rules record; without them minutes are left out.
	const (
		minutes  = `geelark_wallet_time_addon_seconds{OURS} / 60 * on (account) group_left () max by (account) (geelark:account:minute_price)`
		credit   = `max by (account) (geelark_wallet_balance{OURS} + (geelark_wallet_gift_balance{OURS} or 0 * geelark_wallet_balance{OURS}) + (` + minutes + ` or 0 * geelark_wallet_balance{OURS}))`
		expected = `predict_linear((` + credit + `)[$history], $ahead)`
		lowest   = ` and on (account) bottomk(20, max by (account) (geelark_wallet_balance{OURS} @ end()))`
		five     = " Of several accounts, the five lowest."
	)
	d.WithRow(row("Wallet")).
		WithPanel(numbers("Left to spend",
			"Balance, gift and the worth of the time add-ons, in the vendor's currency. A minute is worth what the shipped rules record as its price, and nothing without them. Red below 20, the default of the alert about it."+five,
			size{5, 5}, now(`bottomk(5, `+credit+`)`, "{{account}}")).
			Decimals(2).Thresholds(steps("red", step{20, "text"}))).
		WithPanel(numbers("Expected",
			"What is left at the end of the selected time ahead if it goes on as in the selected history. A payment within the history makes the forecast too good."+five,
			size{5, 5}, now(`bottomk(5, `+expected+`)`, "{{account}}")).
			Decimals(2).Thresholds(steps("red", step{0.01, "green"})).
			Mappings([]dashboard.ValueMapping{noneYet})).
		WithPanel(numbers("Lasts",
			"How long what is left lasts if it goes on as in the selected history. Then no phone can start."+five,
			size{5, 5}, now(`bottomk(5, `+credit+` / clamp_min(-deriv((`+credit+`)[$history]), 1e-12))`, "{{account}}")).
			Unit(units.Seconds).Thresholds(endsIn).
			Mappings([]dashboard.ValueMapping{above(10*365*day, status{"not falling", "green"}), noneYet})).
		WithPanel(numbers("What is left", "Of all selected accounts, in the order in which it is spent.",
			size{9, 5},
			now(`sum(max by (account) (geelark_wallet_time_addon_seconds{OURS}))`, "time add-ons"),
			now(`sum(max by (account) (geelark_wallet_gift_balance{OURS}))`, "gift"),
			now(`sum(max by (account) (geelark_wallet_balance{OURS}))`, "balance")).
			Decimals(2).Thresholds(steps("text")).
			OverrideByName("time add-ons", properties(property("unit", "s"), property("decimals", 0)))).
		WithPanel(lines("Left to spend, and what was expected",
			"What is left, and at each time what was to be left after the selected time ahead, from the selected history before. A payment shows as a step, and for the length of the history makes the forecast too good. The 20 accounts with the lowest balance.",
			size{16, 9},
			over(credit+lowest, "{{account}}"), over(expected+lowest, "{{account}} expected")).
			Decimals(2).OverrideByQuery("B", forecast())).
		WithPanel(areas("What is left over time", "Of all selected accounts, time add-ons at the price of a minute that the shipped rules record.",
			size{8, 9},
			over(`sum(max by (account) (geelark_wallet_balance{OURS}))`, "balance"),
			over(`sum(max by (account) (geelark_wallet_gift_balance{OURS}))`, "gift"),
			over(`sum(max by (account) (`+minutes+`))`, "time add-ons")).
			Decimals(2))

	const soonest = ` and on (account) bottomk(100, max by (account) (geelark_plan_expiry_timestamp_seconds{OURS}))`
	d.WithRow(row("Plan")).
		WithPanel(cells("Plans", "The plan of each selected account, at most the 100 that end next.",
			"No account has a plan that is known", size{24, 6},
			[]column{
				{"account", "Account", 0, nil},
				{"plan", "Plan", 0, nil},
				{"Value #B", "Monthly fee", 0, properties(property("decimals", 2))},
				{"Value #C", "Ends in", 0, properties(property("unit", "s"), colouredText(), thresholds(endsIn))},
				{"Value #D", "Profiles", 0, nil},
				{"Value #E", "Profiles left", 0, nil},
				{"Value #F", "Monthly rentals", 0, nil},
				{"Value #G", "Monthly rentals left", 0, nil},
				{"Value #H", "Parallel phones", 0, nil},
			},
			[]string{"Time", "Value #A"},
			rows(`max by (account, plan) (geelark_plan_info{OURS})`+soonest),
			rows(`max by (account) (geelark_plan_monthly_fee{OURS})`+soonest),
			rows(`max by (account) (geelark_plan_expiry_timestamp_seconds{OURS}) - time()`+soonest),
			rows(`max by (account) (geelark_plan_profiles{OURS})`+soonest),
			rows(`max by (account) (geelark_plan_profiles_available{OURS})`+soonest),
			rows(`max by (account) (geelark_plan_monthly_rentals{OURS})`+soonest),
			rows(`max by (account) (geelark_plan_monthly_rentals_available{OURS})`+soonest),
			rows(`max by (account) (geelark_plan_parallel_phones{OURS})`+soonest)).
			SortBy(sorted("Ends in", false)))

	const (
		open   = `sum by (account) (max by (account, code, status) (geelark_phones{OURS, status=~"started|starting"}))`
		most   = ` and on (account) topk(20, sum by (account) (max by (account, code, status) (geelark_phones{OURS, status=~"started|starting"} @ end())))`
		fewest = `max by (account) (%[1]s{OURS}) and on (account) bottomk(20, max by (account) (%[1]s{OURS} @ end()))`
	)
	d.WithRow(row("Quotas")).
		WithPanel(bars("Profiles used",
			"Share of the plan's profiles that are in use, the fullest 20 accounts. Without a free profile no phone can be created.",
			size{6, 8},
			now(`topk(20, 1 - max by (account) (geelark_plan_profiles_available{OURS}) / max by (account) (geelark_plan_profiles{OURS}))`, "{{account}}")).
			Unit(units.PercentUnit).Min(0).Max(1).Thresholds(fullness)).
		WithPanel(bars("Monthly rentals used",
			"Share of the plan's monthly rental devices that are in use, the fullest 20 accounts.",
			size{6, 8},
			now(`topk(20, 1 - max by (account) (geelark_plan_monthly_rentals_available{OURS}) / max by (account) (geelark_plan_monthly_rentals{OURS}))`, "{{account}}")).
			Unit(units.PercentUnit).Min(0).Max(1).Thresholds(fullness)).
		WithPanel(lines("Phones open at once",
			"Phones that are started or starting, and how many the plan allows at once without extra charge. The 20 accounts with the most open.",
			size{12, 8},
			over(open+most, "{{account}} open"),
			over(`max by (account) (geelark_plan_parallel_phones{OURS})`+most, "{{account}} without extra charge")).
			Decimals(0).OverrideByQuery("B", forecast())).
		WithPanel(lines("Profiles left", "Profiles of the plan that are not in use, the 20 accounts with the fewest.",
			size{12, 8}, over(fmt.Sprintf(fewest, "geelark_plan_profiles_available"), "{{account}}")).
			Decimals(0)).
		WithPanel(lines("Monthly rentals left", "Monthly rental devices of the plan that are not in use, the 20 accounts with the fewest.",
			size{12, 8}, over(fmt.Sprintf(fewest, "geelark_plan_monthly_rentals_available"), "{{account}}")).
			Decimals(0))
	return d
}
