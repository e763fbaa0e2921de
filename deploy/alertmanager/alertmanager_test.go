// Package alertmanager has the tests of the configuration beside it.
package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

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
	base := start(t)
	phone := func(alert, account, group, id string) labels {
		return labels{"alertname": alert, "account": account, "group": group, "id": id}
	}
	of := func(alert, account string) labels { return labels{"alertname": alert, "account": account} }
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
			{of("GeelarkAccountUnreachable", "a1"), false},
			{phone("GeelarkPhoneStopped", "a1", "farm", "1"), true},
			{labels{"alertname": "GeelarkGroupDown", "account": "a1", "group": "farm"}, true},
			{of("GeelarkBudgetTooSmall", "a1"), true},
			{of("GeelarkBalanceLow", "a1"), false},
			{phone("GeelarkPhoneStopped", "a2", "farm", "1"), false},
		}},
		{"a lock silences that the account is unreachable, and both the phones", []expectation{
			{labels{"alertname": "GeelarkApiLocked", "account": "b1", "endpoint": "phone/status"}, false},
			{of("GeelarkAccountUnreachable", "b1"), true},
			{of("GeelarkApiRateLimited", "b1"), true},
			{phone("GeelarkPhoneExpired", "b1", "farm", "1"), true},
		}},
		{"a lock of another endpoint leaves the phones alone", []expectation{
			{labels{"alertname": "GeelarkApiLocked", "account": "c1", "endpoint": "pay/wallet"}, false},
			{phone("GeelarkPhoneExpired", "c1", "farm", "1"), false},
		}},
		{"refused credentials silence that the account is unreachable", []expectation{
			{of("GeelarkCredentialsRefused", "d1"), false},
			{of("GeelarkAccountUnreachable", "d1"), true},
			{phone("GeelarkPhoneStopped", "d1", "farm", "1"), true},
		}},
		{"a group that is down silences its stopped phones, not its expired ones or another group's", []expectation{
			{labels{"alertname": "GeelarkGroupDown", "account": "e1", "group": "farm"}, false},
			{phone("GeelarkPhoneStopped", "e1", "farm", "1"), true},
			{phone("GeelarkPhoneExpired", "e1", "farm", "2"), false},
			{phone("GeelarkPhoneStopped", "e1", "qa", "3"), false},
		}},
		{"an expired phone is not stopped too, another is", []expectation{
			{phone("GeelarkPhoneExpired", "f1", "farm", "1"), false},
			{phone("GeelarkPhoneStopped", "f1", "farm", "1"), true},
			{phone("GeelarkPhoneStopped", "f1", "farm", "2"), false},
		}},
		{"a phone that does not exist is nothing else", []expectation{
			{phone("GeelarkPhoneNotFound", "g1", "farm", "1"), false},
			{phone("GeelarkPhoneExpired", "g1", "farm", "1"), true},
			{phone("GeelarkPhoneExpiring", "g1", "farm", "1"), true},
		}},
		{"a balance that is low is not running out too", []expectation{
			{of("GeelarkBalanceLow", "h1"), false},
			{of("GeelarkBalanceRunningOut", "h1"), true},
		}},
		{"an exporter that is down silences all of the accounts it watched, and no other's", []expectation{
			{labels{"alertname": "GeelarkExporterDown", "job": "geelark", "instance": "e:9824"}, false},
			{labels{"alertname": "GeelarkExporterDown", "job": "geelark-accounts", "instance": "e:9824", "account": "i1"}, true},
			{labels{"alertname": "GeelarkExporterDown", "job": "geelark-accounts", "instance": "f:9824", "account": "i2"}, false},
			{of("GeelarkAccountNotWatched", "i1"), true},
			{of("GeelarkAccountUnreachable", "i1"), true},
			{of("GeelarkBalanceLow", "i1"), true},
			{phone("GeelarkPhoneStopped", "i1", "farm", "1"), true},
			{phone("GeelarkPhoneStopped", "i3", "farm", "1"), false},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var post []map[string]any
			want := make(map[string]bool)
			for _, e := range test.alerts {
				post = append(post, map[string]any{"labels": e.alert})
				want[fmt.Sprint(e.alert)] = e.silenced
			}
			body, err := json.Marshal(post)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Post(base+"/api/v2/alerts", "application/json", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("posting alerts: %s", resp.Status)
			}
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

type alert struct {
	Labels labels
	Status struct{ InhibitedBy []string }
}

func alerts(t *testing.T, base string) []alert {
	t.Helper()
	resp, err := http.Get(base + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []alert
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

// start runs Alertmanager with the configuration as it is, and returns its
// address. group_wait is longer than the test: nothing is sent.
func start(t *testing.T) string {
	t.Helper()
	p := processtest.Start(t, exec.Command(tool(t, "ALERTMANAGER"), "--config.file="+configFile, "--storage.path="+t.TempDir(),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address="))
	return "http://" + p.Address()
}
