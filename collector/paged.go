package collector

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/phones"
	"geelark_exporter/collector/watch"
)

// A paged is a view at one moment, without counters. Single phones are in pages
// that are rendered again when they have changed, and the rest is in one that is
// made anew each time.
type paged struct {
	view
	snapshots []*phones.Snapshot
	alone     bool // with pages that it shares with nobody
}

// collect passes on all samples.
func (p paged) collect(ch chan<- prometheus.Metric) {
	families := make(map[*exposition.Family]*family)
	for _, f := range p.families() {
		families[f.paged] = f
	}
	for _, page := range p.pages() {
		page.Each(func(f *exposition.Family, v float64, labels []string) {
			if f := families[f]; f != nil {
				ch <- f.sample(v, labels...)
			}
		})
	}
}

// families are those that the view has.
func (p paged) families() []*family {
	status, inventory := p.has(watch.CollectorStatus), p.has(watch.CollectorInventory)
	usage := p.has(watch.CollectorUsage) && p.o.PhoneUsage
	return slices.DeleteFunc(p.o.Families.of(p.infos.families()), func(f *family) bool {
		switch {
		case slices.Contains(conditionFamilies, f):
			return !status
		case slices.Contains(listedFamilies, f):
			return !inventory
		case slices.Contains(phoneUsageFamilies, f):
			return !usage
		case f == p.infos.phone:
			return !status && !inventory && !usage
		}
		return false
	})
}

// summary is the page of what is about accounts as a whole.
func (p paged) summary() *exposition.Page {
	return exposition.NewPage(exposition.Once, rendered(p.o.Families.of(p.infos.families())), func(to *exposition.Samples) {
		for i, s := range p.snapshots {
			p.collectAccount(to, p.accounts[i], s)
		}
		if !p.probe {
			collectShard(to, p.view)
		}
	})
}

// pages are the accounts and the phones. Those of phones have the families of all
// collectors, so that scrapes that choose other ones share them.
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
	// Pages outlive the view: those that knew it would keep everything that was
	// known when they were made.
	failure := p.counters.failureLabel
	n := 1
	for _, s := range p.snapshots {
		n += len(s.Conditions) + len(s.Descriptions)
	}
	pages := append(make([]*exposition.Page, 0, n), p.summary())
	for i, s := range p.snapshots {
		account, infos := p.accounts[i], p.infos
		name, own := account.Name(), labelValues(account, infos.own)
		if len(conditions) > 0 {
			pages = appendPages(pages, s.Conditions, nil, p.alone, func(chunk *phones.Conditions) *exposition.Page {
				return exposition.NewPage(exposition.Quick, conditions, func(to *exposition.Samples) {
					for id, c := range chunk.All() {
						collectPhoneStatus(to, name, id, c.Value(), failure)
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
