package deploy

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-jsonnet"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

// mixin evaluates an expression of the mixin with a configuration.
func mixin(t *testing.T, config, field string) (string, error) {
	t.Helper()
	vm := jsonnet.MakeVM()
	vm.Importer(&jsonnet.FileImporter{JPaths: []string{root}})
	return vm.EvaluateAnonymousSnippet("test", `((import 'deploy/mixin/mixin.libsonnet') + { _config+:: `+config+` }).`+field)
}

// mixed are the groups of the mixin's rules with a configuration.
func mixed(t *testing.T, config string) []monitoring.RuleGroup {
	t.Helper()
	text, err := mixin(t, config, "prometheusAlerts")
	if err != nil {
		t.Fatal(err)
	}
	var spec monitoring.PrometheusRuleSpec
	decode(t, []byte(text), &spec)
	return spec.Groups
}

func TestTheMixinHoldsTheRules(t *testing.T) {
	t.Parallel()
	equal(t, mixed(t, "{}"), groupsOf(t))
}

func TestTheMixinHoldsTheDashboards(t *testing.T) {
	t.Parallel()
	text, err := mixin(t, "{}", "grafanaDashboards")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]any)
	for _, file := range glob(t, root+"/dashboards/json/*.json") {
		var dashboard any
		if err := json.Unmarshal(read(t, file), &dashboard); err != nil {
			t.Fatal(err)
		}
		want[filepath.Base(file)] = dashboard
	}
	equal(t, got, want)
}

// What the mixin makes of a configuration is what the chart makes of it.
func TestTheMixinIsConfiguredAsTheChartIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ mixin, chart string }{
		"runbook": {`{ runbookURL: 'https://wiki.example.org/geelark' }`, `{"runbookUrl": "https://wiki.example.org/geelark"}`},
		"alerts":  {`{ disabledAlerts: ['GeelarkPhoneExpired'] }`, `{"disabledAlerts": ["GeelarkPhoneExpired"]}`},
		"number":  {`{ thresholds+: { credit: 12.5 } }`, `{"thresholds": {"credit": 12.5}}`},
		"jobs":    {`{ jobSelector: 'job="phones", cluster="eu"' }`, `{"jobSelector": "job=\"phones\", cluster=\"eu\""}`},
		"pattern": {`{ thresholds+: { groups_with_expected_stops: 'night|batch-.*' } }`, `{"thresholds": {"groups_with_expected_stops": "night|batch-.*"}}`},
		"quotes":  {`{ thresholds+: { groups_with_expected_stops: '"a$1"|b\\\\d' } }`, `{"thresholds": {"groups_with_expected_stops": "\"a$1\"|b\\\\d"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			rules := of[monitoring.PrometheusRule](render(t, "--set=demo.enabled=true", "--set=prometheusRule.enabled=true", "--set-json=prometheusRule="+c.chart))
			if len(rules) != 1 {
				t.Fatalf("%d PrometheusRules", len(rules))
			}
			got := mixed(t, c.mixin)
			equal(t, got, rules[0].Spec.Groups)
			if same := mixed(t, "{}"); slices.EqualFunc(got, same, func(a, b monitoring.RuleGroup) bool { return asJSON(t, a) == asJSON(t, b) }) {
				t.Error("the configuration changes nothing")
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheMixinRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{ disabledAlerts: ['GeelarkPhoneExpire'] }`:         "there is no alert GeelarkPhoneExpire",
		`{ thresholds+: { credits: 5 } }`:                    "there is no threshold credits",
		`{ thresholds+: { credit: '5' } }`:                   "credit is a number",
		`{ thresholds+: { groups_with_expected_stops: 5 } }`: "groups_with_expected_stops is a pattern",
	} {
		if _, err := mixin(t, config, "prometheusAlerts"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}
