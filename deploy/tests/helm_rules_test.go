package deploy

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"geelark_exporter/deploy/processtest"
)

// groupsOf returns the groups of rules in the repository.
func groupsOf(t *testing.T) []monitoring.RuleGroup {
	t.Helper()
	var all []monitoring.RuleGroup
	for _, file := range glob(t, root+"/deploy/prometheus/rules/*.yml") {
		var spec monitoring.PrometheusRuleSpec
		decode(t, read(t, file), &spec)
		all = append(all, spec.Groups...)
	}
	return all
}

// equal fails unless two values look the same as YAML.
func equal(t *testing.T, got, want any) {
	t.Helper()
	g, err1 := yaml.Marshal(got)
	w, err2 := yaml.Marshal(want)
	if err1 != nil || err2 != nil || string(g) != string(w) {
		t.Errorf("got (%v)\n%s\nwant (%v)\n%s", err1, g, err2, w)
	}
}

func TestThePrometheusRuleHoldsTheRules(t *testing.T) {
	t.Parallel()
	want := groupsOf(t)
	enabled := []string{"--set=demo.enabled=true", "--set=prometheusRule.enabled=true"}
	rule := func(args ...string) *monitoring.PrometheusRule {
		t.Helper()
		rules := of[monitoring.PrometheusRule](render(t, args...))
		if len(rules) != 1 {
			t.Fatalf("%d PrometheusRules", len(rules))
		}
		return rules[0]
	}
	all := rule(enabled...)
	equal(t, all.Spec.Groups, want)

	var alert string
	for _, g := range want {
		for _, r := range g.Rules {
			alert = cmp.Or(alert, r.Alert)
		}
	}
	if alert == "" {
		t.Fatal("there is no alert")
	}
	names := func(rule *monitoring.PrometheusRule) map[string]int {
		n := map[string]int{}
		for _, g := range rule.Spec.Groups {
			for _, r := range g.Rules {
				n[r.Alert+r.Record]++
			}
		}
		return n
	}
	fewer := names(all)
	delete(fewer, alert)
	without := rule(append(enabled, "--set=prometheusRule.disabledAlerts={"+alert+"}")...)
	if got := names(without); !maps.Equal(got, fewer) {
		t.Errorf("without %s the rules are %v, want %v", alert, got, fewer)
	}

	more := rule("--values=" + chart + "/ci/shards-values.yaml")
	if got := names(more); got["NoPhones"] != 1 || len(got) != len(names(all))+1 {
		t.Errorf("with an additional group the rules are %v", got)
	}
	exprs := map[string]string{}
	for _, g := range more.Spec.Groups {
		for _, r := range g.Rules {
			exprs[r.Record+r.Alert] = r.Expr.String()
			if u, ok := r.Annotations["runbook_url"]; ok && !strings.HasPrefix(u, "https://wiki.example.org/geelark#") {
				t.Errorf("the runbook of %s is at %s", r.Alert, u)
			}
		}
	}
	for name, want := range map[string]string{
		"GeelarkBalanceLow":                       "< 12.5 # credit\n",
		"geelark:phone:subscription_left_seconds": "< 1.296e+06 # expiring_seconds\n",
		"geelark:group:stops_expected":            `group=~"night|batch-\\d$"} # groups_with_expected_stops` + "\n",
		"GeelarkParallelsExceeded":                ">= +Inf # phones_beyond_parallels\n",
	} {
		if got := exprs[name]; !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", name, got, want)
		}
	}
	for _, rule := range []*monitoring.PrometheusRule{all, without, more} {
		text, err := yaml.Marshal(rule.Spec)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "rules.yml")
		write(t, file, text)
		must(t, processtest.Tool(t, "PROMTOOL"), "check", "rules", file)
	}
}

func TestConfigMapsHoldTheDashboards(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, file := range glob(t, root+"/dashboards/json/*.json") {
		want[filepath.Base(file)] = strings.TrimSpace(string(read(t, file)))
	}
	got := map[string]string{}
	for _, m := range of[core.ConfigMap](render(t, "--set=demo.enabled=true", "--set=dashboards.enabled=true")) {
		if m.Labels["grafana_dashboard"] != "1" || m.Annotations["grafana_folder"] != "GeeLark" {
			t.Errorf("the sidecar does not find %s", m.Name)
		}
		if problems := validation.IsDNS1123Subdomain(m.Name); len(problems) > 0 {
			t.Errorf("the name %s: %q", m.Name, problems)
		}
		for name, content := range m.Data {
			got[name] = strings.TrimSpace(content)
			if len(content) > 1<<20 {
				t.Errorf("%s is larger than the 1 MiB of a ConfigMap", name)
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("dashboards %q are not those of the repository, %q, or not in the same words",
			slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}
