package main

import (
	"fmt"
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"geelark_exporter/geelark"
)

// grey is dark enough for the light theme and light enough for the dark one.
const grey = "#8e8e8e"

// A status has one colour everywhere.
type status struct{ name, colour string }

// statuses are in the order of their codes; what is not documented is last.
var statuses = []status{
	{geelark.StatusStarted.String(), "green"},
	{geelark.StatusStarting.String(), "blue"},
	{geelark.StatusShutDown.String(), grey},
	{geelark.StatusExpired.String(), "red"},
	{geelark.Status(4).String(), "purple"},
}

// noStatus stands, as -1, for a phone whose status is not known now.
var noStatus = status{"no status", "orange"}

// statusCodes name the values of geelark_phone_status_code.
func statusCodes() []dashboard.ValueMapping {
	known := statuses[:len(statuses)-1]
	words := map[string]status{"-1": noStatus}
	for code, s := range known {
		words[strconv.Itoa(code)] = s
	}
	unknown := statuses[len(known)]
	return []dashboard.ValueMapping{valueMap(words), above(float64(len(known)), unknown)}
}

// yesNo names the values of a gauge that is 1 or 0.
func yesNo(yes, no string) []dashboard.ValueMapping {
	return []dashboard.ValueMapping{valueMap(map[string]status{"1": {yes, "green"}, "0": {no, "red"}})}
}

func valueMap(words map[string]status) dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	for value, w := range words {
		result := dashboard.ValueMappingResult{Text: new(w.name)}
		if w.colour != "" {
			result.Color = new(w.colour)
		}
		m.Options[value] = result
	}
	return dashboard.ValueMapping{ValueMap: m}
}

// above names all values from a number on.
func above(from float64, w status) dashboard.ValueMapping {
	m := dashboard.NewRangeMap()
	m.Options.From = &from
	m.Options.Result = dashboard.ValueMappingResult{Text: new(w.name), Color: new(w.colour)}
	return dashboard.ValueMapping{RangeMap: m}
}

// noneYet is said, calmly, where there is no value.
var noneYet = dashboard.ValueMapping{SpecialValueMap: &dashboard.SpecialValueMap{
	Type: dashboard.MappingTypeSpecialValue,
	Options: dashboard.DashboardSpecialValueMapOptions{
		Match:  dashboard.SpecialValueMatchNull,
		Result: dashboard.ValueMappingResult{Text: new("not known yet"), Color: new("text")},
	},
}}

// outcomes say what the outcomes of calls and the failures of lookups mean.
func outcomes() []dashboard.ValueMapping {
	words := map[string]status{
		"missing":    {name: "missing: the answer left the phone out"},
		"timeout":    {name: "timeout: no answer within the time limit"},
		"canceled":   {name: "canceled: the exporter gave up"},
		"dns":        {name: "dns: the host's name was not resolved"},
		"tls":        {name: "tls: no secure connection"},
		"connection": {name: "connection: refused, reset or closed too early"},
		"too_large":  {name: "too_large: the answer is larger than any of this API"},
		"malformed":  {name: "malformed: the answer is not what is documented"},
		"other":      {name: "other: a code that is not documented"},
	}
	undocumented := geelark.Code(-1).String()
	for code := geelark.CodeUnknown; code < 60000; code++ {
		if meaning := code.String(); meaning != undocumented {
			words[strconv.Itoa(int(code))] = status{name: fmt.Sprintf("%d: %s", int(code), meaning)}
		}
	}
	return []dashboard.ValueMapping{valueMap(words)}
}

// coloursOf gives each series its colour.
func coloursOf(statuses []status) []cog.Builder[dashboard.DashboardFieldConfigSourceOverrides] {
	var all []cog.Builder[dashboard.DashboardFieldConfigSourceOverrides]
	for _, s := range statuses {
		all = append(all, dashboard.NewDashboardFieldConfigSourceOverridesBuilder().
			Matcher(dashboard.MatcherConfig{Id: "byName", Options: s.name}).
			Properties(properties(fixedColour(s.colour))))
	}
	return all
}

// causes say what the codes of failed tasks mean, where one is not documented
// what those of its hundred are about.
func causes() []dashboard.ValueMapping {
	single := map[string]status{
		"other":   {name: "other: one of many more codes"},
		"unknown": {name: "unknown: no code was told"},
	}
	var hundreds []dashboard.ValueMapping
	for hundred := geelark.Code(200); hundred < 300; hundred++ {
		about := (100*hundred + 1).TaskMeaning() // no document tells of it alone
		for code := 100 * hundred; code < 100*hundred+100; code++ {
			if meaning := code.TaskMeaning(); meaning != about {
				single[strconv.Itoa(int(code))] = status{name: fmt.Sprintf("%d: %s", int(code), meaning)}
			}
		}
		if about != "" {
			m := dashboard.NewRegexMap()
			m.Options.Pattern = fmt.Sprintf(`^(%d\d\d)$`, int(hundred))
			m.Options.Result = dashboard.ValueMappingResult{Text: new("$1: " + about)}
			hundreds = append(hundreds, dashboard.ValueMapping{RegexMap: m})
		}
	}
	return append([]dashboard.ValueMapping{valueMap(single)}, hundreds...)
}
