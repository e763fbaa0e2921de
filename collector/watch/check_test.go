package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestCheckAsksTheFewestTimes(t *testing.T) {
	fault := func(f geelarktest.Fault) func(*bench) {
		return func(b *bench) { f.Endpoint = listing; b.sim.Inject(f) }
	}
	fleet := func(n int) []string { return geelarktest.New(geelarktest.Config{Phones: n, Seed: 1}).IDs() }
	for name, tt := range map[string]struct {
		phones int
		change func(*AccountConfig)
		do     func(*bench)
		want   string
		calls  int
	}{
		"all phones":        {250, nil, nil, "works: 250 of 250, seen 100", 1},
		"no phones":         {0, nil, nil, "works: 0 of 0, seen 0", 1},
		"a small selection": {90, func(c *AccountConfig) { c.Discovery.Groups = []string{"g0"} }, nil, "works: 30 of 90, seen 90", 1},
		"two groups of a large account": {
			240, func(c *AccountConfig) { c.Discovery.Groups = []string{"g0", "g1"} }, nil, "works: 160 of 240, seen 100", 3,
		},
		"a group of one phone in a large account": {240, func(c *AccountConfig) { c.Discovery.Groups = []string{"solo", "g1"} }, func(b *bench) {
			b.sim.Edit(b.sim.IDs()[0], func(p *geelarktest.Phone) { p.Group = "solo" })
		}, "works: 81 of 240, seen 100", 3},
		"a tag of a large account": {
			240, func(c *AccountConfig) { c.Discovery.Tags = []string{"t"} }, nil, "works: 240 of 240, seen 100", 2,
		},
		"two tags, which a phone can have both": {
			240, func(c *AccountConfig) { c.Discovery.Tags = []string{"t", "t0"} }, nil, "works: at most 480 of 240, seen 100", 3,
		},
		"a typo in a group": {
			90, func(c *AccountConfig) { c.Discovery.Groups = []string{"G0"} }, nil, `fails: 0 of 90, seen 90, nearest ["g0" "g1" "g2"]`, 1,
		},
		"a typo beside a right group": {
			90, func(c *AccountConfig) { c.Discovery.Groups = []string{"G0", "g1"} }, nil, `works: 30 of 90, seen 90, unmatched ["G0"] [], nearest ["g0" "g1" "g2"] []`, 1,
		},
		"a typo in a tag of a large account": {
			240, func(c *AccountConfig) { c.Discovery.Tags = []string{"t", "t1"} }, nil, `works: at most 240 of 240, seen 100, unmatched [] ["t1"], nearest [] ["t" "t0"]`, 3,
		},
		"answers without groups": {90, func(c *AccountConfig) { c.Discovery.Groups = []string{"g0"} }, func(b *bench) {
			b.sim.Inject(geelarktest.Fault{Endpoint: listing, Body: []byte(`{"code":0,"data":{"total":1,"items":[{"id":"1","status":0}]}}`), ContentType: "application/json"})
		}, "works: 1 of 1, seen 1", 1},
		"a group of no phones":   {0, func(c *AccountConfig) { c.Discovery.Groups = []string{"g0"} }, nil, "works: 0 of 0, seen 0", 1},
		"ids, not a group":       {90, func(c *AccountConfig) { c.IDs, c.Discovery.Groups = fleet(90)[:1], []string{"G0"} }, nil, "works: 1 of 90, seen 90, not listed [] of 1", 1},
		"ids that do not exist":  {90, trackFleet([]string{"1", "2"}), nil, `fails: 2 of 90, seen 90, not listed ["1" "2"] of 2`, 1},
		"an id that exists too":  {90, trackFleet([]string{"1", fleet(90)[0]}), nil, `works: 2 of 90, seen 90, not listed ["1"] of 2`, 1},
		"ids of a large account": {240, trackFleet(append([]string{"1"}, fleet(240)[:149]...)), nil, `works: 150 of 240, seen 100, not listed ["1"] of 150`, 3},
		"very many ids":          {2000, trackFleet(fleet(2000)), nil, `works: 2000 of 2000, seen 100, not listed [] of 1000`, 11},
		"a refused token":        {90, nil, fault(geelarktest.Fault{Code: geelark.CodeSignature}), "40003 reached true, authenticated false", 1},
		"an address not allowed": {90, nil, fault(geelarktest.Fault{Code: geelark.CodeIPNotAllowed}), "40016 reached true, authenticated true", 1},
		"a gateway in between":   {90, nil, fault(geelarktest.Fault{HTTPStatus: 403}), "403 reached true, authenticated false", 1},
		"something else answers": {90, nil, fault(geelarktest.Fault{Body: []byte("<html>"), ContentType: "text/html"}), "malformed reached true, authenticated false", 1},
		"nothing answers":        {90, nil, fault(geelarktest.Fault{Drop: true}), "connection reached false, authenticated false", 3},
		"no token": {90, func(c *AccountConfig) {
			c.Credentials = geelark.TokenFile(filepath.Join("no", "file"))
		}, nil, "credentials reached false, authenticated false", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, tt.phones, nil, tt.change, func(b *bench) {
				for i, id := range b.sim.IDs() {
					b.sim.Edit(id, func(p *geelarktest.Phone) {
						p.Group, p.Tags = fmt.Sprintf("g%d", i%3), []string{"t", "t0"}
					})
				}
				if tt.do != nil {
					tt.do(b)
				}
				checks := b.Check(b.t.Context())
				if len(checks) != 1 {
					t.Fatalf("%d checks of one account", len(checks))
				}
				c := checks[0]
				got := "fails: "
				if c.Works() {
					got = "works: "
				}
				if c.AtMost {
					got += "at most "
				}
				got += fmt.Sprintf("%d of %d, seen %d", c.Phones, c.Listed.Or(-1), c.Seen)
				if c.Vain != nil {
					got += fmt.Sprintf(", nearest %q", c.Vain.Groups)
				}
				if u := c.Unmatched; u != nil {
					got += fmt.Sprintf(", unmatched %q %q, nearest %q %q", u.Groups, u.Tags, u.NearGroups, u.NearTags)
				}
				if c.Sought > 0 {
					got += fmt.Sprintf(", not listed %q of %d", c.Unlisted, c.Sought)
				}
				if c.Failure == nil && (!c.Reached || !c.Authenticated) {
					t.Errorf("reached %t, authenticated %t", c.Reached, c.Authenticated)
				}
				if c.Failure != nil {
					got = fmt.Sprintf("%s reached %t, authenticated %t", c.Failure.Outcome, c.Reached, c.Authenticated)
				}
				if got != tt.want || c.Works() != strings.HasPrefix(tt.want, "works") {
					t.Errorf("got %s\nwant %s", got, tt.want)
				}
				if n := b.sim.Requests(""); n != tt.calls {
					t.Errorf("%d requests, want %d", n, tt.calls)
				}
			})
		})
	}
}

func TestCheckKeepsToTheBudget(t *testing.T) {
	inBubbleWith(t, 240, nil, func(c *AccountConfig) {
		c.Limits.PerMinute, c.Discovery.Groups = 1, []string{"g0", "g1"}
	}, func(b *bench) {
		began := time.Now()
		if c := b.Check(b.t.Context())[0]; c.Failure != nil || c.Costs[0].Limit != 1 {
			t.Errorf("got %+v", c.Failure)
		}
		if took := time.Since(began); took < 2*time.Minute {
			t.Errorf("three requests took %s at one a minute", took)
		}
	})
}

// An interruption says nothing about the budget.
func TestACheckThatIsInterruptedSaysSo(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		do     func(*bench)
	}{
		"while it waits for the first minute": {func(c *AccountConfig) { c.Limits.PerMinute = 200 }, func(*bench) {}},
		"while the API hangs":                 {func(c *AccountConfig) { c.Timeout = time.Hour }, func(b *bench) { b.sim.Inject(geelarktest.Fault{Hang: true}) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 20, func(o *Options) { o.Doubt = true }, tt.change, func(b *bench) {
				tt.do(b)
				ctx, cancel := context.WithCancel(b.t.Context())
				time.AfterFunc(5*time.Second, cancel)
				c := b.Check(ctx)[0]
				if c.Failure == nil || c.Failure.Outcome != OutcomeInterrupted || c.Works() {
					t.Errorf("got %+v", c.Failure)
				}
			})
		})
	}
	inBubbleWith(t, 20, nil, nil, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Code: geelark.CodeSignature})
		ctx, cancel := context.WithCancel(b.t.Context())
		b.transport = func(r *http.Request) (*http.Response, error) {
			defer cancel()
			return b.sim.RoundTripper().RoundTrip(r)
		}
		if c := b.Check(ctx)[0]; c.Failure == nil || c.Failure.Outcome != "40003" {
			t.Errorf("an account that has answered before: %+v", c.Failure)
		}
	})
}

func TestACheckTellsWhoHasAnswered(t *testing.T) {
	for name, tt := range map[string]struct {
		err                    error
		reached, authenticated bool
	}{
		"the API, of a request that it cannot do": {&geelark.APIError{Code: geelark.CodeInternal}, true, true},
		"the API, of a wrong signature":           {&geelark.APIError{Code: 40003}, true, false},
		"the API, of a missing trace id":          {&geelark.APIError{Code: geelark.CodeNoTraceID}, true, false},
		"the API, of a user it does not know":     {&geelark.APIError{Code: geelark.CodeUserNotFound}, true, false},
		"a gateway":                               {fmt.Errorf("listing: %w", &geelark.HTTPError{StatusCode: 502}), true, false},
		"something whose answer is no answer":     {&geelark.TransportError{Reason: geelark.ReasonMalformed}, true, false},
		"something that does not end":             {&geelark.TransportError{Reason: geelark.ReasonTooLarge}, true, false},
		"nobody in time":                          {&geelark.TransportError{Reason: geelark.ReasonTimeout}, false, false},
		"nobody, since there is no such name":     {&geelark.TransportError{Reason: geelark.ReasonDNS}, false, false},
		"nobody, since nobody was asked":          {geelark.ErrNotSent, false, false},
	} {
		if reached, authenticated := answered(tt.err); reached != tt.reached || authenticated != tt.authenticated {
			t.Errorf("%s: reached %v, authenticated %v", name, reached, authenticated)
		}
	}
}

// A check of hundreds of accounts opens no hundreds of connections.
func TestEightAccountsAreCheckedAtATime(t *testing.T) {
	inBubbleWith(t, 5, nil, nil, func(b *bench) {
		var cfgs []AccountConfig
		for i := range 30 {
			c := testConfig()
			c.Name, c.Credentials = fmt.Sprint("team-", i), geelark.Credentials{Token: geelark.Secret(fmt.Sprint("token-", i))}
			cfgs = append(cfgs, c)
		}
		if err := b.Reload(cfgs); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		now, most := 0, 0
		api := b.sim.RoundTripper()
		b.transport = func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return api.RoundTrip(r)
		}
		start := time.Now()
		if n := len(b.Check(b.t.Context())); n != 30 {
			t.Errorf("%d checks", n)
		}
		if took := time.Since(start); most != 8 || took != 4*time.Second {
			t.Errorf("%d at a time, in %s", most, took)
		}
	})
}

// What only counts phones asks for no more of them than it must.
func TestACheckAsksForTheFewestPhones(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		want   []string
	}{
		"to count":   {func(c *AccountConfig) { c.Discovery.Groups = []string{"g0", "g1"} }, []string{"page 1 of 100", "page 1 of 1", "page 1 of 1"}},
		"to find":    {trackFleet([]string{"1", "2"}), []string{"page 1 of 100", "page 1 of 100"}},
		"to see all": {nil, []string{"page 1 of 100"}},
	} {
		t.Run(name, func(t *testing.T) { testPagesOfACheck(t, tt.change, tt.want) })
	}
}

func testPagesOfACheck(t *testing.T, change func(*AccountConfig), want []string) {
	t.Helper()
	inBubbleWith(t, 240, nil, change, func(b *bench) {
		var asked []string
		api := b.sim.RoundTripper()
		b.transport = func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			var page struct{ Page, PageSize int }
			if err := json.Unmarshal(body, &page); err != nil {
				return nil, err
			}
			asked = append(asked, fmt.Sprintf("page %d of %d", page.Page, page.PageSize))
			r.Body = io.NopCloser(bytes.NewReader(body))
			return api.RoundTrip(r)
		}
		b.Check(b.t.Context())
		if !slices.Equal(asked, want) {
			t.Errorf("asked for %v, want %v", asked, want)
		}
	})
}

func TestACheckOfAnAccountThatFailsTellsWhy(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		times  int // answers before the failure
	}{
		"at the first request":                 {nil, 0},
		"at the count of a group":              {func(c *AccountConfig) { c.Discovery.Groups = []string{"g0"} }, 1},
		"at the first request of given phones": {trackFleet([]string{"1", "2"}), 0},
		"at the search for ids":                {trackFleet([]string{"1", "2"}), 1},
		"at the count of the second of groups": {func(c *AccountConfig) { c.Discovery.Groups = []string{"g0", "g1"} }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 240, nil, tt.change, func(b *bench) {
				api, sent := b.sim.RoundTripper(), 0
				b.transport = func(r *http.Request) (*http.Response, error) {
					if sent++; sent == tt.times+1 {
						b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission})
					}
					return api.RoundTrip(r)
				}
				c := b.Check(b.t.Context())[0]
				if c.Works() || c.Failure == nil || c.Failure.Outcome != fmt.Sprint(int(geelark.CodePermission)) || !c.Failure.Ongoing || !c.Reached || !c.Authenticated {
					t.Errorf("got %+v, reached %v, authenticated %v", c.Failure, c.Reached, c.Authenticated)
				}
				if c.Name != "default" || c.Listed.Known() || len(c.SeenGroups) > 0 || len(c.Unlisted) > 0 || c.Sought > 0 {
					t.Errorf("it tells of phones that it does not know: %+v", c)
				}
			})
		})
	}
}

// What a check shows of an account that it has read a page of.
func TestACheckShowsGroupsTagsAndCosts(t *testing.T) {
	inBubbleWith(t, 240, nil, nil, func(b *bench) {
		for i, id := range b.sim.IDs() {
			b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group, p.Tags = fmt.Sprintf("g%d", 2-i%3), []string{"t", "s"} })
		}
		c := b.Check(b.t.Context())[0]
		if !slices.Equal(c.SeenGroups, []string{"g0", "g1", "g2"}) || !slices.Equal(c.Tags, []string{"s", "t"}) {
			t.Errorf("groups %q, tags %q", c.SeenGroups, c.Tags)
		}
		var costs []string
		for _, cost := range c.Costs {
			costs = append(costs, fmt.Sprintf("%s %.3g of %d", cost.Endpoint, cost.Calls, cost.Limit))
		}
		if got, want := strings.Join(costs, ", "), "phone/status 6 of 150, phone/list 0.6 of 150, pay/wallet 0.1 of 5, pay/plan/info 0.1 of 1"; got != want {
			t.Errorf("costs %s, want %s", got, want)
		}
	})
}
