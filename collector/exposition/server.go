package exposition

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/client_golang/prometheus/promhttp/zstd" // offers zstd beside gzip
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Options are the options of a [Server].
type Options struct {
	ErrorLog   promhttp.Logger       // nil: no logs
	Registerer prometheus.Registerer // takes promhttp's count of errors, unless it is nil
	Now        func() time.Time
}

// A Server answers scrapes as promhttp's handler with OpenMetrics and
// ContinueOnError does. It is safe for concurrent use.
type Server struct {
	o          Options
	errors     *prometheus.CounterVec
	negotiator http.Handler
}

// NewServer returns a server.
func NewServer(o Options) *Server {
	s := &Server{
		o: o,
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "promhttp_metric_handler_errors_total",
			Help: "Total number of internal errors encountered by the promhttp metric handler.",
		}, []string{"cause"}),
		negotiator: promhttp.HandlerFor(prometheus.Gatherers{}, promhttp.HandlerOpts{EnableOpenMetrics: true}),
	}
	if o.Registerer != nil {
		s.errors.WithLabelValues("gathering")
		s.errors.WithLabelValues("encoding")
		err := o.Registerer.Register(s.errors)
		if registered, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			s.errors = registered.ExistingCollector.(*prometheus.CounterVec)
		} else if err != nil {
			panic(err) // somebody else's metric has the name
		}
	}
	return s
}

// headers is a response of which only the headers are wanted.
type headers http.Header

func (h headers) Header() http.Header         { return http.Header(h) }
func (h headers) Write(b []byte) (int, error) { return len(b), nil }
func (h headers) WriteHeader(int)             {}

// negotiate returns the headers with which promhttp answers.
func (s *Server) negotiate(r *http.Request) http.Header {
	h := make(headers)
	s.negotiator.ServeHTTP(h, r)
	return http.Header(h)
}

// Serves reports whether the server has the format that a scrape prefers. It
// lacks the two that are for eyes only, protocol buffers as text.
func Serves(r *http.Request) bool {
	_, ok := formatOf(expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...))
	return ok
}

// Serve answers a scrape, which it must have the format for, with what a
// gatherer has and with the samples of families in pages. No family may be in
// both. The URL's name[] parameters choose families.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, g prometheus.Gatherer, families []*Family, pages []*Page) {
	gathered, err := g.Gather()
	if err != nil {
		s.failed("gathering", "error gathering metrics:", err)
		if len(gathered) == 0 && len(pages) == 0 {
			http.Error(w, "An error has occurred while serving metrics:\n\n"+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	header := s.negotiate(r)
	contentType := expfmt.Format(header.Get("Content-Type"))
	f, _ := formatOf(contentType)
	contentEncoding := header.Get("Content-Encoding")
	a := &answer{format: f, contentType: contentType}
	if contentEncoding == "gzip" {
		a.encoding = deflated
	}
	if err := a.assemble(wanted(r, gathered, families), pages, s.o.Now()); err != nil {
		s.failed("encoding", "error encoding metric family:", err)
	}
	maps.Copy(w.Header(), header)
	switch contentEncoding {
	case "gzip":
		w.Header().Set("Content-Length", strconv.Itoa(a.sizeOfGzip()))
		err = a.writeGzip(w)
	case "zstd":
		err = a.writeZstd(w)
	default:
		w.Header().Set("Content-Length", strconv.Itoa(a.size))
		err = a.writePlain(w)
	}
	if err != nil {
		s.failed("encoding", "error sending metrics:", err)
	}
}

func (s *Server) failed(cause, msg string, err error) {
	s.errors.WithLabelValues(cause).Inc()
	if s.o.ErrorLog != nil {
		s.o.ErrorLog.Println(msg, err)
	}
}

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

// wanted returns the families that a scrape chooses, by name.
func wanted(r *http.Request, gathered []*dto.MetricFamily, families []*Family) []part {
	var parts []part
	for _, mf := range gathered {
		parts = append(parts, part{gathered: mf})
	}
	for _, f := range families {
		parts = append(parts, part{paged: f})
	}
	if names := r.URL.Query()["name[]"]; len(names) > 0 {
		parts = slices.DeleteFunc(parts, func(p part) bool { return !slices.Contains(names, p.name()) })
	}
	slices.SortStableFunc(parts, func(p, q part) int { return cmp.Compare(p.name(), q.name()) })
	return parts
}

// An answer is the blocks of a body.
type answer struct {
	format      format
	contentType expfmt.Format
	encoding    encoding
	blocks      []*block
	size        int // of the body without encoding
}

// assemble collects the blocks. A family that cannot be encoded is left out.
func (a *answer) assemble(parts []part, pages []*Page, now time.Time) error {
	var failed []error
	var between bytes.Buffer // what stands between blocks of pages
	flush := func() {
		if between.Len() > 0 {
			a.add(&compress(a.encoding, between.Bytes())[0])
			between.Reset()
		}
	}
	encoder := expfmt.NewEncoder(&between, a.contentType)
	if !slices.ContainsFunc(parts, func(p part) bool { return p.paged != nil }) {
		pages = nil
	}
	rendered := blocksOf(pages, a.format, a.encoding, now)
	for _, p := range parts {
		if p.paged == nil {
			failed = append(failed, encoder.Encode(p.gathered))
			continue
		}
		var blocks []*block
		size := 0
		for i, page := range pages {
			if b := page.of(p.paged, rendered[i]); b != nil {
				blocks = append(blocks, b)
				size += b.size
			}
		}
		if size == 0 {
			continue
		}
		between.Write(p.paged.appendHead(between.AvailableBuffer(), a.format, size))
		flush()
		for _, b := range blocks {
			a.add(b)
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		failed = append(failed, closer.Close()) // OpenMetrics has an end
	}
	flush()
	return errors.Join(failed...)
}

func (a *answer) add(b *block) {
	a.blocks = append(a.blocks, b)
	a.size += b.size
}

// Large writes go past the buffers of net/http.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

// buffered calls write with a buffer before w. The buffer keeps the first error
// and takes nothing after it.
func buffered(w io.Writer, write func(*bufio.Writer)) error {
	b := writers.Get().(*bufio.Writer)
	defer writers.Put(b)
	b.Reset(w)
	defer b.Reset(nil)
	write(b)
	return b.Flush()
}

func (a *answer) writePlain(w io.Writer) error {
	return buffered(w, func(w *bufio.Writer) {
		for _, b := range a.blocks {
			if w.Available() < b.size {
				_ = w.Flush()
			}
			to := w.AvailableBuffer()
			if cap(to) < b.size {
				to = make([]byte, b.size)
			}
			data, _ := s2.Decode(to[:b.size], b.data) // which was encoded here
			_, _ = w.Write(data)
		}
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

func (a *answer) sizeOfGzip() int {
	n := len(gzipHeader) + len(lastBlock) + trailer
	for _, b := range a.blocks {
		n += len(b.data)
	}
	return n
}

func (a *answer) writeGzip(w io.Writer) error {
	return buffered(w, func(w *bufio.Writer) {
		_, _ = w.WriteString(gzipHeader)
		var checksum uint32
		for _, b := range a.blocks {
			_, _ = w.Write(b.data)
			checksum = combine(checksum, b)
		}
		_, _ = w.WriteString(lastBlock)
		end := binary.LittleEndian.AppendUint32(nil, checksum)
		_, _ = w.Write(binary.LittleEndian.AppendUint32(end, uint32(a.size))) // modulo 2^32
	})
}

var zstdEncoders = sync.Pool{New: func() any {
	// One goroutine's worth: a scrape must not take all processors for itself.
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return e
}}

// writeZstd compresses the whole anew: blocks of a zstd frame refer to those
// before them.
func (a *answer) writeZstd(w io.Writer) error {
	e := zstdEncoders.Get().(*zstd.Encoder)
	defer zstdEncoders.Put(e)
	e.Reset(w)
	if err := a.writePlain(e); err != nil {
		return err
	}
	return e.Close()
}
