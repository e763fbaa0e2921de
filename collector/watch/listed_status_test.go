package watch

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// withoutStatuses takes the statuses out of listings.
func withoutStatuses(api http.RoundTripper) http.RoundTripper {
	listed := regexp.MustCompile(`"status":\d+,`)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
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
		fleet = 300
	)
	hour := func(t *testing.T, change func(http.RoundTripper) http.RoundTripper, check bool) (calls int) {
		synctest.Test(t, func(t *testing.T) {
			sim := geelarktest.New(geelarktest.Config{Phones: fleet, Seed: 7, Token: testToken})
			for i, id := range sim.IDs() {
				if i%8 == 0 { // ends within the hour, some while they run
					sim.Edit(id, func(p *geelarktest.Phone) {
						p.ChargeMode, p.HasBind, p.MonthlyExpire = 1, true, time.Now().Add(time.Duration(i)*time.Hour/time.Duration(fleet)).Unix()
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
				now := make(map[string]int, fleet)
				for _, id := range sim.IDs() {
					p, _ := sim.Phone(id)
					now[id] = p.Status
				}
				truth[time.Now()] = now
				for p := range b.account().Phones().All(b.Now(), phones.Lifetimes{Status: ttl}) {
					age := time.Since(p.ObservedAt)
					if age > ttl {
						t.Fatalf("the status of %s is %s old", p.ID, age)
					}
					if was := truth[p.ObservedAt][p.ID]; int(p.Status) != was {
						t.Fatalf("%s has status %d as of %s ago, it was %d then", p.ID, p.Status, age, was)
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
			if check && expired < fleet/10 {
				t.Errorf("%d phones have expired: the test does not reach what it is for", expired)
			}
			calls = sim.Requests(status)
		})
		return calls
	}
	without := hour(t, withoutStatuses, false)
	with := hour(t, func(api http.RoundTripper) http.RoundTripper { return api }, true)
	t.Logf("status calls for %d phones in an hour, scraped every %s with a ttl of %s: %d with the statuses of the list, %d without", fleet, every, ttl, with, without)
	if with >= without {
		t.Errorf("%d calls with the statuses of the list, %d without", with, without)
	}
}
