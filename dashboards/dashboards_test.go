package dashboards

import (
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"geelark_exporter/collector"
	"geelark_exporter/geelark"
)

// builtIn are the panels and transformations that every Grafana has.
var (
	builtInPanels = []string{
		"barchart", "bargauge", "gauge", "heatmap", "histogram", "piechart", "row", "stat", "state-timeline", "table", "text", "timeseries",
	}
	builtInTransformations = []string{"groupingToMatrix", "merge", "organize"}
	builtInVariables       = []string{"__rate_interval", "__interval", "__range", "__range_s", "__url_time_range", "__data", "__value"}
)

// Grafana 10.3 is the first with this version of the model; newer ones migrate
// it.
const schemaVersion = 39

func TestDashboardsCanBeImportedAndProvisioned(t *testing.T) {
	for _, d := range load(t) {
		switch {
		// Grafana's own limit ("Dashboard JSON model": uid, 8-40).
		case len(d.UID) < 8 || len(d.UID) > 40:
			t.Errorf("%s: the uid %q is not of 8 to 40 characters", d.file, d.UID)
		case d.Title == "" || d.Description == "":
			t.Errorf("%s has no title or description", d.file)
		case !slices.Contains(d.Tags, "geelark"):
			t.Errorf("%s lacks the tag geelark", d.file)
		case d.SchemaVersion != schemaVersion:
			t.Errorf("%s: schemaVersion %d, want %d", d.file, d.SchemaVersion, schemaVersion)
		case d.Editable:
			t.Errorf("%s: what a reader changes is lost when the file is provisioned again", d.file)
		}
		v := d.Templating.List[0]
		if v.Name != "datasource" || v.Type != "datasource" || string(v.Query) != `"prometheus"` || v.Current.Value != nil {
			t.Errorf("%s: the first variable is not a data source that stands for any Prometheus", d.file)
		}
	}
}

func TestPanelsAreCompleteAndNeedNoPlugin(t *testing.T) {
	for _, d := range load(t) {
		ids := make(map[int]bool)
		for _, p := range d.Panels {
			at := d.file + ": " + p.Title
			if ids[p.ID] {
				t.Errorf("%s: the id %d is another panel's", at, p.ID)
			}
			ids[p.ID] = true
			if !slices.Contains(builtInPanels, p.Type) {
				t.Errorf("%s: the panel %s may need a plugin", at, p.Type)
			}
			if p.Title == "" {
				t.Errorf("%s: panel %d has no title", d.file, p.ID)
			}
			if p.Type == "row" {
				continue
			}
			if !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%s: the description %q is not a sentence", at, p.Description)
			}
			if want := (datasource{"prometheus", "${datasource}"}); p.Datasource != want {
				t.Errorf("%s: data source %v, want %v", at, p.Datasource, want)
			}
			if len(p.FieldConfig.Defaults.Thresholds.Steps) == 0 {
				t.Errorf("%s has no thresholds", at)
			}
			switch unit := p.FieldConfig.Defaults.Unit; {
			case p.Type == "state-timeline":
				if len(p.FieldConfig.Defaults.Mappings) == 0 {
					t.Errorf("%s has no value mappings", at)
				}
			case p.Type == "heatmap":
				if p.Options.YAxis.Unit == "" {
					t.Errorf("%s has no unit", at)
				}
			case p.Type == "table":
				// With a unit Grafana writes ids as numbers, the last digits lost.
				if unit != "" {
					t.Errorf("%s has the unit %s for texts too", at, unit)
				}
				if p.FieldConfig.Defaults.NoValue == "" {
					t.Errorf("%s does not say what it means that it is empty", at)
				}
			case unit == "":
				t.Errorf("%s has no unit", at)
			}
			for _, tr := range p.Transformations {
				if !slices.Contains(builtInTransformations, tr.ID) {
					t.Errorf("%s: transformation %s", at, tr.ID)
				}
			}
			refs := make(map[string]bool)
			for _, q := range p.Targets {
				if q.RefID == "" || refs[q.RefID] {
					t.Errorf("%s: the query %q is not the only one of this name", at, q.RefID)
				}
				refs[q.RefID] = true
				if q.Expr == "" || q.Instant == q.Range {
					t.Errorf("%s %s: a query is either of an instant or of a range", at, q.RefID)
				}
				if table := p.Type == "table"; table != (q.Format == "table") || table && !q.Instant {
					t.Errorf("%s %s: format %s of a %s", at, q.RefID, q.Format, p.Type)
				}
			}
			if len(refs) == 0 {
				t.Errorf("%s asks for nothing", at)
			}
		}
	}
}

func TestPanelsStandSideBySideInTheGrid(t *testing.T) {
	const columns = 24 // of Grafana's grid
	for _, d := range load(t) {
		type cell struct{ x, y int }
		taken := make(map[cell]string)
		for _, p := range d.Panels {
			g := p.GridPos
			if g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > columns {
				t.Errorf("%s: %s leaves the grid: %+v", d.file, p.Title, g)
				continue
			}
		overlap:
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[cell{x, y}]; other != "" {
						t.Errorf("%s: %s lies on %s", d.file, p.Title, other)
						break overlap
					}
					taken[cell{x, y}] = p.Title
				}
			}
		}
	}
}

func TestVariablesAreDefinedAndUsed(t *testing.T) {
	for _, d := range load(t) {
		defined := make(map[string]bool)
		used := map[string]bool{"datasource": true} // by every panel
		for _, v := range d.Templating.List {
			if v.Label == "" || defined[v.Name] {
				t.Errorf("%s: the variable %q has no label, or there is another", d.file, v.Name)
			}
			if slices.Contains([]string{"job", "account", "group", "api", "instance"}, v.Name) {
				if !v.Multi || !v.IncludeAll || v.AllValue != ".*" {
					t.Errorf("%s: the variable %s does not take several values and all", d.file, v.Name)
				}
			}
			defined[v.Name] = true
		}
		use := func(where string, names []string) {
			for _, name := range names {
				used[name] = true
				if !defined[name] && !slices.Contains(builtInVariables, name) {
					t.Errorf("%s: %s uses $%s, which is not defined", d.file, where, name)
				}
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				use(v.Name, variablesIn(v.query(t)))
			}
		}
		for _, p := range d.queries() {
			for _, q := range p.Targets {
				use(p.Title, variablesIn(q.Expr))
			}
			for _, u := range p.links(t) {
				use(p.Title, variablesIn(u))
			}
		}
		for _, a := range d.Annotations.List {
			use(a.Name, variablesIn(a.Target.Expr))
		}
		for name := range defined {
			if !used[name] {
				t.Errorf("%s: nothing uses the variable %s", d.file, name)
			}
		}
	}
}

func TestAnnotationsMarkWhatChangesTheLines(t *testing.T) {
	for _, d := range load(t) {
		var names []string
		for _, a := range d.Annotations.List {
			names = append(names, a.Name)
			if want := (datasource{"prometheus", "${datasource}"}); a.Datasource != want || !a.Enable || a.IconColor == "" {
				t.Errorf("%s: the annotation %s is not drawn from the chosen data source", d.file, a.Name)
			}
		}
		if want := []string{"Configuration reloaded", "Exporter started", "Reload failed", "API paused"}; !slices.Equal(names, want) {
			t.Errorf("%s: annotations %q, want %q", d.file, names, want)
		}
	}
}

// TestEveryMetricIsOnADashboard holds it for those that are exposed by default.
func TestEveryMetricIsOnADashboard(t *testing.T) {
	elsewhere := append(collector.OptInFamilies(),
		"geelark_account_info",              // only joins: it has the operator's own labels
		"geelark_phone_usage_seconds_total", // the dearest phones say enough, and both would take twice as long
	)
	list, err := os.ReadFile("../collector/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for _, d := range load(t) {
		for _, p := range d.queries() {
			for _, q := range p.Targets {
				shown.WriteString(q.Expr + "\n")
			}
		}
	}
	names := regexp.MustCompile("(?m)^\\| `(geelark_\\w+)`").FindAllStringSubmatch(string(list), -1)
	if len(names) == 0 {
		t.Fatal("no metrics are listed")
	}
	for _, m := range names {
		if found := regexp.MustCompile(`\b` + m[1] + `(_bucket)?\b`).MatchString(shown.String()); found == slices.Contains(elsewhere, m[1]) {
			t.Errorf("%s is on a dashboard: %v", m[1], found)
		}
	}
}

func TestEachStatusHasOneColourEverywhere(t *testing.T) {
	colors := map[string]map[string]bool{"no status": {}}
	for code := range geelark.Status(5) { // the fifth is not documented
		colors[code.String()] = map[string]bool{}
	}
	for _, d := range load(t) {
		walk(d.raw, func(o map[string]any) {
			if text, ok := o["text"].(string); ok && colors[text] != nil {
				color, _ := o["color"].(string)
				colors[text][color] = true
			}
			matcher, _ := o["matcher"].(map[string]any)
			name, _ := matcher["options"].(string)
			if colors[name] == nil {
				return
			}
			walk(o["properties"], func(property map[string]any) {
				switch value, _ := property["value"].(map[string]any); property["id"] {
				case "color":
					color, _ := value["fixedColor"].(string)
					colors[name][color] = true
				case "thresholds":
					steps := value["steps"].([]any)
					color, _ := steps[len(steps)-1].(map[string]any)["color"].(string)
					colors[name][color] = true
				}
			})
		})
	}
	whose := make(map[string]string)
	for status, its := range colors {
		if len(its) != 1 {
			t.Errorf("the status %q has the colours %q, want one", status, slices.Sorted(maps.Keys(its)))
		}
		for color := range its {
			if other := whose[color]; other != "" {
				t.Errorf("the statuses %q and %q have the same colour %s", status, other, color)
			}
			whose[color] = status
		}
	}
}

func TestMappedCodesHaveTheirMeaning(t *testing.T) {
	codes := regexp.MustCompile(`^\d{5}$`)
	seen := 0
	for _, d := range load(t) {
		walk(d.raw, func(o map[string]any) {
			if o["type"] != "value" {
				return
			}
			for value, result := range o["options"].(map[string]any) {
				text := result.(map[string]any)["text"]
				n, err := strconv.Atoi(value)
				switch s := geelark.Status(n); {
				case codes.MatchString(value) && n < 30000: // of a task
					seen++
					if want := value + ": " + geelark.Code(n).TaskMeaning(); text != want {
						t.Errorf("%s: %s is mapped to %q, want %q", d.file, value, text, want)
					}
				case codes.MatchString(value):
					seen++
					if want := geelark.Code(n).Error(); text != want {
						t.Errorf("%s: %s is mapped to %q, want %q", d.file, value, text, want)
					}
				case err == nil && n >= 0 && (text == "started" || text == "starting" || text == "shut_down" || text == "expired"):
					seen++
					if text != s.String() {
						t.Errorf("%s: the status %d is mapped to %q, want %q", d.file, n, text, s)
					}
				}
			}
		})
	}
	if seen == 0 {
		t.Error("no code is mapped")
	}
}

func TestLinksLeadToDashboardsAndTheirVariables(t *testing.T) {
	all := load(t)
	field := regexp.MustCompile(`\$\{__data\.fields\.(\w+)\}`)
	inAddress := regexp.MustCompile(`(?:^|[?&])var-(\w+)=`)
	for _, d := range all {
		urls := make(map[string]bool)
		for _, l := range d.Links {
			urls[l.URL] = true
			if l.Type != "link" || !l.IncludeVars || !l.KeepTime {
				t.Errorf("%s: the link %s does not keep time and variables", d.file, l.Title)
			}
		}
		for uid := range all {
			if want := uid != d.UID; urls["/d/"+uid] != want {
				t.Errorf("%s: linked to %s: %v, want %v", d.file, uid, !want, want)
			}
		}
		for _, p := range d.queries() {
			titles, _ := p.organized()
			for _, link := range p.links(t) {
				urls[link] = true
				for _, m := range field.FindAllStringSubmatch(link, -1) {
					if !slices.Contains(slices.Collect(maps.Values(titles)), m[1]) {
						t.Errorf("%s: %s links by the column %s, which it does not have", d.file, p.Title, m[1])
					}
				}
			}
		}
		for link := range urls {
			path, query, _ := strings.Cut(link, "?")
			to, known := all[strings.TrimPrefix(path, "/d/")]
			if _, err := url.Parse(path); err != nil || !known {
				t.Errorf("%s: a link leads to %s, where no dashboard is", d.file, path)
				continue
			}
			for _, m := range inAddress.FindAllStringSubmatch(query, -1) {
				if !slices.ContainsFunc(to.Templating.List, func(v variable) bool { return v.Name == m[1] }) {
					t.Errorf("%s: a link sets the variable %s, which %s does not have", d.file, m[1], to.file)
				}
			}
		}
	}
}
