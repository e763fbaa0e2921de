package watch

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// Of four accounts two have one token, one of them in a file, and a third has it at
// another address.
func TestAccountsWithTheSameCredentialsKnowOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 300, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		file := filepath.Join(t.TempDir(), "token")
		writeFile(t, file, testToken+"\n")
		var accounts []AccountConfig
		for i, change := range []func(*AccountConfig){
			func(*AccountConfig) {},
			func(c *AccountConfig) { c.Credentials = geelark.TokenFile(file) },
			func(c *AccountConfig) { c.BaseURL = "http://another.test" },
			func(c *AccountConfig) { c.Credentials = geelark.Credentials{Token: "another"} },
		} {
			c := testConfig()
			c.Name = fmt.Sprint("team-", i)
			change(&c)
			accounts = append(accounts, c)
		}
		b := newBench(t, sim.RoundTripper(), nil, accounts...)
		defer b.Close()
		look := func(name string, accounts []AccountOverview) {
			t.Helper()
			for i, a := range accounts {
				want, times := []string(nil), 1.
				if i < 2 {
					want, times = []string{[]string{"team-1", "team-0"}[i]}, 2
				}
				if !slices.Equal(a.SharedWith, want) {
					t.Errorf("%s: %s shares its limits with %q, want %q", name, a.Name, a.SharedWith, want)
				}
				for j, c := range a.Together {
					if own := a.Costs[j]; c.Endpoint != own.Endpoint || c.Calls != times*own.Calls || c.Limit != own.Limit {
						t.Errorf("%s: %s costs %+v alone and %+v together", name, a.Name, own, c)
					}
				}
			}
		}
		var checked []AccountOverview
		for _, c := range b.Check(t.Context()) {
			checked = append(checked, c.AccountOverview)
		}
		look("checked", checked[:3]) // the last is refused
		b.pollAndList()
		look("watched", b.Overview().Accounts)
	})
}

func TestPhonesOfSeveralAccountsWaitForOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 1000, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		var accounts []AccountConfig
		for i := range 2 {
			c := testConfig()
			c.Name, c.IDs, c.Limits.PerMinute = fmt.Sprint("team-", i), sim.IDs()[i*500:][:500], 2
			accounts = append(accounts, c)
		}
		b := newBench(t, sim.RoundTripper(), func(o *Options) { o.Collectors = []string{CollectorStatus} }, accounts...)
		defer b.Close()
		b.pollAndList()
		for _, a := range b.Overview().Accounts {
			if a.Backlog < 4*time.Minute || a.Backlog > 5*time.Minute {
				t.Errorf("%d phones of %s wait about %s for a budget of two calls a minute that takes ten", a.Waiting, a.Name, a.Backlog)
			}
		}
	})
}

// The vendor allows one look at the plan a minute: accounts that share it take turns.
func TestAccountsWithTheSameCredentialsTakeTurnsToReadThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		var accounts []AccountConfig
		for i := range 6 {
			c := testConfig()
			c.Name = fmt.Sprint("team-", i)
			accounts = append(accounts, c)
		}
		b := newBench(t, sim.RoundTripper(), func(o *Options) { o.Doubt = true }, accounts...)
		defer b.Close()
		b.scrapeFor(10 * time.Minute)
		for _, a := range b.Overview().Accounts {
			if a.Plan == nil || len(a.Errors) > 0 {
				t.Errorf("%s: plan %+v, errors %+v", a.Name, a.Plan, a.Errors)
			}
		}
	})
}

func TestAnAccountOfWhichNoPhoneWaitsHasNoBacklogOfAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 250, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		var accounts []AccountConfig
		for i, ids := range [][]string{sim.IDs()[:1], sim.IDs()[1:], nil} {
			c := testConfig()
			c.Name, c.IDs, c.Limits.PerMinute = fmt.Sprint("team-", i), ids, 2
			accounts = append(accounts, c)
		}
		accounts[2].Credentials = geelark.TokenFile(filepath.Join(t.TempDir(), "none yet"))
		b := newBench(t, sim.RoundTripper(), func(o *Options) { o.Collectors = []string{CollectorStatus} }, accounts...)
		defer b.Close()
		b.Fleet().Accounts[0].Refresh(t.Context(), b.Collectors())
		b.pollAndList()
		o := b.Overview().Accounts
		if o[0].Waiting != 0 || o[0].Backlog != 0 || o[1].Waiting == 0 || o[1].Backlog == 0 {
			t.Errorf("%d and %d phones wait for %s and %s", o[0].Waiting, o[1].Waiting, o[0].Backlog, o[1].Backlog)
		}
		if !slices.Equal(o[0].SharedWith, []string{"team-1"}) || len(o[2].SharedWith) > 0 {
			t.Errorf("limits are shared with %q, and with %q before credentials are read", o[0].SharedWith, o[2].SharedWith)
		}
	})
}

// Of two accounts with the same credentials one lists its phones, the other has theirs
// configured.
func TestWhatIsSharedIsTheSumOfTheSameEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 150, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		lists, has := testConfig(), testConfig()
		lists.Name, has.Name, has.IDs = "lists", "has", sim.IDs()[:10]
		b := newBench(t, sim.RoundTripper(), func(o *Options) { o.Collectors = []string{CollectorStatus} }, lists, has)
		defer b.Close()
		b.pollAndList()
		o := b.Overview().Accounts
		want := map[string]map[geelark.Endpoint]float64{
			"lists": {geelark.EndpointPhoneList: .4, geelark.EndpointPhoneStatus: 6},
			"has":   {geelark.EndpointPhoneStatus: 6},
		}
		for _, a := range o {
			got := make(map[geelark.Endpoint]float64)
			for _, c := range a.Together {
				got[c.Endpoint] = c.Calls
			}
			if !maps.Equal(got, want[a.Name]) {
				t.Errorf("%s: %v, want %v", a.Name, got, want[a.Name])
			}
		}
	})
}

func TestTheBacklogOfAnAccountIsThatOfAllThatShareItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 500, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		var accounts []AccountConfig
		for i, ids := range [][]string{sim.IDs()[:201], sim.IDs()[201:]} {
			c := testConfig()
			c.Name, c.IDs, c.Limits.PerMinute = fmt.Sprint("team-", i), ids, 2
			accounts = append(accounts, c)
		}
		b := newBench(t, sim.RoundTripper(), func(o *Options) { o.Collectors = []string{CollectorStatus} }, accounts...)
		defer b.Close()
		for _, a := range b.Fleet().Accounts { // the first spends the budget of a minute
			a.Refresh(t.Context(), b.Collectors())
			synctest.Wait()
		}
		for i, waiting := range []int{1, 299} { // three calls, of which the first can be sent in a minute
			if a := b.Overview().Accounts[i]; a.Waiting != waiting || a.Backlog.Round(time.Second) != 2*time.Minute {
				t.Errorf("%d phones of %s wait for about %s, want %d for two minutes", a.Waiting, a.Name, a.Backlog, waiting)
			}
		}
	})
}
