package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
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
	// MaxRequests is the most scrapes at a time, 0 for no limit; more are
	// answered with 503.
	MaxRequests int
	ErrorLog    promhttp.Logger
}

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
		if name == "" {
			return view{}, http.StatusBadRequest, fmt.Errorf("the account parameter is missing: /probe?account=NAME")
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

func (c *Collector) handler(o HandlerOptions, choose func(url.Values) (view, int, error)) http.Handler {
	server := exposition.NewServer(exposition.Options{ErrorLog: o.ErrorLog, Registerer: o.Registerer, Now: c.watcher.Now})
	var slots chan struct{}
	if o.MaxRequests > 0 {
		slots = make(chan struct{}, o.MaxRequests)
	}
	// Rendering a large fleet for the first time takes a while. A scrape leaves
	// as much of its timeout as the last one took.
	var rendering atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, code, err := choose(r.URL.Query())
		if err == nil {
			v.collectors, err = c.chosenCollectors(r.URL.Query()["collect[]"])
			code = http.StatusBadRequest
		}
		if err != nil {
			http.Error(w, err.Error(), code)
			return
		}
		if slots != nil {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			default:
				http.Error(w, "Too many scrapes at a time, try again later or raise --web.max-requests.", http.StatusServiceUnavailable)
				return
			}
		}
		ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout(r, o.TimeoutOffset+time.Duration(rendering.Load())))
		defer cancel()
		v.refresh(ctx)

		start := c.watcher.Now()
		defer func() { rendering.Store(int64(c.watcher.Now().Sub(start))) }()
		p := paged{view: v, snapshots: v.snapshots()}
		server.Answer(r, r.URL.Query()["name[]"], gatherer(p, o.Gatherer), rendered(p.phoneFamilies()), p.pages()).Send(w)
	})
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

// DiscoveryHandler returns a handler that lists the accounts as targets of
// probePath, for Prometheus' HTTP service discovery.
func (c *Collector) DiscoveryHandler(probePath string) http.Handler {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		groups := []group{}
		for _, a := range c.watcher.Fleet().Accounts {
			labels := map[string]string{
				"__metrics_path__":       probePath,
				"__param_account":        a.Name(),
				"__meta_geelark_account": a.Name(),
			}
			for name, value := range a.Config().Labels {
				labels["__meta_geelark_label_"+name] = value
			}
			groups = append(groups, group{Targets: []string{r.Host}, Labels: labels})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(groups) // the client may be gone
	})
}
