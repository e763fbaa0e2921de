package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const (
	phonesByStatus = `sum by (status) (max by (account, group, code, status) (geelark_group_phones{OURS, GROUP})) or on () sum by (status) (max by (account, code, status) (geelark_phones{OURS}))`

	// What a phone was is looked up at a few times of the span, not at every
	// scrape: with 100,000 phones that is the difference between one second and
	// a query that Prometheus refuses.
	stoppedPhones = `max by (account, id) (geelark_phone_status_code{OURS} == 2) and on (account, id) min_over_time(geelark_phone_status_code{OURS}[$stopped_within]) == 0`

	expiringPhones = `max by (account, id) (geelark_phone_subscription_expiry_timestamp_seconds{OURS}) - time() > 0 < $expiring_within`

	expiredPhones = `max by (account, id) (geelark_phone_status_code{OURS} == 3)`

	ofGroups = ` and on (account, id) geelark_phone_info{OURS, GROUP}`
)

// known joins phones with what is known of them, once for each.
func known(phones, labels, selector string) string {
	return fmt.Sprintf(`%s * on (account, id) group_left (%s) topk by (account, id) (1, geelark_phone_info%s)`, phones, labels, selector)
}

const (
	names    = "serial_name, serial_no, group"
	selected = `{OURS, id=~"$phone"}`

	timelineURL = "/d/geelark-fleet?${datasource:queryparam}&${job:queryparam}&var-account=${__data.fields.Account}&var-group=All&var-search=${__data.fields.Id}&var-phone=All&${__url_time_range}"
	groupURL    = "/d/geelark-fleet?${datasource:queryparam}&${job:queryparam}&${account:queryparam}&var-group=${__value.raw}&${__url_time_range}"
)

// phoneColumns tell which phone a row is of.
var phoneColumns = []column{
	{"serial_name", "Phone", 0, properties(link("Timeline of this phone", timelineURL))},
	{"group", "Group", 95, nil},
	{"account", "Account", 95, nil},
	{"id", "Id", 175, nil},
	{"serial_no", "Number", 85, nil},
}

func fleet() *dashboard.DashboardBuilder {
	p := page{
		uid: "geelark-fleet", title: "Fleet", from: "now-6h",
		description: "What runs, what stopped, expired or cannot be looked up, and the history of single phones.",
		variables: []cog.Builder[dashboard.VariableModel]{
			choice("group", "Group", `label_values(geelark_group_phones{OURS}, group)`),
			oneOf("stopped_within", "Stopped within", "Span in which a stopped phone was started. It is looked at twelve times within the span: a phone that ran for less than a twelfth of it may be missed.", "1h",
				option{"1h", "1h:5m"}, option{"3h", "3h:15m"}, option{"6h", "6h:30m"}, option{"1d", "1d:2h"}),
			span("expiring_within", "Expiring within", "Span in which an expiring phone's subscription ends.", "7 days"),
			dashboard.NewTextBoxVariableBuilder("search").
				Label("Search").
				Description("A part of a phone's name, as a regular expression, or its whole id: finds the phones that Phone offers.").
				DefaultValue(dashboard.StringOrMap{String: new("")}).
				Current(dashboard.VariableOption{Text: text(""), Value: text("")}),
			listed("phone", "Phone", `query_result(topk(25, max by (account, id, serial_name) (geelark_phone_info{OURS, GROUP, serial_name=~"(?i).*$search.*"} or geelark_phone_info{OURS, GROUP, id="$search"})))`).
				Regex(`/serial_name="(?<text>[^"]*)|id="(?<value>[^"]*)/g`).
				Description("The phones of the timeline, among the first 25 that are found."),
		},
	}
	d := p.builder()

	d.WithRow(row("Now")).
		WithPanel(numbers("Phones by status",
			"Phones with a status that can be trusted, of the selected accounts and groups. Where the inventory collector is off there are no groups, and all phones of the accounts are counted.",
			size{9, 4}, now(phonesByStatus, "{{status}}")).
			ColorScheme(byPalette()).Overrides(coloursOf(statuses))).
		WithPanel(numbers("Need attention",
			"Stopped: shut down now and started at some time within the selected span. Expiring: the subscription ends within the selected span. Failing: the last lookup of the phone failed.",
			size{6, 4},
			now(`count(`+stoppedPhones+ofGroups+`) or vector(0)`, "stopped"),
			now(`count(`+expiringPhones+ofGroups+`) or vector(0)`, "expiring"),
			now(`count(max by (account, id) (geelark_phone_lookup_failed{OURS}) unless on (account, id) geelark_phone_info{OURS, group!~"$group"}) or vector(0)`, "failing")).
			Thresholds(steps("green", step{1, "orange"}))).
		WithPanel(numbers("Tracked",
			"Phones of the selected accounts in all groups: those that the accounts' lists hold, those that are tracked, and how many of them have no status that can be trusted now. Why is on the dashboard API and exporter.",
			size{5, 4},
			now(`sum(max by (account) (geelark_phones_listed{OURS}))`, "listed"),
			now(`sum(max by (account) (geelark_phones_tracked{OURS}))`, "tracked"),
			now(`sum(max by (account, reason) (geelark_phones_unobserved{OURS}))`, "no status")).
			Thresholds(steps("text")).
			OverrideByName("no status", properties(thresholds(steps("green", step{1, "orange"}))))).
		WithPanel(numbers("Accounts down",
			"Selected accounts whose last poll did not work, or that wait for the end of a pause.",
			size{4, 4}, now(`count(max by (account) (geelark_up{OURS}) == 0) or vector(0)`, "")).
			Thresholds(steps("green", step{1, "red"})).
			DataLinks([]cog.Builder[dashboard.DashboardLink]{dashboard.NewDashboardLinkBuilder("API and exporter").
				Url("/d/geelark-api?${datasource:queryparam}&${job:queryparam}&${account:queryparam}&${__url_time_range}")}))

	d.WithPanel(areas("Phones by status", "As above, over time.",
		size{12, 8}, over(phonesByStatus, "{{status}}")).
		Decimals(0).Overrides(coloursOf(statuses))).
		WithPanel(cells("Firing alerts",
			"Alerts of the shipped rules that fire now for the selected accounts or for an exporter, of how many phones or other things each, and since when. At most 100 rows.",
			"No alert is firing", size{12, 8},
			[]column{
				{"severity", "Severity", 85, properties(
					property("mappings", []dashboard.ValueMapping{valueMap(map[string]status{
						"critical": {"critical", "red"}, "warning": {"warning", "orange"}, "info": {"info", "blue"},
					})}), colouredText())},
				{"alertname", "Alert", 0, nil},
				{"account", "Account", 95, nil},
				{"Value #A", "Number", 80, nil},
				{"Value #B", "Since", 130, properties(property("unit", "dateTimeFromNow"))},
			},
			[]string{"Time"},
			rows(`topk(100, count by (severity, alertname, account) (`+firing+`))`),
			rows(`1000 * min by (severity, alertname, account) (ALERTS_FOR_STATE{alertname=~"Geelark.*", account=~"$account|"} and ignoring (alertstate) `+firing+`) and on (severity, alertname, account) topk(100, count by (severity, alertname, account) (`+firing+`))`)).
			SortBy(sorted("Severity", false)))

	d.WithRow(row("Groups")).
		WithPanel(lines("Share of phones that are started, by group",
			"Of the phones with a status that can be trusted, the 20 groups with the most phones. A line without a name is of the phones that are in no group.",
			size{10, 8},
			over(`sum by (group) (max by (account, group) (geelark_group_phones{OURS, GROUP, status="started"})) / sum by (group) (max by (account, group, code, status) (geelark_group_phones{OURS, GROUP})) and on (group) topk(20, sum by (group) (max by (account, group, code, status) (geelark_group_phones{OURS, GROUP} @ end())))`, "{{group}}")).
			Unit("percentunit").Max(1)).
		WithPanel(groupTable())

	d.WithRow(row("Phones that need attention")).
		WithPanel(cells("Stopped phones",
			"Shut down now and started at some time within the selected span: a phone that is meant to be off is not here. At most 100 phones.",
			"No phone stopped within the selected span", size{12, 9},
			phoneColumns, []string{"Time", "Value"},
			rows(`topk(100, `+known(`(`+stoppedPhones+`)`, names, `{OURS, GROUP}`)+`)`)).
			SortBy(sorted("Phone", false))).
		WithPanel(cells("Failing phones",
			"The last lookup of the phone failed, and with which code. Phones of which nothing else is known are shown for every group. At most 100 phones.",
			"No lookup of a phone fails", size{12, 9},
			append([]column{{"code", "Failure", 190, properties(property("mappings", outcomes()))}}, phoneColumns...),
			[]string{"Time", "Value"},
			rows(`topk(100, `+known(`max by (account, id, code) (geelark_phone_lookup_failed{OURS})`, names, `{OURS, GROUP}`)+
				` or on (account, id) max by (account, id, code) (geelark_phone_lookup_failed{OURS}) unless on (account, id) geelark_phone_info{OURS})`)).
			SortBy(sorted("Phone", false))).
		WithPanel(cells("Expired phones",
			"Phones with the status expired and when the subscription ended, the last ended first. At most 100 phones.",
			"No phone is expired", size{12, 9},
			append([]column{{"Value", "Subscription ended", 150, properties(
				property("unit", "dateTimeFromNow"),
				property("mappings", []dashboard.ValueMapping{valueMap(map[string]status{"0": {name: "not known"}})}))}}, phoneColumns...),
			[]string{"Time"},
			rows(`topk(100, `+known(`(1000 * max by (account, id) (geelark_phone_subscription_expiry_timestamp_seconds{OURS}) and on (account, id) `+expiredPhones+` or 0 * `+expiredPhones+`)`, names, `{OURS, GROUP}`)+`)`)).
			SortBy(sorted("Subscription ended", true))).
		WithPanel(cells("Expiring phones",
			"Phones whose monthly subscription ends within the selected span, the next to end first. At most 100 phones.",
			"No subscription ends within the selected span", size{12, 9},
			append([]column{{"Value", "Ends in", 90, properties(property("unit", "s"), colouredText(),
				thresholds(steps("red", step{day, "orange"}, step{3 * day, "text"})))}}, phoneColumns...),
			[]string{"Time"},
			rows(`bottomk(100, `+known(`(`+expiringPhones+`)`, names, `{OURS, GROUP}`)+`)`)).
			SortBy(sorted("Ends in", false)))

	d.WithRow(row("Selected phones")).
		WithPanel(states("Status of the selected phones",
			"At most 25 phones: those that the variables Account, Group and Search find, or those of them that are selected in Phone. A phone that was renamed has its present name throughout. A gap is a time without a status that could be trusted.",
			size{24, 12}, statusCodes(),
			over(known(`max by (account, id) (geelark_phone_status_code`+selected+`)`, "serial_name", selected+` @ end()`), "{{serial_name}}")).
			PerPage(25)).
		WithPanel(cells("What is known of the selected phones",
			"The same phones as they were last listed, with their present status.",
			"No phone is found", size{24, 9},
			[]column{
				{"serial_name", "Phone", 0, nil},
				{"Value", "Status", 95, properties(property("mappings", statusCodes()), colouredText())},
				{"group", "Group", 110, nil},
				{"account", "Account", 110, nil},
				{"id", "Id", 175, nil},
				{"serial_no", "Number", 85, nil},
				{"tags", "Tags", 150, nil},
				{"charge_mode", "Charged", 100, nil},
				{"bound", "Bound", 75, nil},
				{"country", "Country", 120, nil},
				{"os_version", "System", 110, nil},
				{"brand", "Brand", 95, nil},
				{"model", "Model", 120, nil},
				{"net_type", "Network", 85, nil},
			},
			[]string{"Time"},
			rows(`label_replace(`+known(`(max by (account, id) (geelark_phone_status_code`+selected+`) or -1 * max by (account, id) (geelark_phone_info`+selected+`))`,
				names+", tags, charge_mode, bound, country, os_version, brand, model, net_type", selected)+`, "tags", "$1", "tags", ",(.*),")`)).
			SortBy(sorted("Phone", false)))
	return d
}

const firing = `ALERTS{alertstate="firing", alertname=~"Geelark.*", account=~"$account|"}`

// groupTable has a row for each group and a column for each status.
func groupTable() cog.Builder[dashboard.Panel] {
	columns := []column{{`group\status`, "Group", 0, properties(link("Select this group", groupURL))}}
	for _, s := range statuses {
		columns = append(columns, column{s.name, s.name, 100, properties(fixedColour(s.colour), colouredText())})
	}
	b := cells("Phones by group and status",
		"Phones with a status that can be trusted, the 100 groups with the most. The group's name is a link that selects it.",
		"No phone is in a selected group", size{14, 8}, columns, nil,
		rows(`sum by (group, status) (max by (account, group, code, status) (geelark_group_phones{OURS, GROUP})) and on (group) topk(100, sum by (group) (max by (account, group, code, status) (geelark_group_phones{OURS, GROUP})))`)).
		SortBy(sorted("Group", false))
	return b.Transformations([]dashboard.DataTransformerConfig{
		{Id: "groupingToMatrix", Options: map[string]string{"rowField": "group", "columnField": "status", "valueField": "Value", "emptyValue": "empty"}},
		organize(columns, nil),
	})
}
