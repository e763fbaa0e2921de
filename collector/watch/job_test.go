package watch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
)

// newTestJob does work at an interval of 10 minutes, and a minute after a
// failure.
func newTestJob(work func(context.Context) error, ended func()) *job {
	return &job{
		workers: newWorkers(log.NewNopLogger(), func() {}), interval: 10 * time.Minute, retry: time.Minute, work: work, ended: ended, notify: func() {}, record: func(error) {},
		now: time.Now,
	}
}

func TestAJobRunsWhenItIsDueAndOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs int
		var fails error
		j := newTestJob(func(context.Context) error {
			time.Sleep(time.Second)
			runs++
			return fails
		}, func() {})
		defer j.workers.close()
		for _, step := range []struct {
			name  string
			wait  time.Duration
			fails error
			runs  int
			state State
		}{
			{"at first", 0, nil, 1, State{Tried: true, Worked: true, Duration: time.Second}},
			{"before the interval is over", 10*time.Minute - time.Nanosecond, nil, 1, State{Tried: true, Worked: true, Duration: time.Second}},
			{"when it is over", time.Nanosecond, errors.New("no"), 2, State{Tried: true, Worked: false, Duration: time.Second}},
			{"soon after a failure", time.Minute - time.Nanosecond, nil, 2, State{Tried: true, Worked: false, Duration: time.Second}},
			{"some time after a failure", time.Nanosecond, nil, 3, State{Tried: true, Worked: true, Duration: time.Second}},
		} {
			time.Sleep(step.wait)
			fails = step.fails
			for range 3 { // any number of scrapes
				j.start(time.Now())
			}
			synctest.Wait()
			j.mu.Lock()
			running := j.running
			j.mu.Unlock()
			if running {
				time.Sleep(time.Second)
				synctest.Wait()
			}
			got := j.state()
			got.LastSuccess = time.Time{}
			if runs != step.runs || got != step.state {
				t.Errorf("%s: %d runs, %+v, want %d, %+v", step.name, runs, got, step.runs, step.state)
			}
		}
	})
}

func TestWhoWaitsForAJobWaitsForWhatItsEndSetsGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j *job
		var waited []bool
		j = newTestJob(func(context.Context) error { return nil }, func() { waited = append(waited, j.isAwaited()) })
		defer j.workers.close()
		j.start(time.Now())
		if !j.isAwaited() || !j.firstTry() {
			t.Error("nobody waits for the first run")
		}
		synctest.Wait()
		time.Sleep(time.Hour)
		j.start(time.Now())
		if j.isAwaited() || j.firstTry() {
			t.Error("somebody waits for a later run")
		}
		synctest.Wait()
		if want := [...]bool{true, false}; [2]bool(waited) != want {
			t.Errorf("at the ends there was somebody who waited: %v, want %v", waited, want)
		}
	})
}

func TestAClosedJobHasNotFailedAndRunsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, reports := 0, 0
		j := newTestJob(func(ctx context.Context) error {
			runs++
			<-ctx.Done()
			return ctx.Err()
		}, func() {})
		j.record = func(error) { reports++ }
		j.start(time.Now())
		synctest.Wait()
		j.workers.close()
		j.start(time.Now())
		synctest.Wait()
		if runs != 1 || j.state() != (State{}) || reports != 0 {
			t.Errorf("%d runs, %+v, %d reports", runs, j.state(), reports)
		}
		next := newTestJob(func(context.Context) error { runs++; return nil }, nil)
		defer next.workers.close()
		next.inherit(j)
		next.start(time.Now())
		synctest.Wait()
		if runs != 2 {
			t.Error("the job that takes its place does not begin at once")
		}
	})
}

func TestPartsOfALaterRunSayNothingBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j *job
		var meanwhile []State
		j = newTestJob(func(context.Context) error {
			j.progressed()
			meanwhile = append(meanwhile, j.state())
			return errors.New("no")
		}, nil)
		defer j.workers.close()
		began := time.Now()
		for range 2 {
			j.start(time.Now())
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		first, second := State{Tried: true, Worked: true, LastSuccess: began}, State{Tried: true, LastSuccess: began}
		if len(meanwhile) != 2 || meanwhile[0] != first || meanwhile[1] != second {
			t.Errorf("got %+v, want %+v and %+v", meanwhile, first, second)
		}
	})
}

func TestWhatMakesAJobDueBeforeItsTime(t *testing.T) {
	for name, tt := range map[string]struct {
		fails error
		do    func(*job)
		due   time.Duration // after the first run
	}{
		"nothing":                      {nil, func(*job) {}, 10 * time.Minute},
		"a machine that slept":         {nil, func(j *job) { j.hasten(4 * time.Minute) }, 6 * time.Minute},
		"nothing after a failure":      {errors.New("no"), func(*job) {}, time.Minute},
		"a failure that is forgiven":   {errors.New("no"), (*job).forgive, 0},
		"no success to be forgiven it": {nil, (*job).forgive, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var runs []time.Duration
				began := time.Now()
				j := newTestJob(func(context.Context) error {
					runs = append(runs, time.Since(began))
					return tt.fails
				}, nil)
				defer j.workers.close()
				j.start(time.Now())
				synctest.Wait()
				tt.do(j)
				for len(runs) < 2 && time.Since(began) < time.Hour {
					j.start(time.Now())
					synctest.Wait()
					time.Sleep(time.Second)
				}
				if len(runs) != 2 || runs[1] != tt.due {
					t.Errorf("it runs after %v, want %s", runs, tt.due)
				}
			})
		})
	}
}

func TestAShorterIntervalCountsFromTheLastRun(t *testing.T) {
	inBubbleWith(t, 1, func(o *Options) { o.Collectors = []string{CollectorStatus, CollectorBilling} }, nil, func(b *bench) {
		b.poll()
		for _, step := range []struct {
			wait, interval time.Duration
			requests       int
		}{
			{2 * time.Minute, 5 * time.Minute, 1},  // 2 min after the first
			{3 * time.Minute, 5 * time.Minute, 2},  // 5 min
			{4 * time.Minute, 20 * time.Minute, 2}, // the interval that was agreed when it was read
			{time.Minute, 20 * time.Minute, 3},
			{19 * time.Minute, 20 * time.Minute, 3},
			{time.Minute, 20 * time.Minute, 4},
		} {
			time.Sleep(step.wait)
			b.reload(func(c *AccountConfig) { c.BillingInterval = step.interval })
			b.pollAndList()
			if got := b.sim.Requests(walletEndpoint); got != step.requests {
				t.Errorf("%s later, every %s: %d requests, want %d", step.wait, step.interval, got, step.requests)
			}
		}
	})
}
