package geelark

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffIsExponentialCappedAndJittered(t *testing.T) {
	for try, whole := range map[int]time.Duration{
		0: 250 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 4: 4 * time.Second,
		5: 5 * time.Second, 6: 5 * time.Second, 16: 5 * time.Second, 62: 5 * time.Second, 1 << 20: 5 * time.Second,
	} {
		for jitter, want := range map[float64]time.Duration{0: whole / 2, 0.5: whole * 3 / 4, 1: whole} {
			if got := backoff(try, jitter); got != want {
				t.Errorf("try %d with jitter %v waits %s, want %s", try, jitter, got, want)
			}
		}
	}
}

func TestOutcomesThatAreRepeated(t *testing.T) {
	const always, never = true, false
	type outcome struct {
		name     string
		step     step
		repeated bool
	}
	outcomes := []outcome{
		{"timeout", hang, always},
		{"failed connection", failWith(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), always},
		{"unknown name", failWith(&net.DNSError{Err: "no such host"}), always},
		{"unknown certificate", failWith(&tls.CertificateVerificationError{Err: errors.New("unknown authority")}), never},
		{"too large", answerBody(strings.Repeat(" ", maxAnswerBytes+1)), never},
		{"malformed", answerBody(`{"code":0}`), never},
	}
	for status, repeated := range map[int]bool{
		204: never, 302: never, 400: never, 401: never, 403: never, 404: never, 408: never, 429: never,
		500: always, 502: always, 503: always, 504: always, 520: always,
	} {
		outcomes = append(outcomes, outcome{fmt.Sprintf("HTTP status %d", status), answerStatus(status), repeated})
	}
	for _, c := range codes[1:] {
		outcomes = append(outcomes, outcome{fmt.Sprintf("code %d", int(c.code)), answerCode(c.code), c.repeated})
	}
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(o.step, o.step, answerBody(statusOK))
				c := newClient(t, s)
				spentOf := func(b Budget) int { return b.Limits.PerMinute - b.MinuteRemaining }
				before := spentOf(c.Budget(EndpointPhoneStatus))
				err := ask(t.Context(), c)
				if (err == nil) != o.repeated {
					t.Fatalf("got %v", err)
				}
				want := 1
				if o.repeated {
					want = 3
				}
				if n := len(s.requests()); n != want {
					t.Errorf("%d requests, want %d", n, want)
				}
				if spent := spentOf(c.Budget(EndpointPhoneStatus)) - before; spent != want {
					t.Errorf("%d requests were counted, want %d", spent, want)
				}
			})
		})
	}
}

func TestCallIsRepeatedAsOftenAsConfigured(t *testing.T) {
	for name, test := range map[string]struct {
		options []Option
		want    int
	}{
		"by default":      {nil, 3},
		"never":           {[]Option{WithRetries(0)}, 1},
		"less than never": {[]Option{WithRetries(-1)}, 1},
		"once":            {[]Option{WithRetries(1)}, 2},
		"often":           {[]Option{WithRetries(7)}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(answerCode(CodeInternal))
				err := ask(t.Context(), newClient(t, s, test.options...))
				if !errors.Is(err, CodeInternal) || len(s.requests()) != test.want {
					t.Errorf("got %v after %d requests, want %d", err, len(s.requests()), test.want)
				}
			})
		})
	}
}

func TestRepetitionsAreSpacedByTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerCode(CodeTooManyRequests))
		jitters := []float64{0.5, 0.25, 0.75}
		next := 0
		jitter := func() float64 { next++; return jitters[next-1] }
		c := newClient(t, s, WithRetries(3), WithRandom(func() string { return testTraceID }, jitter))
		start := time.Now()
		if err := ask(t.Context(), c); !errors.Is(err, CodeTooManyRequests) {
			t.Fatal(err)
		}
		var want time.Duration
		for i, r := range s.requests() {
			if got := r.at.Sub(start); got != want {
				t.Errorf("request %d was sent after %s, want %s", i+1, got, want)
			}
			if i < len(jitters) {
				want += backoff(i, jitters[i])
			}
		}
		// There is no wait behind the last try.
		wantElapsed(t, start, backoff(0, 0.5)+backoff(1, 0.25)+backoff(2, 0.75))
	})
}

func TestRepetitionsEndAtTheCallersDeadline(t *testing.T) {
	for name, test := range map[string]struct {
		deadline time.Duration
		requests int
		elapsed  time.Duration
	}{
		"before the first repetition":  {backoff(0, 0) - 1, 1, 0},
		"before the second repetition": {backoff(0, 0) + backoff(1, 0) - 1, 2, backoff(0, 0)},
		"after the last one":           {time.Second, 3, backoff(0, 0) + backoff(1, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(answerCode(CodeInternal))
				start := time.Now()
				err := ask(within(t, test.deadline), newClient(t, s))
				if !errors.Is(err, CodeInternal) || len(s.requests()) != test.requests {
					t.Errorf("got %v after %d requests, want %d", err, len(s.requests()), test.requests)
				}
				wantElapsed(t, start, test.elapsed)
			})
		})
	}
}

func TestCallerWhoGivesUpDuringTheBackoffGetsTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerStatus(http.StatusBadGateway))
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		time.AfterFunc(backoff(0, 0)/2, cancel)
		err := ask(ctx, newClient(t, s))
		var he *HTTPError
		if !errors.As(err, &he) || len(s.requests()) != 1 {
			t.Errorf("got %v after %d requests", err, len(s.requests()))
		}
		wantElapsed(t, start, backoff(0, 0)/2)
	})
}

func TestCallerWhoGaveUpIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(hang)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		wantReason(t, ask(ctx, newClient(t, s)), ReasonCanceled)
		wantElapsed(t, start, time.Second)
		if n := len(s.requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestFirstFailureIsToldWhenTheBudgetRefusesTheRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerCode(CodeInternal))
		c := newClient(t, s, withLimits(Limits{PerMinute: 1, PerHour: 10}))
		start := time.Now()
		if err := ask(within(t, 10*time.Second), c); !errors.Is(err, CodeInternal) || errors.Is(err, ErrNotSent) {
			t.Errorf("got %v", err)
		}
		wantElapsed(t, start, backoff(0, 0))
		if n := len(s.requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestFirstFailureIsToldWhenTheCallerGivesUpBeforeTheRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, play(answerCode(CodeInternal)), withLimits(Limits{PerMinute: 1, PerHour: 10}))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		if err := ask(ctx, c); !errors.Is(err, CodeInternal) || errors.Is(err, ErrNotSent) {
			t.Errorf("got %v", err)
		}
	})
}

// Their budgets have few places: somebody may wait for the first answer who would
// wait a minute for the next.
func TestRepetitionsOfWalletAndPlanDoNotWaitForTheBudget(t *testing.T) {
	wallet := func(ctx context.Context, c *Client) error { _, err := c.Wallet(ctx); return err }
	plan := func(ctx context.Context, c *Client) error { _, err := c.PlanInfo(ctx); return err }
	list := func(ctx context.Context, c *Client) error {
		_, err := c.PhoneList(ctx, PhoneListFilter{}, 1, 1)
		return err
	}
	first, second := backoff(0, 0), backoff(1, 0)
	for name, test := range map[string]struct {
		ask      func(context.Context, *Client) error
		limits   Limits
		requests int
		elapsed  time.Duration
	}{
		"the plan":                          {plan, VendorLimits(), 1, first},
		"the wallet":                        {wallet, VendorLimits(), 3, first + second},
		"a wallet with one place a minute":  {wallet, Limits{PerMinute: 200, PerHour: 24000, Share: 5}, 1, first},
		"a wallet with two places a minute": {wallet, Limits{PerMinute: 200, PerHour: 24000, Share: 2}, 2, first + second},
		"a list with one place a minute":    {list, Limits{PerMinute: 1, PerHour: 10}, 3, 2*time.Minute + 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(answerCode(CodeInternal))
				c := newClient(t, s, withLimits(test.limits))
				start := time.Now()
				if err := test.ask(within(t, time.Hour), c); !errors.Is(err, CodeInternal) || errors.Is(err, ErrNotSent) {
					t.Errorf("got %v", err)
				}
				wantElapsed(t, start, test.elapsed)
				if n := len(s.requests()); n != test.requests {
					t.Errorf("%d requests, want %d", n, test.requests)
				}
			})
		})
	}
}

func TestMissingCredentialsAreNotAskedForAgain(t *testing.T) {
	asked := 0
	want := errors.New("no such file")
	source := sources(func() (Credentials, error) {
		asked++
		return Credentials{}, want
	})
	s := play(answerBody(statusOK))
	err := ask(t.Context(), newClientFor(t, source, s))
	var ce *CredentialsError
	if !errors.As(err, &ce) || !errors.Is(err, want) || asked != 1 || len(s.requests()) != 0 {
		t.Errorf("got %v, asked %d times, %d requests", err, asked, len(s.requests()))
	}
}

func TestRepetitionWithoutCredentialsIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, observed := 0, 0
		source := sources(func() (Credentials, error) {
			if asked++; asked > 1 {
				return Credentials{}, errors.New("no such file")
			}
			return Credentials{Token: testToken}, nil
		})
		c := newClientFor(t, source, play(answerCode(CodeInternal)), WithObserver(func(Request) { observed++ }))
		err := ask(t.Context(), c)
		var ce *CredentialsError
		if !errors.As(err, &ce) || observed != 1 || c.Budget(EndpointPhoneStatus).MinuteRemaining != 199 {
			t.Errorf("got %v, %d requests observed, %+v", err, observed, c.Budget(EndpointPhoneStatus))
		}
	})
}
