package watch

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
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
