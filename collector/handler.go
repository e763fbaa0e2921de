package collector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/watch"
)

// HandlerOptions are the options of [Collector.Handler] and
// [Collector.ProbeHandler].
type HandlerOptions struct {
	// Gatherer is what is exposed beside the collector, which must not be in
	// it; nil: nothing.
	Gatherer prometheus.Gatherer
	// Registerer takes the handler's count of its own errors, unless it is nil.
	Registerer prometheus.Registerer
	// TimeoutOffset is what a scrape keeps of its timeout for rendering and the
	// way back.
	TimeoutOffset time.Duration
	// Limit is what the handler shares with others; nil: none. Scrapes above it
	// are answered with 503.
	Limit    *Limit
	ErrorLog promhttp.Logger // nil: no logs
}

const (
	// defaultScrapeTimeout is a scrape's when nobody says: Prometheus' own
	// default of scrape_timeout.
	defaultScrapeTimeout = 10 * time.Second
	// maxScrapeTimeout is longer than any that makes sense: Prometheus takes a
	// series for gone after five minutes.
	maxScrapeTimeout = 5 * time.Minute
	// stalledAfter is how long a client that reads its answer counts as a
	// scrape. One that takes longer takes no more than memory.
	stalledAfter = time.Second
	// maxChosen is more than there are families and collectors.
	maxChosen = 200
)

// Handler returns the handler of the metrics path: a scrape polls what is due,
// answers before its deadline, and leaves what is still in flight to the next.
// The URL's collect[] parameters choose collectors, and its name[] parameters
// metric families. What did not change since an earlier scrape is not rendered
// again.
func (c *Collector) Handler(o HandlerOptions) http.Handler {
	return c.handler(o, func(url.Values) (view, int, error) { return c.all(), 0, nil })
}

// ProbeHandler is [Collector.Handler] for one account, which the URL's account
// parameter names.
func (c *Collector) ProbeHandler(o HandlerOptions) http.Handler {
	return c.handler(o, func(q url.Values) (view, int, error) {
		name := q.Get("account")
		switch {
		case name == "":
			return view{}, http.StatusBadRequest, errors.New("the account parameter is missing: /probe?account=NAME")
		case len(q["account"]) > 1:
			return view{}, http.StatusBadRequest, errors.New("a probe is of one account at a time: /probe?account=NAME")
		}
		v := c.all()
		i := slices.IndexFunc(v.accounts, func(a *watch.Account) bool { return a.Name() == name })
		if i < 0 {
			return view{}, http.StatusNotFound, fmt.Errorf("no account is named %q here: /sd lists those that are", name)
		}
		v.accounts, v.probe = v.accounts[i:i+1], true
		return v, 0, nil
	})
}

// gatherer gathers a collector and, unless it is nil, another gatherer.
func gatherer(c prometheus.Collector, other prometheus.Gatherer) prometheus.Gatherer {
	own := prometheus.NewRegistry()
	own.MustRegister(c)
	if other == nil {
		return own
	}
	return prometheus.Gatherers{own, other}
}

func (c *Collector) handler(o HandlerOptions, view func(url.Values) (view, int, error)) http.Handler {
	server := exposition.NewServer(exposition.Options{ErrorLog: o.ErrorLog, Registerer: o.Registerer, Now: c.watcher.Now})
	return &handler{Collector: c, o: o, server: server, view: view}
}

// A handler answers scrapes of one path.
type handler struct {
	*Collector
	o      HandlerOptions
	server *exposition.Server
	view   func(url.Values) (v view, code int, err error) // that a query chooses

	// Rendering a large fleet for the first time takes a while. A scrape leaves
	// as much of its timeout as the last one took.
	rendering atomic.Int64
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sending := false
	defer func() {
		if v := recover(); v != nil {
			h.panicked(v)
			if sending {
				panic(http.ErrAbortHandler) // so that nobody takes it for a whole answer
			}
			http.Error(w, "The exporter has a bug: the scrape has panicked. Its log has the stack.", http.StatusInternalServerError)
		}
	}()
	v, names, code, err := h.parse(r)
	if err != nil {
		http.Error(w, err.Error(), code)
		return
	}
	leave, ok := h.o.Limit.enter()
	if !ok {
		http.Error(w, "Too many scrapes at a time, try again later or raise --web.max-requests.", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	// Polls have one timeout and the client another, which is no shorter than
	// usual. Not every writer of a test has deadlines.
	timeout := scrapeTimeout(r)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout + max(timeout, defaultScrapeTimeout)))

	ctx, cancel := context.WithTimeout(r.Context(), pollTimeout(timeout, h.o.TimeoutOffset+time.Duration(h.rendering.Load())))
	defer cancel()
	v.refresh(ctx)
	start := h.watcher.Now()
	answer := h.answer(r, names, v)
	h.rendering.Store(int64(h.watcher.Now().Sub(start)))

	sending = true
	stalled := time.AfterFunc(stalledAfter, leave)
	defer stalled.Stop()
	answer.Send(w)
}

// answer makes the answer to a scrape.
func (h *handler) answer(r *http.Request, names []string, v view) *exposition.Answer {
	var c catcher
	p := paged{view: v, snapshots: v.snapshots()}
	answer := h.server.Answer(r, names, gatherer(counted{v, &c}, h.o.Gatherer), rendered(p.families()), p.pages())
	c.rethrow()
	return answer
}

func (h *handler) panicked(v any) {
	h.counters.Panicked()
	c, ok := v.(*caught)
	if !ok {
		c = &caught{v, debug.Stack()}
	}
	if h.o.ErrorLog != nil {
		h.o.ErrorLog.Println("a scrape panicked, which is a bug:", c)
	}
}

// parse returns what a request asks for.
func (h *handler) parse(r *http.Request) (v view, names []string, code int, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return v, nil, http.StatusBadRequest, fmt.Errorf("the query cannot be read: %w", err)
	}
	for _, name := range []string{"collect[]", "name[]"} {
		if n := len(q[name]); n > maxChosen {
			return v, nil, http.StatusBadRequest, fmt.Errorf("the query has %d times %s: at most %d %[2]s can be chosen", n, name, maxChosen)
		}
	}
	if v, code, err = h.view(q); err != nil {
		return v, nil, code, err
	}
	if v.collectors, err = h.chosenCollectors(q["collect[]"]); err != nil {
		return v, nil, http.StatusBadRequest, err
	}
	return v, q["name[]"], 0, nil
}

// chosenCollectors are those that a scrape asks for, all when it names none.
func (c *Collector) chosenCollectors(names []string) ([]string, error) {
	if len(names) == 0 {
		return c.watcher.Collectors(), nil
	}
	for _, n := range names {
		if !slices.Contains(c.watcher.Collectors(), n) {
			return nil, fmt.Errorf("no collector %q is switched on: collect[] takes %s", n, strings.Join(c.watcher.Collectors(), ", "))
		}
	}
	return names, nil
}

// scrapeTimeout is a scrape's timeout, which Prometheus tells in a header.
func scrapeTimeout(r *http.Request) time.Duration {
	s, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(s > 0 && s < math.MaxInt32) {
		return defaultScrapeTimeout
	}
	return min(time.Duration(s*float64(time.Second)), maxScrapeTimeout)
}

// pollTimeout is how long a scrape may wait for polls: its timeout less an
// offset, or half of one that is not above that.
func pollTimeout(timeout, offset time.Duration) time.Duration {
	if offset >= timeout {
		return timeout / 2
	}
	return timeout - offset
}
