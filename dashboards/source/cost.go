package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"geelark_exporter/geelark"
)

// The colours of how tasks end.
var endings = []status{
	{geelark.TaskCompleted.String(), "green"},
	{geelark.TaskFailed.String(), "red"},
	{geelark.TaskCancelled.String(), grey},
}

// The colours of tasks that are open.
var openings = []status{
	{geelark.TaskWaiting.String(), "yellow"},
	{geelark.TaskInProgress.String(), "blue"},
}

const (
	needsUsage = "Nothing was used, or the collector usage is off"
	needsTasks = "There was no task, or the collector tasks is off"
)

// A week before a span that is given to increase.
const weekBefore = "] offset 7d"

// increase of a counter within a span. Of those that watch an account, each
// counts all of it.
func increase(counter, labels, selector, span string) string {
	if before, is := strings.CutSuffix(span, weekBefore); is {
		span = before + weekBefore
	} else {
		span += "]"
	}
	return `max by (` + labels + `) (increase(` + counter + selector + `[` + span + `))`
}

// Points are not money.
const money = `, charge_type!="points"`

func cost(by, span string) string {
	return `sum by (` + by + `) (` + increase(`geelark_usage_cost_total`, "account, kind, charge_type", "{OURS"+money+"}", span) + `)`
}

func used(by, span string) string {
	return `sum by (` + by + `) (` + increase(`geelark_usage_seconds_total`, "account, kind, charge_type", "{OURS}", span) + `)`
}

func groupCost(span string) string {
	return `sum by (account, group) (` + increase(`geelark_group_usage_cost_total`, "account, group, kind, charge_type", "{OURS, GROUP"+money+"}", span) + `)`
}

func groupUsed(span string) string {
	return `sum by (account, group) (` + increase(`geelark_group_usage_seconds_total`, "account, group, kind, charge_type", "{OURS, GROUP}", span) + `)`
}

// secondPrice is what a second of a phone cost within a span.
func secondPrice(span string) string {
	return `sum(` + increase("geelark_usage_cost_total", "account, charge_type", `{OURS, kind="phone"`+money+`}`, span) + `) / sum(` +
		increase("geelark_usage_seconds_total", "account, charge_type", `{OURS, kind="phone"}`, span) + `)`
}

func costAndTasks() *dashboard.DashboardBuilder {
	p := page{
		uid: "geelark-cost", title: "Cost and tasks", from: "now-24h",
		description: "What phones and tasks cost, by account, group and kind, what tasks do and why they fail. Needs the collectors usage and tasks.",
		variables: []cog.Builder[dashboard.VariableModel]{
			choice("group", "Group", `label_values(geelark_group_phones{OURS}, group)`),
			oneOf("idle", "Idle for", "Span in which an idle phone was started and ran no task, each of the twelve times that it is looked at.", "1h",
				option{"1h", "1h:5m"}, option{"3h", "3h:15m"}, option{"12h", "12h:1h"}),
		},
	}
	d := p.builder()

	const idle = `max by (account, id) (geelark_phone_status_code{OURS} == 0) and on (account, id) max by (account, id) (geelark_phone_rpa_running{OURS}) == 0 and on (account, id) geelark_phone_info{OURS, GROUP, charge_mode="per_minute"}`
	const idleTime = `avg_over_time((count(` + idle + `) or vector(0))[$__range:$__interval]) * $__range_s`
	d.WithRow(row("Cost")).
		WithPanel(numbers("Cost", "What was spent in the selected time, in the vendor's currency, points aside, and in the same time a week before.",
			size{5, 5},
			now(`sum(`+cost("account", "$__range")+`)`, "selected time"),
			now(`sum(`+cost("account", "$__range"+weekBefore)+`)`, "a week before")).
			Decimals(2).Thresholds(steps("text")).Mappings([]dashboard.ValueMapping{noneYet})).
		WithPanel(numbers("Time used", "Time of phones and of tasks that was charged in the selected time, in all ways of paying.",
			size{5, 5}, now(used("kind", "$__range"), "{{kind}}")).
			Unit(units.Seconds).Thresholds(steps("text")).Mappings([]dashboard.ValueMapping{noneYet})).
		WithPanel(numbers("Idle now", "Phones that are started, paid by the minute and run no task, and what that costs an hour at the last hour's price of a phone's minute.",
			size{4, 5},
			now(`count(`+idle+`) or vector(0)`, "phones"),
			now(`(count(`+idle+`) or vector(0)) * 3600 * `+secondPrice("1h"), "cost an hour")).
			Thresholds(steps("text")).Mappings([]dashboard.ValueMapping{noneYet}).
			OverrideByName("cost an hour", properties(property("decimals", 2)))).
		WithPanel(numbers("Idle time", "Time that such phones idled in the selected time, from some twelve looks at them, and what that cost at its price of a phone's minute.",
			size{5, 5},
			now(idleTime, "time"), now(idleTime+` * `+secondPrice("$__range"), "cost")).
			MaxDataPoints(12). // the looks
			Thresholds(steps("text")).Mappings([]dashboard.ValueMapping{noneYet}).
			OverrideByName("time", properties(property("unit", "s"))).
			OverrideByName("cost", properties(property("decimals", 2)))).
		WithPanel(numbers("Counted up to", "When the latest entry was made that is counted of the account's bill, and how much time has passed of which it was not read yet, of the accounts where that is the longest.",
			size{5, 5},
			now(`1000 * min(max by (account) (geelark_usage_last_flow_timestamp_seconds{OURS}))`, "latest entry"),
			now(`max(min by (account) (geelark_usage_lag_seconds{OURS}))`, "not read yet")).
			Unit("dateTimeFromNow").Thresholds(steps("text")).Mappings([]dashboard.ValueMapping{noneYet}).
			OverrideByName("not read yet", properties(property("unit", "s"), thresholds(steps("text", step{15 * 60, "orange"}, step{day, "red"}))))).
		WithPanel(lines("Cost an hour, now and a week before", "What was spent within the hour before, and in the same hour a week before.",
			size{8, 8},
			over(`sum(`+cost("account", "1h")+`)`, "now"),
			over(`sum(`+cost("account", "1h"+weekBefore)+`)`, "a week before")).
			Decimals(2).NoValue(needsUsage).OverrideByQuery("B", forecast())).
		WithPanel(areas("Cost an hour, by what it was paid with", "What was spent within the hour before, by charge type.",
			size{8, 8}, over(cost("charge_type", "1h"), "{{charge_type}}")).
			Decimals(2).NoValue(needsUsage)).
		WithPanel(areas("Time used an hour, by what it was paid with", "Time that was charged within the hour before, by kind and charge type.",
			size{8, 8}, over(used("kind, charge_type", "1h"), "{{kind}} {{charge_type}}")).
			Unit(units.Seconds).NoValue(needsUsage)).
		WithPanel(cells("Groups", "What each group cost and used in the selected time, and a week before, the 100 dearest.",
			needsUsage, size{12, 9},
			[]column{
				{"group", "Group", 0, nil},
				{"account", "Account", 110, nil},
				{"Value #A", "Cost", 90, properties(property("decimals", 2))},
				{"Value #B", "A week before", 115, properties(property("decimals", 2))},
				{"Value #C", "Time", 110, properties(property("unit", "s"))},
			},
			[]string{"Time"},
			rows(`topk(100, `+groupCost("$__range")+`)`),
			rows(groupCost("$__range"+weekBefore)+` and on (account, group) topk(100, `+groupCost("$__range")+`)`),
			rows(groupUsed("$__range")+` and on (account, group) topk(100, `+groupCost("$__range")+`)`)).
			SortBy(sorted("Cost", true))).
		WithPanel(cells("Dearest phones", "The phones that cost the most in the selected time, at most 100. Needs --usage.per-phone.",
			"No phone cost anything, or --usage.per-phone is not set", size{12, 9},
			append([]column{{"Value", "Cost", 90, properties(property("decimals", 2))}}, phoneColumns...),
			[]string{"Time"},
			rows(known(`topk(100, `+increase("geelark_phone_usage_cost_total", "account, id", "{OURS}", "$__range:$__interval")+` > 0`+ofGroups+`)`, names, "{OURS, GROUP}"))).
			MaxDataPoints(100). // the looks at each phone within the time
			SortBy(sorted("Cost", true))).
		WithPanel(cells("Idle phones", "Phones that were started and ran no task at each look within the selected span, and are paid by the minute. At most 100.",
			"No phone that is paid by the minute idles for so long", size{24, 8},
			phoneColumns, []string{"Time", "Value"},
			rows(`topk(100, `+known(`(max by (account, id) (max_over_time(geelark_phone_status_code{OURS}[$idle]) == 0) and on (account, id) max_over_time(geelark_phone_rpa_running{OURS}[$idle]) == 0 and on (account, id) geelark_phone_info{OURS, charge_mode="per_minute"})`, names, "{OURS, GROUP}")+`)`)).
			SortBy(sorted("Phone", false)))

	d.WithRow(row("Tasks")).
		WithPanel(numbers("Open tasks", "Tasks that wait or are in progress, and those that wait although they should have begun.",
			size{8, 5},
			now(`sum by (status) (max by (account, type, status) (geelark_tasks{OURS}))`, "{{status}}"),
			now(`sum(max by (account, type) (geelark_tasks_overdue{OURS}))`, "overdue")).
			ColorScheme(byPalette()).Overrides(coloursOf(append(openings, status{"overdue", "orange"}))).Mappings([]dashboard.ValueMapping{noneYet})).
		WithPanel(numbers("Ended tasks", "How tasks ended in the selected time.",
			size{8, 5}, now(`sum by (status) (`+increase("geelark_tasks_finished_total", "account, type, status", "{OURS}", "$__range")+`)`, "{{status}}")).
			Decimals(0).ColorScheme(byPalette()).Overrides(coloursOf(endings)).Mappings([]dashboard.ValueMapping{noneYet})).
		WithPanel(numbers("Share of tasks that fail", "Of those that were completed or failed in the selected time, and of those in the hour before.",
			size{8, 5},
			now(failing("$__range"), "selected time"), now(failing("1h"), "last hour")).
			Unit(units.PercentUnit).Decimals(1).Thresholds(steps("green", step{0.05, "orange"}, step{0.2, "red"})).Mappings([]dashboard.ValueMapping{noneYet})).
		WithPanel(areas("Open tasks over time", "Tasks that wait or are in progress.",
			size{8, 8}, over(`sum by (status) (max by (account, type, status) (geelark_tasks{OURS}))`, "{{status}}")).
			Decimals(0).Overrides(coloursOf(openings)).NoValue(needsTasks)).
		WithPanel(areas("Ends of tasks an hour", "How many tasks ended within the hour before, and how.",
			size{8, 8}, over(`sum by (status) (`+increase("geelark_tasks_finished_total", "account, type, status", "{OURS}", "1h")+`)`, "{{status}}")).
			Decimals(0).Overrides(coloursOf(endings)).NoValue(needsTasks)).
		WithPanel(lines("Phones whose tasks fail, by cause", "Phones with a task that failed within the hour before, by what it failed for; other are codes that tell of one task alone. A phone counts once for each cause.",
			size{8, 8}, over(`sum by (cause) (max by (account, cause) (geelark_phones_with_failed_tasks{OURS}))`, "{{cause}}")).
			Decimals(0).NoValue(needsTasks)).
		WithPanel(cells("Types of tasks", "How many tasks of each type ended in the selected time, and how many of them failed. At most 100 rows.",
			needsTasks, size{10, 9},
			[]column{
				{"type", "Type", 0, nil},
				{"account", "Account", 110, nil},
				{"Value #A", "Ended", 85, properties(property("decimals", 0))},
				{"Value #B", "Failed", 85, properties(property("decimals", 0))},
			},
			[]string{"Time"},
			rows(ended(`{OURS}`)), rows(ended(`{OURS, status="failed"}`))).
			SortBy(sorted("Failed", true))).
		WithPanel(cells("Why tasks fail", "Failures in the selected time by cause, the most frequent first. At most 100 rows.",
			"No task failed in the selected time, or the collector tasks is off", size{14, 9},
			[]column{
				{"Value", "Failures", 90, properties(property("decimals", 0))},
				{"reason", "Cause", 0, properties(property("mappings", causes()))},
				{"type", "Type", 130, nil},
				{"account", "Account", 110, nil},
			},
			[]string{"Time"},
			rows(`topk(100, (`+failures+` - (`+failuresBefore+` or 0 * `+failures+`) >= 0 or `+failures+`) > 0)`)).
			SortBy(sorted("Failures", true))).
		WithPanel(durations("Duration of tasks", "How long tasks took that were completed or failed. From the native histogram where Prometheus scrapes it, otherwise from the classic one.",
			size{12, 9}, "geelark_task_duration_seconds", "{OURS}", units.Short).NoValue(needsTasks)).
		WithPanel(lines("Duration of tasks, quantiles", "Half of the tasks of a type, and 95 of 100, took no longer.",
			size{12, 9},
			over(quantile("0.5", "type", "geelark_task_duration_seconds", "{OURS}"), "{{type}} 50%"),
			over(quantile("0.95", "type", "geelark_task_duration_seconds", "{OURS}"), "{{type}} 95%")).
			Unit(units.Seconds).NoValue(needsTasks))
	return d
}

// failing is the share of tasks that failed within a span.
func failing(span string) string {
	of := func(statuses string) string {
		return `sum(` + increase("geelark_tasks_finished_total", "account, type, status", `{OURS, status=~"`+statuses+`"}`, span) + `)`
	}
	return of("failed") + " / " + of("completed|failed")
}

// A cause has no series before its first failure, which increase would not count.
// What is less than it was has been counted anew since a restart.
const (
	failures       = `max by (account, type, reason) (geelark_task_failures_total{OURS})`
	failuresBefore = `max by (account, type, reason) (last_over_time(geelark_task_failures_total{OURS}[1h] offset $__range))`
)

// ended are the tasks of each type that ended in the selected time.
func ended(selector string) string {
	return `topk(100, sum by (account, type) (` + increase("geelark_tasks_finished_total", "account, type, status", selector, "$__range") + `))`
}
