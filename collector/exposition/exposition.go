// Package exposition answers scrapes of very many samples that seldom change, at
// the cost of those that did.
//
// Samples come in pages, which never change: where a sample changes, its page is
// replaced. A page renders its samples when a scrape asks for them in a format
// and a content encoding for the first time, and keeps the bytes. So a scrape
// renders and compresses what is new and copies the rest. Compressed bytes can be
// copied too, because each block is a piece of a DEFLATE stream that begins and
// ends at a byte and refers to nothing outside of itself: blocks in any order make
// one gzip member, and its checksum comes from those of the blocks.
//
//	                 page 1      page 2      page 3
//	               +-----------+-----------+-----------+
//	family a       | block a1  | block a2  | block a3  |   a page is rendered as
//	family b       | block b1  | block b2  | block b3  |   a whole; page 2 is new
//	               +-----------+-----------+-----------+
//
//	answer:  head of a, a1, a2, a3, head of b, b1, b2, b3, end
//
// Pages that stay beside each other from one answer to the next are joined to
// volumes, whose blocks are sent from where they are.
//
// What changes with every scrape is in a page that is made for one answer, or is
// gathered as usual, and stands between the others in the order of names. Content
// types and encodings are negotiated by promhttp itself.
package exposition

import "github.com/prometheus/common/expfmt"

// A format is how samples are written.
type format int

const (
	text        format = iota // Prometheus' text format, version 0.0.4
	openMetrics               // OpenMetrics as text, versions 0.0.1 and 1.0.0
	protobuf                  // Prometheus' protocol buffers, length-delimited
	formats
)

// formatOf returns the format of a content type that was negotiated.
func formatOf(contentType expfmt.Format) (format, bool) {
	switch contentType.FormatType() {
	case expfmt.TypeTextPlain:
		return text, true
	case expfmt.TypeOpenMetrics:
		return openMetrics, true
	case expfmt.TypeProtoDelim:
		return protobuf, true
	}
	return 0, false
}

// An encoding is how blocks are kept.
type encoding int

const (
	// packed blocks serve identity and zstd: unpacking them is nearly as quick
	// as copying, and they take a tenth of the memory.
	packed encoding = iota
	deflated
	encodings
	// raw blocks are of pages that are made for one answer: they are compressed
	// with what stands around them.
	raw = encodings
)
