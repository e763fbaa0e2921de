package collector

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark/geelarktest"
)

func TestFamiliesAreChosenByPatternsOfWholeNames(t *testing.T) {
	all := []string{"geelark_up", "geelark_phones", "geelark_phones_tracked", "go_goroutines"}
	for _, tt := range []struct {
		include, exclude []string
		want             []string
	}{
		{nil, nil, all},
		{[]string{"geelark_.*"}, nil, all[:3]},
		{nil, []string{"go_.*"}, all[:3]},
		{[]string{"geelark_phones"}, nil, all[1:2]},
		{nil, []string{"geelark_phones"}, []string{all[0], all[2], all[3]}},
		{[]string{"geelark_.*"}, []string{".*_tracked", "geelark_up"}, all[1:2]},
		{[]string{"geelark_up|go_goroutines"}, nil, []string{all[0], all[3]}},
		{[]string{"geelark"}, nil, nil},
		{[]string{""}, nil, nil},
		{nil, []string{".*"}, nil},
	} {
		f, err := NewFamilyFilter(tt.include, tt.exclude)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, name := range all {
			if f.Has(name) {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("include %q, exclude %q: got %q, want %q", tt.include, tt.exclude, got, tt.want)
		}
	}
	if !(*FamilyFilter)(nil).Has("anything") {
		t.Error("the nil filter lacks a family")
	}
	for _, l := range [][2][]string{{{"("}, nil}, {nil, {"["}}} {
		if _, err := NewFamilyFilter(l[0], l[1]); err == nil || !strings.Contains(err.Error(), "is not a pattern") {
			t.Errorf("%q: error %v", l, err)
		}
	}
}

func TestEveryFamilyCanBeLeftOut(t *testing.T) {
	ids := geelarktest.New(geelarktest.Config{Phones: 30, Seed: 1}).IDs()
	families := func(f *FamilyFilter) []string {
		found := make(map[string]bool)
		inBubbleWith(t, 30, func(o *options) { o.Families = f }, func(c *watch.AccountConfig) { c.IDs = append([]string{"unknown"}, ids...) }, func(b *bench) {
			for i, id := range b.sim.IDs() {
				b.sim.SetStatus(id, i%4)
			}
			for name := range b.scrape() {
				found[regexp.MustCompile(`^[^{]*`).FindString(name)] = true
			}
		})
		return slices.Sorted(maps.Keys(found))
	}
	all := families(nil)
	if len(all) < 38 {
		t.Fatalf("only %d families: %q", len(all), all)
	}
	// Each alone, and all without each: a few families at a time show the same.
	for i := 0; i < len(all); i += 6 {
		some := all[i:min(i+6, len(all))]
		only, err := NewFamilyFilter(some, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := families(only); !slices.Equal(got, some) {
			t.Errorf("including %q gives %q", some, got)
		}
		without, err := NewFamilyFilter(nil, some)
		if err != nil {
			t.Fatal(err)
		}
		rest := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(some, n) })
		if got := families(without); !slices.Equal(got, rest) {
			t.Errorf("excluding %q gives %q", some, got)
		}
	}
}

// perPhone are the families with a series for each phone.
const perPhone = "geelark_phone_(status|status_code|info|lookup_failure|subscription_expiry_timestamp_seconds|rpa_running|created_timestamp_seconds)"

func TestFamiliesThatAreLeftOutAllocateNothingForAPhone(t *testing.T) {
	allocations := func(phones int) (n float64) {
		filter, err := NewFamilyFilter(nil, []string{perPhone})
		if err != nil {
			t.Fatal(err)
		}
		inBubbleWith(t, phones, func(o *options) { o.Families = filter }, func(c *watch.AccountConfig) { c.Labels = map[string]string{"owner": "x"} }, func(b *bench) {
			b.poll()
			v := b.all()
			n = testing.AllocsPerRun(5, func() { collectAll(v) })
		})
		return n
	}
	few, many := allocations(100), allocations(2000)
	// Slices that hold all phones grow in a few steps.
	if many-few > 20 {
		t.Errorf("%v allocations with 100 phones, %v with 2000", few, many)
	}
	t.Logf("%v allocations with 100 phones, %v with 2000", few, many)
}

// collectAll takes what a view exposes.
func collectAll(v view) (n int) {
	ch := make(chan prometheus.Metric)
	go func() {
		v.Collect(ch)
		close(ch)
	}()
	for range ch {
		n++
	}
	return n
}
