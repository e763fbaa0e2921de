package exposition

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	statusFamily = NewFamily("a_phone_status", "Whether the phone has this status.", "account", "id", "status")
	codeFamily   = NewFamily("a_phone_status_code", "The phone's status code.", "account", "id")
	statuses     = []string{"started", "starting", "shut_down", "expired"}
)

// phones is a page of n phones from first on, five samples each.
func phones(first, n int) *Page {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(500_000_000_000_000_000 + (first+i)*7_919_123_456_789%99_999_999_999_999)
	}
	return NewPage(Quick, []*Family{statusFamily, codeFamily}, func(s *Samples) {
		for i, id := range ids {
			s.Gauge(codeFamily, float64(i%3), "default", id)
			for j, status := range statuses {
				v := 0.0
				if j == i%3 {
					v = 1
				}
				s.Gauge(statusFamily, v, "default", id, status)
			}
		}
	})
}

const size = 64 // phones of a page

// The cost of a page that is new, and of one that is not.
func BenchmarkPage(b *testing.B) {
	page := phones(0, size)
	plain := 0
	for _, l := range page.render(text, packed) {
		plain += l.size
	}
	for f, name := range []string{"text", "openmetrics", "protobuf"} {
		for e, how := range []string{"packed", "deflated"} {
			b.Run("render/"+name+"/"+how, func(b *testing.B) {
				b.SetBytes(int64(plain))
				b.ReportAllocs()
				kept := 0
				for b.Loop() {
					kept = 0
					for _, l := range page.render(format(f), encoding(e)) {
						kept += len(l.data)
					}
				}
				b.ReportMetric(float64(kept)/size, "B/phone")
			})
		}
	}
	b.Run("unpack", func(b *testing.B) {
		b.SetBytes(int64(plain))
		blocks := page.render(text, packed)
		to := make([]byte, plain)
		for b.Loop() {
			for _, l := range blocks {
				l.unpack(to)
			}
		}
	})
}

func BenchmarkChecksums(b *testing.B) {
	data := make([]byte, 20_000)
	one := &block{checksum: crc32.ChecksumIEEE(data), shift: shiftOf(len(data))}
	b.Run("combine", func(b *testing.B) {
		var c uint32
		for b.Loop() {
			c = combine(c, one)
		}
	})
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			crc32.ChecksumIEEE(data)
		}
	})
}

// The cost of an answer against the number of phones, and against how many of
// its pages are new.
func BenchmarkServe(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			for _, every := range []int{0, 100, 10, 1} {
				b.Run(fmt.Sprintf("phones=%d/encoding=%s/new=%s", n, encoding, share(every)), func(b *testing.B) {
					var pages []*Page
					for i := 0; i < n; i += size {
						pages = append(pages, phones(i, size))
					}
					s := NewServer(Options{Now: func() time.Time { return time.Unix(1e9, 0) }})
					r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
					r.Header.Set("Accept-Encoding", encoding)
					serve := func() {
						s.serve(headers{}, r, prometheus.Gatherers{}, []*Family{statusFamily, codeFamily}, pages)
					}
					serve()
					b.ReportAllocs()
					for b.Loop() {
						if every > 0 {
							b.StopTimer()
							for i := 0; i < len(pages); i += every {
								pages[i] = phones(i*size, size)
							}
							b.StartTimer()
						}
						serve()
					}
				})
			}
		}
	}
}

func share(every int) string {
	if every == 0 {
		return "0%"
	}
	return strconv.Itoa(100/every) + "%"
}
