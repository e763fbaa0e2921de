package watch

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// Whatever is tracked, however, and whoever tells the statuses: an account is up
// when and only when what was asked was answered.
// An account of which nothing has worked has no last success.
func TestAListingThatFailsIsNoSuccess(t *testing.T) {
	inBubble(t, 8, nil, func(b *bench) {
		b.sim.Inject(geelarktest.Fault{Code: geelark.CodeSignature})
		for range 3 {
			b.pollAndList()
			if up, last := b.account().Up(); up || !last.IsZero() {
				t.Errorf("up %v, last success %s", up, last)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestUp(t *testing.T) {
	t.Parallel()
	const interval = 30 * time.Second
	fleet := geelarktest.New(geelarktest.Config{Phones: 8, Seed: 1}).IDs()
	statuses := map[string]func(i int) int{
		"all running":  func(int) int { return 0 },
		"none running": func(int) int { return 2 },
		"mixed":        func(i int) int { return i % 4 },
		"no phones":    nil,
	}
	faults := map[string]geelarktest.Fault{
		"both":         {},
		"phone/status": {Endpoint: status},
		"phone/list":   {Endpoint: listing},
	}
	for _, tracking := range []string{"discovered", "ids", "filter"} {
		for phones, statusOf := range statuses {
			for _, ttl := range []time.Duration{interval / 3, interval, 3 * interval} {
				for failing, fault := range faults {
					name := fmt.Sprintf("%s, %s, ttl %s of %s, %s fails", tracking, phones, ttl, interval, failing)
					t.Run(name, func(t *testing.T) {
						inBubble(t, 8, func(c *AccountConfig) {
							c.CacheTTL, c.InventoryInterval = ttl, interval
							switch {
							case tracking == "filter" && statusOf == nil:
								c.Discovery.Groups = []string{"no such group"}
							case tracking == "filter":
								c.Discovery.Groups = []string{"watched"}
							case tracking == "ids" && statusOf == nil:
								c.IDsFile = filepath.Join(t.TempDir(), "ids")
								writeFile(t, c.IDsFile, "# none yet\n")
							case tracking == "ids":
								c.IDs = fleet
							}
						}, func(b *bench) {
							if tracking == "discovered" && statusOf == nil {
								b.sim.Remove(fleet...)
							}
							for i, id := range b.sim.IDs() {
								b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group = "watched" })
								if statusOf != nil {
									b.sim.SetStatus(id, statusOf(i))
								}
							}
							want := func(when string, want bool) {
								t.Helper()
								if up, _ := b.account().Up(); up != want {
									t.Errorf("%s: up %v, want %v", when, up, want)
								}
							}
							scrape := func(n int) {
								for range n {
									b.pollAndList()
									time.Sleep(5 * time.Second)
								}
							}
							asked := func() int { return b.sim.Requests(fault.Endpoint) }
							want("before the first scrape", false)
							b.pollAndList()
							want("at the first scrape", true)
							for range 60 {
								scrape(1)
								want("later", true)
							}

							fault.Code = geelark.CodePermission
							remove := b.sim.Inject(fault)
							before := asked()
							scrape(25)
							// What nobody asks for cannot fail.
							want("after a failure", asked() == before)
							remove()
							scrape(25)
							want("after the recovery", true)

							pause := fault
							pause.Code, pause.Times = geelark.CodeHourLimit, 1
							if failing == "both" {
								pause.Times = 2
							}
							remove = b.sim.Inject(pause)
							before = asked()
							scrape(25)
							want("during a pause", asked() == before)
							remove()
							time.Sleep(2 * time.Hour)
							scrape(25)
							want("after the pause", true)
						})
					})
				}
			}
		}
	}
}

// A collector that is switched on and that no scrape asks for decides nothing.
func TestUpIsAboutWhatWasAskedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		ask   []string
		fails geelark.Endpoint
		want  bool
	}{
		"billing alone":                     {[]string{CollectorBilling}, status, true},
		"billing alone, which fails":        {[]string{CollectorBilling}, geelark.EndpointWallet, false},
		"the inventory alone":               {[]string{CollectorInventory}, status, true},
		"the inventory alone, which fails":  {[]string{CollectorInventory}, listing, false},
		"statuses, which fail":              {[]string{CollectorStatus}, status, false},
		"statuses and billing, which fails": {[]string{CollectorStatus, CollectorBilling}, geelark.EndpointWallet, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 8, nil, func(c *AccountConfig) {
				c.IDs = geelarktest.New(geelarktest.Config{Phones: 8, Seed: 1}).IDs()
			}, func(b *bench) {
				b.sim.Inject(geelarktest.Fault{Endpoint: string(tt.fails), Code: geelark.CodePermission})
				for range 5 {
					b.account().Refresh(b.t.Context(), tt.ask)
					synctest.Wait()
					if up, _ := b.account().Up(); up != tt.want {
						t.Errorf("up %v, want %v", up, tt.want)
					}
					time.Sleep(time.Minute)
				}
				b.reload(func(c *AccountConfig) { c.CacheTTL++ })
				if up, _ := b.account().Up(); up != tt.want {
					t.Errorf("after a reload: up %v, want %v", up, tt.want)
				}
			})
		})
	}
}

func TestAnAccountIsNotUpBeforeItsFirstAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		change     func(*AccountConfig)
		collectors []string
	}{
		"phones that are configured": {trackFleet([]string{"1"}), []string{CollectorStatus}},
		"phones that are discovered": {nil, []string{CollectorStatus}},
		"billing alone":              {nil, []string{CollectorBilling}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 1, func(o *Options) { o.Collectors = tt.collectors }, tt.change, func(b *bench) {
				b.sim.Inject(geelarktest.Fault{Latency: time.Second})
				go b.poll()
				time.Sleep(500 * time.Millisecond)
				if up, last := b.account().Up(); up || !last.IsZero() {
					t.Errorf("up %v, last success %s", up, last)
				}
				time.Sleep(10 * time.Second)
				if up, last := b.account().Up(); !up || last.IsZero() {
					t.Errorf("later: up %v, last success %s", up, last)
				}
			})
		})
	}
}
