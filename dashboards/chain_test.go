package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// scrapeConfig makes hard cases of scraping: one account is seen by two
// exporters, and by one of them on two ways.
const scrapeConfig = `
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  scrape_native_histograms: %v
rule_files: [%q]
scrape_configs:
  - job_name: geelark
    static_configs:
      - targets: [%q, %q]
  - job_name: geelark_accounts
    http_sd_configs:
      - url: http://%[3]s/sd
        refresh_interval: 1s
`

const minutePrice = "geelark:account:minute_price"

// alertRules fire at once, as those that are shipped do only after minutes. What
// dashboards read of the shipped rules follows them.
const alertRules = `
groups:
  - name: test
    rules:
      - alert: GeelarkPhoneStopped
        expr: geelark_phone_status_code == 2
        labels: {severity: warning}
      - alert: GeelarkExporterDown
        expr: vector(1)
        labels: {severity: critical}
      - record: geelark:account:minute_price
        expr: %q
`

// recorded returns the expression of a recording rule as it is shipped.
func recorded(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../deploy/prometheus/rules/billing.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Expr string }
		}
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Record == name {
				return r.Expr
			}
		}
	}
	t.Fatalf("no rule records %s", name)
	return ""
}

// A chain is a simulated GeeLark, two exporters of one account, and the
// Prometheus servers that scrape them.
type chain struct {
	api       *geelarktest.Server
	exporters []string // addresses
	endSecond func()
	servers   map[string]*server

	// Phones, all in one group.
	stopped, renamed, expired, expiring, failing string
	unlisted                                     string // the id of no phone
	idsFile                                      string // of the second exporter
	group                                        string
}

const (
	token   = "the-token-of-the-test"
	account = "default"
	phones  = 60
	newName = `renamed "phone" <1>`
)

func startChain(t *testing.T) *chain {
	c := &chain{
		api:      geelarktest.New(geelarktest.Config{Phones: phones, Seed: 1, Token: token, Still: true}),
		servers:  make(map[string]*server),
		unlisted: "100000000000000001",
		group:    "farm-1",
	}
	api := httptest.NewServer(c.api)
	t.Cleanup(api.Close)

	var started []string
	for _, id := range c.api.IDs() {
		switch p, _ := c.api.Phone(id); geelark.Status(p.Status) {
		case geelark.StatusStarted:
			started = append(started, id)
		case geelark.StatusExpired:
			c.expired = id
		}
	}
	c.stopped, c.renamed, c.expiring, c.failing = started[0], started[1], started[2], started[3]
	for _, id := range []string{c.stopped, c.renamed, c.expired, c.expiring, c.failing} {
		c.api.Edit(id, func(p *geelarktest.Phone) { p.Group = c.group })
	}
	for _, id := range c.api.IDs() {
		c.api.Edit(id, func(p *geelarktest.Phone) {
			switch id {
			case c.expiring:
				p.ChargeMode, p.MonthlyExpire = 1, time.Now().Add(time.Hour).Unix()
			case c.expired:
			default:
				p.ChargeMode, p.MonthlyExpire = 0, 0
			}
		})
	}
	c.api.SetStatus(started[4], 7)
	c.api.SetStatus(c.failing, int(geelark.StatusShutDown)) // the list tells no more of it
	c.api.Inject(geelarktest.Fault{Endpoint: "phone/status", FailIDs: map[string]geelark.Code{c.failing: geelark.CodePhoneNotFound}})

	program := filepath.Join(t.TempDir(), "geelark_exporter")
	// A label without a value would be none.
	if err := processtest.Build("..", program, "-ldflags=-X github.com/prometheus/common/version.Version=test"); err != nil {
		t.Fatal(err)
	}
	export := func(args ...string) *processtest.Process {
		cmd := exec.Command(program, append([]string{"--geelark.base-url=" + api.URL, "--web.listen-address=127.0.0.1:0"}, args...)...)
		cmd.Env = []string{"GEELARK_TOKEN=" + token}
		return processtest.Start(t, cmd)
	}
	// The second looks once: what it knows of its phones grows old. It leaves the plan,
	// of which an account may be asked once a minute, to the first.
	first := export("--cache.ttl=1s", "--inventory.interval=1s", "--state.directory="+t.TempDir())
	c.idsFile = filepath.Join(t.TempDir(), "ids")
	if err := os.WriteFile(c.idsFile, []byte(strings.Join([]string{c.stopped, c.renamed, c.unlisted}, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	second := export("--cache.ttl=1h", "--cache.max-staleness=1h", "--inventory.interval=1h", "--no-collector.billing", "--phone.ids-file="+c.idsFile)
	c.exporters, c.endSecond = []string{first.Address(), second.Address()}, second.Kill
	rules := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(rules, fmt.Appendf(nil, alertRules, recorded(t, minutePrice)), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, native := range map[string]bool{"native histograms": true, "classic histograms": false} {
		c.servers[kind] = startPrometheus(t, fmt.Sprintf(scrapeConfig, native, rules, c.exporters[0], c.exporters[1]))
	}
	return c
}

// everywhere waits until a query has a result on every server.
func (c *chain) everywhere(t *testing.T, expr string) {
	t.Helper()
	for kind, s := range c.servers {
		processtest.Eventually(t, expr+" with "+kind, func() bool { return s.holds(expr) })
	}
}

// live lets happen what the dashboards are to show.
func (c *chain) live(t *testing.T) {
	t.Helper()
	// An exporter that does not know what was spent before it waits for a minute.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+processtest.Patience)
	defer cancel()
	processtest.Until(ctx, t, func() string {
		for kind, s := range c.servers {
			if !s.holds(`geelark_plan_info`) {
				return "the plan with " + kind
			}
		}
		return ""
	})
	for _, id := range []string{c.stopped, c.renamed} {
		c.everywhere(t, fmt.Sprintf(`count(geelark_phone_status_code{id=%q} == 0) == 3`, id))
	}
	c.api.SetStatus(c.stopped, int(geelark.StatusShutDown))
	c.api.Rename(c.renamed, newName)
	c.api.Inject(geelarktest.Fault{Endpoint: "phone/status", Drop: true, Times: 3})
	c.everywhere(t, fmt.Sprintf(`geelark_phone_status_code{id=%q} == 2`, c.stopped))
	c.everywhere(t, fmt.Sprintf(`geelark_phone_info{id=%q,serial_name=%q} and on (id) geelark_phone_info{serial_name!=%[2]q}`, c.renamed, newName))
	if err := os.Remove(c.idsFile); err != nil {
		t.Fatal(err)
	}
	c.everywhere(t, `geelark_ids_file_last_read_successful == 0`)
	c.everywhere(t, `increase(geelark_api_requests_total{outcome="connection"}[1m]) > 0`)
	c.everywhere(t, `count_over_time(geelark_wallet_balance[1m]) > 5`)
	c.everywhere(t, minutePrice)
}

// values are what the dashboards' variables stand for in one run.
type values map[string]string

// span is a value that stands for a span and the steps in which it is looked at.
var span = regexp.MustCompile(`^\d+[a-z]:\d+[a-z]$`)

// substitute puts values in the place of variables. A week ago was when the test
// began.
func (v values) substitute(s string) string {
	s = strings.ReplaceAll(s, "offset 7d", "offset 2s")
	return variableName.ReplaceAllStringFunc(s, func(m string) string { return v[variablesIn(m)[0]] })
}

// choices are the ways to fill in a dashboard's variables, as Grafana does.
func (c *chain) choices(t *testing.T, s *server, d dashboard) map[string]values {
	t.Helper()
	builtIn := func() values {
		return values{"__rate_interval": "10s", "__interval": "1s", "__range": "1m", "__range_s": "60"}
	}
	all, one, named := builtIn(), builtIn(), builtIn()
	for _, v := range d.Templating.List {
		switch v.Type {
		case "datasource":
		case "custom":
			value := v.Current.Value.(string)
			if !slices.ContainsFunc(v.Options, func(o struct {
				Selected bool
				Value    string
			},
			) bool {
				return o.Value == value && o.Selected
			}) {
				t.Errorf("%s: the variable %s begins with %q, which is none of its options", d.file, v.Name, value)
			}
			if span.MatchString(value) {
				value = "1m:1s" // all that happens here does within a minute
			}
			all[v.Name], one[v.Name], named[v.Name] = value, value, value
		case "textbox":
			all[v.Name], one[v.Name], named[v.Name] = "", c.renamed, "RENAMED"
		case "query":
			for _, choice := range []values{all, one, named} {
				options := s.options(choice.substitute(v.query(t)), v.Regex)
				if len(options) == 0 {
					t.Fatalf("%s: the variable %s has no options with %v", d.file, v.Name, choice)
				}
				// What is between parentheses is what Grafana makes of several values.
				choice[v.Name] = "(" + strings.Join(options, "|") + ")"
			}
			if v.AllValue != "" {
				all[v.Name] = v.AllValue
			}
			if only, chosen := map[string]string{"job": "geelark", "account": account, "group": c.group, "api": "phone/status"}[v.Name]; chosen {
				one[v.Name] = only
			}
		default:
			t.Errorf("%s: the variable %s has the type %s", d.file, v.Name, v.Type)
		}
	}
	return map[string]values{"all of everything": all, "one of everything": one, "a part of a name": named}
}

var (
	labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	queryResult = regexp.MustCompile(`^query_result\((.+)\)$`)
)

// options are the values of a variable's options, read from Prometheus as
// Grafana does it.
func (s *server) options(query, pattern string) []string {
	s.t.Helper()
	var options []string
	if m := labelValues.FindStringSubmatch(query); m != nil {
		if err := s.get("/api/v1/label/"+m[2]+"/values", url.Values{"match[]": {m[1]}}, &options); err != nil {
			s.t.Fatalf("%s: %v", query, err)
		}
		return options
	}
	m := queryResult.FindStringSubmatch(query)
	if m == nil {
		s.t.Fatalf("%s is no query of a variable", query)
	}
	result, err := s.query(m[1], true)
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	re := regexp.MustCompile(strings.TrimSuffix(strings.TrimPrefix(pattern, "/"), "/g"))
	for _, r := range result {
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(r.Metric)) {
			labels = append(labels, name+`="`+r.Metric[name]+`"`)
		}
		var text, value string
		for _, m := range re.FindAllStringSubmatch("{"+strings.Join(labels, ",")+"}", -1) {
			text += m[re.SubexpIndex("text")]
			value += m[re.SubexpIndex("value")]
		}
		if text == "" || value != r.Metric["id"] {
			s.t.Errorf("%s finds %q with the value %q in %v", pattern, text, value, r.Metric)
		}
		options = append(options, value)
	}
	return options
}

// TestEveryPanelShowsData runs every query of every panel on real servers.
func TestEveryPanelShowsData(t *testing.T) {
	processtest.Tool(t, "PROMETHEUS")
	if testing.Short() {
		t.Skip("starts servers")
	}
	all := load(t)
	c := startChain(t)
	c.live(t)
	known := c.exposed(t)
	for kind, s := range c.servers {
		t.Run(kind, func(t *testing.T) {
			s.t = t
			for _, d := range sorted(all) {
				if d.UID == costUID {
					continue // bills and tasks are read every few minutes
				}
				for _, a := range d.Annotations.List {
					expr := values{"job": ".*", "account": ".*"}.substitute(a.Target.Expr)
					s.check(t, known, expr)
					r, err := s.data(expr, false)
					if err != nil {
						t.Errorf("%s: annotation %s: %v\n%s", d.file, a.Name, err, expr)
					}
					for _, one := range r {
						one.text(t, a.Name, a.TextFormat)
					}
				}
				c.showsData(t, s, d, known)
			}
		})
	}
	t.Run("a pause shows", func(t *testing.T) {
		c.endSecond() // an account is up when one exporter says so
		c.api.Inject(geelarktest.Fault{Endpoint: "phone/list", Code: geelark.CodeRateLimited, Times: 1})
		for _, show := range []struct {
			uid, title, value string
		}{
			{"geelark-fleet", "Accounts down", "1"},
			{"geelark-api", "Accounts", "0"},
			{"geelark-api", "Pauses", "1"},
			{"geelark-api", "Pause ends in", ""},
		} {
			d := all[show.uid]
			p := d.Panels[slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == show.title && p.Type != "row" })]
			for kind, s := range c.servers {
				expr := values{"job": ".*", "account": ".*", "api": "phone/list", "__range": "1m"}.substitute(p.Targets[0].Expr)
				processtest.Eventually(t, show.title+" with "+kind, func() bool {
					r, err := s.query(expr, true)
					if err != nil {
						t.Fatal(err)
					}
					return len(r) == 1 && (r[0].Value[1] == show.value || show.value == "" && r[0].Value[1] != "0")
				})
			}
		}
	})
}

// showsData runs every query of a dashboard's variables and panels.
func (c *chain) showsData(t *testing.T, s *server, d dashboard, known labels) {
	t.Helper()
	for choice, v := range c.choices(t, s, d) {
		t.Run(strings.TrimSuffix(d.file, ".json")+" with "+choice, func(t *testing.T) {
			for _, variable := range d.Templating.List {
				if variable.Type == "query" {
					q := variable.query(t)
					if m := labelValues.FindStringSubmatch(q); m != nil {
						q = "count by (" + m[2] + ") (" + m[1] + ")"
					} else {
						q = queryResult.FindStringSubmatch(q)[1]
					}
					s.check(t, known, v.substitute(q))
				}
			}
			for _, p := range d.queries() {
				result := make(map[string][]series)
				for _, q := range p.Targets {
					expr := v.substitute(q.Expr)
					s.check(t, known, expr)
					r, err := s.data(expr, q.Instant)
					if err != nil {
						t.Errorf("%s %s: %v\n%s", p.Title, q.RefID, err, expr)
					}
					result[q.RefID] = r
					p.checkBounded(t, q, r)
				}
				p.checkNames(t, result)
				if c.stopped != "" {
					c.checkFleet(t, p, choice, result)
				}
			}
		})
	}
}

var inLegend = regexp.MustCompile(`\{\{(\w+)\}\}`)

// text is what a legend or an annotation says of a series.
func (r series) text(t *testing.T, title, format string) string {
	t.Helper()
	return inLegend.ReplaceAllStringFunc(format, func(m string) string {
		name := inLegend.FindStringSubmatch(m)[1]
		if _, has := r.Metric[name]; !has {
			t.Errorf("%s: the legend has the label %s, the series %v not", title, name, r.Metric)
		}
		return r.Metric[name]
	})
}

var cut = regexp.MustCompile(`\b(top|bottom)k\(\d+,|id=~"\$phone"`)

// checkBounded sees to it that 100,000 phones make no larger panel than a
// hundred: what has a series for each of many is cut to the first.
func (p panel) checkBounded(t *testing.T, q target, result []series) {
	t.Helper()
	for _, r := range result {
		for _, many := range []string{"id", "group", "account"} {
			if _, has := r.Metric[many]; has && !cut.MatchString(q.Expr) {
				t.Errorf("%s %s: there is a series for each %s, and no bound to them: %s", p.Title, q.RefID, many, q.Expr)
				return
			}
		}
	}
}

// checkNames compares the names that a panel calls its data by with the data.
func (p panel) checkNames(t *testing.T, result map[string][]series) {
	t.Helper()
	names := make(map[string]bool)
	for _, q := range p.Targets {
		if p.Type == "heatmap" {
			continue // a native histogram has no le
		}
		for _, r := range result[q.RefID] {
			if q.LegendFormat == "" {
				break
			}
			names[r.text(t, p.Title, q.LegendFormat)] = true
		}
		if p.Type == "table" {
			names["Time"] = true
			value := "Value"
			if len(p.Targets) > 1 {
				value += " #" + q.RefID
			}
			names[value] = true
			for _, r := range result[q.RefID] {
				for label := range r.Metric {
					names[label] = true
				}
			}
		}
	}
	titles, hidden := p.organized()
	shown := names
	if p.Type == "table" {
		for _, tr := range p.Transformations {
			if o := tr.Options; tr.ID == "groupingToMatrix" {
				clear(names)
				names[o.RowField+`\`+o.ColumnField] = true
				for _, r := range result["A"] {
					names[r.Metric[o.ColumnField]] = true
				}
			}
		}
		shown = make(map[string]bool)
		for name := range names {
			if _, placed := titles[name]; !placed && !slices.Contains(hidden, name) {
				t.Errorf("%s: the column %s is neither placed nor hidden", p.Title, name)
			}
		}
		for name, title := range titles {
			shown[title] = names[name]
		}
		for _, name := range slices.Concat(hidden, slices.Collect(maps.Keys(titles))) {
			// A fleet without a phone in an undocumented status has no such column.
			if !names[name] && name != "unknown" {
				t.Errorf("%s: there is no column %s", p.Title, name)
			}
		}
		for _, s := range p.Options.SortBy {
			if !shown[s.DisplayName] {
				t.Errorf("%s is sorted by %s, which it does not show", p.Title, s.DisplayName)
			}
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		if name := o.Matcher.Options; o.Matcher.ID == "byName" && !shown[name] && name != "unknown" {
			t.Errorf("%s: an override is for %s, which it does not show", p.Title, name)
		}
	}
}

// checkFleet compares what the fleet's panels show with the fleet.
func (c *chain) checkFleet(t *testing.T, p panel, choice string, result map[string][]series) {
	t.Helper()
	first := result["A"]
	var ids []string
	for _, r := range first {
		ids = append(ids, r.Metric["id"])
	}
	slices.Sort(ids)
	want := map[string][]string{
		"Stopped phones":  {c.stopped},
		"Expired phones":  {c.expired},
		"Expiring phones": {c.expiring},
		"Failing phones":  {c.unlisted, c.failing},
	}[p.Title]
	if choice != "one of everything" && p.Title == "Phones by status" && p.Type == "stat" {
		sum := 0
		for _, r := range first {
			n, err := strconv.Atoi(r.Value[1].(string))
			if err != nil {
				t.Error(err)
			}
			sum += n
		}
		if sum != phones-1 {
			t.Errorf("%s: %d phones in all, want %d and one that fails", p.Title, sum, phones-1)
		}
	}
	if p.Title == "Need attention" {
		for ref, n := range map[string]string{"A": "1", "B": "1", "C": "2"} {
			if r := result[ref]; len(r) != 1 || r[0].Value[1] != n {
				t.Errorf("%s %s: %v, want %s", p.Title, ref, r, n)
			}
		}
	}
	if strings.Contains(p.Title, "the selected phones") && choice != "all of everything" {
		want = []string{c.renamed}
	}
	if want == nil {
		return
	}
	if choice == "all of everything" && p.Title == "Expired phones" {
		if !slices.Contains(ids, c.expired) {
			t.Errorf("%s: %v, want %s among them", p.Title, ids, c.expired)
		}
	} else if slices.Sort(want); !slices.Equal(ids, want) {
		t.Errorf("%s: %v, want %v", p.Title, ids, want)
	}
	for _, r := range first {
		if phone, exists := c.api.Phone(r.Metric["id"]); exists && r.Metric["id"] != c.renamed && r.Metric["serial_name"] != phone.SerialName {
			t.Errorf("%s: %v has not the name %q", p.Title, r.Metric, phone.SerialName)
		}
	}
}

// labels are the label names of metrics by their names.
type labels map[string]map[string]bool

// exposed has what the exporters expose, read from their metrics pages.
func (c *chain) exposed(t *testing.T) labels {
	t.Helper()
	known := make(labels)
	for _, address := range c.exporters {
		for name, f := range scrape(t, address) {
			for _, m := range f.GetMetric() {
				known.add(name, m.GetLabel())
				if f.GetType() == dto.MetricType_HISTOGRAM {
					known.add(name+"_bucket", m.GetLabel(), "le")
				}
			}
		}
	}
	known.add(minutePrice, nil, "account")
	// Prometheus' own.
	known.add("scrape_duration_seconds", nil)
	known.add("ALERTS_FOR_STATE", nil, "alertname", "severity", "account")
	known.add("ALERTS", nil, "alertname", "severity", "account", "alertstate")
	return known
}

// scrape returns what an exporter exposes.
func scrape(t *testing.T, address string) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func (l labels) add(metric string, pairs []*dto.LabelPair, more ...string) {
	if l[metric] == nil {
		l[metric] = map[string]bool{"job": true, "instance": true} // the target's
	}
	for _, p := range pairs {
		more = append(more, p.GetName())
	}
	for _, name := range more {
		l[metric][name] = true
	}
}

// A node is one of a parsed query, as Prometheus' API shows it.
type node struct {
	Type     string
	Name     string // of a selector's metric
	Matchers []struct{ Name string }
	Grouping []string
	Matching *struct{ Labels, Include []string }
	Expr     json.RawMessage
	LHS      json.RawMessage
	RHS      json.RawMessage
	Args     []json.RawMessage
}

// check lets Prometheus parse a query, and compares metrics and labels with
// those that are known.
func (s *server) check(t *testing.T, known labels, expr string) {
	t.Helper()
	var tree json.RawMessage
	if err := s.get("/api/v1/parse_query", url.Values{"query": {expr}}, &tree); err != nil {
		t.Errorf("%v\n%s", err, expr)
		return
	}
	known.check(t, expr, tree)
}

// check returns the labels that a part of a query can have.
func (l labels) check(t *testing.T, expr string, tree json.RawMessage) map[string]bool {
	t.Helper()
	var n node
	if len(tree) == 0 || string(tree) == "null" {
		return nil
	}
	if err := json.Unmarshal(tree, &n); err != nil {
		t.Fatal(err)
	}
	has := make(map[string]bool)
	if n.Type == "vectorSelector" || n.Type == "matrixSelector" {
		if l[n.Name] == nil {
			t.Errorf("the exporter exposes no %s\n%s", n.Name, expr)
			return has
		}
		for _, m := range n.Matchers {
			if m.Name != "__name__" && !l[n.Name][m.Name] {
				t.Errorf("%s has no label %s\n%s", n.Name, m.Name, expr)
			}
		}
		maps.Copy(has, l[n.Name])
	}
	for _, part := range append([]json.RawMessage{n.Expr, n.LHS, n.RHS}, n.Args...) {
		maps.Copy(has, l.check(t, expr, part))
	}
	use := n.Grouping
	if n.Matching != nil {
		use = slices.Concat(n.Matching.Labels, n.Matching.Include)
	}
	for _, name := range use {
		if !has[name] {
			t.Errorf("nothing here has the label %s: %s\n%s", name, n.Type, expr)
		}
	}
	return has
}
