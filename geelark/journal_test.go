package geelark

import (
	"context"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// A spending is what a journal was told.
type spending struct {
	at       time.Time
	requests int
}

// A notebook is a journal that survives the process.
type notebook struct {
	known  map[Endpoint]Past // of processes before
	spent  map[Endpoint][]spending
	paused map[Endpoint]Past
}

func newNotebook() *notebook {
	return &notebook{spent: make(map[Endpoint][]spending), paused: make(map[Endpoint]Past)}
}

// restart makes a new process's budgets. What the one before has spent is settled
// by that.
func (n *notebook) restart(l Limits) *Budgets {
	b := NewBudgets(l, time.Now)
	b.Remember(n.past(time.Now()))
	n.known, n.spent, n.paused = b.Past(), make(map[Endpoint][]spending), make(map[Endpoint]Past)
	b.SetJournal(n)
	return b
}

func (n *notebook) Spend(e Endpoint, requests int, now time.Time) {
	n.spent[e] = append(n.spent[e], spending{now, requests})
}

func (n *notebook) Pause(e Endpoint, until time.Time, code Code, status int) {
	p := n.paused[e]
	p.PausedUntil, p.Code, p.Status = until, code, status
	n.paused[e] = p
}

func (n *notebook) Lower(e Endpoint, tenths int, now time.Time) {
	p := n.paused[e]
	p.Tenths, p.LoweredAt = tenths, now
	n.paused[e] = p
}

// past is what a new process believes.
func (n *notebook) past(now time.Time) map[Endpoint]Past {
	past := make(map[Endpoint]Past)
	maps.Copy(past, n.known)
	for e, paused := range n.paused {
		paused.Ended = past[e].Ended
		past[e] = paused
	}
	for e, list := range n.spent {
		p := past[e]
		for i, s := range list {
			ended := now
			if i+1 < len(list) {
				ended = earlier(list[i+1].at.Add(10*time.Second), now)
			}
			for range s.requests {
				p.Ended = append(p.Ended, ended)
			}
		}
		past[e] = p
	}
	return past
}

func TestAJournalIsToldATenthOfTheLimitAtOnceAndFiveAtMost(t *testing.T) {
	for limit, want := range map[int]int{1: 1, 9: 1, 19: 1, 20: 2, 40: 4, 49: 4, 50: 5, 60: 5, 150: 5} {
		n := newNotebook()
		j := journal{to: n}
		for range want + 1 {
			j.spend(EndpointPhoneStatus, limit, time.Time{})
		}
		if told := n.spent[EndpointPhoneStatus]; len(told) != 2 || told[0].requests != want {
			t.Errorf("of %d a minute: told %v for %d requests, want %d at once", limit, told, want+1, want)
		}
	}
}

func TestWhatIsRememberedIsKnownAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		l := Limits{PerMinute: 2, PerHour: 100}
		ago := func(seconds int) time.Time { return time.Now().Add(-time.Duration(seconds) * time.Second) }
		b := NewBudgets(l, time.Now)
		b.Remember(map[Endpoint]Past{
			EndpointPhoneStatus: {Ended: []time.Time{ago(10), ago(40), ago(-5)}}, // in any order, and of a clock that was set back
			EndpointPhoneList:   {PausedUntil: ago(-30), Code: CodeHourLimit},
			EndpointWallet:      {PausedUntil: ago(30), Code: CodeHourLimit},
			EndpointTaskQuery:   {PausedUntil: ago(-3 * 3600), Status: 503},
		})
		past := b.Past()
		if len(past) != 3 {
			t.Errorf("%d endpoints have a past: %+v", len(past), past)
		}
		if got := past[EndpointPhoneStatus].Ended; len(got) != 3 || !got[0].Equal(ago(40)) || !got[1].Equal(ago(10)) || !got[2].Equal(ago(0)) {
			t.Errorf("requests ended at %s", got)
		}
		if got := past[EndpointPhoneList]; !got.PausedUntil.Equal(ago(-30)) || got.Code != CodeHourLimit {
			t.Errorf("a pause became %+v", got)
		}
		if got := past[EndpointTaskQuery]; !got.PausedUntil.Equal(ago(-2*3600)) || got.Status != 503 {
			t.Errorf("a pause that is too long became %+v", got)
		}
		if got, want := b.Of(EndpointPhoneStatus).Next, ago(10).Add(time.Minute+justOver); !got.Equal(want) {
			t.Errorf("the next request at %s, want %s", got, want)
		}
	})
}

func TestAJournalIsToldOfPausesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotebook()
		c := newClient(t, play(answerBody(statusOK), answerStatus(500), answerCode(CodeSignature), answerCode(CodeRateLimited)),
			WithRetries(0), withBudgets(n.restart(VendorLimits())))
		for range 3 {
			_ = ask(t.Context(), c)
		}
		if len(n.paused) != 0 {
			t.Errorf("told %v after answers that ask for no pause", n.paused)
		}
		_ = ask(t.Context(), c)
		if want := (Past{PausedUntil: time.Now().Add(time.Minute), Code: CodeRateLimited}); !n.paused[EndpointPhoneStatus].PausedUntil.Equal(want.PausedUntil) || n.paused[EndpointPhoneStatus].Code != want.Code {
			t.Errorf("told %v, want %v", n.paused, want)
		}
	})
}

func TestALimitThatOthersSpendFromStaysLowerInTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotebook()
		b := n.restart(Limits{PerMinute: 100, PerHour: 1000})
		c := newClient(t, play(answerCode(CodeRateLimited)), WithRetries(0), withBudgets(b))
		_ = ask(t.Context(), c)
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 50}, {5 * time.Minute, 50}, {time.Minute, 60}, {0, 60}, {23 * time.Minute, 90}, {time.Minute, 100}, {time.Hour, 100}} {
			time.Sleep(step.wait)
			b = n.restart(Limits{PerMinute: 100, PerHour: 1000})
			if got := b.Of(EndpointPhoneStatus).Limits.PerMinute; got != step.want {
				t.Errorf("%s later %d a minute, want %d", step.wait, got, step.want)
			}
			if got := b.Of(EndpointPhoneList).Limits.PerMinute; got != 100 {
				t.Errorf("of another endpoint %d a minute", got)
			}
		}
		if p := b.Past()[EndpointPhoneStatus]; p.Tenths != 0 || !p.LoweredAt.IsZero() {
			t.Errorf("what is over is kept: %+v", p)
		}
	})
}

func TestALimitThatWasLoweredByAnotherClockIsWholeAnHourLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tenths := range []int{-3, 0, 1, 5} {
			b := NewBudgets(Limits{PerMinute: 100, PerHour: 1000}, time.Now)
			b.Remember(map[Endpoint]Past{EndpointPhoneStatus: {Tenths: tenths, LoweredAt: time.Now().Add(24 * time.Hour)}})
			if got := b.Of(EndpointPhoneStatus).Limits.PerMinute; got != 10*max(1, tenths) {
				t.Errorf("%d tenths are %d a minute", tenths, got)
			}
			time.Sleep(54 * time.Minute)
			if got := b.Of(EndpointPhoneStatus).Limits.PerMinute; got != 100 {
				t.Errorf("later %d tenths are %d a minute", tenths, got)
			}
		}
	})
}

func TestAProcessThatIsKilledBreaksNoLimit(t *testing.T) {
	limits := Limits{PerMinute: 150, PerHour: 18000}
	for _, e := range Endpoints() {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			n := newNotebook()
			var sent []time.Time
			for range 200 {
				b := n.restart(limits)
				for died := time.Now().Add(time.Duration(random.Int64N(int64(20 * time.Second)))); time.Now().Before(died); {
					made, next := spendAll(b, e)
					for range made {
						sent = append(sent, time.Now())
					}
					time.Sleep(min(time.Until(next), time.Until(died)))
				}
			}
			limit := limits.of(e).PerMinute
			if got := most(sent, time.Minute); got > limit {
				t.Errorf("%s: %d requests within a minute, want at most %d", e, got, limit)
			}
			// A restart costs a few requests, not the whole budget.
			if least := int(time.Since(sent[0])/time.Minute) * limit / 4; len(sent) < least {
				t.Errorf("%s: %d requests, want at least %d", e, len(sent), least)
			}
		})
	}
}

func TestAJournalKnowsOfARequestBeforeItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotebook()
		b := NewBudgets(VendorLimits(), time.Now)
		b.SetJournal(n)
		of := b.endpoints[EndpointPhoneStatus]
		told := func() (requests int) {
			for _, s := range n.spent[EndpointPhoneStatus] {
				requests += s.requests
			}
			return requests
		}
		for i := range 23 {
			if i%2 == 0 {
				if _, err := of.acquire(context.Background()); err != nil {
					t.Fatal(err)
				}
			} else if ok, _ := of.reserve(); !ok {
				t.Fatal("no place")
			}
			if told() < i+1 || told() > i+aheadOfJournal {
				t.Fatalf("%d told of %d", told(), i+1)
			}
		}
		before := len(n.spent[EndpointPhoneStatus])
		of.giveBack()
		of.reserve()
		if len(n.spent[EndpointPhoneStatus]) != before {
			t.Error("a place that was given back is told again")
		}
		past := b.Past()[EndpointPhoneStatus]
		if len(past.Ended) != told() {
			t.Errorf("%d are remembered of %d", len(past.Ended), told())
		}
	})
}

func TestAPauseIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNotebook()
		b := NewBudgets(VendorLimits(), time.Now)
		b.SetJournal(n)
		of := b.endpoints[EndpointPhoneStatus]
		of.reserve()
		of.end(time.Now(), false, pauseAfter(&APIError{Code: CodeHourLimit}))
		until := time.Now().Add(hourPause)
		for name, past := range map[string]map[Endpoint]Past{"told to the journal": n.past(time.Now()), "of the budgets": b.Past()} {
			again := NewBudgets(VendorLimits(), time.Now)
			again.Remember(past)
			got := again.Of(EndpointPhoneStatus)
			if !got.PausedUntil.Equal(until) {
				t.Errorf("%s: paused until %s", name, got.PausedUntil)
			}
			var le *LimitError
			if err := again.endpoints[EndpointPhoneStatus].checkPause(); !asLimit(err, &le) || le.Pause != CodeHourLimit {
				t.Errorf("%s: got %v", name, err)
			}
			if !again.Of(EndpointPhoneList).PausedUntil.IsZero() {
				t.Errorf("%s: another endpoint is paused", name)
			}
		}
		// A clock that was set back must not pause for longer than the API does,
		// nor spend what lies ahead.
		again := NewBudgets(VendorLimits(), time.Now)
		again.Remember(map[Endpoint]Past{EndpointPhoneStatus: {PausedUntil: until.Add(100 * time.Hour), Ended: []time.Time{until, time.Now()}}})
		got := again.Of(EndpointPhoneStatus)
		if !got.PausedUntil.Equal(until) || got.MinuteRemaining != 198 {
			t.Errorf("got %+v", got)
		}
		time.Sleep(time.Minute + 1)
		if got := again.Of(EndpointPhoneStatus); got.MinuteRemaining != 200 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestThePastIsOfTheLastHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(VendorLimits(), time.Now)
		of := b.endpoints[EndpointPhoneStatus]
		of.reserve()
		of.giveBack() // it was never sent
		if past := b.Past(); len(past) != 0 {
			t.Errorf("before anything was sent: %+v", past)
		}
		of.reserve()
		of.end(time.Now(), true, pause{})
		time.Sleep(time.Hour)
		if past := b.Past(); len(past) != 1 || len(past[EndpointPhoneStatus].Ended) != 1 {
			t.Errorf("after an hour: %+v", past)
		}
		time.Sleep(justOver)
		if past := b.Past(); len(past) != 0 {
			t.Errorf("after more than an hour: %+v", past)
		}
	})
}

func asLimit(err error, to **LimitError) bool {
	le, ok := err.(*LimitError) //nolint:errorlint // it is what the budget returns
	*to = le
	return ok
}
