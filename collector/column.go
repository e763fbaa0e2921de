package collector

import (
	"slices"
	"sync/atomic"

	"geelark_exporter/collector/exposition"
)

// pageSize is the most phones of a page: few enough that a page is rendered in a
// moment and that one changed phone takes few others along, enough for good
// compression.
const pageSize = 64

// A column holds one thing about each phone, in pages. A page that a scrape has
// taken never changes: it is replaced.
type column[T comparable] struct {
	pages []*page[T]
	taken int // how often a scrape has taken the pages
}

type page[T comparable] struct {
	entries []entry[T]
	since   int // taken when the page was made: no scrape has it before that changes
	// exposition is what the page exposes, made by the first scrape.
	exposition atomic.Pointer[exposed]
}

type entry[T comparable] struct {
	phone *phone // only its id is for scrapes
	value T
}

// exposed is a page's exposition and what else it depends on.
type exposed struct {
	page *exposition.Page
	of   any
}

// take returns the pages as they are.
func (c *column[T]) take() []*page[T] {
	c.taken++
	return slices.Clone(c.pages)
}

func (c *column[T]) at(place int) T { return c.pages[place/pageSize].entries[place%pageSize].value }

// set sets what a phone has, and the phone at its place.
func (c *column[T]) set(p *phone, v T) {
	if e := c.pages[p.place/pageSize].entries[p.place%pageSize]; e.phone != p || e.value != v {
		c.own(p.place / pageSize).entries[p.place%pageSize] = entry[T]{p, v}
	}
}

// push adds a phone at the end.
func (c *column[T]) push(p *phone, v T) {
	i := p.place / pageSize
	if i == len(c.pages) {
		c.pages = append(c.pages, &page[T]{since: c.taken})
	}
	own := c.own(i)
	own.entries = append(own.entries, entry[T]{p, v})
}

// pop removes what is at the end.
func (c *column[T]) pop() {
	i := len(c.pages) - 1
	own := c.own(i)
	own.entries = slices.Delete(own.entries, len(own.entries)-1, len(own.entries))
	if len(own.entries) == 0 {
		c.pages = slices.Delete(c.pages, i, i+1)
	}
}

// own returns a page that no scrape has.
func (c *column[T]) own(i int) *page[T] {
	if p := c.pages[i]; p.since != c.taken {
		c.pages[i] = &page[T]{entries: slices.Clone(p.entries), since: c.taken}
	}
	return c.pages[i]
}

// expose returns what the page exposes. It makes that anew when it depends on
// something else than it did.
func (p *page[T]) expose(of any, anew func() *exposition.Page) *exposition.Page {
	if e := p.exposition.Load(); e != nil && e.of == of {
		return e.page
	}
	e := &exposed{anew(), of}
	p.exposition.Store(e)
	return e.page
}
