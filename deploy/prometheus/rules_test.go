// Package prometheus has the tests of the configuration and the rules beside it.
package prometheus

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"geelark_exporter/deploy/processtest"
)

// promtool runs the tool that make installs. Without make the test is skipped.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path := processtest.Tool(t, "PROMTOOL")
	touch(t, ".")
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// touch looks at all files below a directory: Go's cache of test results knows
// what the test looks at, not what the programs do that it runs.
func touch(t *testing.T, dir string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
}

func TestPrometheusTakesTheConfigurations(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml", "prometheus.accounts.yml")
}

func TestTheRulesPassTheirUnitTests(t *testing.T) {
	t.Parallel()
	promtool(t, "test", "rules", unitTests)
}

const unitTests = "tests/alerts_test.yml"

type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

// rules returns the rules of a file, or of all.
func rules(t *testing.T, pattern string) []rule {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("rules", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules in %s: %v", pattern, err)
	}
	var all []rule
	for _, name := range files {
		var file struct{ Groups []struct{ Rules []rule } }
		decode(t, name, &file)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func decode(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const runbookURL = "https://example.com/geelark_exporter/runbook.md#"

func TestEveryAlertIsLabelledAnnotatedAndInTheRunbook(t *testing.T) {
	t.Parallel()
	runbook := readFile(t, "runbook.md")
	var names []string
	for _, r := range rules(t, "alerts.yml") {
		names = append(names, r.Alert)
		if s := r.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, s) {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
		for _, a := range []string{"summary", "description"} {
			if r.Annotations[a] == "" {
				t.Errorf("%s has no %s", r.Alert, a)
			}
		}
		if got, want := r.Annotations["runbook_url"], runbookURL+strings.ToLower(r.Alert); got != want {
			t.Errorf("%s has the runbook_url %q, want %q", r.Alert, got, want)
		}
		_, section, found := strings.Cut(runbook, "\n### "+r.Alert+"\n")
		section, _, _ = strings.Cut(section, "\n##")
		for _, part := range []string{"**Meaning.**", "**Do.**"} {
			if !found || !strings.Contains(section, part) {
				t.Errorf("the runbook says nothing of %s under %s", r.Alert, part)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(runbook, -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("the runbook has a section on %s, which is no alert", m[1])
		}
	}
}

func TestEveryAlertIsSeenSilentFiringAndResolved(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Name   string
			Alerts []struct {
				Name   string `yaml:"alertname"`
				Alerts []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	decode(t, unitTests, &file)
	const silent, firing, resolved = 1, 2, 3
	reached := make(map[string]int) // in one test, the last of silent, firing, resolved
	for _, test := range file.Tests {
		at := make(map[string]int)
		for _, a := range test.Alerts {
			switch {
			case len(a.Alerts) > 0 && at[a.Name] == silent:
				at[a.Name] = firing
			case len(a.Alerts) == 0 && at[a.Name] == firing:
				at[a.Name] = resolved
			case len(a.Alerts) == 0 && at[a.Name] == 0:
				at[a.Name] = silent
			}
			reached[a.Name] = max(reached[a.Name], at[a.Name])
		}
	}
	for _, r := range rules(t, "alerts.yml") {
		if reached[r.Alert] != resolved {
			t.Errorf("no test sees %s silent, then firing, then resolved", r.Alert)
		}
	}
}

func TestEveryRecordedSeriesThatIsUsedIsRecordedAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`geelark:[a-z0-9_:]+`)
	recorded, used := make(map[string]bool), make(map[string]bool)
	for _, r := range rules(t, "*.yml") {
		if r.Record != "" {
			recorded[r.Record] = true
		}
		for _, n := range name.FindAllString(r.Expr, -1) {
			used[n] = true
		}
	}
	for n := range used {
		if !recorded[n] {
			t.Errorf("%s is used and not recorded", n)
		}
	}
	for n := range recorded {
		if !used[n] {
			t.Errorf("%s is recorded and not used", n)
		}
	}
	for _, n := range name.FindAllString(readFile(t, "runbook.md"), -1) {
		if !recorded[n] {
			t.Errorf("the runbook names %s, which is not recorded", n)
		}
	}
}

// The number of one account goes first, an account that is left out has no alert,
// as the comment in the file says.
func TestAThresholdCanBeAnotherForOneAccountOrNone(t *testing.T) {
	t.Parallel()
	const usual = "expr: 20 * geelark:account\n"
	thresholds := readFile(t, "rules/thresholds.yml")
	if strings.Count(thresholds, usual) != 1 {
		t.Fatalf("not one rule with %q", usual)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("thresholds.yml", strings.Replace(thresholds, usual,
		`expr: 500 * geelark:account{account="a"} or 20 * geelark:account{account!="sandbox"}`+"\n", 1))
	write("recording.yml", readFile(t, "rules/recording.yml"))
	write("alerts.yml", readFile(t, "rules/alerts.yml"))
	write("test.yml", `
rule_files: [thresholds.yml, recording.yml, alerts.yml]
tests:
  - input_series:
      - {series: 'geelark_account_info{account="a"}', values: 1x20}
      - {series: 'geelark_account_info{account="b"}', values: 1x20}
      - {series: 'geelark_account_info{account="sandbox"}', values: 1x20}
      - {series: 'geelark_wallet_balance{account="a"}', values: 400x20}
      - {series: 'geelark_wallet_balance{account="b"}', values: 400x20}
      - {series: 'geelark_wallet_balance{account="sandbox"}', values: 0x20}
    promql_expr_test:
      - eval_time: 15m
        expr: ALERTS{alertname="GeelarkBalanceLow"}
        exp_samples:
          - {labels: 'ALERTS{alertname="GeelarkBalanceLow",alertstate="firing",account="a",severity="warning"}', value: 1}
`)
	promtool(t, "test", "rules", filepath.Join(dir, "test.yml"))
}
