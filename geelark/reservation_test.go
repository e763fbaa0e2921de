package geelark

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func mustReserve(t *testing.T, c *Client) *Reservation {
	t.Helper()
	r, next := c.ReservePhoneStatus()
	if r == nil {
		t.Fatalf("there is no place until %s", next)
	}
	return r
}

func wantNoPlace(t *testing.T, c *Client, until time.Time) {
	t.Helper()
	if r, next := c.ReservePhoneStatus(); r != nil || !next.Equal(until) {
		t.Errorf("got a place: %t, next at %s, want none until %s", r != nil, next, until)
	}
}

func TestReservedPlaceIsSentInAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(after(time.Second, answerBody(statusOK)))
		c := newClient(t, s, withLimits(Limits{PerMinute: 1, PerHour: 100}))
		start := time.Now()
		r := mustReserve(t, c)
		wantNoPlace(t, c, start.Add(time.Minute))
		wantNotSent(t, ask(within(t, time.Second), c))
		time.Sleep(10 * time.Second)
		got, err := r.PhoneStatus(t.Context(), []string{"1"})
		if err != nil || !got.At.Equal(start.Add(10*time.Second)) || len(got.Phones) != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
		wantElapsed(t, start, 11*time.Second)
		wantNoPlace(t, c, start.Add(71*time.Second+justOver))
		r.Cancel() // it was used: there is nothing to give back
		wantNoPlace(t, c, start.Add(71*time.Second+justOver))
	})
}

func TestReservationIsGivenBack(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Reservation){
		"by Cancel":       func(_ *testing.T, r *Reservation) { r.Cancel() },
		"by Cancel twice": func(_ *testing.T, r *Reservation) { r.Cancel(); r.Cancel() },
		"by a call that cannot be sent": func(t *testing.T, r *Reservation) {
			if _, err := r.PhoneStatus(t.Context(), nil); err == nil {
				t.Error("a call without ids was accepted")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, play(answerBody(statusOK)), withLimits(Limits{PerMinute: 1, PerHour: 1}))
				r := mustReserve(t, c)
				waiting := startCall(t.Context(), c, "a")
				start := time.Now()
				end(t, r)
				if waiting.wait().err != nil {
					t.Error(waiting.err)
				}
				wantElapsed(t, start, 0)
				if b := c.Budget(EndpointPhoneStatus); b.MinuteRemaining != 0 || b.HourRemaining != 0 {
					t.Errorf("got %+v", b)
				}
			})
		})
	}
}

func TestReservationDoesNotOvertakeThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, play(answerBody(statusOK)), withLimits(Limits{PerMinute: 1, PerHour: 100}))
		start := time.Now()
		mustAsk(t, c)
		waiting := startCall(t.Context(), c, "a")
		wantNoPlace(t, c, start.Add(time.Minute))
		waiting.wait()
		wantElapsed(t, start, time.Minute+justOver)
	})
}

func TestRepetitionOfAReservedCallFindsItsOwnPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerCode(CodeInternal), answerBody(statusOK))
		c := newClient(t, s, withLimits(Limits{PerMinute: 1, PerHour: 100}))
		start := time.Now()
		if _, err := mustReserve(t, c).PhoneStatus(t.Context(), []string{"1"}); err != nil {
			t.Error(err)
		}
		wantElapsed(t, start, time.Minute+justOver)
		if b := c.Budget(EndpointPhoneStatus); b.HourRemaining != 98 {
			t.Errorf("got %+v", b)
		}
	})
}

func TestReservationIsRefusedDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(answerCode(CodeHourLimit))
		c := newClient(t, s)
		earlier := mustReserve(t, c)
		until := time.Now().Add(2 * time.Hour)
		if err := ask(t.Context(), c); !errors.Is(err, CodeHourLimit) {
			t.Fatal(err)
		}
		wantNoPlace(t, c, until)
		_, err := earlier.PhoneStatus(t.Context(), []string{"1"})
		if le := wantNotSent(t, err); *le != (LimitError{EndpointPhoneStatus, until, CodeHourLimit, 0}) {
			t.Errorf("got %+v", le)
		}
		if b := c.Budget(EndpointPhoneStatus); len(s.requests()) != 1 || b.MinuteRemaining != 199 {
			t.Errorf("%d requests, %+v", len(s.requests()), b)
		}
	})
}
