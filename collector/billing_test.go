package collector

import (
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// billingOnly has one phone, so that the account can be up.
func billingOnly(o *options) { o.Collectors = []string{watch.CollectorStatus, watch.CollectorBilling} }

var someBilling = geelarktest.Billing{
	Balance: -12.5, GiftMoney: 3.25, AvailableTimeAddOn: 40,
	Plan: 0, Profiles: 100, AvailableProfiles: 7, MonthlyRental: 30, AvailableMonthlyRentals: 2, Parallels: 55,
	ExpirationTime: 1_900_000_000, MonthlyFee: 349.99,
}

var (
	wantWallet = samples{
		`geelark_wallet_balance{account="default"}`:            -12.5,
		`geelark_wallet_gift_balance{account="default"}`:       3.25,
		`geelark_wallet_time_addon_seconds{account="default"}`: 2400,
	}
	wantPlan = samples{
		`geelark_plan_info{account="default",plan="base"}`:          1,
		`geelark_plan_profiles{account="default"}`:                  100,
		`geelark_plan_profiles_available{account="default"}`:        7,
		`geelark_plan_monthly_rentals{account="default"}`:           30,
		`geelark_plan_monthly_rentals_available{account="default"}`: 2,
		`geelark_plan_parallel_phones{account="default"}`:           55,
		`geelark_plan_monthly_fee{account="default"}`:               349.99,
		`geelark_plan_expiry_timestamp_seconds{account="default"}`:  1_900_000_000,
	}
)

func (s samples) wantAll(t *testing.T, want samples) {
	t.Helper()
	for name, v := range want {
		s.want(t, name, v)
	}
}

func (s samples) wantNone(t *testing.T, not samples) {
	t.Helper()
	for name := range not {
		s.absent(t, name)
	}
}

func TestWalletAndPlanAreExposed(t *testing.T) {
	inBubbleWith(t, 1, billingOnly, nil, func(b *bench) {
		b.sim.SetBilling(someBilling)
		s := b.scrape()
		s.wantAll(t, wantWallet)
		s.wantAll(t, wantPlan)
		s.want(t, `geelark_collector_success{account="default",collector="billing"}`, 1)

		other := someBilling
		other.Plan, other.ExpirationTime, other.Balance = 9, 0, 1
		b.sim.SetBilling(other)
		time.Sleep(10 * time.Minute)
		b.pollAndList()
		s = b.exposed()
		s.want(t, `geelark_wallet_balance{account="default"}`, 1)
		s.want(t, `geelark_plan_info{account="default",plan="unknown"}`, 1)
		s.absent(t, `geelark_plan_info{account="default",plan="base"}`)
		s.absent(t, "geelark_plan_expiry_timestamp_seconds")
	})
}

func TestBillingIsReadAtItsIntervalAndFarInsideItsLimits(t *testing.T) {
	for _, interval := range []time.Duration{watch.MinBillingInterval, 10 * time.Minute} {
		inBubbleWith(t, 1, billingOnly, func(c *watch.AccountConfig) { c.BillingInterval = interval }, func(b *bench) {
			start := time.Now()
			for time.Since(start) < 2*time.Hour {
				b.pollAndList()
				time.Sleep(15 * time.Second)
			}
			want := int(2 * time.Hour / interval)
			for _, e := range []string{walletEndpoint, planEndpoint} {
				if got := b.sim.Requests(e); got != want {
					t.Errorf("%d requests to %s in two hours every %s, want %d", got, e, interval, want)
				}
				if got := b.sim.MostIn(e, interval); got != 1 {
					t.Errorf("%d requests to %s within %s, want 1", got, e, interval)
				}
			}
			if broken := b.sim.Broken(); len(broken) > 0 {
				t.Errorf("limits are broken: %+v", broken)
			}
		})
	}
}

func TestHalfOfBillingThatFailsKeepsTheOther(t *testing.T) {
	for name, tt := range map[string]struct {
		fails string
		shows samples
		lacks samples
	}{
		"the plan":   {planEndpoint, wantWallet, wantPlan},
		"the wallet": {walletEndpoint, wantPlan, wantWallet},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 1, billingOnly, nil, func(b *bench) {
				b.sim.SetBilling(someBilling)
				remove := b.sim.Inject(geelarktest.Fault{Endpoint: tt.fails, Code: geelark.CodePermission})
				s := b.scrape()
				s.wantAll(t, tt.shows)
				s.wantNone(t, tt.lacks)
				s.want(t, `geelark_collector_success{account="default",collector="billing"}`, 0)
				s.want(t, `geelark_up{account="default"}`, 1)
				if !strings.Contains(b.logs.String(), "Reading wallet and plan failed") || !strings.Contains(b.logs.String(), tt.fails) {
					t.Errorf("logged: %s", b.logs)
				}
				// It is not asked again before the shortest interval.
				time.Sleep(watch.MinBillingInterval - time.Second)
				b.pollAndList()
				if got := b.sim.Requests(tt.fails); got != 1 {
					t.Errorf("%d requests, want 1", got)
				}
				remove()
				time.Sleep(time.Second)
				b.pollAndList()
				s = b.exposed()
				s.wantAll(t, tt.shows)
				s.wantAll(t, tt.lacks)
				s.want(t, `geelark_collector_success{account="default",collector="billing"}`, 1)
			})
		})
	}
}

func TestMoneyThatIsThreeIntervalsOldIsNotExposed(t *testing.T) {
	inBubbleWith(t, 1, billingOnly, nil, func(b *bench) {
		b.sim.SetBilling(someBilling)
		b.scrape()
		b.sim.Inject(geelarktest.Fault{Endpoint: planEndpoint, Code: geelark.CodeInternal})
		for range 30 {
			time.Sleep(time.Minute)
			b.pollAndList()
		}
		s := b.exposed()
		s.wantAll(t, wantWallet)
		s.wantAll(t, wantPlan)
		time.Sleep(time.Minute)
		s = b.exposed()
		s.wantAll(t, wantWallet)
		s.wantNone(t, wantPlan)
	})
}

func TestALimitOnThePlanPausesOnlyThePlan(t *testing.T) {
	for _, tt := range []struct {
		code  geelark.Code
		pause time.Duration
	}{{geelark.CodeRateLimited, time.Minute}, {geelark.CodeHourLimit, 2 * time.Hour}} {
		inBubbleWith(t, 1, nil, nil, func(b *bench) {
			b.sim.SetBilling(someBilling)
			b.sim.Inject(geelarktest.Fault{Endpoint: planEndpoint, Code: tt.code, Times: 1})
			s := b.scrape()
			s.want(t, `geelark_up{account="default"}`, 1)
			s.want(t, `geelark_api_paused_until_timestamp_seconds{account="default",api="pay/plan/info"}`, timestamp(time.Now().Add(tt.pause)))
			for _, e := range []string{"pay/wallet", "phone/list", "phone/status"} {
				s.want(t, `geelark_api_paused_until_timestamp_seconds{account="default",api="`+e+`"}`, 0)
			}
			s.wantAll(t, wantWallet)
			for end := time.Now().Add(tt.pause - 30*time.Second); time.Now().Before(end); time.Sleep(30 * time.Second) {
				b.pollAndList()
			}
			if got := b.sim.Requests(planEndpoint); got != 1 {
				t.Errorf("code %d: %d requests during the pause", tt.code, got-1)
			}
			if got := b.sim.MostIn(walletEndpoint, watch.MinBillingInterval); got != 1 {
				t.Errorf("code %d: %d requests to the wallet within %s", tt.code, got, watch.MinBillingInterval)
			}
			time.Sleep(3 * time.Minute)
			b.pollAndList()
			b.exposed().wantAll(t, wantPlan)
		})
	}
}

func TestBillingThatHangsHoldsBackNeitherScrapesNorStatuses(t *testing.T) {
	inBubbleWith(t, 150, nil, nil, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: walletEndpoint, Hang: true})
		start := time.Now()
		s := b.scrape()
		if got := time.Since(start); got > 9500*time.Millisecond {
			t.Errorf("the first scrape took %s", got)
		}
		s.wantUnobserved(t, "default", 0)
		time.Sleep(10 * time.Second)
		// Three requests of 5 s and two waits in between.
		b.exposed().want(t, `geelark_collector_duration_seconds{account="default",collector="billing"}`, 15.5625)
		for range 20 {
			time.Sleep(15 * time.Second)
			start := time.Now()
			b.poll()
			if got := time.Since(start); got > 0 {
				t.Fatalf("a later scrape took %s", got)
			}
		}
	})
}
