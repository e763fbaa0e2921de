package exposition

import (
	"bytes"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/pierrec/lz4/v4"
)

// A block is a compressed part of an answer.
type block struct {
	data []byte
	size int // of what it was compressed from
	// checksum is the original's, and shift what is needed to combine it with
	// that of what stands before. Only deflated blocks have them.
	checksum, shift uint32
}

// A compressor makes blocks. It is large and used again.
type compressor struct {
	buffer  bytes.Buffer
	deflate [2]*flate.Writer // by effort, nil when not needed yet
	pack    lz4.Compressor
}

var (
	compressors = sync.Pool{New: func() any { return new(compressor) }}
	levels      = [...]int{Quick: flate.BestSpeed, Thorough: 6}
)

// deflater returns a writer to the buffer.
func (c *compressor) deflater(e Effort) *flate.Writer {
	if c.deflate[e] == nil {
		c.deflate[e], _ = flate.NewWriter(&c.buffer, levels[e]) // fails for a bad level only
	}
	c.deflate[e].Reset(&c.buffer)
	return c.deflate[e]
}

// compress returns a block for each part, all in one piece of memory.
func compress(e encoding, effort Effort, parts ...[]byte) []block {
	c := compressors.Get().(*compressor)
	defer compressors.Put(c)
	c.buffer.Reset()
	blocks := make([]block, len(parts))
	ends := make([]int, len(parts))
	for i, part := range parts {
		b := &blocks[i]
		b.size = len(part)
		switch {
		case len(part) == 0:
		case e == raw:
			c.buffer.Write(part)
		case e == deflated:
			deflate := c.deflater(effort)
			_, _ = deflate.Write(part) // a buffer takes everything
			_ = deflate.Flush()        // to the end of a byte
			b.checksum, b.shift = crc32.ChecksumIEEE(part), shiftOf(len(part))
		default:
			c.buffer.Grow(lz4.CompressBlockBound(len(part)))
			to := c.buffer.AvailableBuffer()
			n, _ := c.pack.CompressBlock(part, to[:cap(to)]) // there is room for whatever it makes
			c.buffer.Write(to[:n])
		}
		ends[i] = c.buffer.Len()
	}
	data := bytes.Clone(c.buffer.Bytes())
	start := 0
	for i := range blocks {
		blocks[i].data = data[start:ends[i]:ends[i]]
		start = ends[i]
	}
	return blocks
}

// unpack returns what a packed block was compressed from, in to, which has room
// for it.
func (b *block) unpack(to []byte) []byte {
	n, _ := lz4.UncompressBlock(b.data, to[:b.size]) // which was compressed here
	return to[:n]
}

// CRC-32 is the remainder of a message, as a polynomial over GF(2), divided by
// the polynomial of crc32.IEEE. What stands before n more bytes counts times
// x^(8n), so that the checksum of two parts is that of the first times x^(8n) plus
// that of the second. Bit 31 is the coefficient of x^0.

// combine returns the checksum of what has the first checksum followed by b.
func combine(first uint32, b *block) uint32 { return multiply(first, b.shift) ^ b.checksum }

// multiply returns a times b.
func multiply(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crc32.IEEE&-(b&1) // times x
	}
	return product
}

// squares has x^(2^k).
var squares = func() (s [32]uint32) {
	s[0] = 1 << 30
	for k := 1; k < len(s); k++ {
		s[k] = multiply(s[k-1], s[k-1])
	}
	return s
}()

// shiftOf returns x^(8n).
func shiftOf(n int) uint32 {
	product := uint32(1 << 31)
	for k := 3; n > 0; n, k = n>>1, k+1 {
		if n&1 == 1 {
			// The order of x divides 2^32-1: x^(2^32) is x.
			product = multiply(squares[k%len(squares)], product)
		}
	}
	return product
}
