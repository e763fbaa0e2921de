package watch

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestWhichNamesOfASelectionArePhonesKnownToLack(t *testing.T) {
	group := geelark.Some[string]
	for name, tt := range map[string]struct {
		phones []geelark.Phone
		by     geelark.PhoneListFilter
		want   *Unmatched // of the groups a and b and the tags x and y
	}{
		"no phones":                        {nil, geelark.PhoneListFilter{}, &Unmatched{Groups: []string{"a", "b"}, Tags: []string{"x", "y"}}},
		"all names":                        {[]geelark.Phone{{Group: group("a"), Tags: []string{"x"}}, {Group: group("b"), Tags: []string{"y"}}}, geelark.PhoneListFilter{}, nil},
		"a group is missing":               {[]geelark.Phone{{Group: group("a"), Tags: []string{"x", "y"}}}, geelark.PhoneListFilter{}, &Unmatched{Groups: []string{"b"}, Tags: []string{}}},
		"a tag is missing":                 {[]geelark.Phone{{Group: group("a"), Tags: []string{"y"}}, {Group: group("b"), Tags: []string{}}}, geelark.PhoneListFilter{}, &Unmatched{Groups: []string{}, Tags: []string{"x"}}},
		"phones of no group":               {[]geelark.Phone{{Group: group(""), Tags: []string{"x", "y"}}}, geelark.PhoneListFilter{}, &Unmatched{Groups: []string{"a", "b"}, Tags: []string{}}},
		"a group that is not told":         {[]geelark.Phone{{Tags: []string{"x"}}, {Group: group("c"), Tags: []string{"y"}}}, geelark.PhoneListFilter{}, nil},
		"tags that are not told":           {[]geelark.Phone{{Group: group("a")}, {Group: group("b"), Tags: []string{}}}, geelark.PhoneListFilter{}, nil},
		"what is not told is the filter's": {[]geelark.Phone{{}}, geelark.PhoneListFilter{GroupName: "a", Tags: []string{"y"}}, &Unmatched{Groups: []string{"b"}, Tags: []string{"x"}}},
	} {
		s := newSightings()
		for _, p := range tt.phones {
			s.see(p, tt.by)
		}
		got := s.unmatched(&Discovery{Groups: []string{"a", "b"}, Tags: []string{"x", "y"}})
		if (got == nil) != (tt.want == nil) || got != nil && !got.isSame(tt.want) {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestWhetherTheSameNamesAreUnmatched(t *testing.T) {
	u := &Unmatched{Groups: []string{"a"}, Tags: []string{"x"}}
	for name, tt := range map[string]struct {
		other *Unmatched
		want  bool
	}{
		"none":           {nil, false},
		"the same":       {&Unmatched{Groups: []string{"a"}, Tags: []string{"x"}, NearTags: []string{"z"}}, true},
		"another group":  {&Unmatched{Groups: []string{"b"}, Tags: []string{"x"}}, false},
		"another tag":    {&Unmatched{Groups: []string{"a"}, Tags: []string{"y"}}, false},
		"one tag more":   {&Unmatched{Groups: []string{"a"}, Tags: []string{"x", "y"}}, false},
		"one group less": {&Unmatched{Tags: []string{"x"}}, false},
	} {
		if got := u.isSame(tt.other); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestNearestNames(t *testing.T) {
	for name, tt := range map[string]struct {
		asked, names, want []string
	}{
		"nothing was asked for":          {nil, []string{"a"}, nil},
		"there are none":                 {[]string{"a"}, nil, nil},
		"the most alike come first":      {[]string{"farm1"}, []string{"qa", "farm-1", "farm-22"}, []string{"farm-1", "farm-22", "qa"}},
		"in any case":                    {[]string{"FARM"}, []string{"fxxm", "farm"}, []string{"farm", "fxxm"}},
		"alike ones in their order":      {[]string{"a"}, []string{"d", "c", "b"}, []string{"b", "c", "d"}},
		"like any that was asked for":    {[]string{"aaaa", "zzzz"}, []string{"zzz", "mmm", "aaa"}, []string{"aaa", "zzz", "mmm"}},
		"five at the most":               {[]string{"a"}, []string{"f", "e", "d", "c", "b", "g"}, []string{"b", "c", "d", "e", "f"}},
		"much longer than was asked for": {[]string{"a"}, []string{"bbbbbbbbb", "bbbbbbbb"}, []string{"bbbbbbbb", "bbbbbbbbb"}},
	} {
		names := make(map[string]bool)
		for _, n := range tt.names {
			names[n] = true
		}
		if got := nearest(tt.asked, names); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestHowFarASelectionInVainIsLookedInto(t *testing.T) {
	for phones, tt := range map[int]struct {
		calls int // one for the selection, and those for all
		vain  bool
	}{
		0: {2, false}, 1: {2, true}, 100: {2, true}, 200: {3, true}, 201: {4, true}, 1000: {11, true}, 1001: {11, true},
	} {
		t.Run(fmt.Sprint(phones, " phones"), func(t *testing.T) {
			recorded(t, phones, func(c *AccountConfig) { c.Discovery.Groups = []string{"none"} }, func(b *bench, _ *recorder) {
				b.pollAndList()
				o := b.Overview().Accounts[0]
				if n := b.sim.Requests(listing); n != tt.calls || (o.Vain != nil) != tt.vain || o.Listed != geelark.Some(phones) {
					t.Errorf("%d calls, %+v, %v listed", n, o.Vain, o.Listed)
				}
				b.sim.Add(7)
				b.scrapeFor(6 * time.Minute)
				if v := b.Overview().Accounts[0].Vain; v == nil || v.Phones != phones+7 || !slices.Equal(v.Of.Groups, []string{"none"}) {
					t.Errorf("of seven phones more: %+v", v)
				}
				if n := b.sim.Requests(listing) - tt.calls; n != 2 {
					t.Errorf("%d calls later, want 2", n)
				}
			})
		})
	}
}

func TestASelectionInVainIsNotToldBeforeTheAccountWasLookedInto(t *testing.T) {
	recorded(t, 150, func(c *AccountConfig) { c.Discovery.Groups = []string{"none"} }, func(b *bench, _ *recorder) {
		b.transport = nth{b.sim.RoundTripper(), listing, new(atomic.Int32), func(n int32) string {
			if n == 3 {
				return refused
			}
			return ""
		}}.RoundTrip
		b.pollAndList()
		o := b.Overview().Accounts[0]
		if s := b.account().State(CollectorInventory); o.Vain != nil || o.Listed.Known() || !s.Worked {
			t.Errorf("%+v of %v phones, %+v", o.Vain, o.Listed, s)
		}
		b.scrapeFor(6 * time.Minute)
		if v := b.Overview().Accounts[0].Vain; v == nil || v.Phones != 150 {
			t.Errorf("later: %+v", v)
		}
		b.wantLogged("later", "finds none", 1)
	})
}

func TestPhonesOfASelectionWhoseRestCannotBeCountedAreWatched(t *testing.T) {
	recorded(t, 3, func(c *AccountConfig) { c.Discovery.Groups = []string{"mine"} }, func(b *bench, _ *recorder) {
		for _, id := range b.sim.IDs() {
			b.sim.Edit(id, func(p *geelarktest.Phone) { p.Group = "mine" })
		}
		b.transport = nth{b.sim.RoundTripper(), listing, new(atomic.Int32), func(n int32) string {
			if n > 1 {
				return refused
			}
			return ""
		}}.RoundTrip
		b.pollAndList()
		if up, _ := b.account().Up(); !up || b.account().Snapshot().Current != 3 {
			t.Errorf("up %v, %d known", up, b.account().Snapshot().Current)
		}
	})
}
