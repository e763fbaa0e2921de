// Package compare holds the exporter's scrape against other ways to expose the
// same fleet of phones, side by side in one run:
//
//   - exporter: the product's /metrics
//   - probe: its /probe, where all phones are of one account
//   - plain: its collector behind promhttp, which renders everything at each
//     scrape
//   - kube-state-metrics: the store of kube-state-metrics with an object for each
//     phone, which renders an object when it changes
//   - victoriametrics: a set of VictoriaMetrics/metrics with a gauge for each
//     series, whose name is rendered once and its value at each scrape
//   - ready-bytes: the exporter's answer when it is there already, as net/http
//     writes it; nobody can be quicker
//
// With benchstat (golang.org/x/perf/cmd/benchstat):
//
//	go test -bench . -benchtime 0.1s -count 6 | benchstat -col /by -
//
// That takes about ten minutes on two cores: -benchtime counts scrapes only, and
// what comes before them takes longer. Add -million for 1,000,000 phones.
//
// It is a module of its own so that the peers' dependencies stay out of the
// exporter's.
package compare

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

var million = flag.Bool("million", false, "measure 1,000,000 phones too, for which plain takes more than a minute and 8 GB a scrape")

// The encodings and formats of an answer.
const (
	identity = "identity"
	gzipped  = "gzip"

	text        = "text"
	openMetrics = "openmetrics"
	protobuf    = "protobuf"
)

// acceptHeaders ask for the formats.
var acceptHeaders = map[string]string{
	text:        "",
	openMetrics: "application/openmetrics-text;version=1.0.0",
	protobuf:    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}

// BenchmarkScrape has a line for each number of phones, encoding, format unless
// it is text, percentage of the phones with another status than at the scrape
// before, and peer. A scrape goes over loopback to a reader in another process;
// cpu-ns/op is what the peer's own process takes, and answer-B how large its
// answer is.
//
// Before a scrape that has changes to show, a minute passes in which the collector
// polls all phones, and the other stores are told which have changed. Neither is
// timed, which is a favour to kube-state-metrics: it has rendered then, while the
// exporter has not.
func BenchmarkScrape(b *testing.B) {
	sizes := []int{1_000, 10_000, 100_000}
	if *million {
		sizes = append(sizes, 1_000_000)
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("phones=%d", n), func(b *testing.B) {
			f := newFleet(b, n)
			reader := newReader(b)
			exporter := newExporter(f)
			for _, encoding := range []string{identity, gzipped} {
				b.Run("encoding="+encoding, func(b *testing.B) {
					s := newScrapes(b, f, reader, exporter, encoding, text)
					s.benchmark(b, 0, byExporter, byReadyBytes, byPlain, byKubeStateMetrics, byVictoriaMetrics)
					if n <= perAccount { // or a probe has less than the others
						s.benchmark(b, 0, byProbe)
					}
					percentages, accepts := []float64{1}, []string(nil)
					if n == 100_000 && encoding == gzipped {
						// The others have no protobuf, and OpenMetrics that is rendered as
						// text.
						percentages, accepts = []float64{.1, 1, 10, 100}, []string{openMetrics, protobuf}
					}
					for _, percent := range percentages {
						s.benchmark(b, percent, byExporter, byKubeStateMetrics, byVictoriaMetrics)
					}
					// Last: the exporter would have these changes to render, too. Plain
					// takes the same whatever has changed.
					s.benchmark(b, 1, byPlain)
					for _, accept := range accepts {
						b.Run("accept="+accept, func(b *testing.B) {
							s := newScrapes(b, f, reader, exporter, encoding, accept)
							s.benchmark(b, 0, byExporter, byReadyBytes, byPlain)
						})
					}
				})
			}
		})
	}
}

// scrapes are a fleet's in one encoding and format.
type scrapes struct {
	fleet    *fleet
	reader   *reader
	exporter peer
	request  *http.Request
	size     int64 // of the answer without encoding, by which throughput goes
}

// newScrapes makes the exporter answer once: what it renders once only is
// rendered then.
func newScrapes(tb testing.TB, f *fleet, reader *reader, exporter peer, encoding, accept string) scrapes {
	tb.Helper()
	s := scrapes{fleet: f, reader: reader, exporter: exporter, request: request(encoding, accept)}
	var err error
	if s.size, err = io.Copy(io.Discard, decoded(tb, exporter, s.request)); err != nil {
		tb.Fatal(err)
	}
	return s
}

// benchmark measures peers, with percent of the phones changed before each
// scrape. Each is made for itself: what the others hold must not be in the way of
// its garbage collection.
func (s scrapes) benchmark(b *testing.B, percent float64, peers ...string) {
	for _, name := range peers {
		b.Run(fmt.Sprintf("changed=%g%%/by=%s", percent, name), func(b *testing.B) {
			p := s.peer(b, name)
			url := serve(b, p)
			s.reader.scrape(b, url, s.request.Header) // connects
			b.SetBytes(s.size)
			b.ReportAllocs()
			var cpu time.Duration
			var answer int64
			for b.Loop() {
				if percent > 0 {
					b.StopTimer()
					p.change(b, percent/100)
					runtime.GC() // the change's garbage is not the scrape's
					b.StartTimer()
				}
				requests := s.fleet.network.requests.Load()
				before := cpuTime(b)
				r := s.reader.scrape(b, url, s.request.Header)
				cpu += cpuTime(b) - before
				answer = r.Size
				check(b, s.request, r.Status, r.Header, answer)
				if s.fleet.network.requests.Load() != requests {
					b.Fatal("the scrape has polled")
				}
			}
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(answer), "answer-B")
		})
	}
}

// peer makes a peer.
func (s scrapes) peer(tb testing.TB, name string) peer {
	tb.Helper()
	switch name {
	case byReadyBytes:
		return newReadyBytes(s.exporter, s.request)
	case byProbe:
		return newProbe(s.fleet)
	case byPlain:
		return newPlain(s.fleet)
	case byKubeStateMetrics:
		return newKubeStateMetrics(tb, s.fleet)
	case byVictoriaMetrics:
		return newVictoriaMetrics(s.fleet)
	}
	return s.exporter
}

func request(encoding, accept string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	if encoding != identity {
		r.Header.Set("Accept-Encoding", encoding)
	}
	if header := acceptHeaders[accept]; header != "" {
		r.Header.Set("Accept", header)
	}
	return r
}

// decoded returns the body of an answer without its encoding.
func decoded(tb testing.TB, h http.Handler, r *http.Request) io.Reader {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	check(tb, r, w.Code, w.Header(), int64(w.Body.Len()))
	if w.Header().Get("Content-Encoding") == "" {
		return w.Body
	}
	body, err := gzip.NewReader(w.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// check fails unless an answer is what the request asks for.
func check(tb testing.TB, r *http.Request, status int, header http.Header, size int64) {
	mediaType, _, _ := strings.Cut(r.Header.Get("Accept"), ";")
	if mediaType == "" {
		mediaType = "text/plain"
	}
	if status != http.StatusOK || size == 0 || !strings.HasPrefix(header.Get("Content-Type"), mediaType) ||
		header.Get("Content-Encoding") != r.Header.Get("Accept-Encoding") {
		tb.Fatalf("status %d, %d bytes, %v in answer to %v", status, size, header, r.Header)
	}
}
