// Package alertmanager has the tests of the configuration beside it.
package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"geelark_exporter/deploy/processtest"
)

const configFile = "alertmanager.yml"

// tool returns a program that make installs. Without make the test is skipped.
func tool(t *testing.T, variable string) string {
	t.Helper()
	path := processtest.Tool(t, variable)
	// Go's cache of test results knows what the test looks at, not what the
	// programs do that it runs.
	if _, err := os.Stat(configFile); err != nil {
		t.Fatal(err)
	}
	return path
}

func amtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(tool(t, "AMTOOL"), args...).CombinedOutput(); err != nil {
		t.Errorf("amtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlertmanagerTakesTheConfiguration(t *testing.T) {
	t.Parallel()
	amtool(t, "check-config", configFile)
}

func TestAlertsGoToTheirReceivers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, alert, severity, receivers string }{
		{"a critical one goes to the webhook, the chat and by e-mail", "GeelarkApiLocked", "critical", "webhook,chat-and-email"},
		{"a warning goes to the webhook and the chat", "GeelarkPhoneStopped", "warning", "webhook,chat"},
		{"an information goes there too", "GeelarkProfilesExhausted", "info", "webhook,chat"},
		{"one of another program goes to the default", "DiskFull", "critical", "chat"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			amtool(t, "config", "routes", "test", "--config.file="+configFile, "--verify.receivers="+test.receivers,
				"alertname="+test.alert, "severity="+test.severity, "account=a", "group=farm-1")
		})
	}
}

type labels map[string]string

func TestAnAlertThatExplainsOthersSilencesThem(t *testing.T) {
	t.Parallel()
	base := startWith(t, configFile) // whose group_wait is longer than the test
	of := func(alert, account string, more ...string) labels {
		l := labels{"alertname": alert, "account": account}
		for pair := range slices.Chunk(more, 2) {
			l[pair[0]] = pair[1]
		}
		return l
	}
	phone := func(alert, account, id string) labels { return of(alert, account, "id", id) }
	type expectation struct {
		alert    labels
		silenced bool
	}
	// Each case has accounts of its own.
	for _, test := range []struct {
		name   string
		alerts []expectation
	}{
		{"an unreachable account silences what is about its phones, not about others'", []expectation{
			{of("GeelarkAccountUnreachable", "a1", "api", "phone/status"), false},
			{phone("GeelarkPhoneStopped", "a1", "1"), true},
			{of("GeelarkPhoneExpiring", "a1"), true},
			{of("GeelarkGroupDown", "a1", "group", "farm"), true},
			{of("GeelarkFleetShrunk", "a1"), true},
			{of("GeelarkPhonesUnobserved", "a1"), true},
			{of("GeelarkBudgetTooSmall", "a1"), true},
			{of("GeelarkCollectorFailing", "a1", "collector", "status"), true},
			{of("GeelarkCollectorFailing", "a1", "collector", "inventory"), false},
			{of("GeelarkCollectorFailing", "a1", "collector", "billing"), false},
			{of("GeelarkBalanceLow", "a1"), false},
			{phone("GeelarkPhoneStopped", "a2", "1"), false},
		}},
		{"a lock of statuses silences that the account is unreachable, and both the phones", []expectation{
			{of("GeelarkApiLocked", "b1", "api", "phone/status"), false},
			{of("GeelarkAccountUnreachable", "b1", "api", "phone/status"), true},
			{of("GeelarkApiRateLimited", "b1"), true},
			{of("GeelarkCollectorFailing", "b1", "collector", "status"), true},
			{phone("GeelarkPhoneExpired", "b1", "1"), true},
		}},
		{"a lock of statuses leaves another API's failure alone", []expectation{
			{of("GeelarkApiLocked", "b2", "api", "phone/status"), false},
			{of("GeelarkCollectorFailing", "b2", "collector", "inventory"), false},
			{of("GeelarkCollectorFailing", "b2", "collector", "billing"), false},
		}},
		{"a lock of another API silences no outage", []expectation{
			{of("GeelarkApiLocked", "c1", "api", "pay/wallet"), false},
			{of("GeelarkCollectorFailing", "c1", "collector", "billing"), true},
			{of("GeelarkAccountUnreachable", "c1", "api", "phone/status"), false},
			{of("GeelarkApiLocked", "c2", "api", "phone/list"), false},
			{of("GeelarkAccountUnreachable", "c2", "api", "phone/list"), true},
			{of("GeelarkAccountUnreachable", "c2", "api", "phone/status"), false},
			{of("GeelarkApiLocked", "c3", "api", "phone/list"), false},
			{of("GeelarkAccountUnreachable", "c3", "api", "phone/list"), true},
			{phone("GeelarkPhoneStopped", "c3", "1"), false},
		}},
		{"refused credentials silence that the account is unreachable", []expectation{
			{of("GeelarkCredentialsRefused", "d1"), false},
			{of("GeelarkAccountUnreachable", "d1", "api", "phone/status"), true},
			{of("GeelarkCollectorFailing", "d1", "collector", "billing"), true},
			{phone("GeelarkPhoneStopped", "d1", "1"), true},
		}},
		{"a restriction of statuses silences that the account is unreachable, one of the list does not", []expectation{
			{of("GeelarkAccountRestricted", "e1", "api", "phone/status", "outcome", "46001"), false},
			{of("GeelarkAccountUnreachable", "e1", "api", "phone/status"), true},
			{phone("GeelarkPhoneStopped", "e1", "1"), true},
			{of("GeelarkAccountRestricted", "e2", "api", "phone/list", "outcome", "40015"), false},
			{of("GeelarkCollectorFailing", "e2", "collector", "inventory"), true},
			{of("GeelarkAccountUnreachable", "e2", "api", "phone/status"), false},
		}},
		{"a group that is down leaves the account's other phones alone", []expectation{
			{of("GeelarkGroupDown", "f1", "group", "farm"), false},
			{phone("GeelarkPhoneStopped", "f1", "1"), false},
			{phone("GeelarkPhoneExpired", "f1", "2"), false},
		}},
		{"a fleet that is not observed silences its single phones' lookups", []expectation{
			{of("GeelarkPhonesUnobserved", "g1"), false},
			{phone("GeelarkPhoneLookupFailing", "g1", "1"), true},
			{phone("GeelarkPhoneStopped", "g1", "2"), false},
		}},
		{"a selection of nothing says why the fleet shrank", []expectation{
			{of("GeelarkNothingSelected", "g2"), false},
			{of("GeelarkFleetShrunk", "g2"), true},
		}},
		{"a phone that does not exist is nothing else, another is", []expectation{
			{phone("GeelarkPhoneNotFound", "h1", "1"), false},
			{phone("GeelarkPhoneExpired", "h1", "1"), true},
			{phone("GeelarkPhoneExpired", "h1", "2"), false},
			{of("GeelarkPhoneExpiring", "h1"), false},
		}},
		{"a cause of failing tasks says why they fail", []expectation{
			{of("GeelarkTasksFailingForOneCause", "i2", "cause", "proxy"), false},
			{of("GeelarkTasksFailing", "i2"), true},
			{of("GeelarkTasksOverdue", "i2"), false},
		}},
		{"a balance that ends today is not running out too", []expectation{
			{of("GeelarkBalanceEndsToday", "i3"), false},
			{of("GeelarkBalanceRunningOut", "i3"), true},
			{of("GeelarkBalanceLow", "i3"), false},
		}},
		{"a balance that is low is not running out too", []expectation{
			{of("GeelarkBalanceLow", "i1"), false},
			{of("GeelarkBalanceRunningOut", "i1"), true},
		}},
		{"an exporter that is down silences all of the accounts it watched, and no other's", []expectation{
			{labels{"alertname": "GeelarkExporterDown", "job": "geelark", "instance": "e:9824"}, false},
			{labels{"alertname": "GeelarkShardMissing", "job": "geelark"}, true},
			{of("GeelarkAccountNotWatched", "j1", "instance", "e:9824"), true},
			{of("GeelarkAccountUnreachable", "j1", "api", "phone/status"), true},
			{of("GeelarkBalanceLow", "j1"), true},
			{phone("GeelarkPhoneStopped", "j1", "1"), true},
			{of("GeelarkAccountNotWatched", "j2", "instance", "f:9824"), false},
			{phone("GeelarkPhoneStopped", "j3", "1"), false},
			{labels{"alertname": "GeelarkConfigReloadFailed", "job": "geelark", "instance": "f:9824"}, false},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var all []fired
			want := make(map[string]bool)
			for _, e := range test.alerts {
				all = append(all, fired{Labels: e.alert})
				want[fmt.Sprint(e.alert)] = e.silenced
			}
			send(t, base, all...)
			ctx, cancel := context.WithTimeout(t.Context(), processtest.Patience)
			defer cancel()
			processtest.Until(ctx, t, func() string {
				var wrong []string
				seen := 0
				for _, a := range alerts(t, base) {
					silenced, mine := want[fmt.Sprint(a.Labels)]
					if mine {
						seen++
					}
					if mine && silenced != (len(a.Status.InhibitedBy) > 0) {
						wrong = append(wrong, fmt.Sprintf("%v: silenced by %v, want silenced: %v", a.Labels, a.Status.InhibitedBy, silenced))
					}
				}
				if seen < len(want) {
					wrong = append(wrong, fmt.Sprintf("%d alerts of %d", seen, len(want)))
				}
				return strings.Join(wrong, "\n")
			})
		})
	}
}

// TestWhatSilencesEndsLast holds that an alert which explains another fires longer
// when both end: otherwise the other would be told then. Alerts about phones do not
// end with what silences them, and those of an account that is watched again must be
// told.
func TestWhatSilencesEndsLast(t *testing.T) {
	t.Parallel()
	keep := make(map[string]time.Duration)
	files, err := filepath.Glob("../prometheus/rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		var file struct {
			Groups []struct {
				Rules []struct {
					Alert string
					Keep  string `yaml:"keep_firing_for"`
				}
			}
		}
		decode(t, name, &file)
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if r.Alert == "" {
					continue
				}
				keep[r.Alert] = 0
				if r.Keep != "" {
					if keep[r.Alert], err = time.ParseDuration(r.Keep); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	var config struct {
		Inhibit []struct {
			Source []string `yaml:"source_matchers"`
			Target []string `yaml:"target_matchers"`
		} `yaml:"inhibit_rules"`
	}
	decode(t, configFile, &config)
	pairs := 0
	for _, r := range config.Inhibit {
		for source := range keep {
			for target := range keep {
				if !matches(t, r.Source, source) || !matches(t, r.Target, target) || source == "GeelarkAccountNotWatched" ||
					strings.HasPrefix(r.Target[0], `alertname=~"GeelarkPhone.+|`) || source == "GeelarkPhoneNotFound" {
					continue
				}
				pairs++
				if keep[source] <= keep[target] {
					t.Errorf("%s silences %s and fires for %s after its end, the other for %s", source, target, keep[source], keep[target])
				}
			}
		}
	}
	if pairs < 10 {
		t.Errorf("only %d pairs were looked at", pairs)
	}
}

// matches tells whether matchers take an alert, by its name alone.
func matches(t *testing.T, matchers []string, alert string) bool {
	t.Helper()
	for _, m := range matchers {
		parts := regexp.MustCompile(`^alertname(=~|!~|!=|=)"(.*)"$`).FindStringSubmatch(m)
		if parts == nil {
			continue
		}
		equal := regexp.MustCompile("^(?:" + parts[2] + ")$").MatchString(alert)
		if equal == strings.HasPrefix(parts[1], "!") {
			return false
		}
	}
	return true
}

func decode(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

type alert struct {
	Labels labels
	Status struct{ InhibitedBy, MutedBy []string }
}

func alerts(t *testing.T, base string) (list []alert) {
	t.Helper()
	get(t, base+"/api/v2/alerts", &list)
	return list
}

func get(t *testing.T, url string, into any) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}
