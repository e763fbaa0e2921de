package geelarktest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"geelark_exporter/geelark/geelarktest"
)

// TestADemoIsAHealthyFleetWithSomeTrouble looks at the demo's first hour as an
// alert would.
func TestADemoIsAHealthyFleetWithSomeTrouble(t *testing.T) {
	for seed := range uint64(4) {
		c := newClock()
		s := geelarktest.NewDemo(250, seed, c.Now)
		s.SetCredentials(token, "", "")
		first := phones(t, s)
		stopped, begun, expiredNow := 0, 0, 0
		if n := byStatus(t, s)[3]; n < 1 || n > 3 {
			t.Errorf("%d phones are expired in the beginning", n)
		}
		last := map[string]int{}
		for _, p := range first {
			last[p.ID] = p.Status
		}
		money := s.Billing()
		for range 60 {
			c.Advance(time.Minute)
			for _, p := range phones(t, s) {
				switch was := last[p.ID]; {
				case p.Status == 3 && was != 3:
					expiredNow++
				case p.Status == 2 && was != 2:
					stopped++
				case p.Status == 0 && was > 0:
					begun++
				}
				last[p.ID] = p.Status
			}
		}
		n := byStatus(t, s)
		soon := 0
		for _, p := range phones(t, s) {
			if left := p.MonthlyExpire - c.Now().Unix(); left > 0 && left < 3*24*3600 {
				soon++
			}
		}
		t.Logf("seed %d: %d stopped, %d begun, %d expired, %d expire soon; by status %v", seed, stopped, begun, expiredNow, soon, n)
		if stopped < 1 || stopped > 9 || begun > 15 || expiredNow < 1 || expiredNow > 2 || soon > 6 || n[3] > 4 {
			t.Error("that is not what a demo should be")
		}
		if running := float64(n[0]) / 250; running < 0.5 || running > 0.72 {
			t.Errorf("%.0f%% run", running*100)
		}
		if now := s.Billing(); now.AvailableTimeAddOn >= money.AvailableTimeAddOn {
			t.Error("no minute was spent")
		}
		failed, all := map[string]int{}, map[string]int{}
		for _, k := range s.Tasks() {
			p, _ := s.Phone(k.Phone)
			if k.Status > 2 && k.Status < 7 && k.ScheduleAt > noon.Unix()+600 {
				all[p.Group]++
				if slices.Contains([]int{20100, 20108, 20109, 20110, 29996}, k.FailCode) {
					failed[p.Group]++
				}
			}
		}
		t.Logf("tasks by group %v, failed for proxies or networks %v", all, failed)
		if failed["farm-3"] < all["farm-3"]*3/4 || all["farm-3"] < 5 || failed["farm-1"] > all["farm-1"]/5 {
			t.Error("one group should have a bad hour")
		}
		if len(get[flows](t, s, transactions, params{"limit": 1000}).List) < 1000 {
			t.Error("there is no past")
		}
	}
}

// TestADemoStaysHealthy leaves one alone for half a year.
func TestADemoStaysHealthy(t *testing.T) {
	c := newClock()
	s := geelarktest.NewDemo(100, 1, c.Now)
	for range 26 {
		c.Advance(7 * 24 * time.Hour)
		n, b, soon := byStatus(t, s), s.Billing(), 0
		for _, p := range phones(t, s) {
			if left := p.MonthlyExpire - c.Now().Unix(); left > 0 && left < 3*24*3600 {
				soon++
			}
		}
		if n[0] < 40 || n[3] > 5 || b.Balance < 0 || soon > 3 {
			t.Errorf("after %v: by status %v, %d expire soon, balance %f", c.Now().Sub(noon), n, soon, b.Balance)
		}
	}
}

func TestALargeDemoIsBounded(t *testing.T) {
	c := newClock()
	s := geelarktest.NewDemo(20_000, 1, c.Now)
	s.SetCredentials(token, "", "")
	if n := get[flows](t, s, transactions, params{"limit": 1}).Total; n > 1_000_000 {
		t.Errorf("%d flows", n)
	}
	if n := len(s.Tasks()); n > 50_000 {
		t.Errorf("%d tasks", n)
	}
}

func BenchmarkNewDemoOf100000Phones(b *testing.B) {
	c := newClock()
	for b.Loop() {
		geelarktest.NewDemo(100_000, 1, c.Now)
	}
}

func TestADemoIsServed(t *testing.T) {
	d, err := geelarktest.StartDemo("127.0.0.1:0", 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	r := request(t, "auth/status", "{}")
	r.Header.Set("Authorization", "Bearer "+d.Token)
	if got := performRequest(t, http.DefaultTransport, d.URL, r); !contains(got.body, `"code":0`) {
		t.Errorf("%+v", got)
	}
	if _, err := geelarktest.StartDemo(strings.TrimPrefix(d.URL, "http://"), 1, 1); err == nil || !contains(err.Error(), "address already in use") {
		t.Errorf("a second one at the same address: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if got := performRequest(t, http.DefaultTransport, d.URL, request(t, "auth/status", "{}")); got.err == nil {
		t.Errorf("%+v", got)
	}
}
