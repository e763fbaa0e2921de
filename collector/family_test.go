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
	all := []string{"geelark_up", "geelark_phones", "geelark_phones_tracked", "geelark_phone_status", "geelark_phone_created_timestamp_seconds", "go_goroutines"}
	lean := []string{all[0], all[1], all[2], all[5]}
	for _, tt := range []struct {
		optIn, exclude []string
		want           []string
	}{
		{nil, nil, lean},
		{[]string{"geelark_phone_status"}, nil, []string{all[0], all[1], all[2], all[3], all[5]}},
		{[]string{".*_status", ".*_created_.*"}, nil, all},
		{[]string{".*"}, nil, all},
		{[]string{".*"}, []string{"geelark_phone_status"}, []string{all[0], all[1], all[2], all[4], all[5]}},
		{nil, []string{"go_.*"}, all[:3]},
		{nil, []string{"geelark_phones"}, []string{all[0], all[2], all[5]}},
		{nil, []string{".*_tracked", "geelark_up"}, []string{all[1], all[5]}},
		{nil, []string{"geelark"}, lean},
		{nil, []string{".*"}, nil},
	} {
		f, err := NewFamilyFilter(tt.optIn, tt.exclude)
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
			t.Errorf("opt-in %q, exclude %q: got %q, want %q", tt.optIn, tt.exclude, got, tt.want)
		}
	}
	if !(*FamilyFilter)(nil).Has("geelark_phone_status") {
		t.Error("the nil filter lacks a family")
	}
	for _, tt := range []struct {
		optIn, exclude []string
		want           string
	}{
		{[]string{"("}, nil, `--metrics.opt-in: "(" is not a pattern`},
		{nil, []string{"["}, `--metrics.exclude: "[" is not a pattern`},
		{[]string{"geelark_phone_statuses"}, nil, "matches no family that is off by default: geelark_phone_status, geelark_phone_created_timestamp_seconds"},
		{[]string{"geelark_up"}, nil, "matches no family that is off by default"},
	} {
		if _, err := NewFamilyFilter(tt.optIn, tt.exclude); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("opt-in %q, exclude %q: error %v", tt.optIn, tt.exclude, err)
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
		rest := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(some, n) })
		for _, names := range [][2][]string{{some, rest}, {rest, some}} {
			filter, err := NewFamilyFilter([]string{".*"}, names[0])
			if err != nil {
				t.Fatal(err)
			}
			if got := families(filter); !slices.Equal(got, names[1]) {
				t.Errorf("excluding %q gives %q", names[0], got)
			}
		}
	}
}

// perPhone are the families with a series for each phone.
const perPhone = "geelark_phone_(status|status_code|info|lookup_failed|subscription_expiry_timestamp_seconds|rpa_running|created_timestamp_seconds)"

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
