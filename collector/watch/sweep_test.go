package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
