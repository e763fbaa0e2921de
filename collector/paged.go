package collector

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
)

// A paged is a view for [exposition.Server]: single phones are in pages, which
// it renders again when they have changed, and the rest is collected as usual.
// Both are of the same snapshots.
type paged struct {
	view
	snapshots []*phones.Snapshot
}

// Collect implements [prometheus.Collector] without single phones.
func (p paged) Collect(ch chan<- prometheus.Metric) {
	e := newEmitter(ch, p.o.Families)
	for i, s := range p.snapshots {
		p.collectAccount(e, p.accounts[i], s)
	}
	p.collectCommon(e)
}

// families are those of single phones that the view has.
func (p paged) families() []*exposition.Family {
	var families []*family
	if p.has(watch.CollectorStatus) {
		families = append(families, conditionFamilies...)
	}
	if p.has(watch.CollectorInventory) {
		families = append(families, listedFamilies...)
	}
	if len(families) > 0 {
		families = append(families, p.infos.phone)
	}
	return p.o.Families.paged(families...)
}

// pages are the phones. They have the families of all collectors, so that
// scrapes that choose other ones share them.
func (p paged) pages() []*exposition.Page {
	// What a page of descriptions depends on beside its phones. One of conditions
	// has only the account's name, which never changes, and keeps no account that
	// went.
	type source struct {
		account *watch.Account
		info    *family
	}
	conditions := p.o.Families.paged(conditionFamilies...)
	descriptions := p.o.Families.paged(slices.Concat(listedFamilies, []*family{p.infos.phone})...)
	var pages []*exposition.Page
	for i, s := range p.snapshots {
		a, infos := p.accounts[i], p.infos
		account := a.Name()
		for _, chunk := range s.Conditions {
			pages = append(pages, chunk.Memo(nil, func() any {
				return exposition.NewPage(conditions, func(s *exposition.Samples) {
					collectConditions(&emitter{page: s}, account, chunk)
				})
			}).(*exposition.Page))
		}
		var of any = source{a, infos.phone}
		for _, chunk := range s.Descriptions {
			pages = append(pages, chunk.Memo(of, func() any {
				return exposition.NewPage(descriptions, func(s *exposition.Samples) {
					e := &emitter{page: s}
					collectInfos(e, a, infos, chunk)
					collectListings(e, a, chunk)
				})
			}).(*exposition.Page))
		}
	}
	return pages
}
