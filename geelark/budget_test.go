package geelark

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What the vendor would see of a budget: its windows are closed at both ends.
const justOver = time.Nanosecond

type rngKey struct{}

// A distantServer sees a request some time after it was sent, and its answer
// arrives some time after that. A request whose caller has gone while it was on
// its way may be seen or not.
type distantServer struct {
	mu       sync.Mutex
	arrivals []time.Time
}

func (s *distantServer) RoundTrip(r *http.Request) (*http.Response, error) {
	rng := r.Context().Value(rngKey{}).(*rand.Rand)
	latency := func() time.Duration {
		if rng.IntN(3) == 0 {
			return 0
		}
		return time.Duration(rng.Int64N(int64(4 * time.Second)))
	}
	if err := sleep(r.Context(), latency()); err != nil {
		if rng.IntN(2) == 0 {
			s.see()
		}
		return nil, err
	}
	s.see()
	if err := sleep(r.Context(), latency()); err != nil {
		return nil, err
	}
	steps := []step{answerBody(statusOK), answerBody(statusOK), answerBody(statusOK), answerCode(CodeInternal), failWith(errors.New("reset"))}
	return steps[rng.IntN(len(steps))](r)
}

func (s *distantServer) see() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrivals = append(s.arrivals, time.Now())
}

// check counts the fullest window of each length.
func (s *distantServer) check(t *testing.T, l Limits) {
	t.Helper()
	slices.SortFunc(s.arrivals, time.Time.Compare)
	for _, w := range []struct {
		length time.Duration
		limit  int
	}{{time.Minute, l.PerMinute}, {time.Hour, l.PerHour}} {
		most, first := 0, 0
		for last, at := range s.arrivals {
			for at.Sub(s.arrivals[first]) > w.length {
				first++
			}
			most = max(most, last-first+1)
		}
		if most > w.limit {
			t.Errorf("the server saw %d requests within %s, the limit is %d", most, w.length, w.limit)
		}
		if most < w.limit {
			t.Errorf("the server never saw more than %d requests within %s: the test does not reach the limit of %d", most, w.length, w.limit)
		}
	}
}

func TestNoWindowOfTheServersEverHoldsMoreThanTheLimit(t *testing.T) {
	limits := Limits{PerMinute: 5, PerHour: 20}
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &distantServer{}
				credentialsFail := rand.New(rand.NewPCG(seed, 1000))
				var mu sync.Mutex
				source := sources(func() (Credentials, error) {
					mu.Lock()
					defer mu.Unlock()
					if credentialsFail.IntN(10) == 0 {
						return Credentials{}, errors.New("no file")
					}
					return Credentials{Token: testToken}, nil
				})
				c := newClientFor(t, source, s, withLimits(limits))
				end := time.Now().Add(8 * time.Hour)
				var group sync.WaitGroup
				for caller := range uint64(16) {
					rng := rand.New(rand.NewPCG(seed, caller))
					group.Go(func() {
						for time.Now().Before(end) {
							callAtRandom(t, c, rng)
						}
					})
				}
				group.Wait()
				s.check(t, limits)
			})
		})
	}
}

func TestWhatAnotherBudgetHasSpentLeavesWhenItWouldHaveThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Limits{PerMinute: 2, PerHour: 100}
		from := newBudget(EndpointPhoneStatus, l, time.Now)
		spend := func(b *budget) {
			if ok, next := b.reserve(); !ok {
				t.Fatalf("no place before %s", next)
			}
			b.end(time.Now(), true, pause{})
		}
		spend(from)
		time.Sleep(10 * time.Second)
		b := newBudget(EndpointPhoneStatus, l, time.Now)
		spend(b)
		b.copySpent(from)
		if ok, next := b.reserve(); ok || time.Until(next) != 50*time.Second+justOver {
			t.Errorf("a place is free (%v) after %s, want %s", ok, time.Until(next), 50*time.Second+justOver)
		}
	})
}

func TestAPauseIsAsLongAsItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, length := range []time.Duration{0, 1, time.Second} {
			b := newBudget(EndpointPhoneStatus, VendorLimits(), time.Now)
			b.reserve()
			b.end(time.Now(), false, pause{length: length, status: 503})
			var want time.Time
			if length > 0 {
				want = time.Now().Add(length)
			}
			if got := b.snapshot().PausedUntil; !got.Equal(want) {
				t.Errorf("asked for %s: until %s, want %s", length, got, want)
			}
		}
	})
}

func TestACallThatPanicsLosesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, transportFunc(func(*http.Request) (*http.Response, error) { panic("oh dear") }), withLimits(Limits{PerMinute: 2, PerHour: 100}))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is lost")
				}
			}()
			_ = ask(t.Context(), c)
		}()
		if b := c.Budget(EndpointPhoneStatus); b.InFlight != 0 || b.MinuteRemaining != 1 {
			t.Errorf("%d requests in flight, %d left of 2", b.InFlight, b.MinuteRemaining)
		}
	})
}

func TestWhoeverGivesUpWhileCredentialsAreReadHasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerBody(statusOK))
		c := newClientFor(t, sources(func() (Credentials, error) { return Credentials{}, errors.New("no file") }), s)
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("enough")
		cancel(cause)
		reserved, _ := c.ReservePhoneStatus()
		for name, ask := range map[string]func() error{
			"a call":          func() error { return ask(ctx, c) },
			"a reserved call": func() error { _, err := reserved.PhoneStatus(ctx, []string{"1"}); return err },
		} {
			if err := ask(); !errors.Is(err, ErrNotSent) || !errors.Is(err, cause) || len(s.requests()) != 0 {
				t.Errorf("%s: got %v and %d requests", name, err, len(s.requests()))
			}
		}
	})
}

func callAtRandom(t *testing.T, c *Client, rng *rand.Rand) {
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), rngKey{}, rng))
	defer cancel()
	switch patience := time.Duration(rng.Int64N(int64(90 * time.Minute))); rng.IntN(5) {
	case 0:
		ctx, cancel = context.WithTimeout(ctx, patience/1000)
	case 1:
		ctx, cancel = context.WithTimeout(ctx, patience)
	case 2:
		defer time.AfterFunc(patience, cancel).Stop()
	case 3:
		place, _ := c.ReservePhoneStatus()
		if place == nil {
			break
		}
		time.Sleep(patience / 1000)
		if rng.IntN(3) == 0 {
			place.Cancel()
			return
		}
		_, _ = place.PhoneStatus(ctx, []string{"1"})
		return
	}
	defer cancel()
	_ = ask(ctx, c)
	if rng.IntN(2) == 0 {
		time.Sleep(time.Duration(rng.Int64N(int64(10 * time.Minute))))
	}
}

func TestBudgetIsUsedToTheFull(t *testing.T) {
	for name, test := range map[string]struct {
		limits  Limits
		within  time.Duration
		callers int
		want    int
	}{
		"the minute's limit, one caller":  {Limits{PerMinute: 5, PerHour: 24000}, 10 * time.Minute, 1, 50},
		"the minute's limit, many":        {Limits{PerMinute: 5, PerHour: 24000}, 10 * time.Minute, 8, 50},
		"the hour's limit, one caller":    {Limits{PerMinute: 5, PerHour: 20}, 3 * time.Hour, 1, 60},
		"the hour's limit, many":          {Limits{PerMinute: 5, PerHour: 20}, 3 * time.Hour, 8, 60},
		"the vendor's limits, one caller": {VendorLimits(), 3 * time.Minute, 1, 600},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(answerBody(statusOK))
				c := newClient(t, s, withLimits(test.limits))
				ctx := within(t, test.within)
				var group sync.WaitGroup
				for range test.callers {
					group.Go(func() {
						for ask(ctx, c) == nil {
						}
					})
				}
				group.Wait()
				if n := len(s.requests()); n != test.want {
					t.Errorf("%d requests within %s, want %d", n, test.within, test.want)
				}
			})
		})
	}
}

func TestPlaceIsTakenFromTheSendingUntilAWindowAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(after(3*time.Second, answerBody(statusOK)))
		c := newClient(t, s, withLimits(Limits{PerMinute: 1, PerHour: 2}))
		start := time.Now()
		for range 3 {
			mustAsk(t, c)
		}
		want := []time.Duration{0, 63*time.Second + justOver, time.Hour + 3*time.Second + justOver}
		for i, r := range s.requests() {
			if got := r.at.Sub(start); got != want[i] {
				t.Errorf("request %d was sent after %s, want %s", i+1, got, want[i])
			}
		}
	})
}

func TestWindowIsClosedAtItsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		limits Limits
		window time.Duration
	}{
		"minute": {Limits{PerMinute: 1, PerHour: 100}, time.Minute},
		"hour":   {Limits{PerMinute: 1, PerHour: 1}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, play(answerBody(statusOK)), withLimits(test.limits))
				start := time.Now()
				mustAsk(t, c)
				time.Sleep(test.window)
				wantNoPlace(t, c, start.Add(test.window+justOver))
				mustAsk(t, c)
				wantElapsed(t, start, test.window+justOver)
			})
		})
	}
}

func TestCallThatCannotBeSentBeforeItsDeadlineFailsAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		limits Limits
		before int
		flight bool // the requests before are not answered yet
		free   time.Duration
	}{
		"the minute is spent":           {Limits{PerMinute: 3, PerHour: 100}, 3, false, time.Minute},
		"the hour is spent":             {Limits{PerMinute: 3, PerHour: 3}, 3, false, time.Hour},
		"all places are taken":          {Limits{PerMinute: 3, PerHour: 100}, 3, true, time.Minute - justOver},
		"all of the hour's are taken":   {Limits{PerMinute: 3, PerHour: 3}, 3, true, time.Hour - justOver},
		"the hour's limit is the lower": {Limits{PerMinute: 3, PerHour: 2}, 2, false, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := answerBody(statusOK)
				if test.flight {
					answer = after(time.Second, answer)
				}
				s := play(answer)
				c := newClient(t, s, withLimits(test.limits))
				var group sync.WaitGroup
				for range test.before {
					group.Go(func() { mustAsk(t, c) })
				}
				synctest.Wait()
				start := time.Now()
				until := start.Add(test.free + justOver)
				for _, patience := range []time.Duration{1, time.Second, test.free} {
					if test.flight && patience == test.free {
						continue
					}
					le := wantNotSent(t, ask(within(t, patience), c))
					if le.Endpoint != EndpointPhoneStatus || !le.Until.Equal(until) || le.Pause != CodeOK {
						t.Errorf("got %+v, want until %s", le, until)
					}
				}
				wantElapsed(t, start, 0)
				group.Wait()
				if n := len(s.requests()); n != test.before {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestCallWaitsForAPlaceBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, play(answerBody(statusOK)), withLimits(Limits{PerMinute: 1, PerHour: 100}))
		mustAsk(t, c)
		start := time.Now()
		if err := ask(within(t, time.Minute+2*justOver), c); err != nil {
			t.Error(err)
		}
		wantElapsed(t, start, time.Minute+justOver)
	})
}

func TestWaitIsEndedByADeadlineThatIsAsEarlyAsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerBody(statusOK))
		c := newClient(t, s, withLimits(Limits{PerMinute: 1, PerHour: 100}))
		mustAsk(t, c)
		start := time.Now()
		err := ask(within(t, time.Minute+justOver), c)
		wantElapsed(t, start, time.Minute+justOver)
		if err != nil && !errors.Is(err, ErrNotSent) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// A waitingCall is a call in a goroutine of its own that has come to wait.
type waitingCall struct {
	err   error
	ended time.Time
	done  chan struct{}
}

func startCall(ctx context.Context, c *Client, id string) *waitingCall {
	w := &waitingCall{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		_, w.err = c.PhoneStatus(ctx, []string{id})
		w.ended = time.Now()
	}()
	synctest.Wait()
	return w
}

func (w *waitingCall) wait() *waitingCall {
	<-w.done
	return w
}

func TestFirstComeIsFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerBody(statusOK))
		c := newClient(t, s, withLimits(Limits{PerMinute: 1, PerHour: 100}))
		start := time.Now()
		mustAsk(t, c)
		var calls []*waitingCall
		for i := range 6 {
			calls = append(calls, startCall(t.Context(), c, fmt.Sprint("w", i)))
		}
		// A hurried call does not overtake those that wait.
		wantNotSent(t, ask(within(t, 2*time.Minute), c))
		for i, w := range calls {
			if w.wait().err != nil {
				t.Fatal(w.err)
			}
			if got, want := w.ended.Sub(start), time.Duration(i+1)*(time.Minute+justOver); got != want {
				t.Errorf("call %d was served after %s, want %s", i, got, want)
			}
			if body := s.requests()[i+1].body; !strings.Contains(body, fmt.Sprint("w", i)) {
				t.Errorf("request %d was %s", i+1, body)
			}
		}
	})
}

func TestPatientCallIsSentBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, play(answerBody(statusOK)), withLimits(Limits{PerMinute: 2, PerHour: 100}))
		start := time.Now()
		mustAsk(t, c)
		time.Sleep(10 * time.Second)
		mustAsk(t, c)
		first, second := startCall(t.Context(), c, "a"), startCall(within(t, time.Minute+2*justOver), c, "b")
		if first.wait().err != nil || second.wait().err != nil {
			t.Fatal(first.err, second.err)
		}
		if got, want := second.ended.Sub(start), 70*time.Second+justOver; got != want {
			t.Errorf("sent after %s, want %s", got, want)
		}
	})
}

func TestWaitingCallThatIsCanceledLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerBody(statusOK))
		c := newClient(t, s, withLimits(Limits{PerMinute: 2, PerHour: 100}))
		start := time.Now()
		mustAsk(t, c)
		time.Sleep(10 * time.Second)
		mustAsk(t, c)
		ctx, cancel := context.WithCancelCause(t.Context())
		first, second := startCall(ctx, c, "first"), startCall(t.Context(), c, "second")
		time.Sleep(time.Second)
		cause := errors.New("shutting down")
		cancel(cause)
		first.wait()
		if !errors.Is(first.err, ErrNotSent) || !errors.Is(first.err, cause) || first.ended.Sub(start) != 11*time.Second {
			t.Errorf("got %v after %s", first.err, first.ended.Sub(start))
		}
		if second.wait().err != nil || second.ended.Sub(start) != time.Minute+justOver {
			t.Errorf("the second got %v after %s", second.err, second.ended.Sub(start))
		}
		if n := len(s.requests()); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestCallOfACallerWhoIsGoneIsNotSent(t *testing.T) {
	s := play(answerBody(statusOK))
	c := newClient(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ask(ctx, c); !errors.Is(err, ErrNotSent) || !errors.Is(err, context.Canceled) || len(s.requests()) != 0 {
		t.Errorf("got %v after %d requests", err, len(s.requests()))
	}
	if b := c.Budget(EndpointPhoneStatus); b.MinuteRemaining != 200 || b.HourRemaining != 24000 {
		t.Errorf("got %+v", b)
	}
}

func TestEndpointsHaveBudgetsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, play(answerBody(statusOK), answerBody(`{"code":0,"data":{"total":0}}`)), withLimits(Limits{PerMinute: 1, PerHour: 1}))
		mustAsk(t, c)
		start := time.Now()
		if _, err := c.PhoneList(within(t, time.Second), PhoneListFilter{}, 1, 1); err != nil {
			t.Error(err)
		}
		wantElapsed(t, start, 0)
		for _, e := range []Endpoint{EndpointPhoneList, EndpointPhoneStatus} {
			if !slices.Contains(Endpoints(), e) {
				t.Errorf("%s is not among the endpoints", e)
			}
		}
	})
}

func TestEndpointIsPausedWhenTheAPISaysSo(t *testing.T) {
	type outcome struct {
		name   string
		step   step
		pause  time.Duration
		code   Code
		status int
	}
	outcomes := []outcome{
		{"HTTP status 429", answerStatus(http.StatusTooManyRequests), time.Minute, 0, 429},
		{"HTTP status 503", answerStatus(http.StatusServiceUnavailable), 0, 0, 0},
		{"malformed", answerBody(`{}`), 0, 0, 0},
	}
	for _, c := range codes[1:] {
		outcomes = append(outcomes, outcome{fmt.Sprintf("code %d", int(c.code)), answerCode(c.code), c.pause, c.code, 0})
	}
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(after(time.Second, o.step), answerBody(statusOK))
				c := newClient(t, s, WithRetries(0))
				if err := ask(t.Context(), c); err == nil {
					t.Fatal("no error")
				}
				start := time.Now()
				until := start.Add(o.pause)
				b := c.Budget(EndpointPhoneStatus)
				if o.pause == 0 {
					mustAsk(t, c)
					wantElapsed(t, start, 0)
					if !b.PausedUntil.IsZero() {
						t.Errorf("paused until %s", b.PausedUntil)
					}
					return
				}
				if !b.PausedUntil.Equal(until) || !b.Next.Equal(until) {
					t.Errorf("got %+v, want a pause until %s", b, until)
				}
				for _, patience := range []time.Duration{time.Second, o.pause - 1} {
					le := wantNotSent(t, ask(within(t, patience), c))
					if *le != (LimitError{EndpointPhoneStatus, until, o.code, o.status}) {
						t.Errorf("got %+v", le)
					}
				}
				wantElapsed(t, start, 0)
				if b := c.Budget(EndpointPhoneList); !b.PausedUntil.IsZero() || b.Next.After(time.Now()) {
					t.Errorf("another endpoint is paused too: %+v", b)
				}
				mustAsk(t, c)
				wantElapsed(t, start, o.pause)
				if b := c.Budget(EndpointPhoneStatus); !b.PausedUntil.IsZero() || b.Next.After(time.Now()) {
					t.Errorf("the pause is not over: %+v", b)
				}
			})
		})
	}
}

func TestPauseIsExtendedButNeverShortened(t *testing.T) {
	for name, test := range map[string]struct {
		first, second Code
		until         time.Duration
		code          Code
	}{
		"a shorter one behind a longer": {CodeHourLimit, CodeRateLimited, time.Second + 2*time.Hour, CodeHourLimit},
		"a longer one behind a shorter": {CodeRateLimited, CodeHourLimit, 3*time.Second + 2*time.Hour, CodeHourLimit},
		"the same again":                {CodeRateLimited, CodeRateLimited, 63 * time.Second, CodeRateLimited},
		"an ordinary failure behind it": {CodeRateLimited, CodeSignature, 61 * time.Second, CodeRateLimited},
		"an ordinary failure before it": {CodeSignature, CodeHourLimit, 3*time.Second + 2*time.Hour, CodeHourLimit},
		"a lock behind a crowd":         {CodeCrowded, CodeHourLimit, 3*time.Second + 2*time.Hour, CodeHourLimit},
		"a crowd behind a lock":         {CodeHourLimit, CodeCrowded, time.Second + 2*time.Hour, CodeHourLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, play(after(time.Second, answerCode(test.first)), after(3*time.Second, answerCode(test.second))))
				start := time.Now()
				first, second := startCall(t.Context(), c, "a"), startCall(t.Context(), c, "b")
				first.wait()
				second.wait()
				le := wantNotSent(t, ask(within(t, time.Second), c))
				if got := le.Until.Sub(start); got != test.until || le.Pause != test.code {
					t.Errorf("paused for %s by %d, want %s by %d", got, int(le.Pause), test.until, int(test.code))
				}
			})
		})
	}
}

func TestPauseBeginsForThoseThatWaitAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(after(4*time.Second, answerCode(CodeHourLimit)), answerBody(statusOK))
		c := newClient(t, s, withLimits(Limits{PerMinute: 1, PerHour: 100}))
		start := time.Now()
		answered := startCall(t.Context(), c, "a")
		patient := startCall(t.Context(), c, "b")
		hurried := startCall(within(t, time.Hour), c, "c")
		answered.wait()
		le := wantNotSent(t, hurried.wait().err)
		if le.Pause != CodeHourLimit || hurried.ended.Sub(start) != 4*time.Second {
			t.Errorf("got %v after %s", le, hurried.ended.Sub(start))
		}
		if patient.wait().err != nil || patient.ended.Sub(start) != 4*time.Second+2*time.Hour {
			t.Errorf("the patient call got %v after %s", patient.err, patient.ended.Sub(start))
		}
	})
}

func TestSpentBudgetBeyondAPauseIsNotToldAsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, play(answerCode(CodeRateLimited)), withLimits(Limits{PerMinute: 1, PerHour: 1}))
		start := time.Now()
		_ = ask(t.Context(), c)
		le := wantNotSent(t, ask(within(t, time.Second), c))
		if want := start.Add(time.Hour + justOver); le.Pause != CodeOK || !le.Until.Equal(want) {
			t.Errorf("got %+v, want until %s", le, want)
		}
		if b := c.Budget(EndpointPhoneStatus); !b.PausedUntil.Equal(start.Add(time.Minute)) || !b.Next.Equal(le.Until) {
			t.Errorf("got %+v", b)
		}
	})
}

func TestBudgetTellsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{PerMinute: 3, PerHour: 5}
		c := newClient(t, play(after(10*time.Second, answerBody(statusOK))), withLimits(limits), WithTimeout(time.Minute))
		start, untouched := time.Now(), true
		want := func(minute, hour int, next time.Duration) {
			t.Helper()
			b := c.Budget(EndpointPhoneStatus)
			if b != (Budget{Endpoint: EndpointPhoneStatus, Limits: limits, Untouched: untouched, InFlight: b.InFlight, MinuteRemaining: minute, HourRemaining: hour, Next: b.Next}) || !b.Next.Equal(start.Add(next)) {
				t.Errorf("got %+v, next after %s, want %d, %d, %s", b, b.Next.Sub(start), minute, hour, next)
			}
		}
		want(3, 5, 0)
		a := startCall(t.Context(), c, "a")
		untouched = false
		want(2, 4, 0)
		a.wait()
		want(2, 4, 10*time.Second)
		b1, b2 := startCall(t.Context(), c, "b"), startCall(t.Context(), c, "b")
		want(0, 2, 70*time.Second+justOver)
		b1.wait()
		b2.wait() // 20 s
		d := startCall(t.Context(), c, "d")
		want(0, 2, 80*time.Second+justOver) // a call waits before the next
		d.wait()                            // 80 s
		want(2, 1, 80*time.Second+justOver)
		mustAsk(t, c) // 90 s
		want(1, 0, time.Hour+10*time.Second+justOver)
		time.Sleep(time.Hour - 80*time.Second - justOver)
		want(3, 0, time.Hour+10*time.Second+justOver)
		time.Sleep(justOver)
		want(3, 1, time.Hour+10*time.Second+justOver)
		time.Sleep(time.Hour)
		want(3, 5, 2*time.Hour+10*time.Second+justOver)
	})
}
