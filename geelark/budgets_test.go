package geelark

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// byDigest gives each credentials their own budgets.
type byDigest struct {
	limits Limits

	mu    sync.Mutex
	known map[Digest]*Budgets
}

func newByDigest(l Limits) *byDigest { return &byDigest{limits: l, known: make(map[Digest]*Budgets)} }

func (s *byDigest) BudgetsOf(c Credentials) *Budgets {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.known[c.Digest()]
	if b == nil {
		b = NewBudgets(s.limits, time.Now)
		s.known[c.Digest()] = b
	}
	return b
}

// A rotating source has other credentials when it is told so.
type rotating struct {
	mu    sync.Mutex
	token Secret
	err   error
}

func (r *rotating) rotate(token Secret, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token, r.err = token, err
}

func (r *rotating) source() CredentialSource {
	return sources(func() (Credentials, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return Credentials{Token: r.token}, r.err
	})
}

// lockX answers code 40014 to token X and well to all others.
func lockX(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") == "Bearer X" {
		return answerCode(CodeHourLimit)(r)
	}
	return answerBody(statusOK)(r)
}

func tokensOf(s *script) []string {
	var tokens []string
	for _, r := range s.requests() {
		tokens = append(tokens, r.header.Get("Authorization")[len("Bearer "):])
	}
	return tokens
}

func wantTokens(t *testing.T, s *script, want ...string) {
	t.Helper()
	if got := tokensOf(s); !slices.Equal(got, want) {
		t.Errorf("requests with tokens %q, want %q", got, want)
	}
}

func TestLimitsOfBudgetsAreWithinTheVendors(t *testing.T) {
	for _, test := range []struct{ set, want Limits }{
		{Limits{PerMinute: 200, PerHour: 24000}, Limits{PerMinute: 200, PerHour: 24000}},
		{Limits{PerMinute: 201, PerHour: 24001}, Limits{PerMinute: 200, PerHour: 24000}},
		{Limits{PerMinute: 1, PerHour: 1}, Limits{PerMinute: 1, PerHour: 1}},
		{Limits{PerMinute: 0, PerHour: 0}, Limits{PerMinute: 1, PerHour: 1}},
		{Limits{PerMinute: -5, PerHour: -5}, Limits{PerMinute: 1, PerHour: 1}},
		{Limits{PerMinute: 100, PerHour: 50}, Limits{PerMinute: 100, PerHour: 50}},
	} {
		b := NewBudgets(test.set, time.Now)
		changed := NewBudgets(Limits{PerMinute: 7, PerHour: 7}, time.Now)
		changed.SetLimits(test.set)
		for name, b := range map[string]*Budgets{"new": b, "changed": changed} {
			if got := b.Of(EndpointPhoneStatus).Limits; got != test.want {
				t.Errorf("%s with %+v: got %+v, want %+v", name, test.set, got, test.want)
			}
		}
	}
}

func TestEndpointsThatNobodyWaitsForHaveLowerLimits(t *testing.T) {
	for _, test := range []struct {
		set                                                        Limits
		phones, wallet, plan, transactions, taskHistory, taskQuery int // a minute
		hour                                                       int
	}{
		{Limits{PerMinute: 200, PerHour: 24000}, 200, 5, 1, 30, 20, 20, 24000},
		{Limits{PerMinute: 150, PerHour: 18000}, 150, 5, 1, 30, 20, 20, 18000},
		{Limits{PerMinute: 25, PerHour: 18000}, 25, 5, 1, 25, 20, 20, 18000},
		{Limits{PerMinute: 3, PerHour: 10}, 3, 3, 1, 3, 3, 3, 10},
		{Limits{PerMinute: 1, PerHour: 1}, 1, 1, 1, 1, 1, 1, 1},
		{Limits{PerMinute: 150, PerHour: 18000, Share: 2}, 75, 2, 1, 15, 10, 10, 9000},
		{Limits{PerMinute: 150, PerHour: 18000, Share: 40}, 3, 1, 1, 1, 1, 1, 450},
	} {
		c := newClient(t, play(hang), withLimits(test.set))
		for e, want := range map[Endpoint]int{
			EndpointPhoneStatus: test.phones, EndpointPhoneList: test.phones, EndpointWallet: test.wallet, EndpointPlanInfo: test.plan,
			EndpointTransactions: test.transactions, EndpointTaskHistory: test.taskHistory, EndpointTaskQuery: test.taskQuery,
		} {
			if got, want := c.Budget(e).Limits, (Limits{PerMinute: want, PerHour: test.hour}); got != want {
				t.Errorf("%+v: %s has %+v, want %+v", test.set, e, got, want)
			}
		}
	}
}

func TestClientsShareTheBudgetsThatTheyAreGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerBody(statusOK))
		shared := NewBudgets(Limits{PerMinute: 4, PerHour: 10}, time.Now)
		first, second := newClient(t, s, withBudgets(shared)), newClient(t, s, withBudgets(shared))
		for range 3 {
			mustAsk(t, first)
		}
		start := time.Now()
		shared.SetLimits(Limits{PerMinute: 5, PerHour: 10})
		if b := second.Budget(EndpointPhoneStatus); b.MinuteRemaining != 2 || b.HourRemaining != 7 || b.Limits != (Limits{PerMinute: 5, PerHour: 10}) {
			t.Errorf("got %+v", b)
		}
		mustAsk(t, second)
		mustAsk(t, first)
		wantNotSent(t, ask(within(t, 59*time.Second), second))
		mustAsk(t, second)
		wantElapsed(t, start, time.Minute+justOver)

		third := newClient(t, play(answerCode(CodeHourLimit)), withBudgets(shared))
		if err := ask(t.Context(), third); !errors.Is(err, CodeHourLimit) {
			t.Fatal(err)
		}
		until := time.Now().Add(2 * time.Hour)
		for _, c := range []*Client{first, second, newClient(t, s, withBudgets(shared))} { // a reservation too
			if r, next := c.ReservePhoneStatus(); r != nil || !next.Equal(until) {
				t.Errorf("a place is reserved: %v, next at %s, want none until %s", r != nil, next, until)
			}
			if le := wantNotSent(t, ask(within(t, time.Minute), c)); le.Pause != CodeHourLimit {
				t.Errorf("got %+v", le)
			}
		}
	})
}

func TestHigherLimitsWakeTheCallsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 1, PerHour: 100}, time.Now)
		c := newClient(t, play(after(time.Second, answerBody(statusOK))), withBudgets(b))
		mustAsk(t, c)
		if reserved, _ := c.ReservePhoneStatus(); reserved != nil {
			t.Fatal("there is a place beyond the limit")
		}
		waiting := startCall(t.Context(), c, "a")
		start := time.Now()
		b.SetLimits(Limits{PerMinute: 3, PerHour: 100})
		if waiting.wait().err != nil {
			t.Error(waiting.err)
		}
		wantElapsed(t, start, time.Second)

		// A place reserved before stays when the limits fall.
		place := mustReserve(t, c)
		b.SetLimits(Limits{PerMinute: 1, PerHour: 100})
		if b := c.Budget(EndpointPhoneStatus); b.MinuteRemaining != 0 {
			t.Errorf("got %+v", b)
		}
		if _, err := place.PhoneStatus(t.Context(), []string{"1"}); err != nil {
			t.Error(err)
		}
		wantNotSent(t, ask(within(t, 30*time.Second), c))
	})
}

func TestClientsWithTheSameCredentialsNeverExceedTheirLimitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, budgets := play(answerBody(statusOK)), newByDigest(Limits{PerMinute: 5, PerHour: 100})
		ctx := within(t, time.Minute)
		var group sync.WaitGroup
		for _, token := range []Secret{"X", "X", "X", "Y"} {
			c := newClientFor(t, Credentials{Token: token}, s, withBudgets(budgets))
			group.Go(func() {
				for ask(ctx, c) == nil {
				}
			})
		}
		group.Wait()
		count := make(map[string]int)
		for _, token := range tokensOf(s) {
			count[token]++
		}
		if count["X"] != 5 || count["Y"] != 5 {
			t.Errorf("requests within a minute: %v, want 5 with each token", count)
		}
	})
}

func TestLockFollowsTheTokenAndNotTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, budgets := play(lockX), newByDigest(VendorLimits())
		a, b := &rotating{token: "X"}, &rotating{token: "Y"}
		clientA := newClientFor(t, a.source(), s, withBudgets(budgets))
		clientB := newClientFor(t, b.source(), s, withBudgets(budgets))
		if err := ask(t.Context(), clientA); !errors.Is(err, CodeHourLimit) {
			t.Fatal(err)
		}
		locked := time.Now().Add(2 * time.Hour)
		a.rotate("Y", nil)
		b.rotate("X", nil)
		mustAsk(t, clientA)
		if le := wantNotSent(t, ask(within(t, time.Minute), clientB)); !le.Until.Equal(locked) || le.Pause != CodeHourLimit {
			t.Errorf("got %+v", le)
		}
		wantTokens(t, s, "X", "Y")
		if a, b := clientA.Budget(EndpointPhoneStatus), clientB.Budget(EndpointPhoneStatus); !a.PausedUntil.IsZero() || !b.PausedUntil.Equal(locked) {
			t.Errorf("paused until %s and %s, want not at all and %s", a.PausedUntil, b.PausedUntil, locked)
		}
	})
}

func TestCallWhoseCredentialsChangeWhileItWaitsBeginsAgain(t *testing.T) {
	for name, test := range map[string]struct {
		token Secret
		err   error
		want  []string
	}{
		"others with room":           {"Y", nil, []string{"W", "Y"}},
		"others that are locked":     {"X", nil, []string{"W"}},
		"none":                       {"", errors.New("no file"), []string{"W"}},
		"the same ones, and is sent": {"W", nil, []string{"W", "W"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, budgets := play(answerBody(statusOK)), newByDigest(Limits{PerMinute: 1, PerHour: 100})
				locked := newClientFor(t, Credentials{Token: "X"}, play(lockX), withBudgets(budgets))
				if err := ask(t.Context(), locked); !errors.Is(err, CodeHourLimit) {
					t.Fatal(err)
				}
				r := &rotating{token: "W"}
				c := newClientFor(t, r.source(), s, withBudgets(budgets))
				start := time.Now()
				mustAsk(t, c)
				waiting := startCall(within(t, 10*time.Minute), c, "1")
				r.rotate(test.token, test.err)
				waiting.wait()
				wantElapsed(t, start, time.Minute+justOver)
				wantTokens(t, s, test.want...)
				if sent := len(test.want) == 2; sent != (waiting.err == nil) {
					t.Errorf("got %v", waiting.err)
				}
				// The place that it waited for was given back unless it was used.
				want := 99
				if name == "the same ones, and is sent" {
					want = 98
				}
				if b := budgets.BudgetsOf(Credentials{Token: "W"}).Of(EndpointPhoneStatus); b.InFlight != 0 || b.HourRemaining != want {
					t.Errorf("got %+v", b)
				}
			})
		})
	}
}

func TestCredentialsAreReadAgainOnlyAfterAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		source := sources(func() (Credentials, error) { reads++; return Credentials{Token: testToken}, nil })
		c := newClientFor(t, source, play(answerBody(statusOK)), withLimits(Limits{PerMinute: 2, PerHour: 100}))
		for _, call := range []struct {
			name string
			ask  func() error
			want int
		}{
			{"in a place that was reserved", func() error { _, err := mustReserve(t, c).PhoneStatus(t.Context(), []string{"1"}); return err }, 1},
			{"at once", func() error { return ask(t.Context(), c) }, 1},
			{"after a wait", func() error { return ask(t.Context(), c) }, 2},
		} {
			reads = 0
			if err := call.ask(); err != nil || reads != call.want {
				t.Errorf("%s: %d readings, want %d, %v", call.name, reads, call.want, err)
			}
		}
	})
}

func TestReservationOfOtherCredentialsIsGivenBack(t *testing.T) {
	for name, test := range map[string]struct {
		token Secret
		want  []string
	}{
		"for credentials with room":       {"Y", []string{"Y"}},
		"for credentials that are locked": {"X", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, budgets := play(answerBody(statusOK)), newByDigest(Limits{PerMinute: 1, PerHour: 100})
				locked := newClientFor(t, Credentials{Token: "X"}, play(lockX), withBudgets(budgets))
				if err := ask(t.Context(), locked); !errors.Is(err, CodeHourLimit) {
					t.Fatal(err)
				}
				r := &rotating{token: "W"}
				c := newClientFor(t, r.source(), s, withBudgets(budgets))
				for _, w := range []Secret{"W", ""} { // reserved from known credentials, then before any were read
					if w != "" {
						mustAsk(t, c)
						time.Sleep(time.Hour + justOver)
						s = play(answerBody(statusOK))
						c.transport = s
					} else {
						c = newClientFor(t, r.source(), s, withBudgets(budgets))
					}
					place := mustReserve(t, c)
					r.rotate(test.token, nil)
					_, err := place.PhoneStatus(within(t, time.Minute), []string{"1"})
					if (err == nil) != (test.want != nil) {
						t.Errorf("got %v", err)
					}
					wantTokens(t, s, test.want...)
					if b := budgets.BudgetsOf(Credentials{Token: w}).Of(EndpointPhoneStatus); b.InFlight != 0 || b.MinuteRemaining != 1 {
						t.Errorf("the place was not given back: %+v", b)
					}
					r.rotate("W", nil)
					time.Sleep(time.Minute + justOver)
					s = play(answerBody(statusOK))
				}
			})
		})
	}
}

func TestReadingTheCredentialsEndsAPauseOfFormerOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, budgets := play(lockX), newByDigest(VendorLimits())
		r := &rotating{token: "X"}
		c := newClientFor(t, r.source(), s, withBudgets(budgets))
		if err := ask(t.Context(), c); !errors.Is(err, CodeHourLimit) {
			t.Fatal(err)
		}
		locked := time.Now().Add(2 * time.Hour)
		missing := errors.New("no file")
		for _, step := range []struct {
			token  Secret
			err    error
			paused time.Time
		}{{"X", nil, locked}, {"Y", missing, locked}, {"Y", nil, time.Time{}}, {"X", nil, locked}} {
			r.rotate(step.token, step.err)
			err := c.ReadCredentials(t.Context())
			if _, failed := errors.AsType[*CredentialsError](err); failed != (step.err != nil) || !errors.Is(err, step.err) {
				t.Errorf("got %v", err)
			}
			if got := c.Budget(EndpointPhoneStatus).PausedUntil; !got.Equal(step.paused) {
				t.Errorf("token %s: paused until %s, want %s", string(step.token), got, step.paused)
			}
		}
		wantTokens(t, s, "X")
	})
}

func TestFixedCredentialsAreKnownBeforeTheFirstRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budgets := newByDigest(VendorLimits())
		fixed := newClientFor(t, Credentials{Token: "X"}, play(lockX), withBudgets(budgets))
		if err := ask(t.Context(), fixed); !errors.Is(err, CodeHourLimit) {
			t.Fatal(err)
		}
		until := time.Now().Add(2 * time.Hour)
		another := newClientFor(t, Credentials{Token: "X"}, play(hang), withBudgets(budgets))
		wantNoPlace(t, another, until)
		if got := another.Budget(EndpointPhoneStatus).PausedUntil; !got.Equal(until) {
			t.Errorf("paused until %s, want %s", got, until)
		}
	})
}

func TestCopiedBudgetsHaveWhatWasSpentAndNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := NewBudgets(Limits{PerMinute: 5, PerHour: 10}, time.Now)
		c := newClient(t, play(answerBody(statusOK), answerBody(statusOK), answerCode(CodeHourLimit)), withBudgets(old))
		start := time.Now()
		mustAsk(t, c)
		time.Sleep(50 * time.Second)
		mustAsk(t, c)
		flying := newClient(t, play(after(time.Second, answerBody(statusOK))), withBudgets(old))
		inFlight := startCall(t.Context(), flying, "1")
		_ = ask(t.Context(), c)

		fresh := NewBudgets(Limits{PerMinute: 5, PerHour: 10}, time.Now)
		fresh.CopySpent(old)
		b := fresh.Of(EndpointPhoneStatus)
		if b.MinuteRemaining != 1 || b.HourRemaining != 6 || b.InFlight != 0 || !b.PausedUntil.IsZero() {
			t.Errorf("got %+v", b)
		}
		if got := fresh.Of(EndpointPhoneList).HourRemaining; got != 10 {
			t.Errorf("%d requests are left to another endpoint, want 10", got)
		}
		inFlight.wait()
		time.Sleep(time.Until(start.Add(time.Minute + justOver)))
		if b := fresh.Of(EndpointPhoneStatus); b.MinuteRemaining != 2 || b.HourRemaining != 6 {
			t.Errorf("after the first has left the minute: %+v", b)
		}
	})
}

func TestCopiedBudgetsKeepToTheLowerOfTheContendedLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contended := func(times int) *Budgets {
			b := NewBudgets(Limits{PerMinute: 100, PerHour: 18000}, time.Now)
			of := b.endpoints[EndpointPhoneStatus]
			for range times {
				of.reserve()
				of.end(time.Now(), false, pauseAfter(&APIError{Code: CodeRateLimited}))
				time.Sleep(time.Second)
			}
			return b
		}
		for name, test := range map[string]struct {
			budgets []*Budgets // made one after the other
			want    int
		}{
			"others have":                {[]*Budgets{contended(0), contended(2)}, 20},
			"nobody has":                 {[]*Budgets{contended(0), contended(0)}, 100},
			"we have":                    {[]*Budgets{contended(0), contended(1)}, 50},
			"both, others were the last": {[]*Budgets{contended(1), contended(2)}, 20},
			"both, we were the last":     {[]*Budgets{contended(1), contended(2)}, 20},
		} {
			to, from := test.budgets[0], test.budgets[1]
			if strings.Contains(name, "we") {
				to, from = from, to
			}
			to.CopySpent(from)
			if got := to.Of(EndpointPhoneStatus); got.Limits.PerMinute != test.want {
				t.Errorf("%s: %d a minute, want %d", name, got.Limits.PerMinute, test.want)
			}
			if got := to.Of(EndpointPhoneList); got.Limits.PerMinute != 100 {
				t.Errorf("%s: %d a minute for another endpoint", name, got.Limits.PerMinute)
			}
		}
	})
}

func TestWhatWasSpentCountsOnWhenMoreProgramsShareTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 150, PerHour: 18000}, time.Now)
		start := time.Now()
		spendAll(b, EndpointPlanInfo)
		time.Sleep(90 * time.Second)
		for _, step := range []struct {
			share int
			next  time.Duration
		}{{1, 90 * time.Second}, {3, 3*time.Minute + justOver}, {1, 90 * time.Second}, {2, 2*time.Minute + justOver}} {
			b.SetLimits(Limits{PerMinute: 150, PerHour: 18000, Share: step.share})
			if got := b.Of(EndpointPlanInfo).Next.Sub(start); got != step.next {
				t.Errorf("shared by %d, the plan can be asked for after %s, want %s", step.share, got, step.next)
			}
		}
	})
}

func TestBudgetsAreIdleWhenNothingWouldBeMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudgets(Limits{PerMinute: 1, PerHour: 5}, time.Now)
		want := func(when string, idle bool) {
			t.Helper()
			if b.Idle() != idle {
				t.Errorf("%s: idle is %t", when, b.Idle())
			}
		}
		want("new", true)
		c := newClient(t, play(after(time.Second, answerBody(statusOK)), answerCode(CodeHourLimit)), withBudgets(b))
		place := mustReserve(t, c)
		want("a place is reserved", false)
		place.Cancel()
		want("it was given back", true)
		call := startCall(t.Context(), c, "1")
		want("a request is in flight", false)
		call.wait()
		want("it was answered", false)
		time.Sleep(time.Hour)
		want("the hour's window is closed at its end", false)
		time.Sleep(justOver)
		want("it has left the windows", true)
		_ = ask(t.Context(), c)
		time.Sleep(2*time.Hour - justOver)
		want("the pause goes on", false)
		time.Sleep(justOver)
		want("the pause is over", true)
	})
}

func TestDigestTellsCredentialsApart(t *testing.T) {
	seen := make(map[Digest]Credentials)
	for _, c := range []Credentials{
		{},
		{Token: "a"},
		{Token: "b"},
		{AppID: "a"},
		{APIKey: "a"},
		{AppID: "a", APIKey: "b"},
		{AppID: "ab"},
		{AppID: "b", APIKey: "a"},
		{AppID: "a\x00\x00", APIKey: "b"},
	} {
		if other, ok := seen[c.Digest()]; ok {
			t.Errorf("%#v and %#v have one digest", c, other)
		}
		seen[c.Digest()] = c
		if again := c; again.Digest() != c.Digest() {
			t.Errorf("%#v has two digests", c)
		}
	}
}
