package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/phones"
	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func numbered(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%03d", i))
	}
	return ids
}

func TestAfterAFailureNoSweepBeginsForATTL(t *testing.T) {
	inBubble(t, 1, func(c *AccountConfig) { c.IDs = numbered(300) }, func(b *bench) {
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodePermission})
		for range 20 {
			b.poll()
			time.Sleep(time.Second)
		}
		if n := b.sim.Requests(status); n != 1 {
			t.Errorf("%d requests in 20 seconds, want 1", n)
		}
		remove()
		time.Sleep(11 * time.Second)
		b.poll()
		if n := b.sim.Requests(status); n != 4 {
			t.Errorf("%d requests after a ttl, want 4", n)
		}
	})
}

// missing are credentials that cannot be read, until they can.
type missing struct{ reads, there *int }

func (m missing) Credentials(context.Context) (geelark.Credentials, error) {
	*m.reads++
	if *m.there == 0 {
		return geelark.Credentials{}, errors.New("no such file")
	}
	return geelark.Credentials{Token: testToken}, nil
}

func TestMissingCredentialsAreAskedForOnceATTLAndPhonesKeepTheirTurn(t *testing.T) {
	var reads, there int
	inBubble(t, 1, func(c *AccountConfig) { c.IDs, c.Credentials = numbered(150), missing{&reads, &there} }, func(b *bench) {
		reads = 0 // of the start
		for range 20 {
			b.poll()
			time.Sleep(time.Second)
		}
		if reads != 1 {
			t.Errorf("%d readings in 20 seconds, want 1", reads)
		}
		first := b.account().Phones().Take(100)
		if !slices.Equal(first, numbered(100)) {
			t.Errorf("the next in turn are %q to %q", first[0], first[len(first)-1])
		}
	})
}

// nth does to the requests to an API as their number says, and passes them on unless
// it returns an answer.
type nth struct {
	http.RoundTripper
	api string
	n   *atomic.Int32
	do  func(n int32) (answer string)
}

func (t nth) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, t.api) {
		if answer := t.do(t.n.Add(1)); answer != "" {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
		}
	}
	return t.RoundTripper.RoundTrip(r)
}

const refused = `{"code":40015,"msg":"no permission"}`

func TestAPollThatWorksBesideOneThatFailsIsASuccessOfThatTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 1, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		cfg := testConfig()
		cfg.IDs = numbered(400)
		api := nth{sim.RoundTripper(), status, new(atomic.Int32), func(n int32) string {
			switch n {
			case 2:
				time.Sleep(time.Second)
				return refused
			case 3:
				time.Sleep(2 * time.Second)
			}
			return ""
		}}
		b := newBench(t, api, func(o *Options) { o.Collectors = []string{CollectorStatus} }, cfg)
		defer b.Close()
		begin := time.Now()
		b.poll()
		synctest.Wait()
		s := b.account().poller.last
		if s.Worked || !s.LastSuccess.Equal(begin.Add(2*time.Second)) {
			t.Errorf("worked %v, last success after %s", s.Worked, s.LastSuccess.Sub(begin))
		}
	})
}

func TestPhonesOfAListingThatFailsLaterAreTracked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 60, Seed: 1, Now: time.Now, Token: testToken, Still: true})
		p, _ := sim.Phone(sim.IDs()[0])
		cfg := testConfig()
		cfg.Discovery = Discovery{Groups: []string{p.Group, "another"}} // a listing each
		api := nth{sim.RoundTripper(), listing, new(atomic.Int32), func(n int32) string {
			if n > 1 {
				return refused
			}
			return ""
		}}
		b := newBench(t, api, nil, cfg)
		defer b.Close()
		b.pollAndList()
		if n := b.account().Phones().Len(); n == 0 || n >= 60 {
			t.Errorf("%d phones are tracked", n)
		}
	})
}

// An account that is closed waits for what does not end at once, and must not turn in
// circles meanwhile.
func TestASweepThatIsClosedRestsUntilItsPollsEnd(t *testing.T) {
	inBubble(t, 0, trackFleet([]string{"1"}), func(b *bench) {
		b.transport = func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			time.Sleep(time.Second)
			return nil, r.Context().Err()
		}
		go b.poll()
		synctest.Wait()
		looks := 0
		b.account().poller.notify = func() {
			if looks++; looks > 10 {
				t.Error("it looks all the time")
				runtime.Goexit()
			}
		}
		began := time.Now()
		b.Close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("it was closed in %s", took)
		}
	})
}

func TestASweepThatHasSentAllDoesNotWaitForTheBudget(t *testing.T) {
	inBubble(t, 0, func(c *AccountConfig) { c.IDs, c.Limits.PerMinute = numbered(150), 1 }, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Latency: 4 * time.Second})
		b.poll()
		began := time.Now()
		if d := b.account().Delays()[phones.Pending]; d.Until.Sub(began).Round(time.Second) != time.Minute {
			t.Errorf("before the second call: %+v", d)
		}
		time.Sleep(62 * time.Second)
		if d := b.account().Delays()[phones.Pending]; d != (Delay{Reason: Waiting}) {
			t.Errorf("when it is under way: %+v", d)
		}
	})
}

func TestASweepTakesFromItsFirstCallToTheEndOfItsLast(t *testing.T) {
	inBubble(t, 0, trackFleet(numbered(300)), func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Latency: time.Second})
		for range 2 {
			b.poll()
			if d := b.account().State(CollectorStatus).Duration; d != 2*time.Second {
				t.Errorf("%s for one call and two at once, of a second each", d)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A clumsy observer panics when it is told of a lookup that failed.
type clumsy struct {
	nobody
	panics, told *int
}

func (c clumsy) Panicked() { *c.told++ }

func (c clumsy) LookupsFailed(string, phones.Failure, int) {
	if *c.panics++; *c.panics == 1 {
		panic("no")
	}
}

func TestPhonesOfAPollThatPanickedArePolledAgain(t *testing.T) {
	panics, told := 0, 0
	inBubbleWith(t, 0, func(o *Options) {
		o.Collectors, o.Observer = []string{CollectorStatus}, clumsy{panics: &panics, told: &told}
	}, trackFleet([]string{"1"}), func(b *bench) {
		b.poll()
		if s := b.account().State(CollectorStatus); panics != 1 || told != 1 || s.Worked || !s.Tried {
			t.Fatalf("%d panics, %d told, %+v", panics, told, s)
		}
		if e := b.Overview().Accounts[0].Errors; len(e) != 1 || e[0].Message != "the exporter has a bug: it panicked with no" {
			t.Errorf("errors %+v", e)
		}
		for _, text := range []string{`level=error account=default msg="A call panicked, which is a bug: please report it with this stack" err=no stack="goroutine `, "clumsy.LookupsFailed"} {
			b.wantLogged("of the panic", text, 1)
		}
		b.poll()
		if n := b.sim.Requests(status); n != 1 {
			t.Errorf("%d polls at once", n)
		}
		time.Sleep(31 * time.Second)
		b.poll()
		if s := b.account().State(CollectorStatus); !s.Worked || b.sim.Requests(status) != 2 {
			t.Errorf("after a ttl: %+v, %d polls", s, b.sim.Requests(status))
		}
	})
}

func TestPhonesOfAPollThatWasSentLoseTheirTurnHoweverItEnds(t *testing.T) {
	first, second := numbered(200)[:100], numbered(200)[100:]
	for name, tt := range map[string]struct {
		fault geelarktest.Fault
		pause bool // of the API, after the place was reserved
		next  []string
	}{
		"answered":           {geelarktest.Fault{}, false, second},
		"refused":            {geelarktest.Fault{Code: geelark.CodePermission}, false, second},
		"not sent any more":  {geelarktest.Fault{Code: geelark.CodeHourLimit}, true, first},
		"without a good end": {geelarktest.Fault{HTTPStatus: http.StatusForbidden}, false, second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 0, trackFleet(numbered(200)), func(b *bench) {
				a := b.account()
				s := &sweep{poller: a.poller}
				batch := a.store.Take(100)
				place, _ := a.client.ReservePhoneStatus()
				b.sim.Inject(tt.fault)
				if tt.pause {
					_, _ = a.client.PhoneStatus(b.t.Context(), batch)
				}
				_ = s.ask(place, batch)
				if next := a.store.Take(100); !slices.Equal(next, tt.next) {
					t.Errorf("the next are %s to %s", next[0], next[len(next)-1])
				}
			})
		})
	}
}

func TestWhatAnAnswerSaysOfEachPhone(t *testing.T) {
	at := time.Unix(1, 0)
	failed := func(id string, f phones.Failure) phones.Observation {
		return phones.Observation{ID: id, At: at, Failure: f}
	}
	for name, tt := range map[string]struct {
		phones   []geelark.PhoneStatus
		failures []geelark.PhoneFailure
		want     phones.Observation // of phone 1
	}{
		"nothing":        {nil, nil, failed("1", phones.Failure{Kind: phones.Missing})},
		"its status":     {[]geelark.PhoneStatus{{ID: "1", SerialName: "a", Status: geelark.StatusStarting}}, nil, phones.Observation{ID: "1", At: at, SerialName: "a", Status: geelark.StatusStarting}},
		"two of them":    {[]geelark.PhoneStatus{{ID: "1", SerialName: "a"}, {ID: "1", SerialName: "b"}}, nil, phones.Observation{ID: "1", At: at, SerialName: "b"}},
		"a failure":      {nil, []geelark.PhoneFailure{{ID: "1", Code: geelark.CodePhoneNotFound}}, failed("1", phones.FailedWith(geelark.CodePhoneNotFound))},
		"an odd one":     {nil, []geelark.PhoneFailure{{ID: "1", Malformed: true}}, failed("1", phones.Failure{Kind: phones.Malformed})},
		"both":           {[]geelark.PhoneStatus{{ID: "1", SerialName: "a"}}, []geelark.PhoneFailure{{ID: "1", Code: 1}}, phones.Observation{ID: "1", At: at, SerialName: "a"}},
		"that of others": {[]geelark.PhoneStatus{{ID: "3"}}, []geelark.PhoneFailure{{ID: "4", Code: 1}}, failed("1", phones.Failure{Kind: phones.Missing})},
	} {
		got := observationsOf([]string{"1", "2"}, &geelark.PhoneStatuses{At: at, Phones: tt.phones, Failures: tt.failures})
		if len(got) != 2 || got[0] != tt.want || got[1] != failed("2", phones.Failure{Kind: phones.Missing}) {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

// The account that takes the place of one that is closed has the same phones.
func TestPhonesThatAClosedSweepCannotPollKeepTheirTurn(t *testing.T) {
	inBubble(t, 0, trackFleet(numbered(250)), func(b *bench) {
		a := b.account()
		b.transport = nth{b.sim.RoundTripper(), status, new(atomic.Int32), func(int32) string {
			a.workers.mu.Lock()
			defer a.workers.mu.Unlock()
			a.workers.closed = true // and its context is about to be
			return ""
		}}.RoundTrip
		b.poll()
		if n, left := b.sim.Requests(status), a.client.Budget(geelark.EndpointPhoneStatus).MinuteRemaining; n != 1 || left != 149 {
			t.Errorf("%d requests, and %d are left", n, left)
		}
		if got := a.store.Take(150); !slices.Equal(got, numbered(250)[100:]) {
			t.Errorf("the next in turn are %d, %q first", len(got), got[:min(len(got), 1)])
		}
	})
}

func TestEachPollIsLoggedAtDebug(t *testing.T) {
	logs := new(processtest.Log)
	inBubbleWith(t, 0, func(o *Options) { o.Collectors, o.Logger = []string{CollectorStatus}, log.NewLogfmtLogger(logs) }, trackFleet(numbered(7)), func(b *bench) {
		b.poll()
		if want := "level=debug account=default msg=Polled phones=7\n"; logs.String() != want {
			t.Errorf("logged %q, want %q", logs, want)
		}
	})
}

// A tied context counts what is tied to it and not loosened yet.
type tied struct {
	context.Context
	n *atomic.Int32
}

func (tied) Value(any) any { return nil }

func (t tied) AfterFunc(f func()) func() bool {
	t.n.Add(1)
	stop := context.AfterFunc(t.Context, f)
	return func() bool {
		t.n.Add(-1)
		return stop()
	}
}

func TestNothingOfACallIsLeftWithItsAccount(t *testing.T) {
	inBubbleWith(t, 150, func(o *Options) { o.Collectors = Collectors() }, nil, func(b *bench) {
		a := b.account()
		t := tied{a.workers.ctx, new(atomic.Int32)}
		a.workers.ctx = t
		for range 3 {
			b.pollAndList()
			if n := t.n.Load(); n != 0 {
				b.t.Errorf("%d contexts are left", n)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}

// Scraped as Prometheus does, a fleet that takes many minutes to poll is polled in
// the time that the budget alone takes, and each phone once. A place in the budget
// is free a minute after the answer, not after the request.
func TestASweepOfALargeFleetTakesTheLeastTime(t *testing.T) {
	const calls, fleet = 40, 40 * geelark.MaxStatusIDs
	for name, tt := range map[string]struct {
		perMinute  int
		latency    time.Duration
		discovered bool
		want       time.Duration // 6 minutes' budgets and a rest of 4 calls
	}{
		"by id":                        {6, 0, false, 6 * time.Minute},
		"by id, answers take 200 ms":   {6, 200 * time.Millisecond, false, 6*time.Minute + (6+2)*200*time.Millisecond},
		"by id, answers take a second": {6, time.Second, false, 6*time.Minute + (6+2)*time.Second},
		"by id, within the budget":     {60, time.Second, false, (1 + 10) * time.Second},
		"discovered":                   {6, 0, true, 6 * time.Minute},
		"discovered, 200 ms":           {6, 200 * time.Millisecond, true, 6*time.Minute + (6+4+1)*200*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, fleet, func(c *AccountConfig) {
				c.Limits.PerMinute = tt.perMinute
				c.CacheTTL, c.MaxStaleness, c.InventoryInterval = time.Hour, time.Hour, time.Hour
				if !tt.discovered {
					c.IDs = numbered(fleet)
				}
			}, func(b *bench) {
				b.sim.Inject(geelarktest.Fault{Latency: tt.latency})
				start := time.Now()
				var last atomic.Int64 // answer
				b.transport = func(r *http.Request) (*http.Response, error) {
					answer, err := b.sim.RoundTripper().RoundTrip(r)
					last.Store(int64(time.Since(start).Truncate(time.Millisecond)))
					return answer, err
				}
				for range 4 * 7 {
					b.poll()
					time.Sleep(15*time.Second - time.Since(start)%(15*time.Second))
				}
				if took := time.Duration(last.Load()); took != tt.want {
					t.Errorf("it took %s, the least is %s", took, tt.want)
				}
				// The list tells the status of those that are started or starting.
				listed, asked := b.sim.Requests(listing), b.sim.Requests(status)
				if tt.discovered && (listed != calls || asked >= calls) || !tt.discovered && (listed != 0 || asked != calls) {
					t.Errorf("%d calls for the list and %d for statuses", listed, asked)
				}
				if broken := b.sim.Broken(); len(broken) > 0 {
					t.Errorf("a limit was broken: %v", broken[0])
				}
				if !b.account().poller.isIdle() {
					t.Error("phones are left")
				}
			})
		})
	}
}
