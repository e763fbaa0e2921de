package collector

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// 50 accounts of 2,000 phones, of which four fail in one way each or hang: the
// others are whole and fresh after one scrape, for the fewest calls that can be.
func TestFiftyAccountsAreCompleteWithinOneScrapeAlthoughFourFail(t *testing.T) {
	const (
		accounts = 50
		phones   = 500
		latency  = 800 * time.Millisecond
	)
	failing := map[int]struct {
		fault geelarktest.Fault
		token string
		calls map[string]int
	}{
		// What hangs is asked for the list and for the wallet, each for its
		// timeout: the scrape ends before the third repetition does.
		7:  {fault: geelarktest.Fault{Hang: true}, calls: map[string]int{listing: 2, "pay/wallet": 2}},
		21: {fault: geelarktest.Fault{Hang: true}, calls: map[string]int{listing: 2, "pay/wallet": 2}},
		// A refused token is not tried again.
		33: {token: "rotated", calls: map[string]int{listing: 1, "pay/wallet": 1, "pay/plan/info": 1}},
		// A lock is of the endpoint: what money there is shows.
		48: {fault: geelarktest.Fault{Endpoint: listing, Code: geelark.CodeHourLimit}, calls: map[string]int{listing: 1, "pay/wallet": 1, "pay/plan/info": 1}},
	}
	synctest.Test(t, func(t *testing.T) {
		network := make(hosts)
		var sims []*geelarktest.Server
		var configs []watch.AccountConfig
		for i := range accounts {
			cfg := testConfig()
			cfg.Name = fmt.Sprintf("team-%02d", i)
			token := "token-" + cfg.Name
			cfg.Credentials = geelark.Credentials{Token: geelark.Secret(token)}
			cfg.BaseURL = "http://" + cfg.Name + ".test"
			configs = append(configs, cfg)
			sim := geelarktest.New(geelarktest.Config{Phones: phones, Seed: uint64(i), Token: token, Still: true})
			sim.Inject(geelarktest.Fault{Latency: latency})
			if f, fails := failing[i]; fails {
				sim.Inject(f.fault)
				if f.token != "" {
					sim.SetCredentials(f.token, "", "")
				}
			}
			sims = append(sims, sim)
			network[cfg.Name+".test"] = sim.RoundTripper()
		}
		families, err := NewFamilyFilter(nil, []string{
			"geelark_(phone_info|phone_rpa_running|phone_subscription.*|group_phones|api.*|wallet.*|plan.*)",
		})
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, network, func(o *options) { o.Families = families }, configs...)
		defer b.Close()

		start := time.Now()
		s := b.scrape()
		took := time.Since(start)
		if took > 9500*time.Millisecond {
			t.Errorf("the scrape took %s", took)
		}
		for i, sim := range sims {
			name := configs[i].Name
			if broken := sim.Broken(); len(broken) > 0 {
				t.Errorf("%s: limits are broken: %+v", name, broken)
			}
			if f, fails := failing[i]; fails {
				s.want(t, fmt.Sprintf(`geelark_up{account=%q}`, name), 0)
				if got := requests(sim); !maps.Equal(got, f.calls) {
					t.Errorf("%s: requests %v, want %v", name, got, f.calls)
				}
				continue
			}
			s.want(t, fmt.Sprintf(`geelark_up{account=%q}`, name), 1)
			s.want(t, fmt.Sprintf(`geelark_phones_tracked{account=%q}`, name), phones)
			s.wantUnobserved(t, name, 0)
			if age := s[fmt.Sprintf(`geelark_status_max_age_seconds{account=%q}`, name)]; age > took.Seconds() {
				t.Errorf("%s: a status is %v s old", name, age)
			}
			// One page after the other, as if there were no other account.
			s.want(t, fmt.Sprintf(`geelark_collector_duration_seconds{account=%q,collector="inventory"}`, name), (phones / geelark.MaxListPageSize * latency).Seconds())
			untold := 0 // by the list
			for _, id := range sim.IDs() {
				p, _ := sim.Phone(id)
				s.want(t, fmt.Sprintf(`geelark_phone_status_code{account=%q,id=%q}`, name, id), float64(p.Status))
				if p.Status == int(geelark.StatusShutDown) || p.Status == int(geelark.StatusExpired) {
					untold++
				}
			}
			want := map[string]int{
				listing: phones / geelark.MaxListPageSize, status: (untold + geelark.MaxStatusIDs - 1) / geelark.MaxStatusIDs,
				"pay/wallet": 1, "pay/plan/info": 1,
			}
			if got := requests(sim); !maps.Equal(got, want) {
				t.Errorf("%s: requests %v, want %v", name, got, want)
			}
		}
		t.Logf("the scrape took %s; an account that works: %v", took, requests(sims[0]))
	})
}
