// Package dashboards holds Grafana dashboards of the exporter's metrics, and
// the tests that hold them to what Grafana, Prometheus and the exporter
// understand.
package dashboards

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// What the dashboards use of Grafana's model. A field that is not here is
// either a slip of the pen or has to be added.
type (
	dashboard struct {
		UID           string                    `json:"uid"`
		Title         string                    `json:"title"`
		Description   string                    `json:"description"`
		Tags          []string                  `json:"tags"`
		SchemaVersion int                       `json:"schemaVersion"`
		Version       int                       `json:"version"`
		Editable      bool                      `json:"editable"`
		GraphTooltip  int                       `json:"graphTooltip"`
		Timezone      string                    `json:"timezone"`
		Time          struct{ From, To string } `json:"time"`
		Refresh       string                    `json:"refresh"`
		Annotations   struct{ List []struct{} } `json:"annotations"`
		Links         []dashboardLink           `json:"links"`
		Templating    struct{ List []variable } `json:"templating"`
		Panels        []panel                   `json:"panels"`

		file string
		raw  any
	}
	dashboardLink struct {
		Title, Type, URL, Icon, Tooltip                string
		Tags                                           []string
		AsDropdown, TargetBlank, IncludeVars, KeepTime bool
	}
	datasource struct{ Type, UID string }
	variable   struct {
		Name, Label, Description, Type, Definition, AllValue, Regex string
		Datasource                                                  datasource
		Query                                                       json.RawMessage
		Refresh, Sort                                               int
		Multi, IncludeAll                                           bool
		Current                                                     struct {
			Selected    bool
			Text, Value any
		}
		Options []struct {
			Selected    bool
			Text, Value string
		}
	}
	panel struct {
		ID              int
		Type            string
		Title           string
		Description     string
		Datasource      datasource
		GridPos         struct{ X, Y, W, H int }
		Collapsed       bool
		Panels          []struct{}
		Targets         []target
		FieldConfig     fieldConfig
		Options         options
		Transformations []transformation
	}
	target struct {
		RefID, Expr, EditorMode, Format, LegendFormat string
		Instant, Range                                bool
	}
	fieldConfig struct {
		Defaults  field
		Overrides []override
	}
	field struct {
		Unit       string
		Min, Max   *float64
		Decimals   *int
		Color      struct{ Mode string }
		Thresholds struct {
			Mode  string
			Steps []struct {
				Color string
				Value *float64
			}
		}
		Mappings []mapping
		Links    []link
		Custom   struct {
			DrawStyle, ShowPoints  string
			LineWidth, FillOpacity int
			SpanNulls, Filterable  bool
			Stacking               struct{ Mode, Group string }
			ThresholdsStyle        struct{ Mode string }
			ScaleDistribution      struct{ Type string }
		}
	}
	mapping struct {
		Type    string
		Options json.RawMessage
	}
	link     struct{ Title, URL string }
	override struct {
		Matcher    struct{ ID, Options string }
		Properties []struct {
			ID    string
			Value json.RawMessage
		}
	}
	options struct {
		ReduceOptions struct {
			Calcs  []string
			Fields string
			Values bool
		}
		ColorMode, GraphMode, JustifyMode, Orientation, TextMode, DisplayMode, ValueMode, AlignValue, ShowValue, CellHeight string
		Legend                                                                                                              struct {
			DisplayMode, Placement string
			ShowLegend, Show       bool
			Calcs                  []string
		}
		Tooltip struct {
			Mode, Sort                 string
			YHistogram, ShowColorScale bool
		}
		MergeValues, ShowHeader, ShowUnfilled, Calculate bool
		RowHeight                                        float64
		SortBy                                           []struct {
			DisplayName string
			Desc        bool
		}
		Color struct {
			Mode, Scheme, Scale, Fill string
			Exponent                  float64
			Steps                     int
			Reverse                   bool
		}
		CellGap      int
		CellValues   struct{ Unit string }
		FilterValues struct{ Le float64 }
		Exemplars    struct{ Color string }
		RowsFrame    struct{ Layout string }
		YAxis        struct {
			AxisPlacement, Unit string
			Reverse             bool
		}
	}
	transformation struct {
		ID      string
		Options struct {
			ExcludeByName                                 map[string]bool
			IndexByName                                   map[string]int
			RenameByName                                  map[string]string
			RowField, ColumnField, ValueField, EmptyValue string
		}
	}
)

// load returns the dashboards by their uids.
func load(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("json/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards here: %v", err)
	}
	all := make(map[string]dashboard)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := dashboard{file: filepath.Base(file)}
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := json.Unmarshal(content, &d.raw); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, content, "", "  "); err != nil || !bytes.Equal(indented.Bytes(), content) {
			t.Errorf("%s is not indented by two spaces, as Grafana's exports are", file)
		}
		if other, taken := all[d.UID]; taken {
			t.Errorf("%s has the uid %q of %s", file, d.UID, other.file)
		}
		all[d.UID] = d
	}
	return all
}

// sorted returns dashboards by file name.
func sorted(all map[string]dashboard) []dashboard {
	return slices.SortedFunc(maps.Values(all), func(a, b dashboard) int { return bytes.Compare([]byte(a.file), []byte(b.file)) })
}

// queries are the panels that ask for data.
func (d dashboard) queries() []panel {
	return slices.DeleteFunc(slices.Clone(d.Panels), func(p panel) bool { return p.Type == "row" })
}

// query is what a variable of the type query asks for.
func (v variable) query(t *testing.T) string {
	t.Helper()
	var q struct {
		RefID, Query string
		QryType      int
	}
	if err := json.Unmarshal(v.Query, &q); err != nil {
		t.Fatalf("variable %s: %v", v.Name, err)
	}
	return q.Query
}

// organized are the titles of a table's columns by their fields, and the fields
// that are hidden.
func (p panel) organized() (titles map[string]string, hidden []string) {
	titles = make(map[string]string)
	for _, tr := range p.Transformations {
		for name := range tr.Options.IndexByName {
			titles[name] = name
		}
		maps.Copy(titles, tr.Options.RenameByName)
		hidden = slices.AppendSeq(hidden, maps.Keys(tr.Options.ExcludeByName))
	}
	return titles, hidden
}

// links are all addresses that a panel leads to.
func (p panel) links(t *testing.T) []string {
	t.Helper()
	var urls []string
	for _, l := range p.FieldConfig.Defaults.Links {
		urls = append(urls, l.URL)
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID != "links" {
				continue
			}
			var links []link
			if err := json.Unmarshal(property.Value, &links); err != nil {
				t.Fatal(err)
			}
			for _, l := range links {
				urls = append(urls, l.URL)
			}
		}
	}
	return urls
}

var variableName = regexp.MustCompile(`\$(?:\{(\w+)[^}]*\}|(\w+))`)

// variablesIn are the names of the variables in a text.
func variablesIn(s string) []string {
	var names []string
	for _, m := range variableName.FindAllStringSubmatch(s, -1) {
		names = append(names, m[1]+m[2])
	}
	return names
}

// walk calls f for every object within a JSON value.
func walk(v any, f func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(v)
		for _, child := range v {
			walk(child, f)
		}
	case []any:
		for _, child := range v {
			walk(child, f)
		}
	}
}
