package watch

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// What an account knows is that of its phones, not of its configuration.
func TestAReloadForgetsNothingAndAsksNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		listed bool
	}{
		"another ttl":        {func(c *AccountConfig) { c.CacheTTL *= 2 }, true},
		"another token":      {func(c *AccountConfig) { c.Credentials = geelark.Credentials{AppID: testAppID, APIKey: testAPIKey} }, true},
		"another selection":  {func(c *AccountConfig) { c.Discovery.Groups = []string{"qa"} }, false},
		"ids":                {func(c *AccountConfig) { c.IDs = []string{"1"} }, false},
		"another's settings": {func(c *AccountConfig) { c.Labels = map[string]string{"team": "a"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := everything
				cfg.Seed, cfg.Now, cfg.Token, cfg.AppID, cfg.APIKey = 1, time.Now, testToken, testAppID, testAPIKey
				sim := geelarktest.New(cfg)
				b := newBench(t, sim.RoundTripper(), func(o *Options) { o.Collectors = Collectors() }, testConfig())
				defer b.Close()
				b.scrapeFor(time.Hour)
				b.pollAndList()
				know := func() map[string]any {
					a := b.account()
					wallet, plan := a.Billing()
					usage, tasks := a.Usage(), a.Tasks()
					up, last := a.Up()
					known := map[string]any{
						"wallet": wallet, "plan": plan, "used": usage.Groups, "of phones": usage.Phones, "today": usage.Today,
						"tasks": tasks.Ended, "up": up, "last success": last, "skew": a.Skew(), "phones": a.Phones().Len(),
					}
					for _, c := range Collectors() {
						known[c] = a.State(c)
					}
					return known
				}
				before, sent := know(), sim.Requests("")
				if before["up"] != true || before["wallet"] == (*geelark.Wallet)(nil) || before["tasks"] == nil {
					t.Fatalf("not all is known: %v", before)
				}
				b.reload(tt.change)
				after := know()
				for what, want := range before {
					if !tt.listed && slices.Contains([]string{CollectorInventory, "phones", "up", "last success"}, what) {
						continue
					}
					if !reflect.DeepEqual(after[what], want) {
						t.Errorf("%s: %v, %v before", what, after[what], want)
					}
				}
				if _, ok := b.account().Listed(); ok != tt.listed {
					t.Errorf("a listing is known: %v", ok)
				}
				if tt.listed {
					b.pollAndList()
				}
				if n := sim.Requests("") - sent; n != 0 {
					t.Errorf("%d requests for what was known", n)
				}
			})
		})
	}
}

func TestAnAccountCallsTheEndpointsOfItsCollectors(t *testing.T) {
	for name, tt := range map[string]struct {
		collectors, ids []string
		want            string
	}{
		"statuses of phones that are listed": {[]string{CollectorStatus}, nil, "phone/list phone/status"},
		"statuses of given phones":           {[]string{CollectorStatus}, []string{"1"}, "phone/status"},
		"names of phones that are listed":    {[]string{CollectorInventory}, nil, "phone/list"},
		"both":                               {[]string{CollectorStatus, CollectorInventory}, nil, "phone/list phone/status"},
		"both of given phones":               {[]string{CollectorStatus, CollectorInventory}, []string{"1"}, "phone/list phone/status"},
		"money":                              {[]string{CollectorBilling}, nil, "pay/plan/info pay/wallet"},
		"everything":                         {Collectors(), nil, "billing/transaction/detail pay/plan/info pay/wallet phone/list phone/status task/historyRecords task/query"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 3, func(o *Options) { o.Collectors = tt.collectors }, trackFleet(tt.ids), func(b *bench) {
				var got []string
				for _, e := range b.account().Endpoints() {
					got = append(got, string(e))
				}
				slices.Sort(got)
				if got := strings.Join(got, " "); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				if a := b.account(); a.Name() != "default" || !slices.Equal(a.Collectors(), tt.collectors) {
					t.Errorf("%s has %v", a.Name(), a.Collectors())
				}
				b.pollAndList()
				for _, e := range geelark.Endpoints() {
					if called := b.sim.Requests(string(e)) > 0; called && !slices.Contains(got, string(e)) {
						t.Errorf("%s is called", e)
					}
				}
			})
		})
	}
}

// A scrape can ask for some of the collectors.
func TestOnlyWhatAScrapeAsksForIsCalled(t *testing.T) {
	for collector, want := range map[string]string{
		CollectorStatus:    "phone/list phone/status",
		CollectorInventory: "phone/list",
		CollectorBilling:   "pay/wallet pay/plan/info",
		CollectorUsage:     "billing/transaction/detail",
		CollectorTasks:     "task/historyRecords",
	} {
		t.Run(collector, func(t *testing.T) {
			inBubbleWith(t, 3, func(o *Options) { o.Collectors = Collectors() }, nil, func(b *bench) {
				b.account().Refresh(b.t.Context(), []string{collector})
				synctest.Wait()
				var got []string
				for _, e := range geelark.Endpoints() {
					if b.sim.Requests(string(e)) > 0 {
						got = append(got, string(e))
					}
				}
				slices.Sort(got)
				wanted := strings.Fields(want)
				slices.Sort(wanted)
				if !slices.Equal(got, wanted) {
					t.Errorf("called %v, want %v", got, wanted)
				}
			})
		})
	}
}

// A scrape waits for the first answers to what it asks for, of the collectors that
// answer at once.
func TestAScrapeWaitsForWhatItAsksForTheFirstTime(t *testing.T) {
	for name, tt := range map[string]struct {
		endpoint geelark.Endpoint
		asked    []string
		waits    bool
	}{
		"statuses":                             {status, []string{CollectorStatus}, true},
		"the list, for statuses":               {listing, []string{CollectorStatus}, true},
		"the list":                             {listing, []string{CollectorInventory}, true},
		"the wallet":                           {walletEndpoint, []string{CollectorBilling}, true},
		"the plan":                             {planEndpoint, []string{CollectorBilling}, true},
		"the wallet, which it did not ask for": {walletEndpoint, []string{CollectorStatus, CollectorInventory}, false},
		"what was used":                        {geelark.EndpointTransactions, []string{CollectorUsage}, false},
		"tasks":                                {geelark.EndpointTaskHistory, []string{CollectorTasks}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 3, func(o *Options) { o.Collectors = Collectors() }, nil, func(b *bench) {
				// Another scrape has asked for all of it just before.
				b.sim.Inject(geelarktest.Fault{Endpoint: string(tt.endpoint), Latency: 2 * time.Second})
				go b.account().Refresh(b.t.Context(), b.Collectors())
				synctest.Wait()
				start := time.Now()
				b.account().Refresh(b.t.Context(), tt.asked)
				if took := time.Since(start); (took > 0) != tt.waits {
					t.Errorf("it took %s", took)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestAPollIsRepeatedWithinFourTimeouts(t *testing.T) {
	for name, tt := range map[string]struct {
		perMinute, before int
		requests          int64
		outcome           string
	}{
		"three requests that all hang":                {150, 0, 3, string(geelark.ReasonTimeout)},
		"not when the next had to wait for it longer": {2, 37, 1, string(geelark.ReasonTimeout)},
		"when the next can be sent within":            {2, 42, 2, string(geelark.ReasonTimeout)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(c *AccountConfig) { c.IDs, c.Limits.PerMinute = []string{"1"}, tt.perMinute }, func(b *bench) {
				if tt.before > 0 {
					b.poll()
					time.Sleep(time.Duration(tt.before) * time.Second)
				}
				var sent atomic.Int64
				b.transport = func(r *http.Request) (*http.Response, error) {
					sent.Add(1)
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				b.poll()
				time.Sleep(time.Minute)
				if n := sent.Load(); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
				if e := b.Overview().Accounts[0].Errors; len(e) != 1 || e[0].Outcome != tt.outcome {
					t.Errorf("the page is told of %+v", e)
				}
			})
		})
	}
}

// What is known of names and subscriptions outlives a listing that fails.
func TestWhatAListingToldIsTrustedForTwoListings(t *testing.T) {
	for name, tt := range map[string]struct {
		staleness, interval, want time.Duration
	}{
		"seldom listed": {10 * time.Minute, time.Hour, 2 * time.Hour},
		"often listed":  {10 * time.Minute, time.Minute, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 3, nil, func(c *AccountConfig) { c.MaxStaleness, c.InventoryInterval = tt.staleness, tt.interval }, func(b *bench) {
				if got := b.account().lifetimes(); got.RPA != tt.want || got.Status != tt.staleness {
					t.Errorf("got %+v, want %s", got, tt.want)
				}
			})
		})
	}
}

func TestAnAccountThatCannotBeMadeIsNamed(t *testing.T) {
	inBubble(t, 3, nil, func(b *bench) {
		cfg := testConfig()
		cfg.Name, cfg.IDsFile = "second", "no such file"
		err := b.Reload([]AccountConfig{testConfig(), cfg})
		if fe, ok := errors.AsType[*FieldError](err); !ok || fe.Field != "phones.ids_file" || !strings.Contains(fmt.Sprint(err), `account "second": phones.ids_file cannot be read: `) {
			t.Errorf("got %v", err)
		}
		if n := len(b.Fleet().Accounts); n != 1 {
			t.Errorf("%d accounts after a reload that failed", n)
		}
	})
}

// The pause is that of a token. What it holds back would not read the file that has
// another.
func TestAPauseEndsWithTheTokenInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, testToken)
	inBubble(t, 5, func(c *AccountConfig) { c.Credentials = geelark.TokenFile(file) }, func(b *bench) {
		b.poll()
		time.Sleep(time.Minute)
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit})
		b.poll()
		remove()
		polls := b.sim.Requests(status)
		b.scrapeFor(10 * time.Minute)
		if n := b.sim.Requests(status); n != polls || b.account().Budget(status).PausedUntil.IsZero() {
			t.Fatalf("%d polls during a pause", n-polls)
		}
		writeFile(t, file, "rotated")
		b.sim.SetCredentials("rotated", "", "")
		b.scrapeFor(2 * time.Minute)
		if n := b.sim.Requests(status); n == polls || !b.account().Budget(status).PausedUntil.IsZero() {
			t.Errorf("%d polls with another token", n-polls)
		}
		if up, _ := b.account().Up(); !up {
			t.Error("the account is not up")
		}
	})
}

// What an answer held stays in a connection's buffer, and a connection open.
func TestConnectionsAreClosedWhenNobodyNeedsThem(t *testing.T) {
	for name, do := range map[string]func(b *bench){
		"after a listing": func(b *bench) { b.account().Refresh(b.t.Context(), []string{CollectorInventory}) },
		"after a listing of given phones": func(b *bench) {
			b.reload(trackFleet([]string{"1"}))
			b.idle.Store(0)
			b.account().Refresh(b.t.Context(), []string{CollectorInventory})
			synctest.Wait()
		},
		"after a look at tasks": func(b *bench) {
			b.account().Refresh(b.t.Context(), []string{CollectorTasks})
			synctest.Wait()
		},
		"after a check":      func(b *bench) { b.Check(b.t.Context()) },
		"at a reload":        func(b *bench) { b.reload(func(c *AccountConfig) { c.CacheTTL++ }) },
		"of an account gone": func(b *bench) { _ = b.Reload(nil) },
		"at the end":         func(b *bench) { b.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 3, func(o *Options) { o.Collectors = Collectors() }, nil, func(b *bench) {
				do(b)
				if b.idle.Load() == 0 {
					t.Error("they stay open")
				}
			})
		})
	}
}

// timeOf returns a time of two clocks. Package time makes such times and has no way
// to ask for one.
func timeOf(wall time.Time, monotonic time.Duration) time.Time {
	const hasMonotonic = 1 << 63
	since := wall.Unix() - time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	var t time.Time
	*(*struct {
		wall uint64
		ext  int64
	})(unsafe.Pointer(&t)) = struct {
		wall uint64
		ext  int64
	}{hasMonotonic | uint64(since)<<30 | uint64(wall.Nanosecond()), int64(monotonic) + 1}
	return t
}

func TestWhatWasKnownBeforeTheMachineWasSuspendedIsReadAgain(t *testing.T) {
	var asleep atomic.Int64
	var began time.Time
	set := func(o *Options) {
		began = time.Now()
		o.Now = func() time.Time { return timeOf(time.Now().Add(time.Duration(asleep.Load())), time.Since(began)) }
	}
	inBubbleWith(t, 3, set, nil, func(b *bench) {
		requests := func() string {
			return fmt.Sprint(b.sim.Requests(listing), b.sim.Requests(walletEndpoint), b.sim.Requests(planEndpoint))
		}
		b.pollAndList()
		time.Sleep(2 * time.Minute)
		b.pollAndList()
		if got := requests(); got != "1 1 1" {
			t.Errorf("before: %s requests", got)
		}
		asleep.Add(int64(7*time.Minute + 30*time.Second))
		b.pollAndList()
		if got := requests(); got != "2 1 1" {
			t.Errorf("nine minutes and a half after: %s requests", got)
		}
		asleep.Add(int64(30 * time.Second))
		b.pollAndList()
		if got := requests(); got != "2 2 2" {
			t.Errorf("ten minutes after: %s requests", got)
		}
		asleep.Add(int64(31 * time.Minute))
		if wallet, plan := b.account().Billing(); wallet != nil || plan != nil {
			t.Errorf("after half an hour %v and %v are known", wallet, plan)
		}
		if got := b.account().Snapshot(); got.Current != 0 {
			t.Errorf("after half an hour %d statuses are known", got.Current)
		}
	})
}

// A scrape can hold an account for as long as it lasts.
func TestAnAccountWhosePlaceAnotherTookCanStillBeAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n2\n")
	for name, change := range map[string]func(*AccountConfig){"phones that are listed": nil, "an ids file": func(c *AccountConfig) { c.IDsFile = path }} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 3, func(o *Options) { o.Collectors = Collectors() }, change, func(b *bench) {
				b.pollAndList()
				old := b.account()
				for _, after := range []func(){
					func() { b.reload(func(c *AccountConfig) { c.CacheTTL++ }) },
					func() { _ = b.Reload(nil) },
				} {
					after()
					old.Refresh(b.t.Context(), b.Collectors())
					for _, c := range Collectors() {
						if s := old.State(c); !s.Tried {
							t.Errorf("%s: %+v", c, s)
						}
					}
					old.overview()
					if f, ok := old.IDsFile(); ok != (change != nil) || f.Successful != ok {
						t.Errorf("the ids file is %+v, %v", f, ok)
					}
					if _, ok := old.Listed(); ok != (change == nil) {
						t.Errorf("a listing: %v", ok)
					}
					if wallet, plan := old.Billing(); wallet == nil || plan == nil {
						t.Error("wallet and plan are gone")
					}
					if n := old.Phones().Len(); n == 0 {
						t.Error("the phones are gone")
					}
					if old.Budget(status).Limits.PerMinute != 150 {
						t.Error("the budget is gone")
					}
				}
			})
		})
	}
}

// A requester counts requests.
type requester struct {
	nobody
	sent atomic.Int64
}

func (r *requester) RequestSent(account string, sent geelark.Request) {
	if account == "default" && sent.Endpoint != "" {
		r.sent.Add(1)
	}
}

func TestTheObserverIsToldOfEachRequest(t *testing.T) {
	r := new(requester)
	inBubbleWith(t, 3, func(o *Options) { o.Observer, o.Collectors = r, Collectors() }, nil, func(b *bench) {
		b.scrapeFor(20 * time.Minute)
		if sent := r.sent.Load(); sent != int64(b.sim.Requests("")) || sent < 20 {
			t.Errorf("told of %d requests of %d", sent, b.sim.Requests(""))
		}
	})
}
