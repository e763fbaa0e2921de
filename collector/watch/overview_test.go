package watch

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestOverviewCountsPhonesByState(t *testing.T) {
	fleet := geelarktest.New(geelarktest.Config{Phones: 12, Seed: 1}).IDs()
	inBubble(t, 12, trackFleet(append(slices.Clone(fleet), "no-phone")), func(b *bench) {
		if o := b.Overview().Accounts[0]; !maps.Equal(o.States, map[string]int{StatePending: 13}) || o.Up || !o.LastScrape.IsZero() {
			t.Errorf("before the first scrape: %+v", o)
		}
		for i, id := range fleet {
			b.sim.SetStatus(id, []int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 7, -1}[i])
		}
		b.poll()
		scraped := time.Now()
		time.Sleep(20 * time.Second)
		o := b.Overview()
		a := o.Accounts[0]
		want := map[string]int{"started": 4, "starting": 2, "shut_down": 2, "expired": 2, "unknown": 2, StateFailed: 1}
		if !maps.Equal(a.States, want) || a.Phones != 13 {
			t.Errorf("%v of %d phones, want %v", a.States, a.Phones, want)
		}
		if a.Name != "default" || !a.Up || !a.LastScrape.Equal(scraped) || !a.LastSuccess.Equal(scraped) || !o.At.Equal(time.Now()) {
			t.Errorf("got %+v", a)
		}
		if a.OldestAge != 20*time.Second || a.MedianAge != 20*time.Second {
			t.Errorf("ages %s and %s", a.OldestAge, a.MedianAge)
		}
		for s := range a.States {
			if !slices.Contains(States(), s) {
				t.Errorf("%q is not among the states", s)
			}
		}
		time.Sleep(10 * time.Minute)
		if a := b.Overview().Accounts[0]; !maps.Equal(a.States, map[string]int{StateOutdated: 12, StateFailed: 1}) || a.OldestAge != 0 {
			t.Errorf("after ten minutes: %v, oldest %s", a.States, a.OldestAge)
		}
		if n := b.sim.Requests(""); n != 1 {
			t.Errorf("%d requests, want that of the scrape only", n)
		}
	})
}

// trackFleet tracks these phones.
func trackFleet(ids []string) func(*AccountConfig) {
	return func(c *AccountConfig) { c.IDs = ids }
}

func TestOverviewTellsWhichPhonesWaitForTheBudget(t *testing.T) {
	fleet := geelarktest.New(geelarktest.Config{Phones: 401, Seed: 1}).IDs()
	inBubble(t, 401, func(c *AccountConfig) { c.IDs, c.Limits.PerMinute = fleet, 2 }, func(b *bench) {
		b.poll()
		began := time.Now()
		a := b.Overview().Accounts[0]
		if a.Waiting != 201 || a.States[StatePending] != 201 {
			t.Errorf("%d phones wait, %d are pending, want 201", a.Waiting, a.States[StatePending])
		}
		found, _ := b.Phones(PhoneQuery{State: StatePending, Limit: 1})
		if want := (Delay{Waiting, a.WaitingUntil}); a.Unobserved[Waiting] != 201 || found[0].Delay != want {
			t.Errorf("%v phones have no status, one of them for %+v, want %+v", a.Unobserved, found[0].Delay, want)
		}
		if wait := a.WaitingUntil.Sub(began); wait < 59*time.Second || wait > 61*time.Second {
			t.Errorf("they wait %s, want a minute", wait)
		}
		if got := a.Budgets[0]; got.MinuteRemaining != 0 || got.HourRemaining != 18000-2 {
			t.Errorf("the budget is %+v", got)
		}
		time.Sleep(time.Until(a.WaitingUntil) + time.Second)
		if a := b.Overview().Accounts[0]; a.Waiting != 1 || !a.WaitingUntil.After(time.Now()) {
			t.Errorf("%d phones wait until %s a minute later, want 1 until the next", a.Waiting, a.WaitingUntil)
		}
		time.Sleep(2 * time.Minute)
		if a := b.Overview().Accounts[0]; a.Waiting != 0 || !a.WaitingUntil.IsZero() {
			t.Errorf("%d phones wait until %s when all are polled", a.Waiting, a.WaitingUntil)
		}
	})
}

func TestOverviewTellsThatAListingWaitsForTheBudget(t *testing.T) {
	inBubble(t, 450, func(c *AccountConfig) { c.Limits.PerMinute = 2 }, func(b *bench) {
		b.poll()
		began := time.Now()
		a := b.Overview().Accounts[0]
		if wait := a.ListingUntil.Sub(began); a.Phones != 200 || wait < 50*time.Second || wait > 61*time.Second {
			t.Errorf("%d phones are listed and the rest waits %s, want 200 and a minute", a.Phones, wait)
		}
		time.Sleep(2*time.Minute + time.Second)
		if a := b.Overview().Accounts[0]; a.Phones != 450 || !a.ListingUntil.IsZero() {
			t.Errorf("%d phones are listed and the rest waits until %s, want all and none", a.Phones, a.ListingUntil)
		}
	})
	inBubble(t, 200, func(c *AccountConfig) { c.Limits.PerMinute = 2 }, func(b *bench) {
		b.pollAndList()
		if a := b.Overview().Accounts[0]; !a.ListingUntil.IsZero() || !a.Budgets[0].Next.After(time.Now()) {
			t.Errorf("none is under way, and it waits until %s for %+v", a.ListingUntil, a.Budgets)
		}
	})
}

func TestOverviewTellsOfUsageAndTasksWhereTheyAreWatched(t *testing.T) {
	for name, tt := range map[string]struct {
		collectors []string
		watched    bool
	}{"not by default": {nil, false}, "all": {Collectors(), true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 1, Token: testToken, TasksPerDay: 480, Usage: geelarktest.Usage{Every: time.Minute}})
				b := newBench(t, sim.RoundTripper(), func(o *Options) { o.Collectors = tt.collectors }, testConfig())
				defer b.Close()
				b.scrapeFor(2 * time.Hour)
				sim.Remove(sim.IDs()[0])
				b.scrapeFor(30 * time.Minute)
				o := b.Overview().Accounts[0]
				if (o.Usage != nil) != tt.watched || (o.Tasks != nil) != tt.watched {
					t.Fatalf("usage %v, tasks %v", o.Usage, o.Tasks)
				}
				if tt.watched && (len(o.Usage.Groups) == 0 || len(o.Tasks.Failures) == 0) {
					t.Errorf("usage %+v, tasks %+v", o.Usage, o.Tasks)
				}
				names := make(map[string]string)
				if tt.watched {
					for _, f := range o.Tasks.Failures {
						if p, ok := sim.Phone(f.PhoneID); ok {
							names[f.PhoneID] = p.SerialName
						}
					}
				}
				if !maps.Equal(o.Named, names) {
					t.Errorf("names %v, want %v", o.Named, names)
				}
				if want := b.account().Costs(4, 4); !slices.Equal(o.Costs, want) {
					t.Errorf("costs %v, want %v", o.Costs, want)
				}
			})
		})
	}
}

func TestConfigsAreThoseOfTheAccountsInForce(t *testing.T) {
	inBubble(t, 0, nil, func(b *bench) {
		var want []AccountConfig
		for _, name := range []string{"b", "a"} {
			c := testConfig()
			c.Name = name
			want = append(want, c)
		}
		if err := b.Reload(want); err != nil {
			t.Fatal(err)
		}
		if got := b.Configs(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestTheLastErrorsAreRemembered(t *testing.T) {
	inBubble(t, 3, nil, func(b *bench) {
		next := func() AccountOverview {
			time.Sleep(31 * time.Second)
			b.poll()
			return b.Overview().Accounts[0]
		}
		b.poll()
		first := time.Now().Add(31 * time.Second)
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeSignature, Message: "no " + testToken})
		next()
		a := next()
		if len(a.Errors) != 1 {
			t.Fatalf("got %+v, want one error", a.Errors)
		}
		want := AccountError{
			Collector: CollectorStatus, Endpoint: status, Outcome: "40003", IsCode: true, Message: "no <secret>",
			TraceID: "00000000-0000-4000-8000-000000000000", First: first, Last: time.Now(), Times: 2, Ongoing: true,
		}
		ended := time.Now().Add(31 * time.Second)
		if a.Errors[0] != want {
			t.Errorf("got %+v\nwant %+v", a.Errors[0], want)
		}
		remove()
		if a := next(); len(a.Errors) != 1 || a.Errors[0].Ongoing || !a.Errors[0].Ended.Equal(ended) {
			t.Errorf("after a success: %+v", a.Errors)
		}
		b.sim.Inject(geelarktest.Fault{Endpoint: status, HTTPStatus: 403, Times: 1})
		a = next()
		if len(a.Errors) != 2 || a.Errors[0].Outcome != "403" || a.Errors[0].IsCode || !a.Errors[0].Ongoing || a.Errors[1].Outcome != "40003" {
			t.Errorf("the latest must come first: %+v", a.Errors)
		}

		cfg := testConfig()
		cfg.CacheTTL = 29 * time.Second
		if err := b.Reload([]AccountConfig{cfg}); err != nil {
			t.Fatal(err)
		}
		if got := b.Overview().Accounts[0].Errors; !slices.Equal(got, a.Errors) {
			t.Errorf("a reload made %+v of the errors", got)
		}
	})
}

func TestRecentErrors(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	api := func(e geelark.Endpoint, c geelark.Code) error { return &geelark.APIError{Endpoint: e, Code: c} }
	limit := func(e geelark.Endpoint, pause geelark.Code) error {
		return &geelark.LimitError{Endpoint: e, Pause: pause}
	}
	const wallet, plan = geelark.EndpointWallet, geelark.EndpointPlanInfo
	for name, tt := range map[string]struct {
		errs []error // one a second, nil for a success
		want string  // the latest first
	}{
		"none":                            {nil, ""},
		"successes":                       {[]error{nil, nil}, ""},
		"repetitions count":               {[]error{api(wallet, 40003), api(wallet, 40003), api(wallet, 40003)}, "pay/wallet 40003 x3 0-2 ongoing"},
		"a success ends the row":          {[]error{api(wallet, 40003), nil, api(wallet, 40003)}, "pay/wallet 40003 x1 2-2 ongoing, pay/wallet 40003 x1 0-0 until 1"},
		"another error ends the row":      {[]error{api(wallet, 40003), api(wallet, 50000)}, "pay/wallet 50000 x1 1-1 ongoing, pay/wallet 40003 x1 0-0 until 1"},
		"another endpoint's does not":     {[]error{api(wallet, 40003), api(plan, 40003), api(wallet, 40003)}, "pay/wallet 40003 x2 0-2 ongoing, pay/plan/info 40003 x1 1-1 ongoing"},
		"joined errors are two":           {[]error{errors.Join(api(wallet, 40003), api(plan, 50000))}, "pay/plan/info 50000 x1 0-0 ongoing, pay/wallet 40003 x1 0-0 ongoing"},
		"wrapped errors are found":        {[]error{fmt.Errorf("a: %w", api(wallet, 40003))}, "pay/wallet 40003 x1 0-0 ongoing"},
		"an HTTP status":                  {[]error{&geelark.HTTPError{Endpoint: plan, StatusCode: http.StatusBadGateway}}, "pay/plan/info 502 x1 0-0 ongoing"},
		"a reason":                        {[]error{&geelark.TransportError{Endpoint: plan, Reason: geelark.ReasonDNS, Err: errors.New("x")}}, "pay/plan/info dns x1 0-0 ongoing"},
		"credentials":                     {[]error{&geelark.CredentialsError{Err: errors.New("x")}}, " credentials x1 0-0 ongoing"},
		"a spent budget":                  {[]error{limit(wallet, geelark.CodeOK)}, "pay/wallet not_sent x1 0-0 ongoing"},
		"a caller who waited in vain":     {[]error{fmt.Errorf("%w: %w", geelark.ErrNotSent, errors.New("x"))}, " not_sent x1 0-0 ongoing"},
		"a pause is told by its cause":    {[]error{api(wallet, 40014), limit(wallet, geelark.CodeHourLimit)}, "pay/wallet 40014 x1 0-0 ongoing"},
		"a pause hides no other's errors": {[]error{errors.Join(limit(wallet, geelark.CodeHourLimit), api(plan, 50000))}, "pay/plan/info 50000 x1 0-0 ongoing"},
		"an error of another kind":        {[]error{errors.New("x")}, " other x1 0-0 ongoing"},
	} {
		now := start
		r := new(recentErrors)
		record := r.of(CollectorBilling, func() time.Time { return now })
		for _, err := range tt.errs {
			record(err)
			now = now.Add(time.Second)
		}
		var got []string
		for _, e := range r.latest() {
			s := fmt.Sprintf("%s %s x%d %d-%d", e.Endpoint, e.Outcome, e.Times, e.First.Second(), e.Last.Second())
			if e.Ongoing {
				s += " ongoing"
			} else {
				s += fmt.Sprintf(" until %d", e.Ended.Second())
			}
			got = append(got, s)
		}
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestTheSuccessOfAnEndpointEndsItsOwnErrors(t *testing.T) {
	r := new(recentErrors)
	fail := &geelark.CredentialsError{Err: errors.New("x")}
	r.recordOf(CollectorBilling, geelark.EndpointWallet, fail, time.Unix(1, 0))
	r.recordOf(CollectorBilling, geelark.EndpointPlanInfo, fail, time.Unix(1, 0))
	r.recordOf(CollectorBilling, geelark.EndpointWallet, nil, time.Unix(2, 0))
	got := r.latest()
	if len(got) != 2 || got[0].Endpoint != geelark.EndpointPlanInfo || !got[0].Ongoing || got[1].Ongoing || got[1].Ended.Unix() != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestOverviewTellsWhenMoneyWasRead(t *testing.T) {
	inBubbleWith(t, 3, nil, nil, func(b *bench) {
		b.pollAndList()
		read := time.Now()
		b.sim.Inject(geelarktest.Fault{Endpoint: planEndpoint, Code: geelark.CodePlanExpired})
		time.Sleep(11 * time.Minute)
		b.pollAndList()
		a := b.Overview().Accounts[0]
		if a.Plan == nil || !a.PlanAt.Equal(read) || a.Wallet == nil || !a.WalletAt.Equal(time.Now()) {
			t.Errorf("the wallet is of %s, the plan of %s: want now and %s", a.WalletAt, a.PlanAt, read)
		}
		time.Sleep(time.Hour)
		if a := b.Overview().Accounts[0]; a.Plan == nil {
			t.Error("an hour later the plan is not known any more")
		}
	})
}

func TestOverviewTellsWhyNoPhoneIsSelected(t *testing.T) {
	inBubbleWith(t, 250, nil, func(c *AccountConfig) { c.Discovery.Groups = []string{"farm1"} }, func(b *bench) {
		for _, id := range b.sim.IDs() {
			b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group = "farm-1" })
		}
		b.pollAndList()
		a := b.Overview().Accounts[0]
		if v := a.Vain; v == nil || v.Phones != 250 || !slices.Equal(v.Groups, []string{"farm-1"}) || !slices.Equal(v.Of.Groups, []string{"farm1"}) || a.Listed.Or(0) != 250 {
			t.Fatalf("got %+v of %v listed phones", v, a.Listed)
		}
		b.wantLogged("of the groups alone", "tags", 0)
		b.reload(func(c *AccountConfig) { c.CacheTTL++ })
		if v := b.Overview().Accounts[0].Vain; v == nil {
			t.Error("a reload forgets that nothing is selected")
		}
		b.reload(func(c *AccountConfig) { c.Discovery.Groups = []string{"farm1", "farm2"} })
		if v := b.Overview().Accounts[0].Vain; v != nil {
			t.Errorf("another selection has found nothing before it was asked for: %+v", v)
		}
		b.sim.Edit(b.sim.IDs()[0], func(p *geelarktest.Phone) { p.Group = "farm1" })
		time.Sleep(6 * time.Minute)
		b.pollAndList()
		if a := b.Overview().Accounts[0]; a.Vain != nil || a.Phones != 1 {
			t.Errorf("with %d phones: %+v", a.Phones, a.Vain)
		}
	})
}

func TestOverviewTellsTheSkewOfTheClock(t *testing.T) {
	inBubble(t, 3, nil, func(b *bench) {
		if s := b.Overview().Accounts[0].Skew; s.Known() {
			t.Errorf("before the first answer: %v", s)
		}
		api := b.sim.RoundTripper()
		b.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := api.RoundTrip(r)
			resp.Header.Set("Date", time.Now().Add(-7*time.Minute).UTC().Format(http.TimeFormat))
			return resp, err
		})
		b.poll()
		b.reload(func(c *AccountConfig) { c.CacheTTL++ })
		for range 2 {
			if s := b.Overview().Accounts[0].Skew.Or(0); s != -7*time.Minute {
				t.Errorf("the clock is told to be %s off, want 7 minutes behind", s)
			}
			// An answer that does not tell the time tells nothing else of it.
			b.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := api.RoundTrip(r)
				resp.Header.Del("Date")
				return resp, err
			})
			time.Sleep(time.Minute)
			b.poll()
		}
	})
}

func TestCosts(t *testing.T) {
	for name, tt := range map[string]struct {
		change          func(*AccountConfig)
		collectors      []string
		tracked, listed int
		want            string
	}{
		"nothing known yet":        {nil, nil, 0, 0, "phone/status 0, phone/list 0.2, pay/wallet 0.1, pay/plan/info 0.1"},
		"800 phones of an account": {nil, nil, 800, 800, "phone/status 16, phone/list 1.6, pay/wallet 0.1, pay/plan/info 0.1"},
		"a page that is not full":  {nil, nil, 801, 801, "phone/status 18, phone/list 1.8, pay/wallet 0.1, pay/plan/info 0.1"},
		"polled at each scrape":    {func(c *AccountConfig) { c.CacheTTL = 0 }, []string{CollectorStatus, CollectorInventory}, 800, 800, "phone/status 8, phone/list 1.6"},
		"two groups of it": {
			func(c *AccountConfig) { c.Discovery.Groups = []string{"a", "b"} },
			[]string{CollectorStatus},
			150, 800,
			"phone/list 0.8, phone/status 4",
		},
		"ids":             {trackFleet([]string{"1"}), []string{CollectorStatus, CollectorInventory}, 150, 800, "phone/status 4, phone/list 0.4"},
		"usage and tasks": {nil, []string{CollectorUsage, CollectorTasks}, 1, 1, "billing/transaction/detail 20, task/historyRecords 20, task/query 20"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 0, func(o *Options) { o.Collectors = tt.collectors }, tt.change, func(b *bench) {
				var got []string
				for _, c := range b.account().Costs(tt.tracked, tt.listed) {
					got = append(got, fmt.Sprintf("%s %.3g", c.Endpoint, c.Calls))
				}
				if got := strings.Join(got, ", "); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
			})
		})
	}
}

func TestBacklog(t *testing.T) {
	now := time.Unix(0, 0)
	for name, tt := range map[string]struct {
		due    int
		budget geelark.Budget
		want   time.Duration
	}{
		"nothing waits":              {0, geelark.Budget{Next: now.Add(time.Minute)}, 0},
		"the next call":              {100, geelark.Budget{Limits: geelark.Limits{PerMinute: 150, PerHour: 18000}, HourRemaining: 9, Next: now.Add(time.Minute)}, time.Minute},
		"a thousand calls":           {100_000, geelark.Budget{Limits: geelark.Limits{PerMinute: 150, PerHour: 18000}, HourRemaining: 18000, Next: now.Add(time.Minute)}, 7*time.Minute + 39600*time.Millisecond},
		"all that the hour has left": {1_000, geelark.Budget{Limits: geelark.Limits{PerMinute: 150, PerHour: 60}, HourRemaining: 10, Next: now}, 3600 * time.Millisecond},
		"more than the hour":         {1_100, geelark.Budget{Limits: geelark.Limits{PerMinute: 150, PerHour: 60}, HourRemaining: 2, Next: now}, 10 * time.Minute},
		"a time that is past":        {100, geelark.Budget{Limits: geelark.Limits{PerMinute: 1, PerHour: 1}, HourRemaining: 1, Next: now.Add(-time.Minute)}, 0},
	} {
		if got := backlog(tt.due, tt.budget, now); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestOfManyErrorsTheLastTenAreKept(t *testing.T) {
	r := new(recentErrors)
	for i := range 25 {
		r.record(CollectorStatus, &geelark.APIError{Endpoint: status, Code: geelark.Code(i + 1)}, time.Unix(int64(i), 0))
	}
	got := r.latest()
	if len(got) != 10 || got[0].Outcome != "25" || got[9].Outcome != "16" {
		t.Errorf("got %+v", got)
	}
}

func TestACollectorsSuccessSaysNothingOfAnothers(t *testing.T) {
	r := new(recentErrors)
	r.record(CollectorBilling, &geelark.APIError{Code: 1}, time.Time{})
	r.record(CollectorStatus, nil, time.Time{})
	if got := r.latest(); !got[0].Ongoing {
		t.Errorf("got %+v", got)
	}
}

func TestThePasswordOfAProxyIsNotRemembered(t *testing.T) {
	r := new(recentErrors)
	r.record(CollectorStatus, &geelark.TransportError{
		Endpoint: status, Reason: geelark.ReasonConnection, Err: errors.New(`invalid proxy address "http://user:password@proxy"`),
	}, time.Time{})
	if got := fmt.Sprintf("%+v", r.latest()); strings.Contains(got, "password") {
		t.Error(got)
	}
}

func TestPhonesAreFound(t *testing.T) {
	inBubble(t, 40, nil, func(b *bench) {
		b.o.Collectors = []string{CollectorStatus, CollectorInventory}
		cfg := testConfig()
		cfg.CacheTTL = 29 * time.Second // another account takes the place of the bench's
		if err := b.Reload([]AccountConfig{cfg}); err != nil {
			t.Fatal(err)
		}
		ids := b.sim.IDs()
		for i, id := range ids {
			b.sim.SetStatus(id, i%2)
			b.sim.Edit(id, func(p *geelarktest.Phone) {
				p.SerialName, p.Group, p.SerialNo = fmt.Sprintf("Phone-%02d", 39-i), "group-"+strconv.Itoa(i%4), "no"+strconv.Itoa(i)
				p.Tags = []string{"b", "a"}
			})
		}
		b.pollAndList()
		for _, tt := range []struct {
			name  string
			query PhoneQuery
			total int
			names string
		}{
			{"all, in their order, up to the limit", PhoneQuery{Limit: 3}, 40, "Phone-00 Phone-01 Phone-02"},
			{"none but their number", PhoneQuery{}, 40, ""},
			{"by account", PhoneQuery{Account: "default", Limit: 1}, 40, "Phone-00"},
			{"of no account", PhoneQuery{Account: "Default", Limit: 1}, 0, ""},
			{"by id", PhoneQuery{ID: ids[3], Limit: 9}, 1, "Phone-36"},
			{"not by a part of an id", PhoneQuery{ID: ids[3][1:], Limit: 9}, 0, ""},
			{"by a part of an id as text", PhoneQuery{Text: ids[3][1:], Limit: 9}, 1, "Phone-36"},
			{"by name in another case", PhoneQuery{Text: "PHONE-3", Limit: 2}, 10, "Phone-30 Phone-31"},
			{"by serial number", PhoneQuery{Text: "no39", Limit: 2}, 1, "Phone-00"},
			{"by group", PhoneQuery{Group: "group-3", Limit: 2}, 10, "Phone-00 Phone-04"},
			{"not by a part of a group", PhoneQuery{Group: "group", Limit: 2}, 0, ""},
			{"by state", PhoneQuery{State: "starting", Limit: 2}, 20, "Phone-00 Phone-02"},
			{"by all of it", PhoneQuery{Account: "default", State: "started", Group: "group-2", Text: "phone-0", Limit: 9}, 3, "Phone-01 Phone-05 Phone-09"},
		} {
			found, total := b.Phones(tt.query)
			var names []string
			for _, p := range found {
				names = append(names, p.SerialName)
			}
			if got := strings.Join(names, " "); got != tt.names || total != tt.total {
				t.Errorf("%s: %q of %d, want %q of %d", tt.name, got, total, tt.names, tt.total)
			}
		}
		found, _ := b.Phones(PhoneQuery{ID: ids[0], Limit: 1})
		p := found[0]
		want, _ := b.sim.Phone(ids[0])
		if p.ID != ids[0] || p.State != "started" || p.Group != "group-0" || !slices.Equal(p.Tags, []string{"a", "b"}) || p.SerialNo != "no0" ||
			p.Brand != want.Brand || p.ChargeMode != geelark.ChargeMode(want.ChargeMode) || p.Country == "" || p.OSVersion == "" || p.Since.Unix() != want.CreateTime || p.ObservedAt.IsZero() || p.Described.IsZero() || p.Failure != (phones.Failure{}) {
			t.Errorf("got %+v of %+v", p, want)
		}
		if o := b.Overview().Accounts[0]; !maps.Equal(o.Groups, map[string]int{"group-0": 10, "group-1": 10, "group-2": 10, "group-3": 10}) {
			t.Errorf("groups %v", o.Groups)
		}
	})
}

// The phones that are found must not depend on the order of a map, nor on how
// many of them are held at a time.
func TestTheFirstOfManyPhonesAreFound(t *testing.T) {
	inBubble(t, 0, func(c *AccountConfig) {
		for i := range 5000 {
			c.IDs = append(c.IDs, fmt.Sprintf("%04d", i))
		}
	}, func(b *bench) {
		found, total := b.Phones(PhoneQuery{Limit: 100})
		if total != 5000 || len(found) != 100 {
			t.Fatalf("%d of %d phones", len(found), total)
		}
		for i, p := range found {
			if p.ID != fmt.Sprintf("%04d", i) || p.State != StatePending {
				t.Errorf("phone %d is %+v", i, p)
			}
		}
	})
}

func TestPhonesOfSeveralAccountsAreFoundUpToTheLimit(t *testing.T) {
	inBubble(t, 0, nil, func(b *bench) {
		var accounts []AccountConfig
		for i, name := range []string{"a", "b", "c"} {
			c := testConfig()
			c.Name, c.IDs = name, numbered(30)[i*10:][:10]
			accounts = append(accounts, c)
		}
		if err := b.Reload(accounts); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			query       PhoneQuery
			want, total int
			last        string
		}{
			{PhoneQuery{Limit: 15}, 15, 30, "014"},
			{PhoneQuery{Limit: 40}, 30, 30, "029"},
			{PhoneQuery{Account: "b", Limit: 15}, 10, 10, "019"},
			{PhoneQuery{Account: "c", Limit: 1}, 1, 10, "020"},
		} {
			found, total := b.Phones(tt.query)
			if len(found) != tt.want || total != tt.total || found[len(found)-1].ID != tt.last {
				t.Errorf("%+v: %d of %d phones", tt.query, len(found), total)
			}
		}
	})
}
