package geelark

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestCrowdPausesLongerWhileItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd, fine := answerCode(CodeCrowded), answerBody(statusOK)
		s := play(crowd, crowd, crowd, answerCode(CodeSignature), crowd, crowd, crowd, fine, crowd, fine)
		c := newClient(t, s)
		for i, minutes := range []time.Duration{1, 2, 4, 0, 8, 10, 10, 0, 1, 0} {
			start := time.Now()
			_ = ask(t.Context(), c)
			wantElapsed(t, start, 0)
			b := c.Budget(EndpointPhoneStatus)
			if got := max(0, time.Until(b.PausedUntil)); got != minutes*time.Minute {
				t.Errorf("request %d: paused for %s, want %d minutes", i+1, got, minutes)
			}
			if minutes > 0 {
				if le := wantNotSent(t, ask(within(t, minutes*time.Minute-1), c)); le.Pause != CodeCrowded || !le.Paused() {
					t.Errorf("got %+v", le)
				}
				time.Sleep(minutes * time.Minute)
			}
		}
	})
}

func TestAnswersToWhatWasSentBeforeACrowdsPauseSayNothingOfItsLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := answerCode(CodeCrowded)
		s := play(
			after(time.Second, crowd), after(2*time.Second, crowd), after(3*time.Second, answerBody(statusOK)), // side by side
			after(time.Second, crowd), // a minute later
			after(time.Second, answerBody(statusOK)), crowd,
		)
		c := newClient(t, s)
		start := time.Now()
		calls := []*waitingCall{startCall(t.Context(), c, "a"), startCall(t.Context(), c, "b"), startCall(t.Context(), c, "c")}
		for _, w := range calls {
			w.wait()
		}
		paused := func() time.Duration { return c.Budget(EndpointPhoneStatus).PausedUntil.Sub(start) }
		if got := paused(); got != 62*time.Second {
			t.Errorf("paused for %s, want a minute from the second answer", got)
		}
		time.Sleep(time.Until(start.Add(62 * time.Second)))
		start = time.Now()
		_ = ask(t.Context(), c)
		if got := paused(); got != time.Second+2*time.Minute {
			t.Errorf("paused for %s, want two minutes from the answer", got)
		}
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	const minute = time.Minute
	for name, test := range map[string]struct {
		status int
		value  func(now time.Time) string // of the header
		want   time.Duration
	}{
		"503, seconds":                  {503, text120, 2 * minute},
		"429, seconds":                  {429, text120, 2 * minute},
		"429, less than a minute":       {429, fixed("7"), 7 * time.Second},
		"503, the most":                 {503, fixed("600"), 10 * minute},
		"503, too long":                 {503, fixed("601"), 10 * minute},
		"503, absurd":                   {503, fixed("18446744073709551615"), 10 * minute},
		"503, more than that":           {503, fixed("99999999999999999999999"), 0},
		"503, none":                     {503, nil, 0},
		"503, zero":                     {503, fixed("0"), 0},
		"503, negative":                 {503, fixed("-5"), 0},
		"503, in words":                 {503, fixed("soon"), 0},
		"429, none":                     {429, nil, minute},
		"429, zero":                     {429, fixed("0"), minute},
		"429, in words":                 {429, fixed("soon"), minute},
		"503, a time":                   {503, httpDate(3 * minute), 3 * minute},
		"429, a time":                   {429, httpDate(3 * minute), 3 * minute},
		"503, a time far off":           {503, httpDate(48 * time.Hour), 10 * minute},
		"503, a time that is over":      {503, httpDate(-minute), 0},
		"429, a time that is over":      {429, httpDate(-minute), minute},
		"500 is not one of them":        {500, text120, 0},
		"a redirect is not one of them": {302, text120, 0},
	} {
		t.Run(name, func(t *testing.T) {
			const noDate = time.Nanosecond
			for _, skew := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute, noDate} {
				synctest.Test(t, func(t *testing.T) {
					s := play(func(*http.Request) (*http.Response, error) {
						resp, err := answerStatus(test.status)(nil)
						theirs := time.Now().Add(skew)
						if skew != noDate {
							resp.Header.Set("Date", theirs.UTC().Format(http.TimeFormat))
						}
						if test.value != nil {
							resp.Header.Set("Retry-After", test.value(theirs))
						}
						return resp, err
					}, answerBody(statusOK))
					c := newClient(t, s, WithRetries(0))
					start := time.Now()
					err := ask(t.Context(), c)
					if he, ok := errors.AsType[*HTTPError](err); !ok || he.StatusCode != test.status {
						t.Fatal(err)
					}
					if test.want > 0 {
						if le := wantNotSent(t, ask(within(t, time.Second), c)); le.PauseStatus != test.status || !le.Paused() || !le.Until.Equal(start.Add(test.want)) {
							t.Errorf("got %+v", le)
						}
					}
					mustAsk(t, c)
					wantElapsed(t, start, test.want)
				})
			}
		})
	}
}

func fixed(value string) func(time.Time) string { return func(time.Time) string { return value } }

var text120 = fixed("120")

func httpDate(d time.Duration) func(time.Time) string {
	return func(now time.Time) string { return now.Add(d).UTC().Format(http.TimeFormat) }
}

func TestServerThatAsksForTimeIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(func(*http.Request) (*http.Response, error) {
			resp, err := answerStatus(http.StatusServiceUnavailable)(nil)
			resp.Header.Set("Retry-After", "120")
			return resp, err
		})
		c := newClient(t, s)
		ctx := within(t, 10*time.Second)
		for ctx.Err() == nil {
			_ = ask(ctx, c)
			time.Sleep(250 * time.Millisecond)
		}
		if n := len(s.requests()); n != 1 {
			t.Errorf("it was asked %d times within 10 s", n)
		}
	})
}

func TestObserverIsToldOfTheServersClock(t *testing.T) {
	for name, test := range map[string]struct {
		date func(now time.Time) string
		want Optional[time.Duration]
	}{
		"right":     {httpDate(0), Some(time.Duration(0))},
		"ahead":     {httpDate(90 * time.Second), Some(90 * time.Second)},
		"behind":    {httpDate(-time.Hour), Some(-time.Hour)},
		"none":      {fixed(""), Optional[time.Duration]{}},
		"no date":   {fixed("yesterday"), Optional[time.Duration]{}},
		"in a zone": {func(now time.Time) string { return now.Format(time.RFC3339) }, Optional[time.Duration]{}},
	} {
		for _, status := range []int{200, 502} {
			t.Run(fmt.Sprint(name, ", ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var got []Request
					c := newClient(t, play(after(time.Second, func(*http.Request) (*http.Response, error) {
						resp, err := answerWith(status, statusOK)(nil)
						resp.Header.Set("Date", test.date(time.Now()))
						return resp, err
					})), WithRetries(0), WithObserver(func(r Request) { got = append(got, r) }))
					_ = ask(t.Context(), c)
					if len(got) != 1 || got[0].Skew != test.want || got[0].Duration != time.Second {
						t.Errorf("got %+v, want %+v", got, test.want)
					}
				})
			})
		}
	}
}

func TestARequestWithoutAnAnswerTellsNothingOfTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []Optional[time.Duration]
		c := newClient(t, play(func(*http.Request) (*http.Response, error) {
			resp, err := answerStatus(502)(nil)
			resp.Header.Set("Date", httpDate(time.Minute)(time.Now()))
			return resp, err
		}, failWith(errors.New("reset"))), WithRetries(1), WithObserver(func(r Request) { got = append(got, r.Skew) }))
		_ = ask(t.Context(), c)
		if len(got) != 2 || got[0] != Some(time.Minute) || got[1].Known() {
			t.Errorf("got %+v", got)
		}
	})
}
