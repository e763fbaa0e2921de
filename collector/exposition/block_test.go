package exposition

import (
	"hash/crc32"
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
