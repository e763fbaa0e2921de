package watch

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/phones"
	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A recorder counts what happens.
type recorder struct {
	nobody
	mu      sync.Mutex
	dropped map[DropReason]int
	skipped int
	failed  map[string]int
}

func (r *recorder) ItemsSkipped(_ string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped += n
}

func (r *recorder) PhonesDropped(_ string, reason DropReason, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped[reason] += n
}

func (r *recorder) want(t *testing.T, when string, want map[DropReason]int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !maps.Equal(r.dropped, want) {
		t.Errorf("%s: dropped %v, want %v", when, r.dropped, want)
	}
}

// recorded runs f with everything that is watched and a recorder.
func recorded(t *testing.T, n int, change func(*AccountConfig), f func(b *bench, r *recorder)) {
	t.Helper()
	r := &recorder{dropped: make(map[DropReason]int)}
	inBubbleWith(t, n, func(o *Options) { o.Observer = r }, change, func(b *bench) { f(b, r) })
}

// scrapeFor scrapes every 30 s.
func (b *bench) scrapeFor(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(30 * time.Second) {
		b.pollAndList()
	}
}

func (b *bench) wantPhones(when string, want int) {
	b.t.Helper()
	if got := b.account().Phones().Len(); got != want {
		b.t.Errorf("%s: %d phones are tracked, want %d", when, got, want)
	}
}

func (b *bench) wantLogged(when, text string, times int) {
	b.t.Helper()
	if got := strings.Count(b.logs.String(), text); got != times {
		b.t.Errorf("%s: %q is logged %d times, want %d: %s", when, text, got, times, b.logs)
	}
}

const lacksMost = "lacks most of the phones"

func TestAFleetDoesNotVanishInSilence(t *testing.T) {
	recorded(t, 50, nil, func(b *bench, r *recorder) {
		b.scrapeFor(time.Minute)
		remove := b.sim.Inject(geelarktest.Fault{Endpoint: listing, Body: []byte(`{"code":0,"data":{"total":0,"items":[]}}`), ContentType: "application/json"})
		b.scrapeFor(55 * time.Minute)
		b.wantPhones("after an hour of empty lists, nearly", 50)
		b.wantLogged("after an hour of empty lists, nearly", lacksMost, 1)
		r.want(t, "after an hour of empty lists, nearly", map[DropReason]int{})
		remove()
		b.scrapeFor(10 * time.Minute)
		b.sim.Inject(geelarktest.Fault{Endpoint: listing, Body: []byte(`{"code":0,"data":{"total":0,"items":[]}}`), ContentType: "application/json"})
		b.scrapeFor(30 * time.Minute)
		b.wantPhones("after half an hour of others", 50)
		b.wantLogged("after half an hour of others", lacksMost, 2)
		b.scrapeFor(40 * time.Minute)
		b.wantPhones("after an hour that agrees", 0)
		r.want(t, "after an hour that agrees", map[DropReason]int{DroppedUnlisted: 50})
		b.wantLogged("after an hour that agrees", `msg="Many phones are not tracked any more" phones=50 of=50`, 1)
	})
}

func TestWhichLossesAreToldAndSaved(t *testing.T) {
	const many, doubt = `"Many phones are not tracked any more"`, "lacks most"
	var lost losses
	for _, tt := range []struct {
		name string
		loss phones.Loss
		want []string // in the log
	}{
		{"nothing", phones.Loss{Tracked: 50}, nil},
		{"nine of nine", phones.Loss{Tracked: 9, Unlisted: 9}, nil},
		{"ten of ten", phones.Loss{Tracked: 10, Unlisted: 10}, []string{many, "phones=10 of=10 not_found=0 unlisted=10 unselected=0"}},
		{"a tenth", phones.Loss{Tracked: 100, NotFound: 3, Unselected: 7}, nil},
		{"more than a tenth", phones.Loss{Tracked: 100, NotFound: 4, Unselected: 7}, []string{many, "phones=11 of=100 not_found=4 unlisted=0 unselected=7"}},
		{"a tenth of more", phones.Loss{Tracked: 110, Unlisted: 11}, nil},
		{"a single one", phones.Loss{Tracked: 1000, Unlisted: 1}, nil},
		{"a doubt", phones.Loss{Tracked: 1, Doubted: 1}, []string{doubt, "phones=1 of=1"}},
		{"the same doubt", phones.Loss{Tracked: 1, Doubted: 1}, nil},
		{"no doubt", phones.Loss{Tracked: 1}, nil},
		{"another doubt", phones.Loss{Tracked: 1, Doubted: 1}, []string{doubt}},
	} {
		logs, r := new(processtest.Log), &recorder{dropped: make(map[DropReason]int)}
		saved := 0
		lost.counts, lost.save, lost.logger = newCounts("default", &Options{Observer: r}), func() { saved++ }, log.NewLogfmtLogger(logs)
		lost.take(tt.loss)
		if n := len(strings.Split(logs.String(), "\n")) - 1; n != min(len(tt.want), 1) {
			t.Errorf("%s: logged %q", tt.name, logs)
		}
		for _, text := range tt.want {
			if !strings.Contains(logs.String(), text) {
				t.Errorf("%s: logged %q, want %q", tt.name, logs, text)
			}
		}
		want := map[DropReason]int{DroppedNotFound: tt.loss.NotFound, DroppedUnlisted: tt.loss.Unlisted, DroppedUnselected: tt.loss.Unselected}
		maps.DeleteFunc(want, func(_ DropReason, n int) bool { return n == 0 })
		r.want(t, tt.name, want)
		if saved != min(len(want), 1) {
			t.Errorf("%s: saved %d times", tt.name, saved)
		}
	}
}

func TestPhonesThatAreGoneLeaveByTheirOwnLookups(t *testing.T) {
	recorded(t, 50, nil, func(b *bench, r *recorder) {
		b.scrapeFor(time.Minute)
		b.sim.Remove(b.sim.IDs()[:40]...)
		b.scrapeFor(6 * time.Minute)
		b.wantPhones("some minutes later", 10)
		r.want(t, "some minutes later", map[DropReason]int{DroppedNotFound: 40})
		b.wantLogged("some minutes later", "phones=40 of=50", 1)
	})
}

func TestPhonesThatNothingNamesAnyMoreAreUnselected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n2\n3\n")
	recorded(t, 0, func(c *AccountConfig) { c.IDsFile = path }, func(b *bench, r *recorder) {
		b.pollAndList()
		writeFile(t, path, "2\n")
		b.pollAndList()
		r.want(t, "by a file", map[DropReason]int{DroppedUnselected: 2})
		b.reload(func(c *AccountConfig) { c.IDsFile, c.IDs = "", []string{"4"} })
		r.want(t, "by a configuration", map[DropReason]int{DroppedUnselected: 3})
	})
}

func TestAnotherFilterGivesPhonesUpAfterTwoLists(t *testing.T) {
	recorded(t, 50, nil, func(b *bench, r *recorder) {
		for i, id := range b.sim.IDs() {
			b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group = []string{"few", "most"}[min(i/5, 1)] })
		}
		b.scrapeFor(time.Minute)
		b.reload(func(c *AccountConfig) { c.Discovery.Groups = []string{"few"} })
		b.scrapeFor(6 * time.Minute)
		b.wantPhones("after two lists", 5)
		r.want(t, "after two lists", map[DropReason]int{DroppedUnselected: 45})
		if n, ok := b.account().Listed(); n != 50 || !ok {
			t.Errorf("%d phones are listed: %v, want the account's 50", n, ok)
		}
	})
}

func TestASelectionThatFindsNothingIsTold(t *testing.T) {
	recorded(t, 250, func(c *AccountConfig) { c.Discovery.Groups, c.Discovery.Tags = []string{"Farm-01"}, []string{"shp"} }, func(b *bench, _ *recorder) {
		b.scrapeFor(time.Minute)
		const vain = "The selection of phones finds none"
		b.wantLogged("at first", vain, 1)
		for _, text := range []string{"phones=250", `nearest_groups="\"farm-1\"`, `nearest_tags="\"shop\"`} {
			b.wantLogged("at first", text, 1)
		}
		if b.Overview().Accounts[0].Unmatched != nil {
			t.Error("what is found nowhere is told twice")
		}
		if n, ok := b.account().Listed(); n != 250 || !ok {
			t.Errorf("%d phones are listed: %v, want 250", n, ok)
		}
		if up, _ := b.account().Up(); !up {
			t.Error("the account is not up")
		}
		// One page of the selection and three of all, then one and one.
		if got := b.sim.Requests(listing); got != 4 {
			t.Errorf("%d pages read, want 4", got)
		}
		b.scrapeFor(10 * time.Minute)
		b.wantLogged("later", vain, 1)
		if got := b.sim.Requests(listing); got != 8 {
			t.Errorf("%d pages read, want 8", got)
		}
		id := b.sim.IDs()[7]
		edit := func(group string) {
			b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group, p.Tags = group, []string{"shp"} })
			b.scrapeFor(10 * time.Minute)
		}
		edit("Farm-01")
		b.wantPhones("found", 1)
		edit("other")
		b.wantLogged("lost again", vain, 2)
	})
}

// One wrong name beside a right one leaves phones unwatched as well.
func TestANameOfTheSelectionThatNoPhoneHasIsToldOnce(t *testing.T) {
	recorded(t, 250, func(c *AccountConfig) { c.Discovery.Groups = []string{"farm-1", "Farm-02", "qa"} }, func(b *bench, _ *recorder) {
		edit := func(i int, group string) {
			b.sim.Edit(b.sim.IDs()[i], func(p *geelarktest.Phone) { p.Group = group })
		}
		for i := range b.sim.IDs() {
			edit(i, []string{"farm-1", "farm-2", "qa"}[i%3])
		}
		const told = "Names in the selection of phones match none"
		b.scrapeFor(time.Minute)
		b.wantLogged("at first", told, 1)
		b.wantLogged("at first", `groups="\"Farm-02\"" nearest_groups="\"farm-2\", \"farm-1\", \"qa\""`, 1)
		b.wantLogged("at first", "tags", 0)
		if u := b.Overview().Accounts[0].Unmatched; u == nil || !slices.Equal(u.Groups, []string{"Farm-02"}) || !slices.Equal(u.NearGroups, []string{"farm-2", "farm-1", "qa"}) || u.Tags != nil {
			t.Errorf("got %+v", u)
		}
		// Two pages of the selection that one of three groups needs, one of each of
		// the others, and three of all; then only the first of all.
		first := b.sim.Requests(listing)
		b.scrapeFor(5 * time.Minute)
		b.wantLogged("later", told, 1)
		if again := b.sim.Requests(listing) - first; again != first-2 {
			t.Errorf("%d pages read at first and %d again, want 2 fewer", first, again)
		}
		b.reload(func(c *AccountConfig) { c.CacheTTL++ })
		b.scrapeFor(6 * time.Minute)
		b.wantLogged("after a reload", told, 1)
		for i := 2; i < 250; i += 3 {
			edit(i, "farm-1")
		}
		b.scrapeFor(6 * time.Minute)
		b.wantLogged("when another is empty too", told, 2)
		edit(0, "Farm-02")
		edit(1, "qa")
		b.scrapeFor(6 * time.Minute)
		if u := b.Overview().Accounts[0].Unmatched; u != nil {
			t.Errorf("when all are found: %+v", u)
		}
		if n, ok := b.account().Listed(); n != 250 || !ok {
			t.Errorf("%d phones are listed: %v, want all of the account's", n, ok)
		}
	})
}

func TestATagOfTheSelectionThatNoPhoneHasIsTold(t *testing.T) {
	recorded(t, 50, func(c *AccountConfig) { c.Discovery.Tags = []string{"shop", "shpo"} }, func(b *bench, _ *recorder) {
		b.sim.Edit(b.sim.IDs()[0], func(p *geelarktest.Phone) { p.Tags = []string{"shop", "x"} })
		b.scrapeFor(time.Minute)
		if u := b.Overview().Accounts[0].Unmatched; u == nil || !slices.Equal(u.Tags, []string{"shpo"}) || len(u.NearTags) == 0 || u.NearTags[0] != "shop" {
			t.Errorf("got %+v", u)
		}
		b.wantLogged("at first", "groups", 0)
	})
}

func TestWhyPhonesHaveNoStatus(t *testing.T) {
	fleet := geelarktest.New(geelarktest.Config{Phones: 250, Seed: 1}).IDs()
	scrape := func(b *bench) { b.poll() }
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		do     func(b *bench)
		want   map[Reason]int
		until  time.Duration // from then on, of the phones that were never asked for; zero: not known
	}{
		"before the first scrape": {nil, func(*bench) {}, map[Reason]int{NotScraped: 250}, 0},
		"all is known":            {nil, scrape, nil, 0},
		"the budget is spent":     {func(c *AccountConfig) { c.Limits.PerMinute = 1 }, scrape, map[Reason]int{Waiting: 150}, time.Minute},
		"it is, for all":          {func(c *AccountConfig) { c.Limits.PerMinute = 3 }, scrape, nil, 0},
		"it is, for too long": {func(c *AccountConfig) { c.Limits.PerMinute, c.MaxStaleness = 1, 30*time.Second }, func(b *bench) {
			b.scrapeFor(5*time.Minute + time.Second)
		}, map[Reason]int{Waiting: 150}, 30 * time.Second},
		"a pause": {nil, func(b *bench) {
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit})
			b.poll()
		}, map[Reason]int{Paused: 250}, 2 * time.Hour},
		"a call that fails": {nil, func(b *bench) {
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodePermission})
			b.poll()
		}, map[Reason]int{CallFailed: 250}, 30 * time.Second},
		"lookups that fail": {nil, func(b *bench) {
			b.sim.Remove(fleet[:3]...)
			b.poll()
		}, map[Reason]int{LookupFailed: 3}, 0},
		"calls that failed for long": {nil, func(b *bench) {
			b.poll()
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodePermission})
			b.scrapeFor(11 * time.Minute)
		}, map[Reason]int{CallFailed: 250}, 0},
		"no scrapes for as long as a status is trusted": {nil, func(b *bench) {
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit})
			b.poll()
			time.Sleep(10 * time.Minute)
		}, map[Reason]int{Paused: 250}, 110 * time.Minute},
		"no scrapes for longer": {nil, func(b *bench) {
			b.poll()
			time.Sleep(10*time.Minute + time.Nanosecond)
		}, map[Reason]int{NotScraped: 250}, 0},
		// The first batch is answered after four seconds; half of it comes along with
		// the last, which is asked for then.
		"a status that was told late and is not due yet": {func(c *AccountConfig) { c.CacheTTL = c.MaxStaleness }, func(b *bench) {
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Latency: 4 * time.Second})
			began := time.Now()
			b.poll()
			time.Sleep(time.Until(began.Add(10*time.Minute + 2*time.Second)))
			b.poll()
		}, map[Reason]int{TooOld: 50}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 250, func(c *AccountConfig) {
				c.IDs = fleet
				if tt.change != nil {
					tt.change(c)
				}
			}, func(b *bench) {
				tt.do(b)
				delays := b.account().Delays()
				got := delays.Unobserved(b.account().Snapshot())
				for _, r := range Reasons() {
					if got[r] != tt.want[r] {
						t.Errorf("%d phones are %s, want %d", got[r], r, tt.want[r])
					}
				}
				if len(got) != len(Reasons()) {
					t.Errorf("reasons %v", got)
				}
				switch until := delays[phones.Pending].Until; {
				case tt.until == 0 && !until.IsZero():
					t.Errorf("until %s, which is not known", until)
				case tt.until > 0 && time.Until(until).Round(time.Second) != tt.until:
					t.Errorf("until %s, want %s", until, tt.until)
				}
			})
		})
	}
}
