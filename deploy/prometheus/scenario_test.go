package prometheus

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// scenarioFile holds, for each alert, situations in which it must fire and such in
// which it must not. Its head says how they are written.
const scenarioFile = "tests/scenarios.yml"

type scenario struct {
	When  string
	Given []string
	Then  map[string]string
	Says  *struct{ At, Summary, Description string } // of its alert
}

func scenarios(t *testing.T) (byAlert map[string]struct{ Fires, Silent []scenario }) {
	t.Helper()
	decode(t, scenarioFile, &byAlert)
	return byAlert
}

func TestEveryScenarioGoesAsItSays(t *testing.T) {
	t.Parallel()
	touch(t)
	byName := make(map[string]rule)
	for _, r := range rules(t) {
		byName[r.Alert] = r
	}
	for alert, s := range scenarios(t) {
		t.Run(alert, func(t *testing.T) {
			t.Parallel()
			tests := make(unitTests)
			for _, s := range append(s.Fires, s.Silent...) {
				w, numbers, err := s.world()
				if err != nil {
					t.Fatalf("%s: %v", s.When, err)
				}
				test, err := s.unitTest(byName[alert], w)
				if err != nil {
					t.Fatalf("%s: %v", s.When, err)
				}
				tests.add(w, numbers, test)
			}
			tests.run(t)
		})
	}
}

// unitTests are tests by the numbers in the rules and the interval of evaluations.
type unitTests map[[2]string][]any

func (u unitTests) add(w *world, numbers string, test map[string]any) {
	interval := "1m"
	switch {
	case w.length > 2*24*60:
		interval = "10m" // a week would take minutes
	case w.length > 2*60:
		interval = "3m"
	}
	with := [2]string{numbers, interval}
	u[with] = append(u[with], test)
}

func (u unitTests) run(t *testing.T) {
	t.Helper()
	for with, tests := range u {
		runUnitTests(t, with[0], with[1], tests)
	}
}

// runUnitTests has promtool run tests of the rules, with other numbers in them
// than usual. These are lines of a name and a number.
func runUnitTests(t *testing.T, numbers, interval string, tests []any) {
	t.Helper()
	files, err := filepath.Glob("rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, name := range files {
		text := readFile(t, name)
		for line := range strings.Lines(numbers) {
			name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
			text = regexp.MustCompile(`(?:"[^"]*"|[^\s"]+)(\}? # `+name+`\n)`).ReplaceAllString(text, number+"$1")
		}
		files[i] = filepath.Join(dir, filepath.Base(name))
		writeFile(t, files[i], []byte(text))
	}
	b, err := yaml.Marshal(map[string]any{
		"rule_files":          files,
		"evaluation_interval": interval,
		"group_eval_order":    []string{"geelark-fleet", "geelark-idle", "geelark-billing", "geelark-tasks"},
		"tests":               tests,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "test.yml")
	writeFile(t, file, b)
	promtool(t, "test", "rules", file)
}

// TestEveryAlertHasScenarios holds that each fires in one and ends in it, and is
// silent in another.
func TestEveryAlertHasScenarios(t *testing.T) {
	t.Parallel()
	all := scenarios(t)
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		ends, says := false, false
		for _, s := range all[r.Alert].Fires {
			says = says || s.Says != nil
			fired, last := false, ""
			for _, at := range slices.SortedFunc(maps.Keys(s.Then), func(a, b string) int { return minutes(a) - minutes(b) }) {
				last = s.Then[at]
				fired = fired || strings.Contains(last, r.Alert)
			}
			if !fired {
				t.Errorf("%s does not fire when %s", r.Alert, s.When)
			}
			ends = ends || !strings.Contains(last, r.Alert)
		}
		if !ends {
			t.Errorf("no scenario sees %s fire and end", r.Alert)
		}
		if !says {
			t.Errorf("no scenario has the text of %s", r.Alert)
		}
		if len(all[r.Alert].Silent) == 0 {
			t.Errorf("no scenario says when %s must not fire", r.Alert)
		}
		for _, s := range all[r.Alert].Silent {
			for at, fires := range s.Then {
				if strings.Contains(fires, r.Alert) {
					t.Errorf("%s is not silent at %s when %s", r.Alert, at, s.When)
				}
			}
		}
		delete(all, r.Alert)
	}
	for name := range all {
		t.Errorf("%s has scenarios and is no alert", name)
	}
}

// minutes reads a time such as 90m, 2h or 1d2h.
func minutes(s string) int {
	days := 0
	if d, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(d)
		if err != nil {
			panic(err)
		}
		days, s = n, rest
	}
	if s == "" {
		return days * 24 * 60
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return days*24*60 + int(d.Minutes())
}

// A world is the series that Prometheus has, by minute. Where no value stands the
// series has no sample.
type world struct {
	length int
	series map[string][]string // by their text, such as up{job="geelark"}
	given  map[string]bool     // series that a scenario gives by itself
	phones []phone
	homes  map[string][]string // the exporters of each account
}

type phone struct {
	account, id string
	groups      []string // by minute
	codes       []string
}

const stale = "stale"

// world returns what Prometheus sees of the scenario, and other numbers in the rules
// than usual.
func (s scenario) world() (w *world, numbers string, err error) {
	w = &world{series: make(map[string][]string), given: make(map[string]bool), homes: make(map[string][]string)}
	w.length = s.length()
	var later []string // what happens to all that is there
	for _, line := range s.Given {
		if m := numberLine.FindStringSubmatch(line); m != nil {
			numbers += m[1] + " " + m[2] + "\n"
			continue
		}
		switch ok, err := w.add(line); {
		case err != nil:
			return nil, "", fmt.Errorf("%q: %w", line, err)
		case !ok:
			later = append(later, line)
		}
	}
	w.count()
	for _, line := range later {
		if !w.happens(line) {
			return nil, "", fmt.Errorf("%q is not understood", line)
		}
	}
	return w, numbers, nil
}

// input returns the series as promtool reads them.
func (w *world) input() (input []any) {
	for _, name := range slices.Sorted(maps.Keys(w.series)) {
		input = append(input, map[string]string{"series": name, "values": strings.Join(w.series[name], " ")})
	}
	return input
}

// unitTest returns the scenario as promtool reads it, in a world.
func (s scenario) unitTest(of rule, w *world) (test map[string]any, err error) {
	var tests []any
	for _, at := range slices.Sorted(maps.Keys(s.Then)) {
		without := "severity, alertstate"
		samples := []any{}
		if fires := s.Then[at]; fires != "none" {
			for alert := range strings.SplitSeq(fires, ";") {
				fields := strings.Fields(alert)
				if len(fields) == 0 {
					return nil, fmt.Errorf("%s: no alert between semicolons", at)
				}
				sample := map[string]any{"value": 1.0}
				labels := []string{fmt.Sprintf("alertname=%q", fields[0])}
				for _, f := range fields[1:] {
					if n, ok := strings.CutPrefix(f, "x"); ok && !strings.Contains(f, "=") {
						count, err := strconv.ParseFloat(n, 64)
						if err != nil {
							return nil, err
						}
						sample["value"] = count
						without = "severity, alertstate, id"
						continue
					}
					k, v, _ := strings.Cut(f, "=")
					labels = append(labels, fmt.Sprintf("%s=%q", k, v))
				}
				sample["labels"] = "{" + strings.Join(labels, ",") + "}"
				samples = append(samples, sample)
			}
		}
		tests = append(tests, map[string]any{
			"eval_time": fmt.Sprintf("%dm", minutes(at)), "exp_samples": samples,
			"expr": fmt.Sprintf(`count without (%s) (ALERTS{alertstate="firing"})`, without),
		})
	}
	test = map[string]any{"name": s.When, "interval": "1m", "input_series": w.input(), "promql_expr_test": tests}
	if s.Says != nil {
		labels := map[string]string{"severity": of.Labels["severity"]}
		_, after, _ := strings.Cut(s.Then[s.Says.At], of.Alert)
		own, _, _ := strings.Cut(after, ";")
		for f := range strings.FieldsSeq(own) {
			k, v, _ := strings.Cut(f, "=")
			labels[k] = v
		}
		test["alert_rule_test"] = []any{map[string]any{
			"eval_time": fmt.Sprintf("%dm", minutes(s.Says.At)), "alertname": of.Alert, "exp_alerts": []any{map[string]any{
				"exp_labels": labels, "exp_annotations": map[string]string{
					"summary": s.Says.Summary, "description": s.Says.Description, "runbook_url": of.Annotations["runbook_url"],
				},
			}},
		}}
	}
	return test, nil
}

// length is how many minutes a scenario takes.
func (s scenario) length() int {
	last := 0
	for at := range s.Then {
		last = max(last, minutes(at))
	}
	return last + 1
}

var (
	accountLine = regexp.MustCompile(`^account (\S+)(?: on (.+))?$`)
	phonesLine  = regexp.MustCompile(`^phones? (\d+)(?:-(\d+))? of (\S+)(?: in (\S+?))?: (.+)$`)
	seriesLine  = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})?: (.+)$`)
	moveLine    = regexp.MustCompile(`^phones? (\d+)(?:-(\d+))? of (\S+) moves? to (\S+) at (\S+)$`)
	renameLine  = regexp.MustCompile(`^phone (\d+) of (\S+) is renamed every (\S+)$`)
	downLine    = regexp.MustCompile(`^exporter (\S+) is down from (\S+) to (\S+)$`)
	goneLine    = regexp.MustCompile(`^exporter (\S+) vanishes at (\S+)$`)
	numberLine  = regexp.MustCompile(`^number (\S+) is (\S+)$`)
	comesLine   = regexp.MustCompile(`^account (\S+) comes to (\S+) at (\S+)$`)
	slowLine    = regexp.MustCompile(`^one scrape of (\S+) in (\d+) works$`)
	takenLine   = regexp.MustCompile(`^account (\S+) is taken out of (\S+) at (\S+)$`)
)

// add takes what a scenario starts from. ok is false for what happens to it.
func (w *world) add(line string) (ok bool, err error) {
	if takenLine.MatchString(line) || comesLine.MatchString(line) {
		return false, nil
	}
	if m := accountLine.FindStringSubmatch(line); m != nil {
		exporters := strings.Fields(strings.ReplaceAll(m[2], " and ", " "))
		if m[2] == "" {
			exporters = []string{"e"}
		}
		w.homes[m[1]] = exporters
		return true, nil
	}
	if m := phonesLine.FindStringSubmatch(line); m != nil {
		codes, err := w.values(m[5])
		if err != nil {
			return true, err
		}
		for id := range ids(m[1], m[2]) {
			w.phones = append(w.phones, phone{m[3], id, slices.Repeat([]string{m[4]}, w.length), slices.Clone(codes)})
		}
		return true, nil
	}
	if m := moveLine.FindStringSubmatch(line); m != nil {
		for id := range ids(m[1], m[2]) {
			for _, p := range w.phones {
				if p.account == m[3] && p.id == id {
					for i := minutes(m[5]); i < w.length; i++ {
						p.groups[i] = m[4]
					}
				}
			}
		}
		return true, nil
	}
	if m := seriesLine.FindStringSubmatch(line); m != nil {
		values, err := w.values(m[3])
		if err != nil {
			return true, err
		}
		labels := make(map[string]string)
		for pair := range strings.SplitSeq(m[2], ",") {
			if k, v, ok := strings.Cut(pair, "="); ok {
				labels[k] = v
			}
		}
		exporters := w.homes[labels["account"]]
		if len(exporters) == 0 || labels["instance"] != "" {
			exporters = []string{"e"}
		}
		for _, e := range exporters {
			l := map[string]string{"job": "geelark", "instance": e}
			maps.Copy(l, labels)
			w.given[text(m[1], l)] = true
			w.series[text(m[1], l)] = slices.Clone(values)
		}
		return true, nil
	}
	return false, nil
}

// ids yields the ids from a first to a last, which can be empty.
func ids(first, last string) func(yield func(string) bool) {
	from, _ := strconv.Atoi(first)
	to := from
	if last != "" {
		to, _ = strconv.Atoi(last)
	}
	return func(yield func(string) bool) {
		for i := from; i <= to; i++ {
			if !yield(strconv.Itoa(i)) {
				return
			}
		}
	}
}

// text returns a series as promtool reads it.
func text(name string, labels map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if labels[k] != "" {
			pairs = append(pairs, fmt.Sprintf("%s=%q", k, labels[k]))
		}
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

var valueForm = regexp.MustCompile(`^(_|stale|[-+]?[0-9.e]+)(?:([-+][0-9.]+))?(?:x(\d+))?$`)

var repeated = regexp.MustCompile(`\(([^()]*)\)x(\d+)`)

// values reads promtool's notation. The last value goes on to the end.
func (w *world) values(notation string) (values []string, err error) {
	notation = repeated.ReplaceAllStringFunc(notation, func(s string) string {
		m := repeated.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1]+" ", n)
	})
	step := 0.0
	for field := range strings.FieldsSeq(notation) {
		m := valueForm.FindStringSubmatch(field)
		if m == nil {
			return nil, fmt.Errorf("%q is no value", field)
		}
		more := 0
		if m[3] != "" {
			more, _ = strconv.Atoi(m[3])
		}
		step = 0
		if m[2] != "" {
			if step, err = strconv.ParseFloat(m[2], 64); err != nil {
				return nil, err
			}
		}
		if m[1] == "_" && m[3] != "" {
			more-- // _x3 are three, 1x3 are four
		}
		for i := range more + 1 {
			values = append(values, plus(m[1], step*float64(i)))
		}
	}
	for len(values) < w.length {
		last := values[len(values)-1]
		if last == stale {
			last = "_"
		}
		values = append(values, plus(last, step))
	}
	return gaps(values[:w.length]), nil
}

// gaps marks where samples end: Prometheus does when a scrape lacks a series.
func gaps(values []string) []string {
	for i := 1; i < len(values); i++ {
		if values[i] == "_" && values[i-1] != "_" && values[i-1] != stale {
			values[i] = stale
		}
	}
	return values
}

func plus(value string, n float64) string {
	if n == 0 {
		return value
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return value
	}
	return strconv.FormatFloat(f+n, 'f', -1, 64)
}

// count adds what healthy accounts and exporters expose, and the sums of their
// phones, where the scenario gives no other values.
func (w *world) count() {
	accounts := make(map[string]float64) // by exporter
	for account, exporters := range w.homes {
		for _, e := range exporters {
			accounts[e]++
			w.account(account, e)
		}
	}
	for e, n := range accounts {
		for name, value := range map[string]float64{
			"up": 1, "geelark_accounts_configured": n, "geelark_accounts_owned": n, "geelark_config_last_reload_successful": 1,
		} {
			w.put(name, map[string]string{"job": "geelark", "instance": e}, func(int) string { return format(value) })
		}
	}
}

func format(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (w *world) put(name string, labels map[string]string, value func(minute int) string) {
	key := text(name, labels)
	if w.given[key] {
		return
	}
	var values []string
	for i := range w.length {
		values = append(values, value(i))
	}
	w.series[key] = gaps(values)
}

func (w *world) account(account, exporter string) {
	with := func(pairs ...string) map[string]string {
		l := map[string]string{"job": "geelark", "instance": exporter, "account": account}
		for p := range slices.Chunk(pairs, 2) {
			l[p[0]] = p[1]
		}
		return l
	}
	constant := func(f float64) func(int) string { return func(int) string { return format(f) } }
	if !w.has("geelark_account_info", account, exporter) {
		w.put("geelark_account_info", with(), constant(1))
	}
	for name, value := range map[string]float64{
		"geelark_up": 1, "geelark_status_max_age_seconds": 30,
		"geelark_wallet_balance": 1000, "geelark_wallet_gift_balance": 0, "geelark_wallet_time_addon_seconds": 0,
		"geelark_plan_expiry_timestamp_seconds": 1e9, "geelark_plan_profiles_available": 10, "geelark_plan_parallel_phones": 20,
	} {
		w.put(name, with(), constant(value))
	}
	w.put("geelark_account_last_success_timestamp_seconds", with(), func(i int) string { return strconv.Itoa(60 * i) })
	for _, c := range []string{"status", "inventory", "billing"} {
		w.put("geelark_collector_success", with("collector", c), constant(1))
	}
	for _, api := range []string{"phone/status", "phone/list", "pay/wallet", "pay/plan/info"} {
		w.put("geelark_api_paused_until_timestamp_seconds", with("api", api), constant(0))
		up, worked := w.series[text("geelark_up", with())], 0
		w.put("geelark_api_requests_total", with("api", api, "outcome", "0"), func(i int) string {
			if up[i] == "1" {
				worked++
			}
			return strconv.Itoa(worked)
		})
	}
	for _, reason := range []string{"not_scraped", "waiting", "paused", "lookup_failed", "call_failed", "outdated"} {
		w.put("geelark_phones_unobserved", with("reason", reason), constant(0))
	}
	for _, reason := range []string{"not_found", "unlisted", "unselected"} {
		w.put("geelark_phones_dropped_total", with("reason", reason), constant(0))
	}
	names := map[string]string{"0": "started", "1": "starting", "2": "shut_down", "3": "expired"}
	counts := make(map[[2]string][]int) // of phones by group and code
	tracked := make([]int, w.length)
	for _, p := range w.phones {
		if p.account != account {
			continue
		}
		w.put("geelark_phone_status_code", with("id", p.id), func(i int) string { return p.codes[i] })
		for i, code := range p.codes {
			if counts[[2]string{p.groups[i], "0"}] == nil {
				for c := range names {
					counts[[2]string{p.groups[i], c}] = make([]int, w.length)
				}
			}
			if names[code] != "" {
				counts[[2]string{p.groups[i], code}][i]++
				tracked[i]++
			}
		}
		for _, g := range slices.Compact(slices.Sorted(slices.Values(p.groups))) {
			w.put("geelark_phone_info", with("id", p.id, "serial_name", "phone-"+p.id, "group", g, "charge_mode", "per_minute"), func(i int) string {
				switch {
				case p.codes[i] != "_" && p.codes[i] != stale && p.groups[i] == g:
					return "1"
				case i > 0 && p.groups[i-1] == g:
					return stale
				}
				return "_"
			})
		}
	}
	for key, n := range counts {
		w.put("geelark_group_phones", with("group", key[0], "code", key[1], "status", names[key[1]]), func(i int) string { return strconv.Itoa(n[i]) })
	}
	for code, name := range names {
		w.put("geelark_phones", with("code", code, "status", name), func(i int) string {
			sum := 0
			for key, n := range counts {
				if key[1] == code {
					sum += n[i]
				}
			}
			return strconv.Itoa(sum)
		})
	}
	for _, name := range []string{"geelark_phones_tracked", "geelark_phones_listed"} {
		w.put(name, with(), func(i int) string { return strconv.Itoa(tracked[i]) })
	}
}

// has tells whether the scenario gives a series of an account itself.
func (w *world) has(name, account, exporter string) bool {
	for key := range w.given {
		if strings.HasPrefix(key, name+"{") && strings.Contains(key, fmt.Sprintf("account=%q", account)) && strings.Contains(key, fmt.Sprintf("instance=%q", exporter)) {
			return true
		}
	}
	return false
}

// happens takes what happens to series that are there.
func (w *world) happens(line string) bool {
	if m := downLine.FindStringSubmatch(line); m != nil {
		w.down(minutes(m[2]), minutes(m[3]), m[1])
		return true
	}
	if m := goneLine.FindStringSubmatch(line); m != nil {
		w.end(minutes(m[2]), w.length, fmt.Sprintf("instance=%q", m[1]))
		return true
	}
	if m := takenLine.FindStringSubmatch(line); m != nil {
		from := minutes(m[3])
		w.end(from, w.length, fmt.Sprintf("account=%q", m[1]), fmt.Sprintf("instance=%q", m[2]))
		for _, name := range []string{"geelark_accounts_configured", "geelark_accounts_owned"} {
			key := text(name, map[string]string{"job": "geelark", "instance": m[2]})
			for i := from; i < w.length; i++ {
				w.series[key][i] = plus(w.series[key][i], -1)
			}
		}
		return true
	}
	if m := comesLine.FindStringSubmatch(line); m != nil {
		from := minutes(m[3])
		for key, values := range w.series {
			if strings.Contains(key, fmt.Sprintf("account=%q", m[1])) && strings.Contains(key, fmt.Sprintf("instance=%q", m[2])) {
				copy(values, slices.Repeat([]string{"_"}, from))
			}
		}
		for _, name := range []string{"geelark_accounts_configured", "geelark_accounts_owned"} {
			key := text(name, map[string]string{"job": "geelark", "instance": m[2]})
			for i := range from {
				w.series[key][i] = plus(w.series[key][i], -1)
			}
		}
		return true
	}
	if m := slowLine.FindStringSubmatch(line); m != nil {
		n, _ := strconv.Atoi(m[2])
		for i := 1; i < w.length; i += n {
			w.down(i, i+n-1, m[1])
		}
		return true
	}
	if m := renameLine.FindStringSubmatch(line); m != nil {
		var key string
		for k := range w.series {
			if strings.HasPrefix(k, "geelark_phone_info{") && strings.Contains(k, fmt.Sprintf(`account=%q`, m[2])) && strings.Contains(k, fmt.Sprintf(`id=%q`, m[1])) {
				key = k
			}
		}
		present := w.series[key]
		delete(w.series, key)
		every := minutes(m[3])
		for from := 0; from < w.length; from += every {
			renamed := slices.Repeat([]string{"_"}, w.length)
			copy(renamed[from:min(from+every, w.length)], present[from:])
			if from+every < w.length {
				renamed[from+every] = stale
			}
			w.series[strings.Replace(key, "phone-"+m[1], fmt.Sprintf("phone-%s-%d", m[1], from/every), 1)] = renamed
		}
		return true
	}
	return false
}

// down lets the scrapes of an exporter fail for a time.
func (w *world) down(from, to int, exporter string) {
	key := text("up", map[string]string{"job": "geelark", "instance": exporter})
	up := slices.Clone(w.series[key])
	w.end(from, to, fmt.Sprintf("instance=%q", exporter))
	for i := from; i < min(to, w.length); i++ {
		up[i] = "0"
	}
	w.series[key] = up
}

// end ends the series that have all of the labels for a time.
func (w *world) end(from, to int, labels ...string) {
	for key, values := range w.series {
		if slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(key, l) }) {
			continue
		}
		for i := from; i < min(to, w.length); i++ {
			values[i] = "_"
			if i == from {
				values[i] = stale
			}
		}
	}
}
