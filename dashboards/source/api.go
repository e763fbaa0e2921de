package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

func api() *dashboard.DashboardBuilder {
	p := page{
		uid: "geelark-api", title: "API and exporter", from: "now-6h",
		description: "Calls of the GeeLark API, their errors, latency and budget, the age of what is known, and the exporter itself.",
		variables: []cog.Builder[dashboard.VariableModel]{
			choice("api", "API", `label_values(geelark_api_budget_requests{OURS}, api)`),
			choice("instance", "Exporter", `label_values(geelark_exporter_build_info{JOB}, instance)`),
		},
	}
	d := p.builder()

	d.WithRow(row("Accounts")).
		WithPanel(states("Accounts",
			"Up: the last poll worked, the last listing of the phones too, and no pause holds the next back. Known statuses are exposed whether the account is up or down. The 20 accounts that were down the longest in the selected time.",
			size{9, 8}, yesNo("up", "down"),
			over(`max by (account) (geelark_up{OURS}) and on (account) bottomk(20, max by (account) (avg_over_time(geelark_up{OURS}[$__range] @ end())))`, "{{account}}"))).
		WithPanel(states("Collectors",
			"Whether a collector's last calls worked, the 20 that failed the longest in the selected time.",
			size{9, 8}, yesNo("worked", "failed"),
			over(`max by (account, collector) (geelark_collector_success{OURS}) and on (account, collector) bottomk(20, max by (account, collector) (avg_over_time(geelark_collector_success{OURS}[$__range] @ end())))`, "{{account}} {{collector}}"))).
		WithPanel(bars("Time since the last success",
			"How long ago a poll of the account last worked. Accounts with the longest time, at most 20.",
			size{6, 8},
			now(`topk(20, time() - max by (account) (geelark_account_last_success_timestamp_seconds{OURS}))`, "{{account}}")).
			Unit(units.Seconds).Decimals(0).Min(0).Max(300).
			Thresholds(steps("green", step{150, "orange"}, step{300, "red"})))

	d.WithRow(row("Calls")).
		WithPanel(lines("Calls by API", "Requests sent a minute, repetitions included.",
			size{8, 8},
			over(`60 * sum by (api) (max by (instance, account, api, outcome) (rate(geelark_api_requests_total{OURS, API}[$__rate_interval])))`, "{{api}}")).
			Unit(perMinute)).
		WithPanel(events("Errors by outcome",
			"Requests a minute without success, by the answer's code, the HTTP status if it was not 200, or the reason why there was no usable answer.",
			size{8, 8},
			over(`60 * sum by (outcome) (max by (instance, account, api, outcome) (rate(geelark_api_requests_total{OURS, API, outcome!="0"}[$__rate_interval]))) > 0`, "{{outcome}}")).
			Unit(perMinute).NoValue("No request failed in the selected time")).
		WithPanel(events("Failed lookups of phones",
			"Failed lookups of single phones a minute: 42001 is a phone that does not exist, missing one that the answer left out.",
			size{8, 8},
			over(`60 * sum by (code) (max by (instance, account, code) (rate(geelark_phone_lookup_failures_total{OURS}[$__rate_interval]))) > 0`, "{{code}}")).
			Unit(perMinute).NoValue("No lookup of a phone failed in the selected time")).
		WithPanel(cells("Errors in the selected time",
			"Requests without success by outcome and its meaning, the most frequent first. At most 100 rows.",
			"No request failed in the selected time", size{24, 6},
			[]column{
				{"Value", "Requests", 95, properties(property("decimals", 0))},
				{"outcome", "Outcome", 0, properties(property("mappings", outcomes()))},
				{"api", "API", 180, nil},
				{"account", "Account", 200, nil},
			},
			[]string{"Time"},
			rows(`topk(100, sum by (account, api, outcome) (max by (instance, account, api, outcome) (increase(geelark_api_requests_total{OURS, API, outcome!="0"}[$__range]))) > 0)`)).
			SortBy(sorted("Requests", true)))

	d.WithRow(row("Latency")).
		WithPanel(durations("Duration of calls",
			"Time from sending a request to the end of its answer. From the native histogram where Prometheus scrapes it, otherwise from the classic one.",
			size{9, 9}, "geelark_api_request_duration_seconds", "{OURS, API}", units.RequestsPerSecond)).
		WithPanel(lines("Duration of calls, 95%", "95 of 100 calls took no longer.",
			size{9, 9},
			over(quantile("0.95", "api", "geelark_api_request_duration_seconds", "{OURS, API}"), "{{api}}")).
			Unit(units.Seconds).NoValue("No call in the selected time")).
		WithPanel(lines("Duration of the collectors",
			"How long a collector's last calls took, from the first to the end of the last, in the account where it took the longest.",
			size{6, 9},
			over(`max by (collector) (geelark_collector_duration_seconds{OURS})`, "{{collector}}")).
			Unit(units.Seconds))

	const used = `max by (account, api, window) (1 - geelark_api_budget_remaining_requests{OURS, API} / (geelark_api_budget_requests{OURS, API} > 1))`
	d.WithRow(row("Budget and pauses")).
		WithPanel(lines("Budget used",
			"Share of the exporter's own limit of requests within a minute or an hour, whichever is used more, of the account that uses the most. A fleet too large for its budget stays near 100%: its statuses are then older than they should be. A limit of one request is left out: each request uses it up.",
			size{7, 8},
			over(`max by (api) (`+used+`)`, "{{api}}")).
			Unit(units.PercentUnit).Max(1).Thresholds(fullness).ThresholdsStyle(dashed())).
		WithPanel(bars("Budget used now", "Share of the limit by account, API and window, the fullest 20.",
			size{9, 8}, now(`topk(20, `+used+`)`, "{{account}} {{api}} {{window}}")).
			Unit(units.PercentUnit).Decimals(1).Min(0).Max(1).Thresholds(fullness)).
		WithPanel(states("Pauses",
			"Paused: the API asked for a pause, after a broken limit, and nothing is sent to it until the end. At most 20, those whose pause ended or ends last.",
			size{5, 8}, []dashboard.ValueMapping{valueMap(map[string]status{"0": {"open", "green"}, "1": {"paused", "red"}})},
			over(`max by (account, api) (geelark_api_paused_until_timestamp_seconds{OURS, API} > bool time()) and on (account, api) topk(20, max by (account, api) (max_over_time(geelark_api_paused_until_timestamp_seconds{OURS, API}[$__range] @ end())))`, "{{account}} {{api}}"))).
		WithPanel(numbers("Pause ends in", "Time to the end of the longest pause, 0 when there is none.",
			size{3, 8}, now(`max(clamp_min(geelark_api_paused_until_timestamp_seconds{OURS, API} - time(), 0))`, "")).
			Unit(units.Seconds).Decimals(0).
			Thresholds(steps("green", step{1, "red"}))).
		WithPanel(lines("Skipped items of lists",
			"Items of the accounts' lists a minute whose ids cannot be read: such a phone is not watched. The exporter's log names the field.",
			size{6, 7},
			over(`60 * sum by (account) (max by (instance, account) (rate(geelark_phone_list_items_skipped_total{OURS}[$__rate_interval]))) and on (account) topk(20, sum by (account) (geelark_phone_list_items_skipped_total{OURS} @ end()))`, "{{account}}")).
			Unit(perMinute)).
		WithPanel(lines("Limits broken by others",
			"Answers a minute with code 40007 though the exporter had room in its own windows: other programs of the account spend from the same limits.",
			size{6, 7},
			over(`60 * sum by (api) (max by (instance, account, api) (rate(geelark_api_contended_total{OURS, API}[$__rate_interval])))`, "{{api}}")).
			Unit(perMinute)).
		WithPanel(lines("Distance of the clocks",
			"How far the exporter's clock is from that of the API, the 20 accounts where it is farthest. With key signature the API refuses what comes from far, with code 40003.",
			size{6, 7},
			over(`abs(max by (account) (geelark_clock_skew_seconds{OURS})) and on (account) topk(20, max by (account) (abs(geelark_clock_skew_seconds{OURS} @ end())))`, "{{account}}")).
			Unit(units.Seconds)).
		WithPanel(cells("Files of ids that cannot be read",
			"Accounts whose file of ids could not be read, and when it was last. What it said then stays in force. At most 100 rows.",
			"Every file of ids can be read", size{6, 7},
			[]column{
				{"account", "Account", 0, nil},
				{"Value", "Last read", 140, properties(property("unit", "dateTimeFromNow"))},
			},
			[]string{"Time"},
			rows(`topk(100, 1000 * max by (account) (geelark_ids_file_last_read_success_timestamp_seconds{OURS}) and on (account) geelark_ids_file_last_read_successful{OURS} == 0)`)).
			SortBy(sorted("Account", false)))

	d.WithRow(row("What is known of the phones")).
		WithPanel(lines("Age of the statuses",
			"Age of the oldest exposed status and the median, of the account where it is greatest. By default a status is due to be polled again after 30 s, and not exposed any more after 10 minutes. The dashed line is the default of the alert about it, 5 minutes.",
			size{8, 8},
			over(`max(geelark_status_max_age_seconds{OURS})`, "oldest"),
			over(`max(geelark_status_median_age_seconds{OURS})`, "median")).
			Unit(units.Seconds).Thresholds(steps("green", step{300, "red"})).ThresholdsStyle(dashed())).
		WithPanel(areas("Phones without a status, by reason",
			"Tracked phones without a status that can be trusted now, and why: not_scraped yet, waiting for their turn in the budget, paused, lookup_failed, call_failed, or outdated.",
			size{8, 8},
			over(`sum by (reason) (max by (account, reason) (geelark_phones_unobserved{OURS}))`, "{{reason}}")).
			Decimals(0)).
		WithPanel(events("Phones that left",
			"Phones a minute that are not tracked any more: not_found by their own lookups, unlisted by the account's list, unselected by configuration, ids file or filter.",
			size{8, 8},
			over(`60 * sum by (reason) (max by (instance, account, reason) (rate(geelark_phones_dropped_total{OURS}[$__rate_interval])))`, "{{reason}}")).
			Unit(perMinute))

	const exporters = ` and on (job, instance) geelark_exporter_build_info`
	d.WithRow(row("Exporters")).
		WithPanel(cells("Exporters",
			"Each exporter: its version, its shard, the accounts that it watches of those configured, panics (each is a bug, and the log has more of it), whether the state is kept on disk, where there is a directory for it, and whether the configuration was last reloaded well.",
			"No exporter is scraped", size{24, 6},
			[]column{
				{"job", "Job", 0, nil},
				{"instance", "Exporter", 0, nil},
				{"version", "Version", 0, nil},
				{"goversion", "Go", 95, nil},
				{"shard", "Shard", 80, nil},
				{"total_shards", "Shards", 80, nil},
				{"Value #C", "Accounts", 90, nil},
				{"Value #D", "Configured", 105, nil},
				{"Value #G", "Panics", 80, properties(colouredText(), thresholds(steps("text", step{1, "red"})))},
				{"Value #H", "State", 80, properties(property("mappings", yesNo("kept", "lost")), colouredText())},
				{"Value #E", "Reload", 90, properties(property("mappings", yesNo("worked", "failed")), colouredText())},
				{"Value #F", "Last reload", 140, properties(property("unit", "dateTimeFromNow"))},
			},
			[]string{"Time", "Value #A", "Value #B"},
			rows(`max by (job, instance, version, goversion) (geelark_exporter_build_info{EXPORTERS})`),
			rows(`max by (job, instance, shard, total_shards) (geelark_shard_info{EXPORTERS})`),
			rows(`max by (job, instance) (geelark_accounts_owned{EXPORTERS})`),
			rows(`max by (job, instance) (geelark_accounts_configured{EXPORTERS})`),
			rows(`max by (job, instance) (geelark_config_last_reload_successful{EXPORTERS})`),
			rows(`1000 * max by (job, instance) (geelark_config_last_reload_success_timestamp_seconds{EXPORTERS})`),
			rows(`max by (job, instance) (geelark_exporter_panics_total{EXPORTERS})`),
			rows(`max by (job, instance) (geelark_state_last_write_successful{EXPORTERS})`))).
		WithPanel(lines("Duration of scrapes",
			"As Prometheus measures it. A scrape waits for the polls that are due, but not beyond its timeout.",
			size{8, 8}, over(`scrape_duration_seconds{EXPORTERS}`+exporters, "{{job}} {{instance}}")).
			Unit(units.Seconds)).
		WithPanel(lines("Memory", "Resident memory of the exporter.",
			size{8, 8}, over(`process_resident_memory_bytes{EXPORTERS}`+exporters, "{{job}} {{instance}}")).
			Unit(units.BytesIEC)).
		WithPanel(lines("CPU", "Processors that the exporter keeps busy.",
			size{8, 8}, over(`rate(process_cpu_seconds_total{EXPORTERS}[$__rate_interval])`+exporters, "{{job}} {{instance}}")).
			Unit(units.Short))
	return d
}

const perMinute = "suffix:/min"

// quantile is one of a histogram: of the native one where Prometheus scrapes
// it, otherwise of the classic one.
func quantile(q, by, metric, selector string) string {
	return `histogram_quantile(` + q + `, sum by (` + by + `) (rate(` + metric + selector + `[$__rate_interval])))` +
		` or on () histogram_quantile(` + q + `, sum by (` + by + `, le) (rate(` + metric + `_bucket` + selector + `[$__rate_interval])))`
}

// durations draws how a histogram of durations changed over time.
func durations(title, description string, s size, metric, selector, unit string) *heatmap.PanelBuilder {
	q := over(`sum(rate(`+metric+selector+`[$__rate_interval])) or on () sum by (le) (rate(`+metric+`_bucket`+selector+`[$__rate_interval]))`, "{{le}}")
	q.format = prometheus.PromQueryFormatHeatmap
	return heatmap.NewPanelBuilder().
		Title(title).Description(description).Span(s.w).Height(s.h).
		Datasource(source).Targets(ask(q)).
		ColorScheme(byThresholds()).Thresholds(green).
		Color(heatmap.NewHeatmapColorOptionsBuilder().
			Mode(heatmap.HeatmapColorModeScheme).Scheme("Oranges").Fill("dark-orange").
			Scale(heatmap.HeatmapColorScaleExponential).Exponent(0.5).Steps(64)).
		CellGap(1).
		CellValues(heatmap.NewCellValuesBuilder().Unit(unit)).
		FilterValues(heatmap.NewFilterValueRangeBuilder().Le(1e-9)).
		ShowValue(common.VisibilityModeNever).
		ShowLegend().
		Tooltip(heatmap.NewHeatmapTooltipBuilder().Mode(common.TooltipDisplayModeSingle)).
		YAxis(heatmap.NewYAxisConfigBuilder().AxisPlacement(common.AxisPlacementLeft).Unit("s"))
}
