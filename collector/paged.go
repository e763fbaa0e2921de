package collector

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
)

// A paged is a view at one moment. Single phones are in pages, which are rendered
// again when they have changed, and the rest is collected as usual.
type paged struct {
	view
	snapshots []*phones.Snapshot
	alone     bool     // with pages that it shares with nobody
	catcher   *catcher // of panics in Collect, which a registry calls in a goroutine
}

// Collect implements [prometheus.Collector] without single phones.
func (p paged) Collect(ch chan<- prometheus.Metric) {
	defer p.catcher.catch()
	e := newEmitter(ch, p.o.Families)
	for i, s := range p.snapshots {
		p.collectAccount(e, p.accounts[i], s)
	}
	p.collectCommon(e)
}

// collectPhones collects single phones.
func (p paged) collectPhones(ch chan<- prometheus.Metric) {
	families := make(map[*exposition.Family]*family)
	for _, f := range p.phoneFamilies() {
		families[f.paged] = f
	}
	if len(families) == 0 {
		return
	}
	for _, page := range p.pages() {
		page.Each(func(f *exposition.Family, v float64, labels []string) {
			if f := families[f]; f != nil {
				ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v, labels...)
			}
		})
	}
}

// phoneFamilies are those of single phones that the view has.
func (p paged) phoneFamilies() []*family {
	var families []*family
	if p.has(watch.CollectorStatus) {
		families = append(families, conditionFamilies...)
	}
	if p.has(watch.CollectorInventory) {
		families = append(families, listedFamilies...)
	}
	if p.has(watch.CollectorUsage) && p.o.PhoneUsage {
		families = append(families, phoneUsageFamilies...)
	}
	if len(families) > 0 {
		families = append(families, p.infos.phone)
	}
	return p.o.Families.of(families)
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
	conditions := rendered(p.o.Families.of(conditionFamilies))
	descriptions := rendered(p.o.Families.of(append(slices.Clone(listedFamilies), p.infos.phone)))
	usage := rendered(p.o.Families.of(phoneUsageFamilies))
	var pages []*exposition.Page
	for i, s := range p.snapshots {
		account, infos := p.accounts[i], p.infos
		name, own := account.Name(), labelValues(account, infos.own)
		if len(conditions) > 0 {
			pages = appendPages(pages, s.Conditions, nil, p.alone, func(chunk *phones.Conditions) *exposition.Page {
				return exposition.NewPage(exposition.Quick, conditions, func(to *exposition.Samples) {
					for id, c := range chunk.All() {
						collectPhoneStatus(to, name, id, c.Value(), p.counters.failureLabel)
					}
				})
			})
		}
		if len(descriptions) > 0 {
			pages = appendPages(pages, s.Descriptions, source{account, infos.phone}, p.alone, func(chunk *phones.Descriptions) *exposition.Page {
				return exposition.NewPage(exposition.Thorough, descriptions, func(to *exposition.Samples) {
					for id, d := range chunk.All() {
						collectPhoneInfo(to, infos.phone, name, id, d, own)
						collectDescribed(to, name, id, d)
					}
				})
			})
		}
		if len(usage) > 0 && p.has(watch.CollectorUsage) && p.o.PhoneUsage {
			pages = appendPages(pages, account.Usage().Phones, nil, p.alone, func(chunk *watch.Sums) *exposition.Page {
				return exposition.NewPage(exposition.Thorough, usage, func(to *exposition.Samples) {
					for id, sum := range chunk.All() {
						collectPhoneUsage(to, name, id, sum)
					}
				})
			})
		}
	}
	return pages
}

// appendPages appends the pages of chunks. Unless they are for one alone, those
// that were made before do, if they depended on the same.
func appendPages[T any](pages []*exposition.Page, chunks []*phones.Chunk[T], of any, alone bool, anew func(*phones.Chunk[T]) *exposition.Page) []*exposition.Page {
	pages = slices.Grow(pages, len(chunks))
	for _, chunk := range chunks {
		if alone {
			pages = append(pages, anew(chunk))
			continue
		}
		page, ok := chunk.Made(of).(*exposition.Page)
		if !ok {
			page = anew(chunk)
			chunk.Keep(of, page)
		}
		pages = append(pages, page)
	}
	return pages
}
