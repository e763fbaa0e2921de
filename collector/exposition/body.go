package exposition

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// A part of an answer is a family that was gathered, or one in pages.
type part struct {
	gathered *dto.MetricFamily
	paged    *Family
}

func (p part) name() string {
	if p.paged != nil {
		return p.paged.name
	}
	return p.gathered.GetName()
}

// wanted returns the families of these names, or all when there are none, by
// name.
func wanted(names []string, gathered []*dto.MetricFamily, families []*Family) []part {
	var parts []part
	for _, mf := range gathered {
		parts = append(parts, part{gathered: mf})
	}
	for _, f := range families {
		parts = append(parts, part{paged: f})
	}
	if len(names) > 0 {
		parts = slices.DeleteFunc(parts, func(p part) bool { return !slices.Contains(names, p.name()) })
	}
	slices.SortStableFunc(parts, func(p, q part) int { return cmp.Compare(p.name(), q.name()) })
	return parts
}

// A body is an answer's, in blocks.
type body struct {
	encoding encoding
	shelves  []shelf
	runs     []run
	size     int // without encoding
	length   int // of the blocks
}

// A run is a block, or those of a family in pages that are kept.
type run struct {
	block  *block
	family *Family
}

// blocks are all that the body has, in their order.
func (b *body) blocks() iter.Seq[*block] {
	return func(yield func(*block) bool) {
		for _, r := range b.runs {
			if r.family == nil {
				if !yield(r.block) {
					return
				}
				continue
			}
			for l := range b.column(r.family, false) {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// column is the blocks of a family in pages that are made for one answer, or in
// those that are kept.
func (b *body) column(f *Family, once bool) iter.Seq[*block] {
	return func(yield func(*block) bool) {
		for _, s := range b.shelves {
			at := slices.Index(s.families, f)
			if at < 0 || s.once != once {
				continue
			}
			for _, blocks := range s.rendered {
				if blocks[at].size > 0 && !yield(&blocks[at]) {
					return
				}
			}
		}
	}
}

func (b *body) add(r run, size, length int) {
	b.runs, b.size, b.length = append(b.runs, r), b.size+size, b.length+length
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// assemble collects the blocks. A family that cannot be encoded is left out.
func (b *body) assemble(contentType expfmt.Format, parts []part, pages []*Page, now time.Time) error {
	var failed []error
	f, ok := formatOf(contentType)
	if !ok {
		parts = inMessages(parts, pages)
	}
	if slices.ContainsFunc(parts, func(p part) bool { return p.paged != nil }) {
		b.shelves = shelve(pages, f, b.encoding, now)
	}
	between := buffers.Get().(*bytes.Buffer) // what stands between blocks of pages
	flush := func() {
		if between.Len() > 0 {
			l := &compress(b.encoding, Quick, between.Bytes())[0]
			b.add(run{block: l}, l.size, len(l.data))
			between.Reset()
		}
	}
	encoder := expfmt.NewEncoder(between, contentType)
	for _, p := range parts {
		if p.paged == nil {
			failed = append(failed, encoder.Encode(p.gathered))
			continue
		}
		size, length, here := 0, 0, 0
		for l := range b.column(p.paged, false) {
			size, length = size+l.size, length+len(l.data)
		}
		for l := range b.column(p.paged, true) {
			here += l.size
		}
		if size == 0 && here == 0 {
			continue
		}
		between.Write(p.paged.appendHead(between.AvailableBuffer(), f, size+here))
		for l := range b.column(p.paged, true) {
			between.Write(l.data)
		}
		if size > 0 {
			flush()
			b.add(run{family: p.paged}, size, length)
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		failed = append(failed, closer.Close()) // OpenMetrics has an end
	}
	flush()
	buffers.Put(between)
	return errors.Join(failed...)
}

// inMessages returns parts without pages: what those have is gathered. It serves
// the formats that are for eyes only, protocol buffers as text.
func inMessages(parts []part, pages []*Page) []part {
	gathered := make(map[*Family]*dto.MetricFamily)
	for i, p := range parts {
		if p.paged != nil {
			parts[i].gathered = p.paged.message()
			gathered[p.paged] = parts[i].gathered
		}
	}
	for _, page := range pages {
		page.Each(func(f *Family, v float64, values []string) {
			if mf := gathered[f]; mf != nil {
				mf.Metric = append(mf.Metric, f.metric(v, values))
			}
		})
	}
	var all []part
	for _, p := range parts {
		if p.paged == nil || len(p.gathered.Metric) > 0 {
			all = append(all, part{gathered: p.gathered})
		}
	}
	return all
}

// Large writes go past the buffers of net/http and make few calls of the kernel.
// Larger ones would leave the processor's cache before it copies them.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 128<<10) }}

// large blocks are sent from where they are: one call more costs less than copying.
const large = 32 << 10

// buffered calls write with a buffer before w.
func buffered(w io.Writer, write func(*bufio.Writer) error) error {
	b := writers.Get().(*bufio.Writer)
	defer writers.Put(b)
	b.Reset(w)
	defer b.Reset(nil)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

func (b *body) writePlain(w io.Writer) error {
	return buffered(w, func(w *bufio.Writer) error {
		for l := range b.blocks() {
			if w.Available() < l.size {
				if err := w.Flush(); err != nil {
					return err
				}
			}
			to := w.AvailableBuffer()
			if cap(to) < l.size {
				to = make([]byte, l.size)
			}
			_, _ = w.Write(l.unpack(to))
		}
		return nil
	})
}

// The header of a gzip member says that it is deflated, no time, no name and no
// operating system (RFC 1952, section 2.3). Its data end with an empty block that
// is marked as the last (RFC 1951, section 3.2.4).
const (
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
	lastBlock  = "\x01\x00\x00\xff\xff"
	trailer    = 8
)

func (b *body) sizeOfGzip() int { return len(gzipHeader) + b.length + len(lastBlock) + trailer }

func (b *body) writeGzip(to io.Writer) error {
	return buffered(to, func(w *bufio.Writer) error {
		_, _ = w.WriteString(gzipHeader)
		var checksum uint32
		for l := range b.blocks() {
			checksum = combine(checksum, l)
			if len(l.data) < large {
				if _, err := w.Write(l.data); err != nil {
					return err
				}
				continue
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if _, err := to.Write(l.data); err != nil {
				return err
			}
		}
		_, _ = w.WriteString(lastBlock)
		end := binary.LittleEndian.AppendUint32(nil, checksum)
		_, err := w.Write(binary.LittleEndian.AppendUint32(end, uint32(b.size))) // modulo 2^32
		return err
	})
}

var zstdEncoders = sync.Pool{New: func() any {
	// One goroutine's worth: a scrape must not take all processors for itself.
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return e
}}

// writeZstd compresses the whole anew: blocks of a zstd frame refer to those
// before them.
func (b *body) writeZstd(w io.Writer) error {
	e := zstdEncoders.Get().(*zstd.Encoder)
	defer zstdEncoders.Put(e)
	e.Reset(w)
	if err := b.writePlain(e); err != nil {
		return err
	}
	return e.Close()
}
