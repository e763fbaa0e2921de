package watch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A listing needs a place in the budget that is free an hour after a call before it.
func TestAListingWaitsForItsBudgetFor110Minutes(t *testing.T) {
	for name, tt := range map[string]struct {
		before time.Duration // the listing, when a call is made
		phones int
	}{
		"and is whole when the budget is free half a minute before that": {10*time.Minute + 30*time.Second, 150},
		"and ends when the budget is free half a minute after that":      {9*time.Minute + 30*time.Second, 100},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 150, func(o *Options) { o.Collectors = []string{CollectorInventory} }, func(c *AccountConfig) { c.Limits.PerHour = 1 }, func(b *bench) {
				if _, err := b.account().client.PhoneList(b.t.Context(), geelark.PhoneListFilter{}, 1, 1); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.before)
				b.poll()
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				b.wantPhones("two hours later", tt.phones)
			})
		})
	}
}

// The names of the groups that there are beside the selected ones are of no interest
// to a scrape.
func TestSelectedPhonesAreAskedForBeforeTheOthersAreCounted(t *testing.T) {
	inBubble(t, 60, func(c *AccountConfig) { c.Discovery.Groups = []string{"mine"} }, func(b *bench) {
		for i, id := range b.sim.IDs() {
			b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group = []string{"mine", "others"}[i%2] })
			b.sim.SetStatus(id, 2) // which a listing does not tell for sure
		}
		b.transport = nth{b.sim.RoundTripper(), listing, new(atomic.Int32), func(n int32) string {
			if n > 1 {
				time.Sleep(4500 * time.Millisecond)
			}
			return ""
		}}.RoundTrip
		ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		b.account().Refresh(ctx, b.Collectors())
		if got := b.Overview().Accounts[0]; got.States["shut_down"] != 30 || got.Listed.Known() {
			t.Errorf("while the others are counted: %v, %v listed", got.States, got.Listed)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("the first scrape waited %s for phones that are not selected", took)
		}
	})
}

func TestAListingThatWaitsForItsBudgetWorksSoFar(t *testing.T) {
	for name, ids := range map[string][]string{
		"of phones that are discovered": nil,
		"of phones that are configured": geelarktest.New(geelarktest.Config{Phones: 250, Seed: 1}).IDs(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 250, func(o *Options) { o.Collectors = []string{CollectorInventory} }, func(c *AccountConfig) { c.IDs, c.Limits.PerMinute = ids, 1 }, func(b *bench) {
				began := time.Now()
				b.poll()
				if took := time.Since(began); took > 0 {
					t.Errorf("a scrape waited %s for the rest", took)
				}
				if up, last := b.account().Up(); !up || !last.Equal(began) {
					t.Errorf("up %v, last success %s", up, last)
				}
				described := 0
				for p := range b.account().Phones().All(b.Now(), b.account().lifetimes()) {
					if p.Listed {
						described++
					}
				}
				if described != 100 {
					t.Errorf("%d phones are described, want those of the first page", described)
				}
			})
		})
	}
}

func TestAnItemWithoutAnIDIsToldAgainWhenAListingWasWholeMeanwhile(t *testing.T) {
	recorded(t, 5, func(c *AccountConfig) { c.InventoryInterval = time.Minute }, func(b *bench, _ *recorder) {
		for i := range 3 {
			remove := b.sim.Inject(geelarktest.Fault{Endpoint: listing, Rewrite: odd("items", func(i int, item map[string]any) any {
				if i == 2 {
					return map[string]any{"id": "1 2"}
				}
				return item
			})})
			b.scrapeFor(3 * time.Minute)
			b.wantLogged("odd again", "api=phone/list", i+1)
			b.wantPhones("with those behind the odd one", min(4+i, 5))
			remove()
			b.scrapeFor(2 * time.Minute)
		}
	})
}

// An idler counts the answers about phones and tasks whose connections were not closed
// since.
type idler struct {
	http.RoundTripper
	held atomic.Int32
	met  atomic.Int32
}

func (i *idler) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, listing) || strings.Contains(r.URL.Path, "/task/") {
		i.held.Add(1)
		i.met.Add(1)
	}
	return i.RoundTripper.RoundTrip(r)
}

func (i *idler) CloseIdleConnections() { i.held.Store(0) }

// The buffers of a connection hold what it has last read.
func TestConnectionsThatHaveReadPersonalDataAreClosedAfterUse(t *testing.T) {
	for name, tt := range map[string]struct {
		collector string
		ids       []string
		use       func(b *bench)
	}{
		"phones that are discovered": {CollectorInventory, nil, (*bench).poll},
		"phones that are configured": {CollectorInventory, []string{"1"}, (*bench).poll},
		"tasks":                      {CollectorTasks, nil, (*bench).pollAndList},
		"a check":                    {CollectorStatus, nil, func(b *bench) { b.Check(b.t.Context()) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 1, Token: testToken, TasksPerDay: 48})
				api := &idler{RoundTripper: sim.RoundTripper()}
				cfg := testConfig()
				cfg.IDs = tt.ids
				b := newBench(t, api, func(o *Options) {
					o.Collectors = []string{tt.collector}
					o.ClientOptions = append(o.ClientOptions, geelark.WithTransport(api))
				}, cfg)
				defer b.Close()
				for range 3 {
					tt.use(b)
					time.Sleep(10 * time.Minute)
				}
				if api.met.Load() == 0 || api.held.Load() != 0 {
					t.Errorf("%d answers, %d of them are held", api.met.Load(), api.held.Load())
				}
			})
		})
	}
}

func TestScrapesThatWaitAreWokenByPagesNotByPhones(t *testing.T) {
	inBubble(t, 300, nil, func(b *bench) {
		p := b.account().poller
		var woken atomic.Int32
		notify := p.notify
		p.notify = func() { woken.Add(1); notify() }
		b.pollAndList()
		if n := woken.Load(); n < 3 || n > 30 {
			t.Errorf("scrapes were woken %d times by three pages and as many polls", n)
		}
	})
}

func TestAListingOfFixedPhonesTellsWhatIsOddOrFails(t *testing.T) {
	fleet := geelarktest.New(geelarktest.Config{Phones: 5, Seed: 1}).IDs()
	recorded(t, 5, trackFleet(fleet), func(b *bench, r *recorder) {
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: listing, Rewrite: odd("items", func(i int, item map[string]any) any {
			if i == 2 {
				return map[string]any{"id": nil}
			}
			return item
		})})
		api := b.transport
		b.transport = func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(r.URL.Path, listing) && !bytes.Contains(body, []byte(`"page":1,"pageSize":100`)) {
				t.Errorf("a listing of these ids is asked for another page: %s", body)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return api(r)
		}
		b.pollAndList()
		b.wantLogged("of the item without an id", "api=phone/list", 1)
		r.mu.Lock()
		if r.skipped != 1 {
			t.Errorf("%d items are counted", r.skipped)
		}
		r.mu.Unlock()
		remove()
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission})
		b.scrapeFor(6 * time.Minute)
		if e := b.Overview().Accounts[0].Errors; len(e) != 1 || e[0].Endpoint != listing || !e[0].IsCode {
			t.Errorf("errors %+v", e)
		}
	})
}

func TestAReloadForgetsNothingThatAListingTold(t *testing.T) {
	recorded(t, 50, nil, func(b *bench, _ *recorder) {
		b.scrapeFor(time.Minute)
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Body: []byte(`{"code":0,"data":{"total":0,"items":[]}}`), ContentType: "application/json"})
		b.scrapeFor(11 * time.Minute)
		b.wantLogged("in doubt", lacksMost, 1)
		listed, _ := b.account().Listed()
		b.reload(func(c *AccountConfig) { c.CacheTTL++ })
		if n, ok := b.account().Listed(); n != listed || !ok {
			t.Errorf("%d phones are listed, %v, and %d before", n, ok, listed)
		}
		b.scrapeFor(10 * time.Minute)
		b.wantLogged("twice in doubt", lacksMost, 1)
	})
}

func TestARestartForgetsNothingThatAListingTold(t *testing.T) {
	for name, tt := range map[string]struct {
		d               Discovery
		vain, unmatched bool
	}{
		"all phones":            {Discovery{}, false, false},
		"a group that is empty": {Discovery{Groups: []string{"farm1"}}, true, false},
		"two, of which one is":  {Discovery{Groups: []string{"farm-1", "farm2"}}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, geelarktest.Config{Phones: 50, Still: true}, func(m *machine) {
				m.accounts[0].Discovery = tt.d
				for _, id := range m.sim.IDs() {
					m.sim.Edit(id, func(p *geelarktest.Phone) { p.Group = "farm-1" })
				}
				b := m.start()
				b.scrapeFor(time.Minute)
				m.stop(b)
				b = m.start()
				defer m.stop(b)
				o := b.Overview().Accounts[0]
				if (o.Vain != nil) != tt.vain || (o.Unmatched != nil) != tt.unmatched || o.Listed != geelark.Some(50) {
					t.Errorf("%+v, %+v, %v listed", o.Vain, o.Unmatched, o.Listed)
				}
				if s := b.account().State(CollectorInventory); !s.Worked || s.LastSuccess.IsZero() {
					t.Errorf("got %+v", s)
				}
			})
		})
	}
}

func TestAScrapeAfterARestartWaitsForAFleetThatWasNeverListed(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 50, Still: true}, func(m *machine) {
		remove := m.sim.Inject(geelarktest.Fault{Endpoint: listing, Code: geelark.CodePermission})
		b := m.start()
		b.pollAndList()
		m.stop(b)
		remove()
		time.Sleep(time.Hour)
		m.sim.Inject(geelarktest.Fault{Endpoint: listing, Latency: time.Second})
		b = m.start()
		defer m.stop(b)
		b.poll()
		b.wantPhones("after the first scrape", 50)
	})
}

func TestAClockThatIsSetBackPutsAListingOffByAnIntervalAtMost(t *testing.T) {
	inBubble(t, 5, nil, func(b *bench) {
		i := b.account().inventory
		for name, next := range map[string]time.Duration{"as it was": 4 * time.Minute, "set back by hours": 9 * time.Hour} {
			before := b.sim.Requests(listing)
			want := min(next, i.interval)
			i.restore(listingRecord{Known: true, Next: time.Now().Add(next)}, time.Now())
			time.Sleep(want - 1)
			b.pollAndList()
			early := b.sim.Requests(listing) - before
			time.Sleep(time.Nanosecond)
			b.pollAndList()
			if n := b.sim.Requests(listing) - before; early != 0 || n != 1 {
				t.Errorf("%s: %d listings just before %s, %d then", name, early, want, n)
			}
		}
	})
}
