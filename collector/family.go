package collector

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"geelark_exporter/collector/exposition"
)

// A family declares a metric family of gauges: what is exposed under one name.
type family struct {
	name   string
	labels []string
	desc   *prometheus.Desc
	paged  *exposition.Family
}

func newFamily(name, help string, labels ...string) *family {
	return &family{
		name: name, labels: labels,
		desc:  prometheus.NewDesc(name, help, labels, nil),
		paged: exposition.NewFamily(name, help, labels...),
	}
}

// A FamilyFilter chooses metric families by their names. The nil filter has all.
type FamilyFilter struct{ include, exclude []*regexp.Regexp }

// NewFamilyFilter returns a filter that has the families that match a pattern of
// include, or all when there is none, except those that match one of exclude.
// Patterns are RE2 and match whole names.
func NewFamilyFilter(include, exclude []string) (*FamilyFilter, error) {
	f := &FamilyFilter{}
	for _, l := range []struct {
		patterns []string
		to       *[]*regexp.Regexp
	}{{include, &f.include}, {exclude, &f.exclude}} {
		for _, p := range l.patterns {
			re, err := regexp.Compile("^(?:" + p + ")$")
			if err != nil {
				return nil, fmt.Errorf("%q is not a pattern of family names: %w", p, err)
			}
			*l.to = append(*l.to, re)
		}
	}
	return f, nil
}

// Has reports whether the filter has a family.
func (f *FamilyFilter) Has(name string) bool {
	if f == nil {
		return true
	}
	matches := func(re *regexp.Regexp) bool { return re.MatchString(name) }
	return (len(f.include) == 0 || slices.ContainsFunc(f.include, matches)) && !slices.ContainsFunc(f.exclude, matches)
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

// emitter sends the samples of the families that are wanted to a registry. Those
// of single phones are in pages instead.
type emitter struct {
	ch     chan<- prometheus.Metric
	filter *FamilyFilter
	has    map[*family]bool
}

func newEmitter(ch chan<- prometheus.Metric, filter *FamilyFilter) *emitter {
	return &emitter{ch: ch, filter: filter, has: make(map[*family]bool)}
}

func (e *emitter) gauge(f *family, v float64, labels ...string) {
	has, known := e.has[f]
	if !known {
		has = e.filter.Has(f.name)
		e.has[f] = has
	}
	if has {
		e.ch <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, v, labels...)
	}
}

// flag sends 1 for true and 0 for false.
func (e *emitter) flag(f *family, v bool, labels ...string) { e.gauge(f, oneIf(v), labels...) }

func oneIf(v bool) float64 {
	if v {
		return 1
	}
	return 0
}
