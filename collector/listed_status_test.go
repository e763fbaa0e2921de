package collector

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestAListedStatusIsTakenWhereItCannotHideAnExpiredPhone(t *testing.T) {
	const started, starting, shutDown, expired, odd = geelark.StatusStarted, geelark.StatusStarting, geelark.StatusShutDown, geelark.StatusExpired, geelark.Status(7)
	now := at(100)
	polled := func(s geelark.Status) condition { return condition{knowledge: current, status: s} }
	listed := func(s geelark.Status) geelark.ListedPhone {
		return geelark.ListedPhone{Phone: geelark.Phone{Status: s, HasStatus: true}, At: now}
	}
	ending := func(l geelark.ListedPhone, end time.Time) geelark.ListedPhone { l.MonthlyExpire = end; return l }
	for name, tt := range map[string]struct {
		known condition
		list  geelark.ListedPhone
		want  bool
	}{
		"started, nothing known":                      {condition{}, listed(started), true},
		"started, known as shut down":                 {polled(shutDown), listed(started), true},
		"started, known as expired":                   {polled(expired), listed(started), true},
		"started, after a failed lookup":              {condition{knowledge: failed, failure: "42001"}, listed(started), false},
		"starting, nothing known":                     {condition{}, listed(starting), true},
		"shut down, nothing known":                    {condition{}, ending(listed(shutDown), at(101)), false},
		"shut down, known as started":                 {polled(started), ending(listed(shutDown), at(101)), false},
		"shut down, known as expired":                 {polled(expired), ending(listed(shutDown), at(101)), false},
		"shut down, known as undocumented":            {polled(odd), ending(listed(shutDown), at(101)), false},
		"shut down, after a failed lookup":            {condition{knowledge: failed, status: shutDown, failure: "42001"}, ending(listed(shutDown), at(101)), false},
		"shut down, known so, subscription runs":      {polled(shutDown), ending(listed(shutDown), at(101)), true},
		"shut down, known so long ago":                {condition{knowledge: outdated, status: shutDown}, ending(listed(shutDown), at(101)), true},
		"shut down, known so, subscription ends now":  {polled(shutDown), ending(listed(shutDown), now), false},
		"shut down, known so, subscription is over":   {polled(shutDown), ending(listed(shutDown), at(99)), false},
		"shut down, known so, without a subscription": {polled(shutDown), listed(shutDown), false},
		"expired, which is not documented in a list":  {polled(expired), listed(expired), false},
		"undocumented":                                {polled(odd), listed(odd), false},
		"none, which must not be read as started":     {polled(started), geelark.ListedPhone{At: now}, false},
	} {
		got, ok := listedStatus(tt.known, tt.list)
		if ok != tt.want || ok && got != tt.list.Status {
			t.Errorf("%s: got %v, %v, want %v", name, got, ok, tt.want)
		}
	}
}

// withoutStatuses takes the statuses out of listings.
func withoutStatuses(api http.RoundTripper) http.RoundTripper {
	listed := regexp.MustCompile(`"status":\d+,`)
	return roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		w, err := api.RoundTrip(r)
		if err != nil || !strings.HasSuffix(r.URL.Path, listing) {
			return w, err
		}
		body, err := io.ReadAll(w.Body)
		if err != nil {
			return nil, err
		}
		w.Body = io.NopCloser(bytes.NewReader(listed.ReplaceAll(body, nil)))
		return w, nil
	})
}

// An hour of a fleet that lives, whose subscriptions end meanwhile. Every status
// that is exposed was the phone's own at the time at which it is said to have
// been observed.
func TestListedStatusesSaveCallsAndAreTrue(t *testing.T) {
	t.Parallel()
	const (
		ttl   = 30 * time.Second
		every = 15 * time.Second
	)
	phones := 1000
	if race {
		phones = 300
	}
	hour := func(t *testing.T, change func(http.RoundTripper) http.RoundTripper, check bool) (calls int) {
		synctest.Test(t, func(t *testing.T) {
			sim := geelarktest.New(geelarktest.Config{Phones: phones, Seed: 7, Token: testToken})
			for i, id := range sim.IDs() {
				if i%8 == 0 { // ends within the hour, some while they run
					sim.Edit(id, func(p *geelarktest.Phone) {
						p.ChargeMode, p.HasBind, p.MonthlyExpire = 1, true, time.Now().Add(time.Duration(i)*time.Hour/time.Duration(phones)).Unix()
					})
				}
			}
			b := newBench(t, change(sim.RoundTripper()), nil, testConfig())
			defer b.Close()
			truth := make(map[time.Time]map[string]int)
			for range time.Hour / every {
				b.pollAndList()
				if !check {
					time.Sleep(every)
					continue
				}
				now := make(map[string]int, phones)
				for _, id := range sim.IDs() {
					p, _ := sim.Phone(id)
					now[id] = p.Status
				}
				truth[time.Now()] = now
				for _, p := range b.fleet.Load().accounts[0].cache.records() {
					age := time.Since(p.observedAt)
					if age > ttl {
						t.Fatalf("the status of %s is %s old", p.id, age)
					}
					if was := truth[p.observedAt][p.id]; int(p.status) != was {
						t.Fatalf("%s has status %d as of %s ago, it was %d then", p.id, p.status, age, was)
					}
				}
				time.Sleep(every)
			}
			expired := 0
			for _, s := range truth[time.Now().Add(-every)] {
				if s == int(geelark.StatusExpired) {
					expired++
				}
			}
			if check && expired < phones/10 {
				t.Errorf("%d phones have expired: the test does not reach what it is for", expired)
			}
			calls = sim.Requests(status)
		})
		return calls
	}
	without := hour(t, withoutStatuses, false)
	with := hour(t, func(api http.RoundTripper) http.RoundTripper { return api }, true)
	t.Logf("status calls for %d phones in an hour, scraped every %s with a ttl of %s: %d with the statuses of the list, %d without", phones, every, ttl, with, without)
	if with >= without*97/100 {
		t.Errorf("%d calls with the statuses of the list, %d without", with, without)
	}
}
