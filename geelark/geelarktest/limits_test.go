package geelarktest_test

import (
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// times sends the same request n times and returns the last answer's code.
func times(t *testing.T, s *geelarktest.Server, n int, endpoint string) geelark.Code {
	t.Helper()
	var code geelark.Code
	for range n {
		code = call(t, s, endpoint, "{}").Code
	}
	return code
}

func TestDocumentedLimits(t *testing.T) {
	for endpoint, limit := range map[string]int{
		"phone/list": 200, "phone/status": 200, "callback/get": 200, "pay/wallet": 10, "pay/plan/info": 1,
	} {
		t.Run(endpoint, func(t *testing.T) {
			s, c := still(1)
			c.Advance(time.Second)
			if code := times(t, s, limit, endpoint); code == geelark.CodeRateLimited {
				t.Errorf("request %d is refused", limit)
			}
			equal(t, "one more", times(t, s, 1, endpoint), geelark.CodeRateLimited)
			equal(t, "another one", times(t, s, 1, endpoint), geelark.CodeRateLimited)
			equal(t, "breaches", s.Broken(), []geelarktest.Breach{
				{Endpoint: endpoint, Window: time.Minute, At: noon.Add(time.Second), Count: limit + 1},
			})
			equal(t, "other endpoint", times(t, s, 1, "phone/start"), geelark.CodeParameter)

			c.Advance(58 * time.Second)
			equal(t, "at the minute's end", times(t, s, 1, endpoint), geelark.CodeRateLimited)
			c.Advance(time.Second)
			if code := times(t, s, limit, endpoint); code == geelark.CodeRateLimited {
				t.Error("the block outlives the minute")
			}
			equal(t, "refusals", s.Answered(endpoint, geelark.CodeRateLimited), 3)
		})
	}
}

func TestTheMinuteLimitHoldsAcrossClockMinutes(t *testing.T) {
	s, c := still(1)
	c.Advance(59 * time.Second)
	equal(t, "before the minute's end", times(t, s, 150, "phone/list"), geelark.CodeOK)
	c.Advance(2 * time.Second)
	equal(t, "within the limit", times(t, s, 50, "phone/list"), geelark.CodeOK)
	equal(t, "beyond it", times(t, s, 1, "phone/list"), geelark.CodeRateLimited)
	equal(t, "most in a minute", s.MostIn("phone/list", time.Minute), 201)
}

func TestRequestsAMinuteApartDoNotMeet(t *testing.T) {
	s, c := still(1)
	equal(t, "first", times(t, s, 1, "pay/plan/info"), geelark.CodeOK)
	c.Advance(time.Minute)
	equal(t, "second", times(t, s, 1, "pay/plan/info"), geelark.CodeOK)
	c.Advance(time.Minute - 1)
	equal(t, "third, too early", times(t, s, 1, "pay/plan/info"), geelark.CodeRateLimited)
}

func TestTheHourLimitLocksForTwoHours(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Now: c.Now, Token: token,
		Limits: map[string]geelarktest.Limits{"callback/get": {PerMinute: -1}},
	})
	equal(t, "within the limit", times(t, s, 24_000, "callback/get"), geelark.CodeCallbackNotDefined)
	equal(t, "beyond it", times(t, s, 1, "callback/get"), geelark.CodeHourLimit)
	locked := c.Now()
	equal(t, "breaches", s.Broken(), []geelarktest.Breach{
		{Endpoint: "callback/get", Window: time.Hour, At: locked, Count: 24_001},
	})
	equal(t, "other endpoint", times(t, s, 1, "pay/wallet"), geelark.CodeOK)
	c.Advance(2*time.Hour - 1)
	equal(t, "at the end of the lock", times(t, s, 1, "callback/get"), geelark.CodeHourLimit)
	c.Advance(1)
	equal(t, "after the lock", times(t, s, 1, "callback/get"), geelark.CodeCallbackNotDefined)
}

func TestLimitsCanBeOverridden(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Now: c.Now, Token: token,
		Limits: map[string]geelarktest.Limits{
			"phone/list": {PerMinute: 2, PerHour: 5},
			"pay/wallet": {PerMinute: -1, PerHour: -1},
		},
	})
	equal(t, "second", times(t, s, 2, "phone/list"), geelark.CodeOK)
	equal(t, "third", times(t, s, 1, "phone/list"), geelark.CodeRateLimited)
	c.Advance(time.Minute)
	equal(t, "fifth", times(t, s, 2, "phone/list"), geelark.CodeOK)
	equal(t, "sixth", times(t, s, 1, "phone/list"), geelark.CodeHourLimit)
	equal(t, "without limits", times(t, s, 300, "pay/wallet"), geelark.CodeOK)
}

func TestUnknownCallersSpendNoLimit(t *testing.T) {
	s, _ := still(1)
	for range 300 {
		r := request(t, "phone/list", "{}")
		r.Header.Set("Authorization", "Bearer guessed")
		equal(t, "guess", send(t, s, r).Code, geelark.CodeSignature)
	}
	equal(t, "the account's request", times(t, s, 1, "phone/list"), geelark.CodeOK)
	equal(t, "requests", s.Requests("phone/list"), 301)
	equal(t, "breaches", len(s.Broken()), 0)
}

// TestTheLimitsHoldInTheClocksWindowsToo spends as much as the limits allow
// for two hours, at the worst times for windows that the clock begins.
func TestTheLimitsHoldInTheClocksWindowsToo(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{
		Now: c.Now, Token: token, Limits: map[string]geelarktest.Limits{"phone/list": {PerMinute: 6, PerHour: 60}},
	})
	c.Advance(57 * time.Minute)
	byMinute, byHour := map[time.Time]int{}, map[time.Time]int{}
	for range 2 * 3600 {
		if times(t, s, 1, "phone/list") == geelark.CodeOK {
			byMinute[c.Now().Truncate(time.Minute)]++
			byHour[c.Now().Truncate(time.Hour)]++
		}
		c.Advance(time.Second)
	}
	for minute, n := range byMinute {
		if n > 6 {
			t.Errorf("%d requests were let through in the minute of %v", n, minute)
		}
	}
	for hour, n := range byHour {
		if n > 60 {
			t.Errorf("%d requests were let through in the hour of %v", n, hour)
		}
	}
}

func TestABrokenMinuteCanLockForTwoHours(t *testing.T) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{Now: c.Now, Token: token, LockAtOnce: true})
	equal(t, "within the limit", times(t, s, 200, "phone/list"), geelark.CodeOK)
	equal(t, "beyond it", times(t, s, 1, "phone/list"), geelark.CodeHourLimit)
	equal(t, "breaches", s.Broken(), []geelarktest.Breach{{Endpoint: "phone/list", Window: time.Minute, At: noon, Count: 201}})
	c.Advance(2*time.Hour - 1)
	equal(t, "at the end of the lock", times(t, s, 1, "phone/list"), geelark.CodeHourLimit)
	c.Advance(1)
	equal(t, "after it", times(t, s, 1, "phone/list"), geelark.CodeOK)
}

func TestATeamSpendsFromTheSameLimits(t *testing.T) {
	s, c := still(1)
	s.SetTeam("phone/list", geelarktest.Team{Burst: 50, Every: time.Minute, Over: 10 * time.Second})
	c.Advance(5 * time.Second) // 26 of the 50 have come
	equal(t, "what the team leaves", times(t, s, 174, "phone/list"), geelark.CodeOK)
	equal(t, "one more", times(t, s, 1, "phone/list"), geelark.CodeRateLimited)
	equal(t, "breaches", s.Broken(), []geelarktest.Breach{
		{Endpoint: "phone/list", Window: time.Minute, At: noon.Add(5 * time.Second), Count: 201},
	})
	equal(t, "requests", []int{s.Requests("phone/list"), s.MostIn("phone/list", time.Minute)}, []int{175, 175})
	equal(t, "another endpoint", times(t, s, 1, "phone/status"), geelark.CodeParameter)
}

func TestATeamCanBreakTheLimitItself(t *testing.T) {
	s, c := still(1)
	s.SetTeam("phone/list", geelarktest.Team{Burst: 150, Every: 30 * time.Second})
	c.Advance(31 * time.Second)
	equal(t, "the client's request", times(t, s, 1, "phone/list"), geelark.CodeRateLimited)
	equal(t, "breaches", s.Broken(), []geelarktest.Breach{
		{Endpoint: "phone/list", Window: time.Minute, At: noon.Add(30 * time.Second), Count: 201, ByTeam: true},
	})
	s.SetTeam("phone/list", geelarktest.Team{})
	s.SetTeam("no/api", geelarktest.Team{Burst: 1, Every: 1})
	c.Advance(time.Hour)
	equal(t, "without the team", times(t, s, 200, "phone/list"), geelark.CodeOK)
}

func TestAMonthOfRequestsIsCountedInAMinuteAndAnHour(t *testing.T) {
	s, c := still(1)
	for day := range 30 {
		times(t, s, 3+day%7, "phone/list")
		c.Advance(30 * time.Minute)
		times(t, s, 2, "phone/list")
		c.Advance(24*time.Hour - 30*time.Minute)
	}
	equal(t, "most in a minute, an hour", []int{s.MostIn("phone/list", time.Minute), s.MostIn("phone/list", time.Hour)}, []int{9, 11})
}
