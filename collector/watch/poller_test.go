package watch

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// Phones can be forgotten between the look whether some are due and the taking.
func TestAPlaceForPhonesThatAreForgottenIsGivenBack(t *testing.T) {
	inBubble(t, 0, func(c *AccountConfig) { c.IDs = []string{"1"} }, func(b *bench) {
		a := b.account()
		a.store.TrackOnly(nil)
		a.poller.least = 0 // it always looks as if there were some
		b.poll()
		if got := a.client.Budget(geelark.EndpointPhoneStatus); b.sim.Requests(status) != 0 || got.MinuteRemaining != got.Limits.PerMinute {
			t.Errorf("%d requests, %+v", b.sim.Requests(status), got)
		}
		if s := a.State(CollectorStatus); s.Tried || len(b.Overview().Accounts[0].Errors) > 0 {
			t.Errorf("an error of no call: %+v", s)
		}
	})
}

func TestASinglePhoneIsPolled(t *testing.T) {
	inBubble(t, 1, nil, func(b *bench) {
		b.sim.SetStatus(b.sim.IDs()[0], 2) // which a listing does not tell for sure
		b.poll()
		if s := b.account().Snapshot(); s.Current != 1 {
			t.Errorf("the status of %d phones is known", s.Current)
		}
	})
}

func TestPhonesThatAreListedBeforeAnyScrapeAsksForStatusesAreNotPolled(t *testing.T) {
	inBubbleWith(t, 150, nil, nil, func(b *bench) {
		b.account().Refresh(b.t.Context(), []string{CollectorInventory})
		synctest.Wait()
		if n := b.sim.Requests(status); n != 0 {
			t.Errorf("%d polls", n)
		}
	})
}

func TestWhenThereIsNothingToPoll(t *testing.T) {
	inBubble(t, 0, func(c *AccountConfig) { c.IDs = []string{"1"} }, func(b *bench) {
		p := b.account().poller
		for _, step := range []struct {
			name string
			do   func()
			want bool
		}{
			{"before the first scrape nobody knows", func() {}, false},
			{"a phone that was never polled", func() { p.horizon = time.Now() }, false},
			{"a sweep that took it", func() { p.store.Take(1); p.sweep = new(sweep) }, false},
			{"a phone that was just polled", func() { p.store.GiveBack([]string{"1"}, time.Now()); p.sweep = nil }, true},
		} {
			step.do()
			if got := p.isIdle(); got != step.want {
				t.Errorf("%s: %v, want %v", step.name, got, step.want)
			}
		}
	})
}

// A slow observer is told of lookups that fail while others wait.
type slow struct {
	nobody
	told chan struct{}
}

func (s slow) LookupsFailed(string, phones.Failure, int) { <-s.told }

// What a call has learned is not known yet when it does not count as in flight any more.
func TestAnAnswerThatIsBeingTakenInIsWaitedFor(t *testing.T) {
	var o slow
	inBubbleWith(t, 0, func(c *Options) {
		o.told = make(chan struct{})
		c.Collectors, c.Observer = []string{CollectorStatus}, o
	}, func(c *AccountConfig) { c.IDs, c.Limits.PerMinute = numbered(300), 1 }, func(b *bench) {
		go b.poll()
		o.told <- struct{}{} // of the first call, beside which there is none
		time.Sleep(61 * time.Second)
		synctest.Wait()
		p := b.account().poller
		p.mu.Lock()
		starved := p.sweep != nil && p.sweep.starved
		p.mu.Unlock()
		if inFlight := p.client.Budget(geelark.EndpointPhoneStatus).InFlight; !p.isBusy() || !starved || inFlight != 0 {
			t.Errorf("busy is %v; a call waits for the budget: %v; %d are in flight", p.isBusy(), starved, inFlight)
		}
		close(o.told)
	})
}

// Each second a page of the list has phones for a poll, and polls take longer. The
// first goes alone.
func TestPhonesThatAreFoundMeanwhileArePolledBesideOthers(t *testing.T) {
	inBubble(t, 300, nil, func(b *bench) {
		for _, id := range b.sim.IDs() {
			b.sim.SetStatus(id, 2)
		}
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Latency: time.Second})
		var mu sync.Mutex
		var polls []time.Duration
		began := time.Now()
		b.transport = nth{b.sim.RoundTripper(), status, new(atomic.Int32), func(n int32) string {
			mu.Lock()
			polls = append(polls, time.Since(began))
			mu.Unlock()
			time.Sleep(time.Duration(n) * 1500 * time.Millisecond)
			return ""
		}}.RoundTrip
		b.poll()
		if want := []time.Duration{time.Second, 2500 * time.Millisecond, 3 * time.Second}; !slices.Equal(polls, want) {
			t.Errorf("polls after %v, want %v", polls, want)
		}
	})
}

func TestASweepThatIsWokenWhileItLooksLooksAgain(t *testing.T) {
	inBubble(t, 0, func(c *AccountConfig) { c.IDs = []string{"1"} }, func(b *bench) {
		p := b.account().poller
		looks, answer := 0, make(chan struct{})
		p.notify = func() { // which a sweep does at the end of a look
			if looks++; looks == 1 {
				p.sweep.wake()
			}
		}
		api := b.sim.RoundTripper()
		b.transport = func(r *http.Request) (*http.Response, error) {
			<-answer
			return api.RoundTrip(r)
		}
		go b.poll()
		synctest.Wait()
		p.mu.Lock()
		if looks != 2 {
			t.Errorf("it has looked %d times", looks)
		}
		p.mu.Unlock()
		close(answer)
		time.Sleep(10 * time.Second)
	})
}

// An account that shares its limits can meet a pause that its own calls did not.
func TestAnAccountOfASinglePhoneIsNotUpDuringAPause(t *testing.T) {
	inBubble(t, 1, func(c *AccountConfig) { c.IDs = []string{"1"} }, func(b *bench) {
		b.poll()
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit})
		_, _ = b.account().client.PhoneStatus(b.t.Context(), []string{"1"})
		if up, _ := b.account().Up(); up {
			t.Error("it is up")
		}
	})
}

func TestAnAccountThatLosesItsPhonesDuringAPauseIsUpWithoutThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n")
	inBubble(t, 0, func(c *AccountConfig) { c.IDsFile = path }, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit})
		b.poll()
		writeFile(t, path, "# none\n")
		b.scrapeFor(10 * time.Minute)
		if up, _ := b.account().Up(); !up || !b.account().isPaused() {
			t.Errorf("up %v, paused %v", up, b.account().isPaused())
		}
	})
}

func TestWhenListingsHaveDoneTheWorkOfAPollThatFailed(t *testing.T) {
	const enough = 30*time.Second + 5*time.Minute // a ttl and an interval
	observe := func(ids ...string) func(*poller) {
		return func(p *poller) {
			for _, id := range ids {
				p.store.Observe([]phones.Observation{{ID: id, At: time.Now(), Status: geelark.StatusStarted}})
			}
		}
	}
	for name, tt := range map[string]struct {
		do     func(*poller)
		wait   time.Duration
		worked bool
	}{
		"all its phones were listed":                    {observe("1", "2"), enough, true},
		"all were, so soon that no poll was due":        {observe("1", "2"), enough - 1, false},
		"one was not":                                   {observe("1"), enough, false},
		"none was":                                      {observe(), enough, false},
		"a poll beside it has failed too, of a phone":   {func(p *poller) { p.failed([]string{"3"}, true); observe("1", "2")(p) }, enough, false},
		"a poll beside it has failed too, of the other": {func(p *poller) { p.failed([]string{"3"}, true); observe("2", "3")(p) }, enough, false},
		"a later one has failed, of another phone":      {func(p *poller) { p.failed([]string{"3"}, false); observe("3")(p) }, enough, true},
		"another sweep is under way":                    {func(p *poller) { observe("1", "2")(p); p.sweep = new(sweep) }, enough, false},
		"a pause holds the next back": {func(p *poller) {
			observe("1", "2")(p)
			_, _ = p.client.PhoneStatus(p.workers.ctx, []string{"1"})
		}, enough, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 0, func(c *AccountConfig) { c.IDs = []string{"1", "2", "3"} }, func(b *bench) {
				p := b.account().poller
				p.store.Observe([]phones.Observation{{ID: "3", At: time.Now().Add(-time.Second)}})
				p.store.Take(3)
				err := fmt.Errorf("no")
				p.record(err)
				p.failed([]string{"1", "2"}, false)
				b.sim.Inject(geelarktest.Fault{Code: geelark.CodeHourLimit})
				tt.do(p)
				time.Sleep(tt.wait)
				s := b.account().State(CollectorStatus)
				e := b.Overview().Accounts[0].Errors[0]
				if !s.Tried || s.Worked != tt.worked || e.Ongoing == tt.worked {
					t.Errorf("%+v, %+v", s, e)
				}
			})
		})
	}
}

func TestPhonesOfPollsThatFailDoNotPileUp(t *testing.T) {
	inBubble(t, 0, func(c *AccountConfig) { c.IDs = numbered(100) }, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodePermission})
		b.scrapeFor(10 * time.Minute)
		if n := len(b.account().poller.undone); n != 100 {
			t.Errorf("%d phones are remembered", n)
		}
	})
}
