package exposition

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// kept is how long a page keeps what was rendered for a format and an encoding
// that no scrape asks for any more. It is longer than usual scrape intervals.
const kept = 10 * time.Minute

// A Page is samples that do not change. It is safe for concurrent use.
type Page struct {
	effort   Effort
	families []*Family
	collect  func(*Samples)

	mu       sync.Mutex
	rendered [formats][encodings]rendering
}

// rendering is a page's blocks, one for each of its families.
type rendering struct {
	blocks []block
	used   time.Time
	volume *volume // of which the page is the first
}

// An Effort is what is spent on compressing a page.
type Effort int

// The efforts. The thorough one takes twice as long, and makes blocks a fifth
// smaller where labels are long.
const (
	Quick    Effort = iota // for pages that are replaced often
	Thorough               // for those that stay
	Once                   // for those that are made for one answer, which are not kept
)

// NewPage returns a page of samples of these families, which collect names. It
// is called once for each format and encoding that is asked for, may be called
// from several goroutines, and must always name the same samples, those of a
// family in the same order.
func NewPage(effort Effort, families []*Family, collect func(*Samples)) *Page {
	return &Page{effort: effort, families: families, collect: collect}
}

// Samples takes the samples of a page.
type Samples struct {
	format   format
	families []*Family
	rendered [][]byte                                    // by family
	each     func(f *Family, v float64, values []string) // in place of rendered
}

// Gauge takes a sample of a family of gauges. The labels' values are in the order
// of their declaration, in UTF-8. A sample of a family that is not one of the
// page's is left out.
func (s *Samples) Gauge(f *Family, v float64, values ...string) { s.add(f, v, values) }

// Counter takes a sample of a family of counters, as Gauge does one of gauges.
func (s *Samples) Counter(f *Family, v float64, values ...string) { s.add(f, v, values) }

func (s *Samples) add(f *Family, v float64, values []string) {
	switch i := slices.Index(s.families, f); {
	case i < 0:
	case s.each != nil:
		s.each(f, v, slices.Clone(values)) // a copy: others' values stay on the stack
	default:
		s.rendered[i] = f.appendSample(s.rendered[i], s.format, v, values)
	}
}

// Has reports whether the page takes samples of the family.
func (s *Samples) Has(f *Family) bool { return slices.Contains(s.families, f) }

// Each calls f for each of the page's samples: they go without being rendered.
func (p *Page) Each(f func(of *Family, v float64, values []string)) {
	p.collect(&Samples{families: p.families, each: f})
}

var samplesPool = sync.Pool{New: func() any { return new(Samples) }}

// blocks returns the page's blocks, which are nil when they have to be rendered
// and that is not wanted now.
func (p *Page) blocks(f format, e encoding, now time.Time, render bool) []block {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.rendered {
		for j := range p.rendered[i] {
			if r := &p.rendered[i][j]; r.blocks != nil && now.Sub(r.used) > kept {
				*r = rendering{}
			}
		}
	}
	r := &p.rendered[f][e]
	r.used = now
	if r.blocks == nil && render {
		r.blocks = p.render(f, e)
	}
	return r.blocks
}

// keep replaces blocks by the same ones elsewhere.
func (p *Page) keep(f format, e encoding, blocks []block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rendered[f][e].blocks = blocks
}

// follow forgets the volume of which the page was the first. It would keep pages
// that are long gone.
func (p *Page) follow(f format, e encoding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rendered[f][e].volume = nil
}

// render returns a page's blocks. Those of a page for one answer are raw.
func (p *Page) render(f format, e encoding) []block {
	s := samplesPool.Get().(*Samples)
	defer samplesPool.Put(s)
	s.format, s.families = f, p.families
	for len(s.rendered) < len(p.families) {
		s.rendered = append(s.rendered, nil)
	}
	for i := range p.families {
		s.rendered[i] = s.rendered[i][:0]
	}
	p.collect(s)
	if p.effort == Once && f != protobuf { // it is read by people, and made of maps
		for i := range p.families {
			s.rendered[i] = bytes.Join(slices.SortedFunc(bytes.Lines(s.rendered[i]), bytes.Compare), nil)
		}
	}
	return compress(e, p.effort, s.rendered[:len(p.families)]...)
}

// A shelf has what was rendered of pages that stand beside each other and have the
// same families.
type shelf struct {
	families []*Family
	once     bool
	rendered [][]block // by page or volume
}

// shelve returns what is rendered of pages. What has to be rendered is, by as many
// goroutines as there are processors. A panic in one of them is the caller's.
func shelve(pages []*Page, f format, e encoding, now time.Time) []shelf {
	type place struct {
		page  *Page
		shelf int
		at    int
	}
	var shelves []shelf
	var missing []place
	for len(pages) > 0 {
		first := pages[0]
		n := 1
		for n < len(pages) && pages[n].effort == first.effort && slices.Equal(pages[n].families, first.families) {
			n++
		}
		s := shelf{families: first.families, once: first.effort == Once}
		for some := range slices.Chunk(pages[:n], volumeSize) {
			if !s.once && e == deflated && len(some) > 1 {
				if all := joined(f, e, some, now); all != nil {
					s.rendered = append(s.rendered, all)
					continue
				}
			}
			for i, p := range some {
				if i > 0 {
					p.follow(f, e)
				}
				var blocks []block
				if s.once {
					blocks = p.render(f, raw)
				} else if blocks = p.blocks(f, e, now, false); blocks == nil {
					missing = append(missing, place{p, len(shelves), len(s.rendered)})
				}
				s.rendered = append(s.rendered, blocks)
			}
		}
		shelves = append(shelves, s)
		pages = pages[n:]
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	var panicked atomic.Pointer[string]
	for range min(runtime.GOMAXPROCS(0), len(missing)) {
		wg.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					panicked.Store(new(fmt.Sprintf("%v\n%s", v, debug.Stack())))
				}
			}()
			for n := next.Add(1); n <= int64(len(missing)); n = next.Add(1) {
				m := missing[n-1]
				shelves[m.shelf].rendered[m.at] = m.page.blocks(f, e, now, true)
			}
		})
	}
	wg.Wait()
	if p := panicked.Load(); p != nil {
		panic("rendering a page: " + *p)
	}
	return shelves
}
