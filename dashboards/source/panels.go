package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// A size is a panel's, in columns and rows of Grafana's grid of 24 columns.
type size struct{ w, h uint32 }

func row(title string) *dashboard.RowBuilder { return dashboard.NewRowBuilder(title) }

// A step colours values from a number on.
type step struct {
	from   float64
	colour string
}

// steps colours values: the first colour below all numbers.
func steps(below string, above ...step) cog.Builder[dashboard.ThresholdsConfig] {
	all := []dashboard.Threshold{{Color: below}}
	for _, s := range above {
		all = append(all, dashboard.Threshold{Value: new(s.from), Color: s.colour})
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(all)
}

var (
	green    = steps("green")
	fullness = steps("green", step{0.8, "orange"}, step{0.95, "red"})
	endsIn   = steps("red", step{3 * day, "orange"}, step{7 * day, "green"})
)

const day = 24 * 60 * 60 // seconds

func byThresholds() cog.Builder[dashboard.FieldColor] {
	return dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)
}

func byPalette() cog.Builder[dashboard.FieldColor] {
	return dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)
}

func last() cog.Builder[common.ReduceDataOptions] {
	return common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("").Values(false)
}

// numbers shows values as large numbers.
func numbers(title, description string, s size, queries ...query) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).Description(description).Span(s.w).Height(s.h).
		Datasource(source).Targets(ask(queries...)).
		Unit("none").ColorScheme(byThresholds()).Thresholds(green).
		ReduceOptions(last()).
		ColorMode(common.BigValueColorModeValue).
		GraphMode(common.BigValueGraphModeNone).
		Orientation(common.VizOrientationAuto).
		TextMode(common.BigValueTextModeAuto)
}

// bars compares values by bars.
func bars(title, description string, s size, queries ...query) *bargauge.PanelBuilder {
	return bargauge.NewPanelBuilder().
		Title(title).Description(description).Span(s.w).Height(s.h).
		Datasource(source).Targets(ask(queries...)).
		ColorScheme(byThresholds()).Thresholds(green).
		ReduceOptions(last()).
		Orientation(common.VizOrientationHorizontal).
		DisplayMode(common.BarGaugeDisplayModeBasic).
		Sizing(common.BarGaugeSizingManual).
		MaxVizHeight(28)
}

// lines shows values over time.
func lines(title, description string, s size, queries ...query) *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().
		Title(title).Description(description).Span(s.w).Height(s.h).
		Datasource(source).Targets(ask(queries...)).
		Unit("none").Min(0).ColorScheme(byPalette()).Thresholds(green).
		DrawStyle(common.GraphDrawStyleLine).LineWidth(1).FillOpacity(10).
		ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
}

// areas shows parts of a whole over time, one upon the other.
func areas(title, description string, s size, queries ...query) *timeseries.PanelBuilder {
	return lines(title, description, s, queries...).
		FillOpacity(70).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
}

// events shows how often things happened, by bars over time.
func events(title, description string, s size, queries ...query) *timeseries.PanelBuilder {
	return areas(title, description, s, queries...).DrawStyle(common.GraphDrawStyleBars)
}

// dashed draws thresholds as lines.
func dashed() cog.Builder[common.GraphThresholdsStyleConfig] {
	return common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed)
}

// states shows which of a few values each series had over time.
func states(title, description string, s size, words []dashboard.ValueMapping, queries ...query) *statetimeline.PanelBuilder {
	return statetimeline.NewPanelBuilder().
		Title(title).Description(description).Span(s.w).Height(s.h).
		Datasource(source).Targets(ask(queries...)).
		ColorScheme(byThresholds()).Thresholds(green).Mappings(words).
		FillOpacity(80).LineWidth(0).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(false)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeSingle).Sort(common.SortOrderNone))
}

// A column of a table: the field that it shows, its title, and how.
type column struct {
	field, title string
	width        int // 0: what is left
	properties   []dashboard.DynamicConfigValue
}

// cells shows rows of the columns, in their order; other fields are not shown.
// nothing is what it says when there are no rows.
func cells(title, description, nothing string, s size, columns []column, hidden []string, queries ...query) *table.PanelBuilder {
	b := table.NewPanelBuilder().
		Title(title).Description(description).Span(s.w).Height(s.h).
		Datasource(source).Targets(ask(queries...)).
		// No unit: with one Grafana writes texts that look like numbers as
		// numbers, and an id loses its last digits.
		ColorScheme(byThresholds()).Thresholds(green).
		Filterable(true).
		NoValue(nothing).
		// An empty cell is not an empty table.
		OverrideByFieldType("string", properties(property("noValue", "")))
	if len(queries) > 1 {
		b.WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}})
	}
	b.WithTransformation(organize(columns, hidden))
	for _, c := range columns {
		its := c.properties
		if c.width > 0 {
			its = append(properties(property("custom.width", c.width)), its...)
		}
		if len(its) > 0 {
			b.OverrideByName(c.title, its)
		}
	}
	return b
}

func organize(columns []column, hidden []string) dashboard.DataTransformerConfig {
	excluded, index, names := map[string]bool{}, map[string]int{}, map[string]string{}
	for _, name := range hidden {
		excluded[name] = true
	}
	for i, c := range columns {
		index[c.field] = i
		if c.field != c.title {
			names[c.field] = c.title
		}
	}
	return dashboard.DataTransformerConfig{
		Id:      "organize",
		Options: map[string]any{"excludeByName": excluded, "indexByName": index, "renameByName": names},
	}
}

func sorted(by string, descending bool) []cog.Builder[common.TableSortByFieldState] {
	return []cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName(by).Desc(descending)}
}

func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

func properties(p ...dashboard.DynamicConfigValue) []dashboard.DynamicConfigValue { return p }

func fixedColour(colour string) dashboard.DynamicConfigValue {
	return property("color", map[string]string{"mode": "fixed", "fixedColor": colour})
}

// colouredText writes a cell in the colour of its value.
func colouredText() dashboard.DynamicConfigValue {
	return property("custom.cellOptions", map[string]string{"type": "color-text"})
}

func thresholds(b cog.Builder[dashboard.ThresholdsConfig]) dashboard.DynamicConfigValue {
	config, err := b.Build()
	if err != nil {
		panic(err) // of constants
	}
	return property("thresholds", config)
}

func link(title, url string) dashboard.DynamicConfigValue {
	return property("links", []map[string]string{{"title": title, "url": url}})
}

// forecast marks the lines of a query as what is only expected.
func forecast() []dashboard.DynamicConfigValue {
	return properties(
		property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 8}}),
		property("custom.fillOpacity", 0),
	)
}
