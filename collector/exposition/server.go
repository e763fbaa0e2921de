package exposition

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/client_golang/prometheus/promhttp/zstd" // offers zstd beside gzip
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

// An Answer is what a scrape gets. It stays as it is, whatever becomes of the
// pages that it was made of.
type Answer struct {
	server *Server
	failed error // nothing is there to be sent
	header http.Header
	body   body
}

// Answer makes the answer to a scrape of what a gatherer has and of the samples
// of families in pages. No family may be in both. When names are given, the
// answer has the families of these names only.
func (s *Server) Answer(r *http.Request, names []string, g prometheus.Gatherer, families []*Family, pages []*Page) *Answer {
	gathered, err := g.Gather()
	if err != nil {
		s.failed("gathering", "error gathering metrics:", err)
		if len(gathered) == 0 && len(pages) == 0 {
			return &Answer{failed: err}
		}
	}
	a := &Answer{server: s, header: s.negotiate(r)}
	contentType := expfmt.Format(a.header.Get("Content-Type"))
	contentEncoding := a.header.Get("Content-Encoding")
	if contentEncoding == "gzip" {
		a.body.encoding = deflated
	}
	if err := a.body.assemble(contentType, wanted(names, gathered, families), pages, s.o.Now()); err != nil {
		s.failed("encoding", "error encoding metric family:", err)
	}
	switch contentEncoding {
	case "gzip":
		a.header.Set("Content-Length", strconv.Itoa(a.body.sizeOfGzip()))
	case "":
		a.header.Set("Content-Length", strconv.Itoa(a.body.size))
	}
	return a
}

// Send sends the answer. It takes as long as the client takes to read.
func (a *Answer) Send(w http.ResponseWriter) {
	if a.failed != nil {
		http.Error(w, "An error has occurred while serving metrics:\n\n"+a.failed.Error(), http.StatusInternalServerError)
		return
	}
	maps.Copy(w.Header(), a.header)
	write := a.body.writePlain
	switch a.header.Get("Content-Encoding") {
	case "gzip":
		write = a.body.writeGzip
	case "zstd":
		write = a.body.writeZstd
	}
	if err := write(w); err != nil {
		a.server.failed("encoding", "error sending metrics:", err)
	}
}

func (s *Server) failed(cause, msg string, err error) {
	s.errors.WithLabelValues(cause).Inc()
	if s.o.ErrorLog != nil {
		s.o.ErrorLog.Println(msg, err)
	}
}
