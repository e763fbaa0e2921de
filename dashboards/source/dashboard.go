package main

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// Grafana 10.3 is the first with this version of the model; newer ones migrate
// it.
const schemaVersion = 39

// A page is what one dashboard differs in from the others.
type page struct {
	uid, title, description string
	from                    string // the time that it shows at first, until now
	variables               []cog.Builder[dashboard.VariableModel]
}

// titles are those of the links between the dashboards, by uid.
var titles = []struct{ uid, title string }{
	{"geelark-fleet", "Fleet"},
	{"geelark-api", "API and exporter"},
	{"geelark-account", "Account"},
	{"geelark-cost", "Cost and tasks"},
}

func (p page) builder() *dashboard.DashboardBuilder {
	d := dashboard.NewDashboardBuilder("GeeLark / "+p.title).
		Uid(p.uid).
		Description(p.description).
		Tags([]string{"geelark"}).
		Version(1).
		Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time(p.from, "now").
		Refresh("1m").
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
		WithVariable(choice("job", "Job", "label_values(geelark_up, job)")).
		WithVariable(choice("account", "Account", `label_values(geelark_up{JOB}, account)`))
	for _, v := range p.variables {
		d.WithVariable(v)
	}
	for _, l := range titles {
		if l.uid != p.uid {
			d.Link(dashboard.NewDashboardLinkBuilder(l.title).
				Type(dashboard.DashboardLinkTypeLink).
				Icon("dashboard").
				Url("/d/" + l.uid).
				IncludeVars(true).
				KeepTime(true))
		}
	}
	return d.
		Annotation(mark("Configuration reloaded", "green", "{{job}} {{instance}}",
			`1000 * max by (job, instance) (geelark_config_last_reload_success_timestamp_seconds{JOB})`).
			UseValueForTime(true)).
		Annotation(mark("Exporter started", "blue", "{{job}} {{instance}}",
			`1000 * max by (job, instance) (process_start_time_seconds{JOB} and on (job, instance) geelark_exporter_build_info)`).
			UseValueForTime(true)).
		Annotation(mark("Reload failed", "red", "{{job}} {{instance}}",
			`max by (job, instance) (geelark_config_last_reload_successful{JOB}) == bool 0`)).
		Annotation(mark("API paused", "orange", "{{account}} {{api}}",
			`max by (account, api) (geelark_api_paused_until_timestamp_seconds{OURS}) > bool time()`))
}

func mark(name, colour, text, expr string) *dashboard.AnnotationQueryBuilder {
	return dashboard.NewAnnotationQueryBuilder().
		Name(name).
		Datasource(source).
		Enable(true).
		IconColor(colour).
		Target(prometheus.NewDataqueryBuilder().RefId("Anno").Expr(expand(expr)).Interval("60s").Range()).
		TitleFormat(name).
		TextFormat(text)
}

func text(s string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{String: &s}
}

func texts(s ...string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{ArrayOfString: s}
}

// asked is a query of a variable, of one of the kinds that Grafana's editor has.
func asked(query string) dashboard.StringOrMap {
	const labelValues, result = 1, 3
	kind := labelValues
	if strings.HasPrefix(query, "query_result(") {
		kind = result
	}
	return dashboard.StringOrMap{Map: map[string]any{"refId": "A", "qryType": kind, "query": expand(query)}}
}

// choice is a variable of several values, at first all, also of those to come.
func choice(name, label, query string) *dashboard.QueryVariableBuilder {
	return listed(name, label, query).AllValue(".*")
}

// listed is a variable of several values, at first all that are listed.
func listed(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(source).
		Query(asked(query)).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(true).
		Current(dashboard.VariableOption{Selected: new(true), Text: texts("All"), Value: texts("$__all")})
}

// option is one value of a variable that the dashboard itself lists.
type option struct{ text, value string }

// oneOf is a variable of one of the options, at first the one named.
func oneOf(name, label, description, first string, options ...option) *dashboard.CustomVariableBuilder {
	var query []string
	var all []dashboard.VariableOption
	var current dashboard.VariableOption
	for _, o := range options {
		this := dashboard.VariableOption{Selected: new(o.text == first), Text: text(o.text), Value: text(o.value)}
		if o.text == first {
			current = this
		}
		all = append(all, this)
		query = append(query, fmt.Sprintf("%s : %s", o.text, o.value))
	}
	joined := strings.Join(query, ",")
	return dashboard.NewCustomVariableBuilder(name).
		Label(label).
		Description(description).
		Values(dashboard.StringOrMap{String: &joined}).
		Options(all).
		Current(current)
}

// span is a variable of a number of seconds.
func span(name, label, description, first string) *dashboard.CustomVariableBuilder {
	return oneOf(name, label, description, first,
		option{"1 day", "86400"}, option{"3 days", "259200"}, option{"7 days", "604800"}, option{"30 days", "2592000"})
}

// source is the Prometheus that the reader chooses.
var source = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}
