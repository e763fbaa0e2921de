package watch

import (
	"context"
	"sync"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A scrape can begin while the account that it has found is being closed.
func TestScrapesGoOnBesideReloads(t *testing.T) {
	t.Parallel()
	sim := geelarktest.New(geelarktest.Config{Phones: 150, Seed: 1, Token: testToken, Still: true})
	cfg := testConfig()
	cfg.CacheTTL, cfg.Limits = 0, geelark.VendorLimits()
	b := newBench(t, sim.RoundTripper(), nil, cfg)
	defer b.Close()
	done, scraped := make(chan struct{}), make(chan struct{})
	var scrapers sync.WaitGroup
	for range 4 {
		scrapers.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				for _, a := range b.Fleet().Accounts {
					a.Refresh(ctx, b.Collectors())
					a.Snapshot()
				}
				b.Overview()
				cancel()
				select {
				case <-done:
					return
				case scraped <- struct{}{}:
				default:
				}
			}
		})
	}
	for i := range 60 {
		<-scraped
		cfg.MaxStaleness += time.Second
		cfg.IDs = nil
		if i%3 == 0 {
			cfg.IDs = sim.IDs()[:50]
		}
		if err := b.Reload([]AccountConfig{cfg}); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	scrapers.Wait()
}

// What failed with other credentials or at another address is no failure of these.
func TestNewCredentialsDoNotInheritTheFailuresOfTheFormer(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		up     bool
	}{
		"another source":  {func(c *AccountConfig) { c.Credentials = geelark.Credentials{AppID: testAppID, APIKey: testAPIKey} }, true},
		"another address": {func(c *AccountConfig) { c.BaseURL = "http://another.test" }, true},
		"another ttl":     {func(c *AccountConfig) { c.CacheTTL = 20 * time.Second }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 5, func(o *Options) { o.Collectors = Collectors() }, trackFleet([]string{"1"}), func(b *bench) {
				remove := b.sim.Inject(geelarktest.Fault{Code: geelark.CodePermission})
				b.pollAndList()
				remove()
				wantFailing := func(when string, want bool) {
					t.Helper()
					for _, c := range Collectors() {
						if s := b.account().State(c); (s.Tried && !s.Worked) != want {
							t.Errorf("%s: %s: %+v", when, c, s)
						}
					}
				}
				wantFailing("at first", true)
				if up, _ := b.account().Up(); up {
					t.Fatal("up although everything failed")
				}
				b.reload(tt.change)
				for _, e := range b.Overview().Accounts[0].Errors {
					if e.Ongoing == tt.up {
						t.Errorf("after the reload: %+v", e)
					}
				}
				wantFailing("after the reload", !tt.up)
				b.pollAndList()
				wantFailing("after the scrape", !tt.up) // nothing is due sooner than it was
				if up, _ := b.account().Up(); up != tt.up {
					t.Errorf("up is %v, want %v: %s", up, tt.up, b.logs)
				}
			})
		})
	}
}

func TestNewCredentialsInheritWhatWorkedWithTheFormer(t *testing.T) {
	inBubbleWith(t, 5, nil, nil, func(b *bench) {
		b.pollAndList()
		worked := time.Now()
		time.Sleep(time.Second)
		b.reload(func(c *AccountConfig) { c.Credentials = geelark.Credentials{AppID: testAppID, APIKey: testAPIKey} })
		for _, c := range b.Collectors() {
			if s := b.account().State(c); !s.Worked || !s.LastSuccess.Equal(worked) {
				t.Errorf("%s: %+v", c, s)
			}
		}
	})
}

func TestAFailureOfNewCredentialsIsLoggedThoughTheFormerFailedToo(t *testing.T) {
	inBubble(t, 0, trackFleet([]string{"1"}), func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Code: geelark.CodePermission})
		b.poll()
		b.wantLogged("at first", `"Polling failed`, 1)
		b.reload(func(c *AccountConfig) { c.CacheTTL = time.Second })
		time.Sleep(2 * time.Second)
		b.poll()
		b.wantLogged("with the same credentials", `"Polling failed`, 1)
		b.reload(func(c *AccountConfig) { c.Credentials = geelark.Credentials{AppID: testAppID, APIKey: testAPIKey} })
		time.Sleep(2 * time.Second)
		b.poll()
		b.wantLogged("with others", `"Polling failed`, 2)
	})
}
