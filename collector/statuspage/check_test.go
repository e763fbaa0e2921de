package statuspage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		works, large, typo, token, clock, down, empty := newConfig("works"), newConfig("large"), newConfig("typo"), newConfig("token"), newConfig("clock"), newConfig("down"), newConfig("empty")
		large.Discovery.Tags = []string{"ads", "shop"}
		large.Limits.PerMinute = 1
		typo.Discovery.Groups = []string{"farm1"}
		token.Credentials = geelark.TokenFile(filepath.Join(t.TempDir(), "token"))
		if err := os.WriteFile(string(token.Credentials.(geelark.TokenFile)), []byte(testToken), 0o600); err != nil {
			t.Fatal(err)
		}
		clock.Credentials = geelark.Credentials{AppID: "the-app", APIKey: "the-api-key"}
		b := newBench(t, 250, works, large, typo, token, clock, down, empty)
		defer b.watcher.Close()
		b.sims["token"].SetCredentials("another", "", "")
		b.sims["clock"].SetCredentials("", "the-app", "another")
		b.skew["clock"] = -90 * time.Second
		b.sims["down"].Inject(geelarktest.Fault{Drop: true})
		b.sims["empty"].Remove(b.sims["empty"].IDs()...)
		var out strings.Builder
		ok, err := Report(&out, b.watcher.Check(t.Context()), nil)
		if ok || err != nil {
			t.Errorf("ok %v, error %v with accounts that do not work", ok, err)
		}
		golden(t, strings.ReplaceAll(out.String(), filepath.Dir(string(token.Credentials.(geelark.TokenFile))), "/etc"), "check.txt")
		if n := b.sims["works"].Requests(""); n != 1 {
			t.Errorf("%d requests for an account that works", n)
		}
	})
}

func TestReportOfAccountsThatWork(t *testing.T) {
	var out strings.Builder
	ok, err := Report(&out, []watch.Check{{AccountOverview: watch.AccountOverview{Name: "a"}, Reached: true, Authenticated: true}}, func(field string) string { return "--" + field })
	if !ok || err != nil || !strings.HasSuffix(out.String(), "\nAccounts that work: 1 of 1.\n") {
		t.Errorf("ok %v, error %v, %s", ok, err, &out)
	}
	full := errors.New("no space")
	if _, err := Report(writer(func([]byte) (int, error) { return 0, full }), nil, nil); !errors.Is(err, full) {
		t.Errorf("a report that cannot be written: %v", err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestOfManyNamesTheFirstAreReported(t *testing.T) {
	var names []string
	for i := range 25 {
		names = append(names, fmt.Sprint(i))
	}
	if got := some(names); !strings.HasSuffix(got, `"19" and 5 more`) {
		t.Errorf("got %s", got)
	}
}
