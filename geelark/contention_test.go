package geelark

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestALimitThatOthersSpendFromGivesWayAtOnceAndComesBackGently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 150, PerHour: 18000}, time.Now)
		of := b.endpoints[EndpointPhoneStatus]
		refused := func(sent time.Time) {
			of.mu.Lock()
			of.take(time.Now())
			of.mu.Unlock()
			of.end(sent, false, pauseAfter(&APIError{Code: CodeRateLimited}))
		}
		want := func(limit, times int) {
			t.Helper()
			got := b.Of(EndpointPhoneStatus)
			if got.Limits.PerMinute != limit || got.Contended != times || got.Limits.PerHour != 18000 {
				t.Errorf("got %+v, want %d after %d", got, limit, times)
			}
		}
		want(150, 0)
		before := time.Now()
		time.Sleep(time.Second)
		refused(before)
		want(75, 1)
		refused(before) // sent with the former limit
		want(75, 2)
		time.Sleep(5 * time.Minute)
		refused(time.Now())
		want(30, 3) // a fifth: halves are rounded down to tenths
		time.Sleep(contentionRecovery)
		want(45, 3)
		for range 5 {
			time.Sleep(time.Second)
			refused(time.Now())
		}
		want(15, 8)
		time.Sleep(54 * time.Minute)
		want(150, 8)
		of.mu.Lock()
		of.contention.met(time.Now(), time.Now().Add(time.Hour)) // by a clock that is set back after that
		of.mu.Unlock()
		want(75, 9)
		if got := b.Of(EndpointPhoneList); got.Limits.PerMinute != 150 || got.Contended != 0 {
			t.Errorf("another endpoint has %+v", got)
		}
	})
}

func TestNoLimitIsLoweredToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 3, PerHour: 100}, time.Now)
		of := b.endpoints[EndpointPhoneStatus]
		for range 20 {
			time.Sleep(time.Second)
			of.mu.Lock()
			of.take(time.Now())
			of.mu.Unlock()
			of.end(time.Now(), false, pauseAfter(&APIError{Code: CodeRateLimited}))
		}
		if got := b.Of(EndpointPhoneStatus).Limits.PerMinute; got != 1 {
			t.Errorf("got %d", got)
		}
	})
}
