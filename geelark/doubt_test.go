package geelark

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// spendAll takes every place that is free at once.
func spendAll(b *Budgets, e Endpoint) (n int, next time.Time) {
	of := b.endpoints[e]
	for {
		ok, at := of.reserve()
		if !ok {
			return n, at
		}
		of.end(time.Now(), true, pause{})
		n++
	}
}

// most returns the most times within any such window, both ends included.
func most(times []time.Time, window time.Duration) int {
	n, first := 0, 0
	for i, t := range times {
		for t.Sub(times[first]) > window {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

func TestProcessesThatKnowNothingOfEachOtherKeepToTheVendorsLimit(t *testing.T) {
	for _, limits := range []Limits{{PerMinute: 150, PerHour: 18000}, {PerMinute: 20, PerHour: 18000}, {PerMinute: 200, PerHour: 24000}, {PerMinute: 150, PerHour: 18000, Share: 2}} {
		for _, e := range Endpoints() {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, uint64(limits.PerMinute)))
				var sent []time.Time
				for end := time.Now().Add(20 * time.Minute); time.Now().Before(end); {
					b := NewBudgets(limits, time.Now)
					b.Doubt(time.Now())
					life := time.Duration(random.Int64N(int64(3 * time.Second)))
					if random.IntN(5) == 0 {
						life = time.Duration(random.Int64N(int64(4 * time.Minute)))
					}
					for died := time.Now().Add(life); time.Now().Before(died); {
						n, next := spendAll(b, e)
						for range n {
							sent = append(sent, time.Now())
						}
						time.Sleep(min(time.Until(next), time.Until(died)))
					}
				}
				share := max(1, limits.Share)
				if got, want := most(sent, time.Minute*time.Duration(max(1, share/vendorPerMinute(e)))), max(1, vendorPerMinute(e)/share); got > want || len(sent) == 0 {
					t.Errorf("%s with %+v: %d requests within a minute, want at most %d", e, limits, got, want)
				}
			})
		}
	}
}

func TestASmallFleetDoesNotNoticeThatNothingIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			time.Sleep(time.Duration(rand.Int64N(int64(time.Hour))))
			b := NewBudgets(Limits{PerMinute: 150, PerHour: 18000}, time.Now)
			b.Doubt(time.Now())
			if before := b.Of(EndpointPhoneStatus); !before.Untouched || time.Until(before.Next) > 1300*time.Millisecond {
				t.Fatalf("the first request waits for %s", time.Until(before.Next))
			}
		}
	})
}

func TestTheVendorAllowsBillingLess(t *testing.T) {
	for _, e := range Endpoints() {
		want, less := map[Endpoint]int{EndpointWallet: 10, EndpointPlanInfo: 1}[e]
		if !less {
			want = 200
		}
		if got := vendorPerMinute(e); got != want {
			t.Errorf("%s: %d a minute, want %d", e, got, want)
		}
	}
}

func TestASlotOfDoubtIsAPartOfWhatTheVendorAllowsAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for perMinute, want := range map[int]time.Duration{
			150: time.Minute / 48, // of 50 two less, that requests need not arrive as they leave
			10:  time.Minute / 181,
			180: time.Minute / 19,
			181: time.Minute / 19,
			199: time.Minute,
			200: 0,
		} {
			if got := newDoubt(time.Now(), time.Now(), Limits{PerMinute: perMinute, PerHour: 18000}.of(EndpointPhoneStatus)).slot; got != want {
				t.Errorf("%d a minute: %s, want %s", perMinute, got, want)
			}
		}
	})
}

func TestRequestsInDoubtFollowEachOtherInSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slot = time.Minute / 48
		now := time.Now()
		d := newDoubt(now, now, Limits{PerMinute: 150, PerHour: 18000}.of(EndpointPhoneStatus))
		first := d.next(now, 0)
		if first.Before(now) || first.Sub(now) > slot {
			t.Errorf("the first after %s, want within %s", first.Sub(now), slot)
		}
		for ahead := range 47 {
			if got, want := d.next(now, ahead), first.Add(time.Duration(ahead)*slot); !got.Equal(want) {
				t.Errorf("with %d before it after %s, want %s", ahead, got.Sub(now), want.Sub(now))
			}
		}
		for _, ahead := range []int{48, 1000} {
			if got := d.next(now, ahead).Sub(now); got != time.Minute {
				t.Errorf("with %d before it after %s, want the end of the doubt", ahead, got)
			}
		}
		later := now.Add(20 * slot) // nobody has asked for anything
		if got := d.next(later, 0); !got.Equal(later) {
			t.Errorf("after slots that were not used it waits %s", got.Sub(later))
		}
		d.take(later)
		if got := d.next(later, 0); !got.After(later) || got.Sub(later) > slot {
			t.Errorf("after a slot that was used it waits %s, want up to %s", got.Sub(later), slot)
		}
	})
}

func TestASlotOfAnotherPaceBeginsWhenTheOneThatWasUsedHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slot = time.Minute / 48
		now := time.Now()
		end := now.Truncate(slot).Add(slot)
		for perMinute := 1; perMinute < 200; perMinute++ {
			d := newDoubt(now, now, Limits{PerMinute: 150, PerHour: 18000}.of(EndpointPhoneStatus))
			d.pace(Limits{PerMinute: perMinute, PerHour: 18000}.of(EndpointPhoneStatus))
			if got := d.next(now, 0); got.Before(end) || got.Sub(end) >= d.slot || got.Truncate(d.slot) != got.Round(0) {
				t.Errorf("%d a minute: the first slot begins %s behind that one's end, want less than %s", perMinute, got.Sub(end), d.slot)
			}
		}
	})
}

func TestDoubtThatHasNothingToSpareAnyMoreWaitsForItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 150, PerHour: 18000}, time.Now)
		b.Doubt(time.Now())
		for _, tt := range []struct {
			perMinute int
			want      time.Duration // until the next request, at most
		}{{200, 55 * time.Second}, {150, 1300 * time.Millisecond}} {
			time.Sleep(5 * time.Second)
			b.SetLimits(Limits{PerMinute: tt.perMinute, PerHour: 18000})
			if got := time.Until(b.Of(EndpointPhoneStatus).Next); got > tt.want || tt.perMinute == 200 && got != tt.want {
				t.Errorf("with %d a minute the next request waits %s, want %s", tt.perMinute, got, tt.want)
			}
		}
	})
}

func TestAnotherPaceGivesNoSlotAwayTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, paces := range [][]int{{150}, {150, 200}, {150, 200, 100}, {150, 100}, {150, 190, 150}, {150, 200, 150}} {
			b := NewBudgets(Limits{PerMinute: paces[0], PerHour: 18000}, time.Now)
			b.Doubt(time.Now())
			for used := range 3 {
				for _, perMinute := range append(paces[1:], 150) {
					b.SetLimits(Limits{PerMinute: perMinute, PerHour: 18000})
				}
				next := b.Of(EndpointPhoneStatus).Next
				if !next.After(time.Now()) || time.Until(next) > 4*time.Minute/48 {
					t.Errorf("with %d a minute in turn and %d slots used, the next is free after %s", paces, used, time.Until(next))
				}
				time.Sleep(time.Until(next))
				if ok, _ := b.endpoints[EndpointPhoneStatus].reserve(); !ok {
					t.Errorf("with %d a minute in turn the slot at %s is not free", paces, next)
				}
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestDoubtEndsAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 150, PerHour: 18000}, time.Now)
		b.Doubt(time.Now())
		b.SetLimits(Limits{PerMinute: 100, PerHour: 18000}) // another pace, the same doubt
		if n, next := spendAll(b, EndpointPhoneStatus); n != 0 || !next.After(time.Now()) {
			t.Errorf("%d at once", n)
		}
		if got := time.Until(b.Of(EndpointPlanInfo).Next); got != time.Minute {
			t.Errorf("the plan is asked for after %s", got)
		}
		time.Sleep(time.Minute)
		if n, _ := spendAll(b, EndpointPhoneStatus); n != 100 {
			t.Errorf("%d after a minute", n)
		}
	})
}

func TestSharesAddUpToTheWhole(t *testing.T) {
	for _, share := range []int{0, 1, 2, 3, 7, 500} {
		l := Limits{PerMinute: 150, PerHour: 18000, Share: share}
		n := max(1, share)
		for _, e := range Endpoints() {
			q, whole := l.of(e), Limits{PerMinute: 150, PerHour: 18000}.of(e)
			perMinute := float64(q.PerMinute) / q.minute.Minutes() * float64(n)
			if perMinute > float64(whole.PerMinute) && q.PerMinute > 1 || q.PerMinute < 1 || q.PerHour < 1 {
				t.Errorf("%s, %d ways: %+v", e, n, q)
			}
			if float64(q.PerMinute+q.spare)*float64(n) > float64(vendorPerMinute(e)) && q.PerMinute > 1 {
				t.Errorf("%s, %d ways: %+v with %d to spare", e, n, q, q.spare)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 150, PerHour: 18000, Share: 3}, time.Now)
		spendAll(b, EndpointPlanInfo)
		if got := time.Until(b.Of(EndpointPlanInfo).Next); got != 3*time.Minute+1 {
			t.Errorf("the plan again after %s", got)
		}
	})
}
