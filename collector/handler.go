package collector

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/client_golang/prometheus/promhttp/zstd" // offers zstd beside gzip
)

// HandlerOptions are the options of [Collector.Handler].
type HandlerOptions struct {
	// Gatherer is what is exposed beside the collector, which must not be in it.
	Gatherer prometheus.Gatherer
	// Registerer takes the handler's count of its own errors, unless it is nil.
	Registerer prometheus.Registerer
	// TimeoutOffset is what a scrape keeps of its timeout for rendering and the
	// way back.
	TimeoutOffset time.Duration
	// MaxRequests is the most scrapes at a time, 0 for no limit; more are
	// answered with 503.
	MaxRequests int
	ErrorLog    promhttp.Logger
}

// Handler returns the handler of the metrics path: a scrape polls what is due,
// answers before its deadline, and leaves what is still in flight to the next.
func (c *Collector) Handler(o HandlerOptions) http.Handler {
	own := prometheus.NewRegistry()
	own.MustRegister(c.exposition())
	expose := promhttp.HandlerFor(prometheus.Gatherers{o.Gatherer, own}, promhttp.HandlerOpts{
		ErrorLog:          o.ErrorLog,
		ErrorHandling:     promhttp.ContinueOnError,
		Registry:          o.Registerer,
		EnableOpenMetrics: true,
	})
	var slots chan struct{}
	if o.MaxRequests > 0 {
		slots = make(chan struct{}, o.MaxRequests)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slots != nil {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			default:
				http.Error(w, "Too many scrapes at a time, try again later or raise --web.max-requests.", http.StatusServiceUnavailable)
				return
			}
		}
		ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout(r, o.TimeoutOffset))
		defer cancel()
		c.Refresh(ctx)
		expose.ServeHTTP(w, r)
	})
}

// scrapeTimeout is how long a scrape may wait for polls: Prometheus tells its
// own timeout in a header. Half of one that is not above the offset is used.
func scrapeTimeout(r *http.Request, offset time.Duration) time.Duration {
	timeout := defaultScrapeTimeout
	s, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err == nil && s > 0 && s < math.MaxInt32 {
		timeout = time.Duration(s * float64(time.Second))
	}
	if offset >= timeout {
		return timeout / 2
	}
	return timeout - offset
}
