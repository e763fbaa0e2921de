package watch

import (
	"cmp"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// loosely lists phones for a filter more generously than it says: the API may
// search for group names, or take a tag's beginning.
func loosely(api http.RoundTripper) http.RoundTripper {
	filters := regexp.MustCompile(`"(groupName|tags|chargeMode)":("[^"]*"|\[[^\]]*\]|\d)`)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		all := strings.ReplaceAll(filters.ReplaceAllString(string(body), ""), ",,", ",")
		all = strings.ReplaceAll(strings.ReplaceAll(all, ",,", ","), ",}", "}")
		r.Body = io.NopCloser(strings.NewReader(all))
		return api.RoundTrip(r)
	})
}

func TestDiscoverySelectsByGroupTagAndChargeMode(t *testing.T) {
	t.Parallel()
	monthly, perMinute := geelark.ChargeMonthly, geelark.ChargePerMinute
	for name, tt := range map[string]struct {
		d       Discovery
		selects func(geelarktest.Phone) bool
	}{
		"everything": {Discovery{}, func(geelarktest.Phone) bool { return true }},
		"a group":    {Discovery{Groups: []string{"qa"}}, func(p geelarktest.Phone) bool { return p.Group == "qa" }},
		"two groups": {Discovery{Groups: []string{"qa", "farm-1"}}, func(p geelarktest.Phone) bool { return p.Group == "qa" || p.Group == "farm-1" }},
		"a tag":      {Discovery{Tags: []string{"shop"}}, func(p geelarktest.Phone) bool { return slices.Contains(p.Tags, "shop") }},
		"one of two tags": {Discovery{Tags: []string{"shop", "ads"}}, func(p geelarktest.Phone) bool {
			return slices.Contains(p.Tags, "shop") || slices.Contains(p.Tags, "ads")
		}},
		"paid by month":  {Discovery{ChargeMode: &monthly}, func(p geelarktest.Phone) bool { return p.ChargeMode == 1 }},
		"paid by minute": {Discovery{ChargeMode: &perMinute}, func(p geelarktest.Phone) bool { return p.ChargeMode == 0 }},
		"groups, tags and charge mode": {Discovery{Groups: []string{"farm-1", "farm-2"}, Tags: []string{"shop", "live"}, ChargeMode: &monthly}, func(p geelarktest.Phone) bool {
			return (p.Group == "farm-1" || p.Group == "farm-2") && (slices.Contains(p.Tags, "shop") || slices.Contains(p.Tags, "live")) && p.ChargeMode == 1
		}},
		"a group that does not exist": {Discovery{Groups: []string{"none"}}, func(geelarktest.Phone) bool { return false }},
		"part of a group's name":      {Discovery{Groups: []string{"farm"}}, func(geelarktest.Phone) bool { return false }},
	} {
		for api, change := range map[string]func(http.RoundTripper) http.RoundTripper{
			"exact": func(rt http.RoundTripper) http.RoundTripper { return rt }, "loose": loosely,
		} {
			t.Run(name+", by an API that is "+api, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sim := geelarktest.New(geelarktest.Config{Phones: 300, Seed: 1, Token: testToken, Still: true})
					cfg := testConfig()
					cfg.Discovery = tt.d
					b := newBench(t, change(sim.RoundTripper()), nil, cfg)
					defer b.Close()
					b.poll()
					var want []string
					for _, id := range sim.IDs() {
						if p, _ := sim.Phone(id); tt.selects(p) {
							want = append(want, id)
						}
					}
					slices.Sort(want)
					if got := b.account().Phones().IDs(); !slices.Equal(got, want) {
						t.Errorf("%d phones are tracked, want %d", len(got), len(want))
					}
					if o := b.Overview().Accounts[0]; !o.Up || slices.Max(slices.Collect(maps.Values(o.Unobserved))) != 0 {
						t.Errorf("up is %v, unobserved %v", o.Up, o.Unobserved)
					}
				})
			})
		}
	}
}

// editFleet changes the fleet before each page of its first listings: phones are
// added, removed, moved between pages and between groups.
func editFleet(b *bench, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	b.sim.Inject(geelarktest.Fault{Endpoint: listing, Times: 6 + r.IntN(6), Before: func(string) {
		for range r.IntN(30) {
			ids := b.sim.IDs()
			id := ids[r.IntN(len(ids))]
			switch r.IntN(4) {
			case 0:
				b.sim.Add(1)
			case 1:
				b.sim.Remove(id)
			case 2:
				b.sim.Move(id, r.IntN(len(ids)))
			case 3:
				b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group = []string{"farm-1", "farm-2", "qa"}[r.IntN(3)] })
			}
		}
	}})
}

// A fleet that is edited while it is listed is found whole, nothing twice.
func TestNoPhoneIsLostOrTwiceWhileTheFleetIsEdited(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		inBubbleWith(t, 210, func(o *Options) { o.Collectors = []string{CollectorInventory} }, func(c *AccountConfig) { c.Discovery.Groups = [][]string{nil, {"farm-1", "farm-2"}}[seed%2] }, func(b *bench) {
			editFleet(b, seed)
			stays := func(id string) bool {
				p, there := b.sim.Phone(id)
				return there && (seed%2 == 0 || p.Group == "farm-1" || p.Group == "farm-2")
			}
			var before []string
			for range 8 { // the edits are over before the last two
				b.pollAndList()
				tracked := b.account().Phones().IDs()
				for _, id := range before {
					if stays(id) && !slices.Contains(tracked, id) {
						t.Errorf("seed %d: %s is lost", seed, id)
					}
				}
				before = tracked
				time.Sleep(5 * time.Minute)
			}
			var want []string
			for _, id := range b.sim.IDs() {
				if stays(id) {
					want = append(want, id)
				}
			}
			slices.Sort(want)
			if got := b.account().Phones().IDs(); !slices.Equal(got, want) {
				t.Errorf("seed %d: %d phones are tracked, want %d", seed, len(got), len(want))
			}
		})
	}
}

func TestTheFewestListingsFindAllThatIsSelected(t *testing.T) {
	monthly := geelark.ChargeMonthly
	for name, tt := range map[string]struct {
		d    Discovery
		want string
		all  bool
	}{
		"everything":               {Discovery{}, "of all", true},
		"groups":                   {Discovery{Groups: []string{"a", "b"}}, "of a, of b", false},
		"tags":                     {Discovery{Tags: []string{"x", "y"}}, "of all with x, of all with y", false},
		"groups and tags":          {Discovery{Groups: []string{"a", "b"}, Tags: []string{"x", "y"}}, "of a with x, of a with y, of b with x, of b with y", false},
		"a charge mode":            {Discovery{ChargeMode: &monthly}, "of all paid monthly", false},
		"a group of a charge mode": {Discovery{Groups: []string{"a"}, ChargeMode: &monthly}, "of a paid monthly", false},
	} {
		var got []string
		for _, f := range tt.d.filters() {
			s := "of " + cmp.Or(f.GroupName, "all")
			if f.Tags != nil {
				s += " with " + strings.Join(f.Tags, " and ")
			}
			if f.ChargeMode != nil && *f.ChargeMode == monthly {
				s += " paid monthly"
			}
			got = append(got, s)
		}
		if got := strings.Join(got, ", "); got != tt.want || tt.d.isAll() != tt.all {
			t.Errorf("%s: lists those %s, all %v", name, got, tt.d.isAll())
		}
	}
}

// What an answer leaves out is left to the API, which was asked for the selected.
func TestAPhoneIsSelectedByWhatIsKnownOfIt(t *testing.T) {
	monthly := geelark.ChargeMonthly
	group, tags, mode := Discovery{Groups: []string{"a", "b"}}, Discovery{Tags: []string{"x", "y"}}, Discovery{ChargeMode: &monthly}
	whole := Discovery{Groups: group.Groups, Tags: tags.Tags, ChargeMode: &monthly}
	phone := func(group string, mode geelark.ChargeMode, tags ...string) geelark.Phone {
		return geelark.Phone{Group: geelark.Some(group), ChargeMode: geelark.Some(mode), Tags: tags}
	}
	for name, tt := range map[string]struct {
		d    Discovery
		p    geelark.Phone
		want bool
	}{
		"one of the groups":                  {group, phone("b", geelark.ChargePerMinute), true},
		"another group":                      {group, phone("c", geelark.ChargePerMinute), false},
		"no group":                           {group, phone("", geelark.ChargePerMinute), false},
		"a group that is not told":           {group, geelark.Phone{}, true},
		"one of the tags":                    {tags, phone("c", geelark.ChargePerMinute, "z", "y"), true},
		"another tag":                        {tags, phone("a", geelark.ChargeMonthly, "z"), false},
		"no tag":                             {tags, geelark.Phone{Tags: []string{}}, false},
		"tags that are not told":             {tags, geelark.Phone{}, true},
		"the charge mode":                    {mode, phone("c", geelark.ChargeMonthly), true},
		"another charge mode":                {mode, phone("a", geelark.ChargePerMinute), false},
		"a charge mode that is not told":     {mode, geelark.Phone{}, true},
		"all of it":                          {whole, phone("a", geelark.ChargeMonthly, "x"), true},
		"all but the group":                  {whole, phone("c", geelark.ChargeMonthly, "x"), false},
		"all but the tag":                    {whole, phone("a", geelark.ChargeMonthly, "z"), false},
		"all but the charge mode":            {whole, phone("a", geelark.ChargePerMinute, "x"), false},
		"anything of a selection of nothing": {Discovery{}, phone("c", geelark.ChargePerMinute, "z"), true},
	} {
		if got := tt.d.selects(tt.p); got != tt.want {
			t.Errorf("%s: selected %v", name, got)
		}
	}
}
