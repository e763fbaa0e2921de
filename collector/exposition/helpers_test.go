package exposition

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A sample is one that both sides expose.
type sample struct {
	family int
	value  float64
	labels []string
}

// A declaration is what both sides make their family of.
type declaration struct {
	name, help string
	counter    bool
	labels     []string
}

// A bench has the same samples twice: in pages, and as constant metrics of a
// registry behind promhttp. Beside them are families that are gathered on both
// sides.
type bench struct {
	server   *Server
	gathered prometheus.Gatherer
	families []*Family
	pages    []*Page
	promhttp http.Handler
}

func newBench(declared []declaration, pages [][]sample) *bench {
	b := &bench{server: NewServer(Options{Now: func() time.Time { return time.Unix(1e9, 0) }}), gathered: others()}
	var descs []*prometheus.Desc
	for _, d := range declared {
		declare := NewFamily
		if d.counter {
			declare = NewCounterFamily
		}
		b.families = append(b.families, declare(d.name, d.help, d.labels...))
		descs = append(descs, prometheus.NewDesc(d.name, d.help, d.labels, nil))
	}
	var all constants
	for _, samples := range pages {
		b.pages = append(b.pages, NewPage(Effort(len(b.pages)/2%3), b.families, func(to *Samples) {
			for _, s := range samples {
				if declared[s.family].counter {
					to.Counter(b.families[s.family], s.value, s.labels...)
				} else {
					to.Gauge(b.families[s.family], s.value, s.labels...)
				}
			}
		}))
		for _, s := range samples {
			kind := prometheus.GaugeValue
			if declared[s.family].counter {
				kind = prometheus.CounterValue
			}
			all = append(all, prometheus.MustNewConstMetric(descs[s.family], kind, s.value, s.labels...))
		}
	}
	r := prometheus.NewRegistry()
	r.MustRegister(all)
	b.promhttp = promhttp.HandlerFor(prometheus.Gatherers{r, b.gathered}, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.ContinueOnError})
	return b
}

func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.server.serve(w, r, b.gathered, b.families, b.pages)
}

// constants is a collector that describes nothing.
type constants []prometheus.Metric

func (constants) Describe(chan<- *prometheus.Desc) {}
func (c constants) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c {
		ch <- m
	}
}

// others gathers families of every type, whose names stand before, between and
// after those of pages.
func others() prometheus.Gatherer {
	r := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "a_requests_total", Help: "Requests."}, []string{"code"})
	requests.WithLabelValues("0").Add(3)
	requests.WithLabelValues("\"\\\n").Add(1e9)
	durations := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "m_duration_seconds", Help: "Durations.", NativeHistogramBucketFactor: 1.1, Buckets: []float64{.1, 1}})
	durations.Observe(.5)
	sizes := prometheus.NewSummary(prometheus.SummaryOpts{Name: "z_size_bytes", Help: "Sizes.", Objectives: map[float64]float64{.5: .1}})
	sizes.Observe(7)
	r.MustRegister(requests, durations, sizes)
	return r
}

// words are hard on escaping.
var words = []string{
	"", "a", "started", "546790312345678901", "\\", `"`, "\n", "a\\nb", "c:\\d\n\"e\"", "手机", "\u2028", "'`{}=,# ", "\x00\x7f", "𝄞", strings.Repeat("long ", 300),
}

// values are hard on numbers.
var values = []float64{
	0, 1, -1, math.Copysign(0, -1), .5, 2, 3, 1e6, 1e20, 1e21, 1e-7, 1761234567, 1761234567.89, 123456789012345678,
	math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN(), 100000, 999999, 1e15,
}

// random returns a random exposition.
func random(r *rand.Rand) ([]declaration, [][]sample) {
	var declared []declaration
	for i := range 1 + r.IntN(5) {
		d := declaration{name: fmt.Sprintf("%c_family_%d", 'a'+rune(r.IntN(26)), i), help: words[r.IntN(len(words))]}
		if d.counter = r.IntN(3) == 0; d.counter {
			d.name += "_total"
		}
		for j := range r.IntN(5) {
			d.labels = append(d.labels, fmt.Sprintf("%c%d", 'z'-rune(r.IntN(26)), j))
		}
		declared = append(declared, d)
	}
	pages := make([][]sample, r.IntN(6))
	seen := make(map[string]bool)
	for i := range pages {
		for range r.IntN(80) {
			s := sample{family: r.IntN(len(declared)), value: values[r.IntN(len(values))]}
			for range declared[s.family].labels {
				s.labels = append(s.labels, words[r.IntN(len(words))])
			}
			if key := fmt.Sprintf("%d%q", s.family, s.labels); !seen[key] {
				seen[key] = true
				pages[i] = append(pages[i], s)
			}
		}
	}
	return declared, pages
}

// scrape asks a handler and returns the headers and the body as it came.
func scrape(h http.Handler, url string, headers map[string]string) (http.Header, int, []byte) {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Header(), w.Code, w.Body.Bytes()
}

// decoded returns the body without its encoding. It fails unless that is a single
// gzip member or a single zstd frame, with a checksum that is right.
func decoded(t *testing.T, h http.Header, body []byte) []byte {
	t.Helper()
	switch h.Get("Content-Encoding") {
	case "":
		return body
	case "gzip":
		in := bytes.NewReader(body)
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if in.Len() > 0 {
			t.Fatalf("%d bytes follow the gzip member", in.Len())
		}
		return plain
	case "zstd":
		if n := lengthOfFrame(t, body); n != len(body) {
			t.Fatalf("the first zstd frame has %d bytes of %d", n, len(body))
		}
		z, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		plain, err := z.DecodeAll(body, nil)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	t.Fatalf("unexpected encoding %q", h.Get("Content-Encoding"))
	return nil
}

// lengthOfFrame follows the blocks of a zstd frame to its end (RFC 8878, section
// 3.1.1) and fails when it has no checksum.
func lengthOfFrame(t *testing.T, body []byte) int {
	t.Helper()
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		t.Fatal(err)
	}
	if !h.HasCheckSum {
		t.Error("the zstd frame has no checksum")
	}
	n := h.HeaderSize
	for {
		block := int(body[n]) | int(body[n+1])<<8 | int(body[n+2])<<16
		size := block >> 3
		if block>>1&3 == 1 { // one byte, repeated
			size = 1
		}
		n += 3 + size
		if block&1 == 1 {
			return n + 4
		}
	}
}

// sorted returns the lines of families, each family's samples in the order of
// their text: the order of samples tells nothing.
func sorted(body []byte) string {
	lines := strings.SplitAfter(string(body), "\n")
	start := 0
	for i, l := range lines {
		if strings.HasPrefix(l, "#") || l == "" {
			slices.Sort(lines[start:i])
			start = i + 1
		}
	}
	return strings.Join(lines, "")
}

func request(accept string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	return r
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, g prometheus.Gatherer, families []*Family, pages []*Page) {
	s.Answer(r, r.URL.Query()["name[]"], g, families, pages).Send(w)
}
