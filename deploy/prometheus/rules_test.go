// Package prometheus has the tests of the configuration and the rules beside it.
package prometheus

import (
	"io/fs"
	"maps"
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
	touch(t)
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// touch looks at all files beside the test: Go's cache of test results knows what the
// test looks at, not what the programs do that it runs.
func touch(t *testing.T) {
	t.Helper()
	if err := filepath.WalkDir(".", func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		t.Fatal(err)
	}
}

func TestPrometheusTakesTheConfigurations(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml", "prometheus.accounts.yml")
}

// pint knows more of what goes wrong with rules than promtool. Without a server it
// asks for no series.
func TestPintFindsNothingInTheRules(t *testing.T) {
	t.Parallel()
	touch(t)
	out, err := exec.Command(processtest.Tool(t, "PINT"), "--offline", "--no-color", "--log-level=error", "lint", "--min-severity=info", "--fail-on=info", "rules").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

// rules returns all rules.
func rules(t *testing.T) []rule {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("rules", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules: %v", err)
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

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

const runbookURL = "https://example.com/geelark_exporter/runbook.md#"

func TestEveryAlertIsLabelledAnnotatedAndInTheRunbook(t *testing.T) {
	t.Parallel()
	runbook := readFile(t, "runbook.md")
	var names []string
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
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
		_, section, _ := strings.Cut(runbook, "\n### "+r.Alert+"\n")
		section, _, _ = strings.Cut(section, "\n##")
		for _, part := range []string{"**Meaning.**", "**Not.**", "**Look at**", "**Do.**", "**Planned.**"} {
			_, rest, found := strings.Cut("\n"+section, "\n"+part)
			if !found {
				t.Errorf("the runbook says nothing of %s under %s, or not in this order", r.Alert, part)
			}
			section = rest
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Geelark.+)$`).FindAllStringSubmatch(runbook, -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("the runbook has a section on %s, which is no alert", m[1])
		}
	}
}

func TestTheREADMEListsTheAlerts(t *testing.T) {
	t.Parallel()
	listed := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^\| `+"`(Geelark\\w+)`"+` \| (\w+) \|`).FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		listed[m[1]] = m[2]
	}
	want := make(map[string]string)
	for _, r := range rules(t) {
		if r.Alert != "" {
			want[r.Alert] = r.Labels["severity"]
		}
	}
	if !maps.Equal(listed, want) {
		t.Errorf("README.md lists %v, want %v", listed, want)
	}
}

// TestRulesReadMetricsThatExist holds it for expressions and texts.
func TestRulesReadMetricsThatExist(t *testing.T) {
	t.Parallel()
	listed := readFile(t, "../../collector/METRICS.md")
	for _, r := range rules(t) {
		for _, text := range append(slices.Collect(maps.Values(r.Annotations)), r.Expr) {
			for _, name := range regexp.MustCompile(`\bgeelark_[a-z_]+`).FindAllString(strings.ReplaceAll(text, "geelark_exporter/", ""), -1) {
				if !strings.Contains(listed, "`"+name+"`") {
					t.Errorf("%s reads %s, which is no metric", r.Record+r.Alert, name)
				}
			}
		}
	}
}

// TestEveryAlertSaysWhenItMustFire holds that the rules say it, in the comment
// above each.
func TestEveryAlertSaysWhenItMustFire(t *testing.T) {
	t.Parallel()
	alert := regexp.MustCompile(`((?: *#.*\n)*) *- alert: (.+)\n`)
	files, err := filepath.Glob("rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		for _, m := range alert.FindAllStringSubmatch(readFile(t, name), -1) {
			for _, say := range []string{"Must fire:", "Must not:"} {
				if !strings.Contains(m[1], say) && !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(m[1], "#", "")), " "), say) {
					t.Errorf("%s: nothing above %s says %q", name, m[2], say)
				}
			}
		}
	}
}

// TestRulesStandInTheOrderInWhichTheyNeedEachOther holds it for each group: what
// stands later is one evaluation old.
func TestRulesStandInTheOrderInWhichTheyNeedEachOther(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		var file struct {
			Groups []struct {
				Name  string
				Rules []rule
			}
		}
		decode(t, name, &file)
		for _, g := range file.Groups {
			at := make(map[string]int)
			for i, r := range g.Rules {
				if r.Record != "" {
					at[r.Record] = i
				}
			}
			for i, r := range g.Rules {
				for _, used := range seriesName.FindAllString(r.Expr, -1) {
					if j, here := at[used]; here && j > i {
						t.Errorf("%s: %s needs %s, which stands later", g.Name, r.Record+r.Alert, used)
					}
				}
			}
		}
	}
}

var seriesName = regexp.MustCompile(`geelark:[a-z0-9_:]+`)

func TestEveryRecordedSeriesThatIsUsedIsRecordedAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	name := seriesName
	recorded, used := make(map[string]bool), make(map[string]bool)
	for _, r := range rules(t) {
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
