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
