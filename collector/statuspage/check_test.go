package statuspage

import (
	"context"
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
		works, large, typo, token, clock, down, empty, ids, half, twin, missing := newConfig("works"), newConfig("large"), newConfig("typo"), newConfig("token"), newConfig("clock"), newConfig("down"), newConfig("empty"), newConfig("ids"), newConfig("half"), newConfig("twin"), newConfig("missing")
		ids.IDs = []string{"12", "abc", geelarktest.New(geelarktest.Config{Phones: 250, Seed: 8}).IDs()[0]}
		half.Discovery.Groups = []string{"farm-1", "farm-9"}
		twin.BaseURL = half.BaseURL
		missing.Credentials = geelark.TokenFile("/etc/geelark/token")
		large.Discovery.Tags = []string{"ads", "shop"}
		large.Limits.PerMinute = 1
		typo.Discovery.Groups = []string{"farm1"}
		token.Credentials = geelark.TokenFile(filepath.Join(t.TempDir(), "token"))
		if err := os.WriteFile(string(token.Credentials.(geelark.TokenFile)), []byte(testToken), 0o600); err != nil {
			t.Fatal(err)
		}
		clock.Credentials = geelark.Credentials{AppID: "the-app", APIKey: "the-api-key"}
		b := newBench(t, 250, works, large, typo, token, clock, down, empty, ids, half, twin, missing)
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

// An interruption says nothing of the accounts and nothing of their limits.
func TestReportOfACheckThatWasInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10, newConfig("quick"), newConfig("slow"))
		defer b.watcher.Close()
		b.sims["slow"].Inject(geelarktest.Fault{Hang: true})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var out strings.Builder
		ok, err := Report(&out, b.watcher.Check(ctx), nil)
		if ok || err != nil {
			t.Errorf("ok %v, error %v", ok, err)
		}
		_, slow, _ := strings.Cut(out.String(), "slow: ")
		want := `not known
  reached        not known, http://slow.test
  failure        interrupted
  what to do     It was interrupted before GeeLark had answered. Nothing follows from that.
  clock          this machine's: not compared yet
Accounts that work: 1 of 2. Not "slow".
`
		if slow != want || !strings.HasPrefix(out.String(), "quick: works") {
			t.Errorf("got %s\nwant %s", &out, want)
		}
	})
}
