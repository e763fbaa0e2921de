package exposition

import (
	"slices"
	"sync"
	"time"
)

// volumeSize is the most pages of a volume. A change of one of them takes the
// volume apart, and smaller ones save less.
const volumeSize = 32

// A volume is pages that stand beside each other and have the same families. When
// two answers in a row have them, their blocks are joined, by family: an answer
// then looks at the volume instead of at its pages, and sends the blocks from
// where they are.
type volume struct {
	format   format
	encoding encoding
	pages    []*Page

	mu     sync.Mutex // is taken before a page's
	blocks []block    // nil before they are joined
	used   time.Time  // when the pages last heard that they are
}

// volume returns the volume of which the page is the first. It is a new one unless
// the last answer had the same.
func (p *Page) volume(f format, e encoding, pages []*Page) (v *volume, again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &p.rendered[f][e]
	if r.volume != nil && slices.Equal(r.volume.pages, pages) {
		return r.volume, true
	}
	r.volume = &volume{format: f, encoding: e, pages: slices.Clone(pages)}
	return r.volume, false
}

// joined returns the blocks of pages together, one for each of their families. It
// is nil when the last answer did not have the same pages, or when a page has
// still to be rendered.
func joined(f format, e encoding, pages []*Page, now time.Time) []block {
	v, again := pages[0].volume(f, e, pages)
	if !again {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.blocks != nil && now.Sub(v.used) < kept/2 {
		return v.blocks
	}
	rendered := make([][]block, len(pages))
	for i, p := range pages {
		if rendered[i] = p.blocks(f, e, now, false); rendered[i] == nil {
			v.blocks = nil
			return nil
		}
	}
	v.used = now
	if v.blocks == nil {
		v.blocks = join(rendered)
		for i, p := range pages {
			p.keep(f, e, rendered[i])
		}
	}
	return v.blocks
}

// join joins deflated blocks of pages, by family, in one piece of memory, and
// replaces each by one that is part of it.
func join(rendered [][]block) []block {
	size := 0
	for _, blocks := range rendered {
		for _, b := range blocks {
			size += len(b.data)
		}
	}
	data := make([]byte, 0, size)
	all := make([]block, len(rendered[0]))
	parts := make([]block, len(rendered)*len(all))
	for i := range all {
		whole := &all[i]
		start := len(data)
		for k, blocks := range rendered {
			part := &parts[k*len(all)+i]
			*part = blocks[i]
			data = append(data, part.data...)
			part.data = data[len(data)-len(part.data) : len(data) : len(data)]
			if part.size > 0 {
				whole.checksum, whole.size = combine(whole.checksum, part), whole.size+part.size
			}
		}
		whole.data, whole.shift = data[start:len(data):len(data)], shiftOf(whole.size)
	}
	for k := range rendered {
		rendered[k] = parts[k*len(all) : (k+1)*len(all)]
	}
	return all
}
