package statuspage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

func TestOneCauseIsOneCard(t *testing.T) {
	at := func(minute int) time.Time { return time.Unix(0, 0).Add(time.Duration(minute) * time.Minute) }
	refused := func(e geelark.Endpoint, first, last, times int) watch.AccountError {
		return watch.AccountError{Endpoint: e, Outcome: "40003", IsCode: true, First: at(first), Last: at(last), Times: times, Ongoing: true}
	}
	over := func(e watch.AccountError, ended int) watch.AccountError {
		e.Ongoing, e.Ended = false, at(ended)
		return e
	}
	file := func(message string) watch.AccountError {
		return watch.AccountError{Outcome: watch.OutcomeCredentials, Message: message, First: at(1), Last: at(2), Times: 2, Ongoing: true}
	}
	gateway := watch.AccountError{Endpoint: "phone/list", Outcome: "502", First: at(8), Last: at(8), Times: 1, Ongoing: true}
	for name, tt := range map[string]struct {
		errors []watch.AccountError // the latest first
		want   []string
	}{
		"none": {nil, nil},
		"a wrong key that hits three collectors": {
			[]watch.AccountError{refused("pay/wallet", 3, 9, 2), refused("phone/list", 1, 8, 5), refused("phone/status", 2, 7, 4)},
			[]string{"40003 ongoing pay/wallet, phone/list, phone/status 11 times, first 9 min ago, last 1 min ago."},
		},
		"the same, which is over": {
			[]watch.AccountError{over(refused("pay/wallet", 3, 9, 2), 9), over(refused("phone/list", 1, 8, 5), 10)},
			[]string{"40003 over pay/wallet, phone/list 7 times, first 9 min ago, last 1 min ago. It ended 0 s ago."},
		},
		"what lasts comes first": {
			[]watch.AccountError{over(refused("pay/wallet", 9, 9, 1), 9), gateway},
			[]string{"502 ongoing phone/list Once, 2 min ago.", "40003 over pay/wallet Once, 1 min ago. It ended 1 min ago."},
		},
		"what lasts and what is over of a cause": {
			[]watch.AccountError{refused("pay/wallet", 9, 9, 1), over(refused("pay/wallet", 1, 2, 2), 3)},
			[]string{"40003 ongoing pay/wallet Once, 1 min ago.", "40003 over pay/wallet 2 times, first 9 min ago, last 8 min ago. It ended 7 min ago."},
		},
		"two files": {
			[]watch.AccountError{file("/a"), file("/b"), file("/a")},
			[]string{"credentials ongoing  4 times, first 9 min ago, last 8 min ago.", "credentials ongoing  2 times, first 9 min ago, last 8 min ago."},
		},
		"a status is no code": {
			[]watch.AccountError{{Outcome: "502", IsCode: true, Times: 1, Ongoing: true, Last: at(10)}, gateway},
			[]string{"502 ongoing  Once, 0 s ago.", "502 ongoing phone/list Once, 2 min ago."},
		},
	} {
		a := account{AccountOverview: watch.AccountOverview{Errors: tt.errors}, status: &status{Overview: watch.Overview{At: at(10)}}}
		var got []string
		for _, c := range a.Cards() {
			got = append(got, fmt.Sprintf("%s %s %s %s", c.Outcome, c.State(), c.Where(), c.Lasting()))
			if (len(c.Advice()) > 0) != c.Ongoing && c.IsCode && c.Outcome == "40003" {
				t.Errorf("%s: what is %s says %q", name, c.State(), c.Advice())
			}
		}
		if g, w := strings.Join(got, "\n"), strings.Join(tt.want, "\n"); g != w {
			t.Errorf("%s: got\n%s\nwant\n%s", name, g, w)
		}
	}
}

func TestSettingsHaveTheNamesThatTheUserHas(t *testing.T) {
	flags := settings(func(field string) string { return map[string]string{"base_url": "--geelark.base-url"}[field] })
	for text, want := range map[string]string{
		"Check {base_url}.":         "Check --geelark.base-url.",
		"Correct {phones.discover}": "Correct phones.discover",
		"{A} {} { b }":              "{A} {} { b }",
	} {
		if got := flags.name(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := settings(nil).name("Check {base_url}."); got != "Check base_url." {
		t.Errorf("with a file: %q", got)
	}
	for want, c := range map[string]geelark.CredentialSource{
		"the token of token_env":                              geelark.Credentials{Token: "x"},
		"the app id of app_id and the API key of api_key_env": geelark.Credentials{AppID: "x", APIKey: "y"},
		"the token in /t":                                     geelark.TokenFile("/t"),
		"the app id of app_id and the API key in /k":          geelark.APIKeyFile{AppID: "x", File: "/k"},
	} {
		if got := settings(nil).credentials(&watch.AccountConfig{Credentials: c}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
