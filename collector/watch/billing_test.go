package watch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestWalletAndPlanAreKnownForThreeIntervals(t *testing.T) {
	inBubbleWith(t, 3, nil, func(c *AccountConfig) { c.BillingInterval = 4 * time.Minute }, func(b *bench) {
		b.pollAndList()
		known := func(when string, wantWallet, wantPlan bool) {
			t.Helper()
			if wallet, plan := b.account().Billing(); (wallet != nil) != wantWallet || (plan != nil) != wantPlan {
				t.Errorf("%s: %v, %v", when, wallet, plan)
			}
		}
		known("at first", true, true)
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: planEndpoint, Code: geelark.CodeInternal})
		time.Sleep(4 * time.Minute)
		b.pollAndList()
		b.sim.Inject(geelarktest.Fault{Endpoint: walletEndpoint, Code: geelark.CodeInternal})
		time.Sleep(time.Until(time.Date(2000, 1, 1, 0, 12, 0, 0, time.UTC)))
		known("after three intervals", true, true)
		time.Sleep(time.Nanosecond)
		known("after more", true, false)
		time.Sleep(4 * time.Minute)
		known("after three intervals of both", false, false)
		remove()
		b.pollAndList()
		time.Sleep(time.Minute) // the wallet is asked for again and again
		known("when the plan is read again", false, true)
	})
}

// One that fails does not keep the other back, and ends no other's failure.
func TestWalletAndPlanFailEachByItself(t *testing.T) {
	for name, tt := range map[string]struct {
		failing, other string
	}{"the wallet": {walletEndpoint, planEndpoint}, "the plan": {planEndpoint, walletEndpoint}} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 3, nil, nil, func(b *bench) {
				remove := b.sim.Inject(geelarktest.Fault{Endpoint: tt.failing, Code: geelark.CodePermission})
				b.pollAndList()
				wallet, plan := b.account().Billing()
				if (wallet != nil) != (tt.failing == planEndpoint) || (plan != nil) != (tt.failing == walletEndpoint) {
					t.Errorf("known are %v and %v", wallet, plan)
				}
				errs := b.Overview().Accounts[0].Errors
				if len(errs) != 1 || string(errs[0].Endpoint) != tt.failing || !errs[0].Ongoing || errs[0].Collector != CollectorBilling {
					t.Errorf("the page is told of %+v", errs)
				}
				if s := b.account().State(CollectorBilling); s.Worked || !s.Tried {
					t.Errorf("the state is %+v", s)
				}
				remove()
				b.sim.Inject(geelarktest.Fault{Endpoint: tt.other, Code: geelark.CodePermission})
				time.Sleep(2 * time.Minute)
				b.pollAndList()
				for _, e := range b.Overview().Accounts[0].Errors {
					if e.Ongoing != (string(e.Endpoint) == tt.other) {
						t.Errorf("then the page is told of %+v", e)
					}
				}
			})
		})
	}
}

// A reload ends the call that is under way.
func TestAReloadWhileWalletAndPlanAreReadIsNoFailure(t *testing.T) {
	for _, endpoint := range []string{walletEndpoint, planEndpoint} {
		t.Run(endpoint, func(t *testing.T) {
			inBubbleWith(t, 3, nil, nil, func(b *bench) {
				remove := b.sim.Inject(geelarktest.Fault{Endpoint: endpoint, Hang: true})
				go b.account().Refresh(b.t.Context(), []string{CollectorBilling})
				synctest.Wait()
				remove()
				b.reload(func(c *AccountConfig) { c.CacheTTL++ })
				if errs := b.Overview().Accounts[0].Errors; len(errs) != 0 {
					t.Errorf("the page is told of %+v", errs)
				}
				b.wantLogged("after the reload", "Reading wallet and plan failed", 0)
				time.Sleep(2 * time.Minute)
				b.pollAndList()
				if wallet, plan := b.account().Billing(); wallet == nil || plan == nil {
					t.Errorf("known are %v and %v", wallet, plan)
				}
			})
		})
	}
}

// A repetition would have to wait for a minute, and the first scrapes with it.
func TestAPlanThatCannotBeReadIsToldOfAtOnce(t *testing.T) {
	inBubbleWith(t, 3, nil, nil, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: planEndpoint, HTTPStatus: 502})
		start := time.Now()
		b.poll()
		if took := time.Since(start); took > time.Second {
			t.Errorf("the first scrape took %s", took)
		}
		if s := b.account().State(CollectorBilling); !s.Tried || s.Worked {
			t.Errorf("the state is %+v", s)
		}
		time.Sleep(time.Minute)
		if got := b.sim.Requests(planEndpoint); got != 1 {
			t.Errorf("the plan was asked for %d times, want once", got)
		}
	})
}

// The plan can be read once a minute. A scrape does not wait for that, nor for what
// is read again.
func TestAScrapeDoesNotWaitForWalletAndPlanForLong(t *testing.T) {
	inBubbleWith(t, 3, nil, nil, func(b *bench) {
		scrape := func() time.Duration {
			start := time.Now()
			b.account().Refresh(b.t.Context(), []string{CollectorBilling})
			return time.Since(start)
		}
		b.sim.Inject(geelarktest.Fault{Endpoint: planEndpoint, Latency: time.Second})
		if took := scrape(); took != time.Second {
			t.Errorf("the first took %s, want a second", took)
		}
		time.Sleep(11 * time.Minute)
		if took := scrape(); took != 0 {
			t.Errorf("the second took %s", took)
		}
		time.Sleep(10 * time.Second)
		// Another account of the same token has read nothing yet.
		cfg := b.account().Config()
		cfg.Name = "second"
		if err := b.Reload([]AccountConfig{cfg}); err != nil {
			t.Fatal(err)
		}
		if took := scrape(); took != 0 {
			t.Errorf("with the plan's limit spent it took %s", took)
		}
		wallet, plan := b.account().Billing()
		if wallet == nil || plan != nil {
			t.Errorf("known are %v and %v", wallet, plan)
		}
		time.Sleep(time.Minute)
		if _, plan := b.account().Billing(); plan == nil {
			t.Error("the plan is not read a minute later")
		}
		time.Sleep(time.Minute)
		wallets := b.sim.Requests(walletEndpoint)
		for i := range 6 {
			cfg.Name = fmt.Sprint("another-", i)
			if err := b.Reload([]AccountConfig{cfg}); err != nil {
				t.Fatal(err)
			}
			if took := scrape(); (took > 0) != (i == 0) {
				t.Errorf("of account %d it took %s", i, took)
			}
		}
		if n := b.sim.Requests(walletEndpoint) - wallets; n != 5 {
			t.Errorf("the wallet was read %d times within its limit of five a minute", n)
		}
	})
}
