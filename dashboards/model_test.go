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

// What the tests look at of Grafana's model. That nothing else is in the files
// is seen to by the types that they are made from.
type (
	dashboard struct {
		UID           string
		Title         string
		Description   string
		Tags          []string
		SchemaVersion int
		Editable      bool
		Annotations   struct{ List []annotation }
		Links         []dashboardLink
		Templating    struct{ List []variable }
		Panels        []panel

		file string
		raw  any
	}
	annotation struct {
		Name            string
		Datasource      datasource
		Enable          bool
		IconColor       string
		Target          target
		TextFormat      string
		UseValueForTime bool
	}
	dashboardLink struct {
		Title, Type, URL      string
		IncludeVars, KeepTime bool
	}
	datasource struct{ Type, UID string }
	variable   struct {
		Name, Label, Type, AllValue, Regex string
		Query                              json.RawMessage
		Multi, IncludeAll                  bool
		Current                            struct{ Value any }
		Options                            []struct {
			Selected bool
			Value    string
		}
	}
	panel struct {
		ID              int
		Type            string
		Title           string
		Description     string
		Datasource      datasource
		GridPos         struct{ X, Y, W, H int }
		Targets         []target
		FieldConfig     fieldConfig
		Options         options
		Transformations []transformation
	}
	target struct {
		RefID, Expr, Format, LegendFormat string
		Instant, Range                    bool
	}
	fieldConfig struct {
		Defaults struct {
			Unit, NoValue string
			Thresholds    struct{ Steps []struct{} }
			Mappings      []struct{}
			Links         []link
		}
		Overrides []override
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
		SortBy []struct{ DisplayName string }
		YAxis  struct{ Unit string }
	}
	transformation struct {
		ID      string
		Options struct {
			ExcludeByName         map[string]bool
			IndexByName           map[string]int
			RenameByName          map[string]string
			RowField, ColumnField string
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
		if err := json.Unmarshal(content, &d); err != nil {
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

var variableName = regexp.MustCompile(`\$(?:\{([a-z_]\w*)[^}]*\}|([a-z_]\w*))`)

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
