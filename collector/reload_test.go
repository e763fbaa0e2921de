package collector

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// reload applies a changed configuration of the bench's account.
func (b *bench) reload(change func(*watch.AccountConfig)) {
	b.t.Helper()
	cfg := b.account().Config()
	change(&cfg)
	if err := b.Reload([]watch.AccountConfig{cfg}); err != nil {
		b.t.Fatal(err)
	}
}

func TestAReloadThatChangesNothingCostsNothing(t *testing.T) {
	inBubbleWith(t, 250, nil, nil, func(b *bench) {
		before := b.scrape()
		account, calls := b.account(), requests(b.sim)
		for range 10 {
			b.reload(func(*watch.AccountConfig) {})
			if got := b.scrape(); !maps.Equal(got, before) {
				t.Error("what is exposed has changed")
			}
		}
		b.wantRequests(calls)
		if b.account() != account {
			t.Error("the account was made anew")
		}
	})
}

func TestAnAccountThatChangesKeepsWhatItKnewAndSpent(t *testing.T) {
	for name, change := range map[string]func(*watch.AccountConfig){
		"labels":      func(c *watch.AccountConfig) { c.Labels = map[string]string{"owner": "x"} },
		"ttl":         func(c *watch.AccountConfig) { c.CacheTTL = 40 * time.Second },
		"timeout":     func(c *watch.AccountConfig) { c.Timeout = 3 * time.Second },
		"credentials": func(c *watch.AccountConfig) { c.Credentials = geelark.TokenFile("testdata/none") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 250, nil, nil, func(b *bench) {
				before := b.scrape()
				calls := requests(b.sim)
				time.Sleep(10 * time.Second)
				b.reload(change)
				after := b.scrape()
				for series, v := range before {
					if strings.HasPrefix(series, "geelark_phone_status") || strings.HasPrefix(series, "geelark_phones") ||
						strings.HasPrefix(series, "geelark_wallet") || strings.HasPrefix(series, "geelark_plan") ||
						strings.HasPrefix(series, "geelark_api_request") || strings.HasPrefix(series, "geelark_api_budget") ||
						strings.HasPrefix(series, "geelark_up") || strings.HasPrefix(series, "geelark_collector_success") {
						after.want(t, series, v)
					}
				}
				b.wantRequests(calls)
			})
		})
	}
}

func TestAReloadEndsNoLock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		endpoint string
		code     geelark.Code
		pause    time.Duration
	}{
		{status, geelark.CodeHourLimit, 2 * time.Hour},
		{status, geelark.CodeRateLimited, time.Minute},
		{listing, geelark.CodeHourLimit, 2 * time.Hour},
		{walletEndpoint, geelark.CodeHourLimit, 2 * time.Hour},
	} {
		inBubbleWith(t, 250, nil, nil, func(b *bench) {
			b.sim.Inject(geelarktest.Fault{Endpoint: tt.endpoint, Code: tt.code, Times: 1})
			b.scrape()
			until := timestamp(time.Now().Add(tt.pause))
			for i := range 8 {
				b.reload(func(c *watch.AccountConfig) { c.CacheTTL += time.Duration(1+i) * time.Millisecond })
				b.pollAndList()
				b.exposed().want(t, `geelark_api_paused_until_timestamp_seconds{account="default",api="`+tt.endpoint+`"}`, until)
				time.Sleep(tt.pause / 10)
			}
			if got := b.sim.Requests(tt.endpoint); got != 1 {
				t.Errorf("%s, code %d: %d requests while locked", tt.endpoint, tt.code, got-1)
			}
		})
	}
}

func TestAReloadRefillsNoBudget(t *testing.T) {
	inBubble(t, 0, func(c *watch.AccountConfig) { trackAlso(2000)(c); c.Limits.PerMinute = 5 }, func(b *bench) {
		start := time.Now()
		for i := range 100 { // for five minutes
			b.reload(func(c *watch.AccountConfig) { c.CacheTTL = time.Duration(i) })
			b.poll()
			time.Sleep(3 * time.Second)
		}
		if got := b.sim.MostIn(status, time.Minute); got > 5 {
			t.Errorf("%d calls within a minute, want at most 5", got)
		}
		if got, want := b.sim.Requests(status), int(time.Since(start)/time.Minute)*5; got != want {
			t.Errorf("%d calls in all, want %d", got, want)
		}
		// Other limits count what was spent under the ones before.
		b.reload(func(c *watch.AccountConfig) { c.Limits.PerMinute = 8 })
		b.pollAndList()
		if got := b.sim.MostIn(status, time.Minute); got != 8 {
			t.Errorf("%d calls within a minute, want 8", got)
		}
		b.exposed().want(t, `geelark_api_budget_requests{account="default",api="phone/status",window="minute"}`, 8)
	})
}

func TestAReloadThatFailsLeavesEverythingAsItWas(t *testing.T) {
	for name, change := range map[string]func(good watch.AccountConfig) []watch.AccountConfig{
		"a duplicate name": func(good watch.AccountConfig) []watch.AccountConfig { return []watch.AccountConfig{good, good} },
		"a bad value behind a change": func(good watch.AccountConfig) []watch.AccountConfig {
			bad := testConfig()
			bad.Name, bad.Timeout = "bad", 0
			return []watch.AccountConfig{good, bad}
		},
		"an ids file that is gone behind a change": func(good watch.AccountConfig) []watch.AccountConfig {
			bad := testConfig()
			bad.Name, bad.IDsFile = "bad", "testdata/none"
			return []watch.AccountConfig{good, bad}
		},
		"a bad base URL": func(good watch.AccountConfig) []watch.AccountConfig {
			good.BaseURL = "ftp://x"
			return []watch.AccountConfig{good}
		},
		"a bad label": func(good watch.AccountConfig) []watch.AccountConfig {
			good.Labels = map[string]string{"group": ""}
			return []watch.AccountConfig{good}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 250, nil, nil, func(b *bench) {
				before := b.scrape()
				good := b.account().Config()
				good.Limits.PerMinute, good.CacheTTL = 3, time.Nanosecond
				if err := b.Reload(change(good)); err == nil {
					t.Fatal("it was accepted")
				}
				if got := b.scrape(); !maps.Equal(got, before) {
					for series, v := range before {
						got.want(t, series, v)
					}
					t.Error("what is exposed has changed")
				}
				time.Sleep(31 * time.Second)
				b.scrape().want(t, `geelark_status_max_age_seconds{account="default"}`, 0)
			})
		})
	}
}

func TestAccountsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, simA, simB := twoTeams(t)
		defer b.Close()
		first := b.scrape()
		a, other := b.account().Config(), b.Fleet().Accounts[1].Config()
		time.Sleep(time.Minute)
		if err := b.Reload([]watch.AccountConfig{a}); err != nil {
			t.Fatal(err)
		}
		s := b.scrape()
		for series := range s {
			if strings.Contains(series, `account="team-b"`) {
				t.Errorf("%s is still exposed", series)
			}
		}
		for series := range first {
			if _, there := s[series]; !there && strings.Contains(series, `account="team-a"`) && !strings.Contains(series, "_info{") {
				t.Errorf("%s is gone", series)
			}
		}
		s.want(t, "geelark_accounts_configured{}", 1)
		gone := requests(simB)
		b.poll()
		if got := requests(simB); !maps.Equal(got, gone) {
			t.Errorf("the account that is gone was called: %v, then %v", gone, got)
		}

		if err := b.Reload([]watch.AccountConfig{other, a}); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range b.Fleet().Accounts {
			names = append(names, a.Name())
		}
		if got := names; !slices.Equal(got, []string{"team-b", "team-a"}) {
			t.Errorf("accounts %v", got)
		}
		s = b.scrape()
		s.want(t, `geelark_up{account="team-b"}`, 1)
		s.wantUnobserved(t, "team-b", 0)
		if simA.Requests(listing) != 1 {
			t.Error("the account that stayed was listed again")
		}
	})
}

func TestAReloadChangesWhichPhonesAreTracked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	inBubbleWith(t, 250, nil, func(c *watch.AccountConfig) { c.IDs = []string{"1", "2"} }, func(b *bench) {
		all := slices.Sorted(slices.Values(b.sim.IDs()))
		var qa []string
		for _, id := range all {
			if p, _ := b.sim.Phone(id); p.Group == "qa" {
				qa = append(qa, id)
			}
		}
		wantTracked := func(want ...string) {
			t.Helper()
			if got := b.tracked(); !slices.Equal(got, want) {
				t.Errorf("%d phones are tracked, want %d", len(got), len(want))
			}
		}
		b.poll()
		wantTracked("1", "2")
		b.reload(func(c *watch.AccountConfig) { c.IDs = all[:5] })
		wantTracked(all[:5]...)
		b.poll()
		if got := len(b.exposed().having("geelark_phone_created_timestamp_seconds")); got != 5 {
			t.Errorf("%d of the new phones are described at once, want 5", got)
		}
		writeFile(t, path, all[7]+"\n")
		b.reload(func(c *watch.AccountConfig) { c.IDs, c.IDsFile = nil, path })
		wantTracked(all[7])

		// Discovery forgets what it has not found twice.
		b.reload(func(c *watch.AccountConfig) { c.IDsFile = "" })
		b.poll()
		wantTracked(all...)
		b.reload(func(c *watch.AccountConfig) { c.Discovery.Groups = []string{"qa"} })
		b.pollAndList()
		time.Sleep(5 * time.Minute)
		b.pollAndList()
		wantTracked(qa...)
	})
}

// A scrape that began before a reload may go on after it.
func TestAnAccountThatWasReplacedTracksNothingAnyMore(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "before"), "1\n")
	writeFile(t, filepath.Join(dir, "after"), "2\n")
	inBubbleWith(t, 250, nil, func(c *watch.AccountConfig) { c.IDsFile = filepath.Join(dir, "before") }, func(b *bench) {
		b.poll()
		stale := b.all()
		b.reload(func(c *watch.AccountConfig) { c.IDsFile = filepath.Join(dir, "after") })
		writeFile(t, filepath.Join(dir, "before"), "1\n3\n")
		stale.refresh(b.t.Context())
		if got := b.tracked(); !slices.Equal(got, []string{"2"}) {
			t.Errorf("%q is tracked", got)
		}

		// So may a listing.
		b.reload(func(c *watch.AccountConfig) { c.IDsFile = "" })
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Latency: time.Second})
		go b.poll()
		time.Sleep(1500 * time.Millisecond)
		b.reload(func(c *watch.AccountConfig) { c.IDs = []string{"4"} })
		time.Sleep(time.Minute)
		if got := b.tracked(); !slices.Equal(got, []string{"4"}) {
			t.Errorf("%d phones are tracked, want 1", len(got))
		}
	})
}

func TestAReloadDoesNotWaitForAnAPIThatHangs(t *testing.T) {
	inBubbleWith(t, 250, nil, nil, func(b *bench) {
		known := b.scrape()
		time.Sleep(10*time.Minute - time.Second)
		b.sim.Inject(geelarktest.Fault{Hang: true})
		scraped := make(chan int)
		go func() {
			scraped <- get(t, b.Handler(HandlerOptions{}), "/metrics").Code
		}()
		synctest.Wait()
		start := time.Now()
		b.reload(func(c *watch.AccountConfig) { c.CacheTTL++ })
		if code := <-scraped; code != http.StatusOK || time.Since(start) > 0 {
			t.Errorf("status %d, the reload and the scrape took %s", code, time.Since(start))
		}
		s := b.exposed()
		for series, v := range known.having("geelark_phone_status_code") {
			s.want(t, series, v)
		}
		// Calls that the reload has ended are no failures of the account.
		s.want(t, `geelark_up{account="default"}`, 1)
		s.want(t, `geelark_collector_success{account="default",collector="inventory"}`, 1)
		if b.logs.String() != "" {
			t.Errorf("logged: %s", b.logs)
		}
		b.Close()
	})
}

func TestAnAccountThatComesBackHasNoFreshBudget(t *testing.T) {
	for name, back := range map[string]func(*watch.AccountConfig){
		"under its name":       func(*watch.AccountConfig) {},
		"under another name":   func(c *watch.AccountConfig) { c.Name = "renamed" },
		"with another purpose": func(c *watch.AccountConfig) { c.IDs = []string{"1"}; c.Limits.PerMinute = 7 },
	} {
		for how, gap := range map[string]func(b *bench){
			"at once": func(*bench) {},
			"later": func(b *bench) {
				if err := b.Reload(nil); err != nil {
					b.t.Fatal(err)
				}
				time.Sleep(20 * time.Second)
			},
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				inBubbleWith(t, 50, nil, nil, func(b *bench) {
					b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
					b.poll()
					until := time.Now().Add(2 * time.Hour)
					cfg := b.account().Config()
					gap(b)
					back(&cfg)
					if err := b.Reload([]watch.AccountConfig{cfg}); err != nil {
						t.Fatal(err)
					}
					b.pollAndList()
					s := b.exposed()
					s.want(t, `geelark_api_paused_until_timestamp_seconds{account="`+cfg.Name+`",api="phone/status"}`, timestamp(until))
					s.want(t, `geelark_api_budget_requests{account="`+cfg.Name+`",api="phone/status",window="minute"}`, float64(cfg.Limits.PerMinute))
					if got := b.sim.Requests(status); got != 1 {
						t.Errorf("%d requests while locked", got-1)
					}
					time.Sleep(time.Minute)
					b.pollAndList()
					if broken := b.sim.Broken(); len(broken) > 0 {
						t.Errorf("limits are broken: %+v", broken)
					}
				})
			})
		}
	}
}
