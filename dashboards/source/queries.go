package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// In queries here, words in capitals stand for what the reader selected.
//
// Every query aggregates to accounts, groups or phones first: the same account
// may be scraped by several jobs, instances and paths.
var selectors = strings.NewReplacer(
	"{JOB", `{job=~"$job"`,
	"{OURS", `{job=~"$job", account=~"$account"`,
	", GROUP", `, group=~"$group"`,
	", API", `, api=~"$api"`,
	"{EXPORTERS", `{job=~"$job", instance=~"$instance"`,
)

func expand(query string) string { return selectors.Replace(query) }

// A query is one of a panel.
type query struct {
	expr, legend string
	format       prometheus.PromQueryFormat
	instant      bool
}

// now asks for the present values, a name for each.
func now(expr, legend string) query {
	return query{expr, legend, prometheus.PromQueryFormatTimeSeries, true}
}

// over asks for the values over time.
func over(expr, legend string) query {
	return query{expr, legend, prometheus.PromQueryFormatTimeSeries, false}
}

// rows asks for the present values as rows of a table.
func rows(expr string) query { return query{expr, "", prometheus.PromQueryFormatTable, true} }

// ask are the queries of a panel, called A, B and so on.
func ask(queries ...query) []cog.Builder[variants.Dataquery] {
	var all []cog.Builder[variants.Dataquery]
	for i, q := range queries {
		b := prometheus.NewDataqueryBuilder().
			RefId(string(rune('A' + i))).
			Expr(expand(q.expr)).
			EditorMode(prometheus.QueryEditorModeCode).
			Format(q.format).
			LegendFormat(q.legend)
		if q.instant {
			b.Instant()
		} else {
			b.Range()
		}
		all = append(all, b)
	}
	return all
}
