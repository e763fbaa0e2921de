package watch

import (
	"fmt"
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
		"ids":                    {90, trackFleet([]string{"1", "2"}), nil, "works: 2 of 90, seen 90", 1},
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
