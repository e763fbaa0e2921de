package watch

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestBudgetsAreForgottenWhenNothingWouldBeMissed(t *testing.T) {
	inBubbleWith(t, 5, nil, nil, func(b *bench) {
		named := func(i int) AccountConfig {
			c := testConfig()
			c.Name = fmt.Sprint("name-", i)
			return c
		}
		for i := range 100 {
			if err := b.Reload([]AccountConfig{named(i)}); err != nil {
				t.Fatal(err)
			}
			b.poll()
		}
		if err := b.Reload(nil); err != nil {
			t.Fatal(err)
		}
		if got := len(b.budgets.known); got != 1 {
			t.Errorf("there are budgets of %d credentials, want 1", got)
		}
		time.Sleep(time.Hour + time.Second)
		if err := b.Reload(nil); err != nil {
			t.Fatal(err)
		}
		if got := len(b.budgets.known); got != 0 {
			t.Errorf("there are budgets of %d credentials, want none", got)
		}
	})
}

// One of two accounts is scraped alone, as a probe does, before the other has asked
// for anything.
func TestTheLowestLimitOfATokenHoldsFromTheFirstRequestOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, testToken)
	for name, source := range map[string]geelark.CredentialSource{"in the configuration": geelark.Credentials{Token: testToken}, "in a file": geelark.TokenFile(file)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 5, nil, func(b *bench) {
				var cfgs []AccountConfig
				for i, perMinute := range []int{150, 20} {
					c := testConfig()
					c.Name, c.Limits.PerMinute, c.Credentials = fmt.Sprint("team-", i), perMinute, source
					for n := range 5000 {
						c.IDs = append(c.IDs, fmt.Sprint(1000+n))
					}
					cfgs = append(cfgs, c)
				}
				if err := b.Reload(cfgs); err != nil {
					t.Fatal(err)
				}
				for range 10 {
					ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
					b.account().Refresh(ctx, b.Collectors())
					cancel()
					time.Sleep(5 * time.Second)
				}
				if got := b.sim.MostIn(status, time.Minute); got != 20 {
					t.Errorf("%d requests within a minute, want 20", got)
				}
			})
		})
	}
}

func TestAccountsOfOneTokenKeepToTheLowestOfTheirLimits(t *testing.T) {
	type limits = geelark.Limits
	inBubble(t, 0, nil, func(b *bench) {
		for _, step := range []struct {
			name     string
			accounts []limits
			want     limits // of each, a minute and an hour
		}{
			{"one account", []limits{{PerMinute: 100, PerHour: 9000, Share: 1}}, limits{PerMinute: 100, PerHour: 9000}},
			{"lower ones of a second", []limits{{PerMinute: 100, PerHour: 9000, Share: 1}, {PerMinute: 20, PerHour: 8000, Share: 1}}, limits{PerMinute: 20, PerHour: 8000}},
			{"lower ones of the first", []limits{{PerMinute: 20, PerHour: 8000, Share: 1}, {PerMinute: 100, PerHour: 9000, Share: 1}}, limits{PerMinute: 20, PerHour: 8000}},
			{"one of each", []limits{{PerMinute: 20, PerHour: 9000, Share: 1}, {PerMinute: 100, PerHour: 8000, Share: 1}}, limits{PerMinute: 20, PerHour: 8000}},
			{"the larger share of two", []limits{{PerMinute: 100, PerHour: 9000, Share: 2}, {PerMinute: 100, PerHour: 9000, Share: 1}}, limits{PerMinute: 50, PerHour: 4500}},
			{"the lower one gone", []limits{{PerMinute: 100, PerHour: 9000, Share: 1}}, limits{PerMinute: 100, PerHour: 9000}},
		} {
			var cfgs []AccountConfig
			for i, l := range step.accounts {
				c := testConfig()
				c.Name, c.Limits = fmt.Sprint("team-", i), l
				c.BaseURL = []string{"http://api.test", "http://API.test/"}[i] // the same
				cfgs = append(cfgs, c)
			}
			if err := b.Reload(cfgs); err != nil {
				t.Fatal(err)
			}
			for _, a := range b.Fleet().Accounts {
				if got := a.Budget(status).Limits; got != step.want {
					t.Errorf("%s: %s keeps to %+v, want %+v", step.name, a.Name(), got, step.want)
				}
			}
		}
	})
}

func TestAScrapeWaitsForARequestThatCanBeSentSoon(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		b    geelark.Budget
		want bool
	}{
		"one under way":                     {geelark.Budget{InFlight: 1, Next: now.Add(time.Hour)}, true},
		"one that can be sent at once":      {geelark.Budget{Next: now}, true},
		"one that has to wait":              {geelark.Budget{Next: now.Add(time.Nanosecond)}, false},
		"the first, which has to wait":      {geelark.Budget{Untouched: true, Next: now.Add(3 * time.Second)}, true},
		"the first, which waits too long":   {geelark.Budget{Untouched: true, Next: now.Add(3*time.Second + 1)}, false},
		"one behind which all is under way": {geelark.Budget{InFlight: 1, Next: now}, true},
	} {
		if got := isWorthWaiting(tt.b, now); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestBudgetsOfAnAddressAreNoOther(t *testing.T) {
	inBubble(t, 0, nil, func(b *bench) {
		var cfgs []AccountConfig
		for i, address := range []string{"http://api.test", "http://other.test"} {
			c := testConfig()
			c.Name, c.BaseURL, c.Limits.PerMinute = fmt.Sprint("team-", i), address, 100-50*i
			cfgs = append(cfgs, c)
		}
		if err := b.Reload(cfgs); err != nil {
			t.Fatal(err)
		}
		for i, a := range b.Fleet().Accounts {
			if got := a.Budget(status).Limits.PerMinute; got != 100-50*i {
				t.Errorf("%s keeps to %d a minute", a.Name(), got)
			}
		}
	})
}

func TestAccountsOfWhichNoCredentialsWereReadShareNothing(t *testing.T) {
	inBubble(t, 0, nil, func(b *bench) {
		var cfgs []AccountConfig
		for i := range 3 {
			c := testConfig()
			c.Name, c.Limits.PerMinute = fmt.Sprint("team-", i), 100-10*i
			c.Credentials = geelark.TokenFile(filepath.Join("no such directory", fmt.Sprint(i)))
			cfgs = append(cfgs, c)
		}
		if err := b.Reload(cfgs); err != nil {
			t.Fatal(err)
		}
		b.pollAndList()
		for i, a := range b.Overview().Accounts {
			if len(a.SharedWith) > 0 || b.Fleet().Accounts[i].Budget(status).Limits.PerMinute != 100-10*i {
				t.Errorf("%s shares its limits with %v", a.Name, a.SharedWith)
			}
		}
	})
}

func TestATokenThatIsRotatedInItsFileSignsTheNextRequest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, testToken)
	inBubble(t, 5, func(c *AccountConfig) { c.Credentials = geelark.TokenFile(file) }, func(b *bench) {
		b.scrapeFor(time.Minute)
		writeFile(t, file, "rotated")
		b.sim.SetCredentials("rotated", "", "")
		polls, spent := b.sim.Requests(status), b.account().Budget(status).HourRemaining
		b.poll()
		if n := b.sim.Requests(status); n != polls+1 {
			t.Errorf("%d polls", n-polls)
		}
		if up, _ := b.account().Up(); !up {
			t.Errorf("the account is not up: %s", b.logs)
		}
		if left := b.account().Budget(status).HourRemaining; left >= spent {
			t.Errorf("%d requests are left of %d", left, spent)
		}
	})
}

func TestWhatATokenSpentCountsForTheNextAfterACrash(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 5, Still: true}, func(m *machine) {
		m.set = func(o *Options) { o.Doubt = false }
		b := m.start()
		b.scrapeFor(10 * time.Minute)
		m.sim.SetCredentials("rotated", "", "")
		m.accounts[0].Credentials = geelark.Credentials{Token: "rotated"}
		if err := b.Reload(m.accounts); err != nil {
			t.Fatal(err)
		}
		left := b.account().Budget(status).HourRemaining
		m.kill(b)
		b = m.start()
		if got := b.account().Budget(status).HourRemaining; left > 18000-5 || got > left {
			t.Errorf("%d requests are left, %d before", got, left)
		}
		m.stop(b)
	})
}
