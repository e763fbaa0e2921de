package exposition

import (
	"bytes"
	"compress/flate"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func FuzzChecksumsOfPartsMakeThatOfTheWhole(f *testing.F) {
	f.Add([]byte("one"), []byte("two"))
	f.Add([]byte{}, []byte{0})
	f.Add([]byte{0, 0, 0}, make([]byte, 70000))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		got := combine(crc32.ChecksumIEEE(a), &block{checksum: crc32.ChecksumIEEE(b), shift: shiftOf(len(b))})
		if want := crc32.ChecksumIEEE(append(append([]byte{}, a...), b...)); got != want {
			t.Errorf("%08x, want %08x", got, want)
		}
	})
}

// Bits that no test could write come into play for parts of half a gigabyte on.
func TestShiftsAddUp(t *testing.T) {
	for _, n := range []int{1, 7, 1 << 10, 1<<28 - 1, 1 << 29, 1<<32 + 12345, 1 << 40} {
		for _, m := range []int{0, 1, 100, 1 << 31} {
			if multiply(shiftOf(n), shiftOf(m)) != shiftOf(n+m) {
				t.Errorf("the shifts by %d and %d do not make that by %d", n, m, n+m)
			}
		}
	}
}

// noise is what cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // which never fails
	return string(b)
}

func TestEachBlockHasItsPart(t *testing.T) {
	parts := []string{"", "a", "", "ab", strings.Repeat("text ", 10000), noise(40), noise(5000), "end"}
	var raw [][]byte
	for _, p := range parts {
		raw = append(raw, []byte(p))
	}
	for _, effort := range []Effort{Quick, Thorough} {
		blocks := compress(deflated, effort, raw...)
		var all []byte
		var sum uint32
		for i, b := range blocks {
			if b.size != len(parts[i]) || (len(b.data) == 0) != (parts[i] == "") {
				t.Errorf("part %d of %d bytes has a block of %d, with %d bytes", i, len(parts[i]), b.size, len(b.data))
			}
			all = append(all, b.data...)
			if b.size > 0 {
				sum = combine(sum, &b)
			}
		}
		text, err := io.ReadAll(flate.NewReader(bytes.NewReader(append(all, 1, 0, 0, 0xff, 0xff)))) // a last block that is empty
		if want := strings.Join(parts, ""); err != nil || string(text) != want || sum != crc32.ChecksumIEEE([]byte(want)) {
			t.Errorf("effort %d: %d bytes with checksum %08x, %v", effort, len(text), sum, err)
		}
	}
	for i, b := range compress(packed, Quick, raw...) {
		text := b.unpack(make([]byte, len(parts[i])))
		if string(text) != parts[i] || (len(b.data) == 0) != (parts[i] == "") {
			t.Errorf("part %d: %d bytes", i, len(text))
		}
	}
}
