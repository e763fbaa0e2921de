package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const status = "phone/status"

func TestPhonesNeverCostMoreThanOneCallPerHundredAndTTL(t *testing.T) {
	for _, n := range []int{1, 99, 100, 101, 250, 1000} {
		for _, concurrency := range []int{1, 4} {
			t.Run(fmt.Sprintf("%d phones, %d at a time", n, concurrency), func(t *testing.T) {
				inBubble(t, n, func(c *watch.AccountConfig) { c.Concurrency = concurrency }, func(b *bench) {
					defer b.sim.Inject(geelarktest.Fault{Latency: 300 * time.Millisecond})()
					most := (n + 99) / 100
					scrapers := make(chan struct{})
					for _, offset := range []time.Duration{0, 1700 * time.Millisecond} {
						go func() {
							defer func() { scrapers <- struct{}{} }()
							time.Sleep(offset)
							for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Second) {
								b.poll()
							}
						}()
					}
					<-scrapers
					<-scrapers
					if got := b.sim.MostIn(status, 30*time.Second); got > most {
						t.Errorf("%d calls within a ttl, want at most %d", got, most)
					}
					// A sweep begins with the first scrape after the ttl: no
					// less often than each ttl and one scrape's interval.
					if got, least := b.sim.Requests(status), most*(600/(30+5)); got < least {
						t.Errorf("%d calls in all, want at least %d", got, least)
					}
					b.exposed().addUp(t, n)
				})
			})
		}
	}
}

func TestScrapesAtTheSameTimeShareTheirPolls(t *testing.T) {
	inBubble(t, 0, trackAlso(250), func(b *bench) {
		defer b.sim.Inject(geelarktest.Fault{Latency: time.Second})()
		done := make(chan samples)
		for range 20 {
			go func() { done <- b.scrape() }()
		}
		for range 20 {
			(<-done).want(t, `geelark_collector_success{account="default",collector="status"}`, 1)
		}
		if got := b.sim.Requests(status); got != 3 {
			t.Errorf("%d batches polled, want 3", got)
		}
	})
}

func TestBatchesRunSomeAtATime(t *testing.T) {
	inBubble(t, 1000, func(c *watch.AccountConfig) { c.Concurrency = 4; c.Timeout = 30 * time.Second }, func(b *bench) {
		b.scrape()
		time.Sleep(31 * time.Second)
		defer b.sim.Inject(geelarktest.Fault{Latency: 2 * time.Second})()
		start := time.Now()
		s := b.scrape()
		if got := time.Since(start); got != 8*time.Second {
			t.Errorf("10 batches of 2 s each, the first alone and then 4 at a time, took %s, want 8s", got)
		}
		s.want(t, `geelark_status_max_age_seconds{account="default"}`, 8)
	})
}

func TestABatchWithRoomIsFilledWithTheNextOldest(t *testing.T) {
	inBubble(t, 150, func(c *watch.AccountConfig) { c.Concurrency = 1 }, func(b *bench) {
		defer b.sim.Inject(geelarktest.Fault{Endpoint: status, Latency: time.Second})()
		b.scrape()
		ages := make(map[time.Duration]int)
		for _, p := range b.records() {
			ages[time.Since(p.PolledAt)]++
		}
		// The second call had 50 phones of its own and took 50 of the first's.
		if want := map[time.Duration]int{time.Second: 50, 0: 100}; !maps.Equal(ages, want) {
			t.Errorf("phones by time since their last poll: %v, want %v", ages, want)
		}
	})
}

func TestAScrapeReturnsBeforeItsDeadlineAndThePollsServeTheNext(t *testing.T) {
	inBubble(t, 100, func(c *watch.AccountConfig) { c.Timeout = 30 * time.Second }, func(b *bench) {
		b.scrape()
		b.sim.SetStatus(b.sim.IDs()[0], 3)
		time.Sleep(31 * time.Second)
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: status, Latency: 12 * time.Second})
		start := time.Now()
		s := b.scrape()
		if got := time.Since(start); got != 9500*time.Millisecond {
			t.Errorf("the scrape took %s", got)
		}
		expired := fmt.Sprintf(`geelark_phone_status{account="default",id="%s",status="expired"}`, b.sim.IDs()[0])
		s.want(t, expired, 0)
		s.wantUnobserved(t, "default", 0)
		remove()
		time.Sleep(5 * time.Second)
		b.scrape().want(t, expired, 1)
		if got := b.sim.Requests(status); got != 2 {
			t.Errorf("%d calls, want 2", got)
		}
	})
}

func TestWithoutScrapesNothingIsPolled(t *testing.T) {
	inBubble(t, 0, trackAlso(1000), func(b *bench) {
		b.poll()
		time.Sleep(time.Hour)
		if got := b.sim.Requests(""); got != 10 {
			t.Errorf("%d requests, want 10 batches", got)
		}
	})
}

func TestABudgetSmallerThanTheFleetNeedsAgesAllPhonesEvenly(t *testing.T) {
	// 20 batches at 4 calls a minute: a sweep takes 5 minutes.
	inBubble(t, 2000, func(c *watch.AccountConfig) {
		c.IDs = geelarktest.New(geelarktest.Config{Phones: 2000, Seed: 1}).IDs()
		c.Limits.PerMinute, c.MaxStaleness = 4, time.Hour
	}, func(b *bench) {
		for end := time.Now().Add(30 * time.Minute); time.Now().Before(end); time.Sleep(15 * time.Second) {
			start := time.Now()
			b.poll()
			if d := time.Since(start); d > time.Second {
				t.Fatalf("a scrape waited %s for the budget", d)
			}
		}
		s := b.exposed()
		s.want(t, `geelark_phones_tracked{account="default"}`, 2000)
		s.wantUnobserved(t, "default", 0)
		s.want(t, `geelark_up{account="default"}`, 1)
		oldest, median := s[`geelark_status_max_age_seconds{account="default"}`], s[`geelark_status_median_age_seconds{account="default"}`]
		// Four of the 20 batches are as old as each of the last five minutes.
		if math.Round(oldest) != 5*60 || math.Round(median) != 3*60 {
			t.Errorf("the oldest status is %v s old, the median %v s: not even", oldest, median)
		}
		if got := b.sim.MostIn(status, time.Minute); got > 4 {
			t.Errorf("%d calls within a minute, want at most 4", got)
		}
		if got := b.sim.Requests(status); got != 4*30 {
			t.Errorf("%d calls in 30 minutes, want the whole budget of %d", got, 4*30)
		}
	})
}

func TestALockedAccountIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		code  geelark.Code
		pause time.Duration
	}{
		{geelark.CodeRateLimited, time.Minute},
		{geelark.CodeHourLimit, 2 * time.Hour},
		{geelark.CodeCrowded, time.Minute},
	} {
		t.Run(fmt.Sprint(int(tt.code)), func(t *testing.T) {
			inBubble(t, 1000, func(c *watch.AccountConfig) { c.InventoryInterval = 3 * time.Hour }, func(b *bench) {
				b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: tt.code, Times: 1})
				s := b.scrape()
				until := time.Now().Add(tt.pause)
				s.want(t, `geelark_up{account="default"}`, 0)
				s.want(t, `geelark_api_paused_until_timestamp_seconds{account="default",api="phone/status"}`, timestamp(until))
				s.want(t, fmt.Sprintf(`geelark_api_requests_total{account="default",api="phone/status",outcome="%d"}`, tt.code), 1)
				for time.Until(until) > 10*time.Second {
					time.Sleep(5 * time.Second)
					b.poll()
				}
				if got := b.sim.Requests(status); got != 1 {
					t.Fatalf("%d calls while paused, want none after the first", got)
				}
				time.Sleep(20 * time.Second)
				s = b.scrape()
				s.want(t, `geelark_up{account="default"}`, 1)
				s.wantUnobserved(t, "default", 0)
				s.want(t, `geelark_api_paused_until_timestamp_seconds{account="default",api="phone/status"}`, 0)
			})
		})
	}
}

func TestALockBetweenSweepsIsMetByOneCall(t *testing.T) {
	inBubble(t, 1000, nil, func(b *bench) {
		b.poll()
		time.Sleep(31 * time.Second)
		before := b.sim.Requests(status)
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
		for range 100 {
			b.poll()
			time.Sleep(5 * time.Second)
		}
		b.exposed().want(t, `geelark_up{account="default"}`, 0)
		if got := b.sim.Requests(status) - before; got != 1 {
			t.Errorf("%d calls, want none after the one that was answered with the lock", got)
		}
	})
}

func TestALockAmidASweepEndsIt(t *testing.T) {
	inBubble(t, 0, trackAlso(2000), func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Latency: time.Second})
		scraped := make(chan struct{})
		go func() {
			b.poll()
			close(scraped)
		}()
		time.Sleep(1500 * time.Millisecond) // the first call is answered, 4 are in flight
		b.sim.Inject(geelarktest.Fault{Code: geelark.CodeHourLimit, Latency: time.Millisecond, Times: 1})
		<-scraped
		for range 100 {
			b.poll()
			time.Sleep(5 * time.Second)
		}
		b.exposed().want(t, `geelark_up{account="default"}`, 0)
		// Of the next 4 the others are answered first, and make room for one more each.
		if got := b.sim.Requests(status); got != 1+4+4+3 {
			t.Errorf("%d calls, want 12", got)
		}
		if strings.Contains(b.logs.String(), "Polling works again") {
			t.Error("a poll beside the locked one is logged as the recovery")
		}
	})
}

// Every answer that is of no use leaves what is known in place.
func TestAPollThatFailsAsAWholeLosesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		fault   geelarktest.Fault
		outcome string
	}{
		"API hangs":                {geelarktest.Fault{Hang: true}, "timeout"},
		"API resets":               {geelarktest.Fault{Drop: true}, "connection"},
		"bad gateway":              {geelarktest.Fault{HTTPStatus: http.StatusBadGateway}, "502"},
		"HTML":                     {geelarktest.Fault{Body: []byte("<html>login</html>")}, "malformed"},
		"100 MB":                   {geelarktest.Fault{Body: []byte(strings.Repeat("x", 100_000_000))}, "too_large"},
		"empty object":             {geelarktest.Fault{Body: []byte("{}")}, "malformed"},
		"null data":                {geelarktest.Fault{Rewrite: geelarktest.Set("data", nil)}, "malformed"},
		"truncated":                {geelarktest.Fault{Rewrite: func(r *geelarktest.Reply) { r.Cut = len(r.Body) / 2 }}, "connection"},
		"token refused":            {geelarktest.Fault{Code: geelark.CodeSignature}, "40003"},
		"internal error":           {geelarktest.Fault{Code: geelark.CodeInternal}, "50000"},
		"whole batch failed, bare": {geelarktest.Fault{Code: geelark.CodeBatchFailed}, "40009"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 250, nil, func(b *bench) {
				known := b.scrape()
				time.Sleep(31 * time.Second)
				tt.fault.Endpoint = status
				remove := b.sim.Inject(tt.fault)
				start := time.Now()
				b.poll()
				if got := time.Since(start); got > 9500*time.Millisecond {
					t.Errorf("the scrape took %s", got)
				}
				time.Sleep(15 * time.Second) // the poll has failed by now
				s := b.exposed()
				for series, v := range known {
					if strings.HasPrefix(series, "geelark_phone_status") || strings.HasPrefix(series, "geelark_phones") {
						s.want(t, series, v)
					}
				}
				s.want(t, `geelark_up{account="default"}`, 0)
				if s[`geelark_api_requests_total{account="default",api="phone/status",outcome="`+tt.outcome+`"}`] < 1 {
					t.Errorf("no request with outcome %s is counted", tt.outcome)
				}
				if !strings.Contains(b.logs.String(), "Polling failed") {
					t.Errorf("nothing is logged: %s", b.logs)
				}
				remove()
				time.Sleep(31 * time.Second)
				s = b.scrape()
				s.want(t, `geelark_up{account="default"}`, 1)
				s.addUp(t, 250)
				if s[`geelark_status_max_age_seconds{account="default"}`] > 1 {
					t.Error("not all phones were polled after the failure")
				}
				if !strings.Contains(b.logs.String(), "Polling works again") {
					t.Errorf("the recovery is not logged: %s", b.logs)
				}
			})
		})
	}
}

func TestAnAccountThatFailsIsAskedOnceAtATime(t *testing.T) {
	inBubble(t, 1000, nil, func(b *bench) {
		b.sim.SetCredentials("another", "", "")
		// Listing fails first, so nothing is tracked and nothing polled.
		for range 12 {
			b.scrape().want(t, `geelark_up{account="default"}`, 0)
			time.Sleep(5 * time.Second)
		}
		if got := b.sim.Requests(""); got != 2 {
			t.Errorf("%d requests with a refused token in a minute, want one a ttl", got)
		}
		b.sim.SetCredentials(testToken, "", "")
		time.Sleep(30 * time.Second)
		b.scrape().want(t, `geelark_up{account="default"}`, 1)
		b.sim.SetCredentials("another", "", "")
		time.Sleep(31 * time.Second)
		before := b.sim.Requests(status)
		b.scrape()
		// The four that went together fail together; then it is one a ttl.
		together := b.sim.Requests(status) - before
		time.Sleep(31 * time.Second)
		b.scrape()
		if got := b.sim.Requests(status) - before - together; together > 4 || got != 1 {
			t.Errorf("%d requests together and then %d, want at most 4 and then 1", together, got)
		}
	})
}

func TestAFailedLookupTakesTheStatusAwayAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		fail func(b *bench, id string)
		code string
	}{
		"unknown id": {func(b *bench, id string) { b.sim.Remove(id) }, "42001"},
		"another code": {func(b *bench, id string) {
			b.sim.Inject(geelarktest.Fault{FailIDs: map[string]geelark.Code{id: 43004}})
		}, "43004"},
		"left out": {func(b *bench, id string) { b.sim.Inject(geelarktest.Fault{OmitIDs: []string{id}}) }, "missing"},
		"partial success": {func(b *bench, id string) {
			b.sim.Remove(id)
			b.sim.Inject(geelarktest.Fault{Code: geelark.CodePartial, WithData: true})
		}, "42001"},
		"whole batch fails": {func(b *bench, id string) {
			b.sim.Remove(id)
			b.sim.Inject(geelarktest.Fault{Code: geelark.CodeBatchFailed, WithData: true})
		}, "42001"},
	} {
		t.Run(name, func(t *testing.T) {
			sim := geelarktest.New(geelarktest.Config{Phones: 3, Seed: 1})
			ids := sim.IDs()
			inBubble(t, 3, func(c *watch.AccountConfig) { c.IDs = ids }, func(b *bench) {
				series := fmt.Sprintf(`geelark_phone_status_code{account="default",id="%s"}`, ids[1])
				if _, ok := b.scrape()[series]; !ok {
					t.Fatal("no status to lose")
				}
				tt.fail(b, ids[1])
				for lookups := 1; lookups <= 3; lookups++ {
					time.Sleep(31 * time.Second)
					s := b.scrape()
					s.absent(t, series)
					s.absent(t, fmt.Sprintf(`geelark_phone_status{account="default",id="%s"`, ids[1]))
					s.want(t, fmt.Sprintf(`geelark_phone_lookup_failed{account="default",code="%s",id="%s"}`, tt.code, ids[1]), 1)
					s.want(t, fmt.Sprintf(`geelark_phone_lookup_failures_total{account="default",code="%s"}`, tt.code), float64(lookups))
					s.want(t, `geelark_up{account="default"}`, 1)
					s.wantUnobserved(t, "default", 1)
					s.addUp(t, 3)
				}
			})
		})
	}
}

func TestIDsThatNobodyAskedForOrThatComeTwiceChangeNothing(t *testing.T) {
	inBubble(t, 3, nil, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Rewrite: geelarktest.Edit(func(answer map[string]any) {
			data := answer["data"].(map[string]any)
			details := data["successDetails"].([]any)
			for _, detail := range details { // ids are numbers, statuses texts
				d := detail.(map[string]any)
				d["id"], d["status"] = json.Number(d["id"].(string)), fmt.Sprint(d["status"])
			}
			stranger := map[string]any{"id": json.Number("599999999999999999"), "serialName": "stranger", "status": "0"}
			data["successDetails"] = append(details, details[0], details[1], stranger)
		})})
		s := b.scrape()
		s.addUp(t, 3)
		s.wantUnobserved(t, "default", 0)
		s.absent(t, `geelark_phone_status_code{account="default",id="599999999999999999"}`)
	})
}

func TestAStatusTooOldIsNotExposed(t *testing.T) {
	inBubble(t, 10, nil, func(b *bench) {
		b.scrape()
		b.sim.Inject(geelarktest.Fault{Hang: true})
		time.Sleep(10 * time.Minute)
		s := b.exposed()
		s.wantUnobserved(t, "default", 0)
		s.want(t, `geelark_status_max_age_seconds{account="default"}`, 600)
		time.Sleep(time.Second)
		s = b.exposed()
		s.absent(t, "geelark_phone_status")
		s.absent(t, "geelark_status_")
		s.wantUnobserved(t, "default", 10)
		s.addUp(t, 10)
	})
}

func TestACredentialThatCannotBeReadCostsNoCall(t *testing.T) {
	inBubble(t, 10, func(c *watch.AccountConfig) {
		c.IDs = []string{"1"}
		c.Credentials = geelark.TokenFile("testdata/does-not-exist")
	}, func(b *bench) {
		b.scrape().want(t, `geelark_up{account="default"}`, 0)
		if got := b.sim.Requests(""); got != 0 {
			t.Errorf("%d requests, want none", got)
		}
		if !strings.Contains(b.logs.String(), "testdata/does-not-exist") {
			t.Errorf("the log does not name the file: %s", b.logs)
		}
	})
}

func TestABudgetSpentByNobodyElseIsNeverAFailure(t *testing.T) {
	// One call a minute: the list's pages and the batches each wait.
	inBubble(t, 300, func(c *watch.AccountConfig) { c.Limits.PerMinute = 1; c.CacheTTL = 0 }, func(b *bench) {
		for range 60 {
			b.scrape()
			time.Sleep(15 * time.Second)
		}
		s := b.exposed()
		s.want(t, `geelark_up{account="default"}`, 1)
		s.addUp(t, 300)
		s.wantUnobserved(t, "default", 0)
		if got := b.logs.String(); got != "" {
			t.Errorf("logged: %s", got)
		}
	})
}

func TestCloseEndsPollsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 10, Seed: 1, Token: testToken, Still: true})
		sim.Inject(geelarktest.Fault{Hang: true})
		cfg := testConfig()
		cfg.IDs = sim.IDs()
		b := newBench(t, sim.RoundTripper(), func(o *options) { o.Collectors = []string{watch.CollectorStatus} }, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.all().refresh(ctx)
		start := time.Now()
		b.Close()
		b.all().refresh(t.Context())
		if d := time.Since(start); d != 0 {
			t.Errorf("closing took %s", d)
		}
		if b.logs.String() != "" {
			t.Errorf("closing is logged as a failure: %s", b.logs)
		}
	})
}
