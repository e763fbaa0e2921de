package collector

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"geelark_exporter/collector/exposition"
)

// A family declares a metric family: what is exposed under one name.
type family struct {
	name   string
	labels []string
	kind   prometheus.ValueType
	desc   *prometheus.Desc
	paged  *exposition.Family
}

// newFamily declares a family of gauges.
func newFamily(name, help string, labels ...string) *family {
	return &family{
		name: name, labels: labels, kind: prometheus.GaugeValue,
		desc:  prometheus.NewDesc(name, help, labels, nil),
		paged: exposition.NewFamily(name, help, labels...),
	}
}

// newCounterFamily declares a family of counters.
func newCounterFamily(name, help string, labels ...string) *family {
	return &family{
		name: name, labels: labels, kind: prometheus.CounterValue,
		desc:  prometheus.NewDesc(name, help, labels, nil),
		paged: exposition.NewCounterFamily(name, help, labels...),
	}
}

// sample returns a sample for a registry.
func (f *family) sample(v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(f.desc, f.kind, v, labels...)
}

// optIn are the families that are exposed only when they are asked for: they cost
// more than half of what a phone does, and no rule and no dashboard needs them.
var optIn = []*family{phoneStatusFamily, createdFamily}

// OptInFamilies returns the names of the families that are off by default.
func OptInFamilies() []string {
	var names []string
	for _, f := range optIn {
		names = append(names, f.name)
	}
	return names
}

// A FamilyFilter chooses metric families by their names. The nil filter has all.
type FamilyFilter struct {
	off      map[string]bool
	exclude  []*regexp.Regexp
	patterns []string // of exclude
}

// NewFamilyFilter returns a filter that has the families that are on by default,
// those of [OptInFamilies] that match a pattern of optIn, and none that matches
// one of exclude. Patterns are RE2 and match whole names.
func NewFamilyFilter(optIn, exclude []string) (*FamilyFilter, error) {
	f := &FamilyFilter{off: make(map[string]bool)}
	for _, name := range OptInFamilies() {
		f.off[name] = true
	}
	for _, p := range optIn {
		re, err := wholeName(p)
		if err != nil {
			return nil, fmt.Errorf("--metrics.opt-in: %w", err)
		}
		if !slices.ContainsFunc(OptInFamilies(), re.MatchString) {
			return nil, fmt.Errorf("--metrics.opt-in: %q matches no family that is off by default: %s", p, strings.Join(OptInFamilies(), ", "))
		}
		maps.DeleteFunc(f.off, func(name string, _ bool) bool { return re.MatchString(name) })
	}
	for _, p := range exclude {
		re, err := wholeName(p)
		if err != nil {
			return nil, fmt.Errorf("--metrics.exclude: %w", err)
		}
		f.exclude, f.patterns = append(f.exclude, re), append(f.patterns, p)
	}
	return f, nil
}

// Idle returns the patterns that leave out none of these families.
func (f *FamilyFilter) Idle(families []string) (patterns []string) {
	for i, re := range f.exclude {
		if !slices.ContainsFunc(families, re.MatchString) {
			patterns = append(patterns, f.patterns[i])
		}
	}
	return patterns
}

func wholeName(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, fmt.Errorf("%q is not a pattern of family names: %w", pattern, err)
	}
	return re, nil
}

// Has reports whether the filter has a family.
func (f *FamilyFilter) Has(name string) bool {
	return f == nil || !f.off[name] && !slices.ContainsFunc(f.exclude, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

// Gatherer returns a gatherer of what the filter has of another's families.
func (f *FamilyFilter) Gatherer(g prometheus.Gatherer) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := g.Gather()
		return slices.DeleteFunc(families, func(mf *dto.MetricFamily) bool { return !f.Has(mf.GetName()) }), err
	})
}

// of returns what the filter has of families.
func (f *FamilyFilter) of(families []*family) (has []*family) {
	for _, one := range families {
		if f.Has(one.name) {
			has = append(has, one)
		}
	}
	return has
}

// rendered returns families as pages have them.
func rendered(families []*family) (paged []*exposition.Family) {
	for _, f := range families {
		paged = append(paged, f.paged)
	}
	return paged
}

// oneIf is 1 for true and 0 for false.
func oneIf(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
