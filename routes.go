package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	kitlog "github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"

	"geelark_exporter/collector"
	"geelark_exporter/collector/config"
	"geelark_exporter/collector/statuspage"
	"geelark_exporter/collector/watch"
)

const (
	probePath     = "/probe"
	discoveryPath = "/sd"
	configPath    = "/config"
)

// isRoute reports whether requests of a path can be routed to a handler of it: no
// client asks for one that is not clean, and %, ? and # do not arrive as they are.
func isRoute(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsAny(p, "{}?#% ")
}

// A site is where the exporter is found. Its paths have no slash at the end.
type site struct {
	external url.URL // as seen from outside; the host is "" when that is not known
	prefix   string  // of all paths here
}

// site returns what --web.external-url and --web.route-prefix say. They mean what
// they do for Prometheus.
func (f *flags) site() (site, error) {
	external, err := url.Parse(f.externalURL)
	switch {
	case err != nil || external.User != nil || external.Opaque != "" || external.RawQuery != "" || external.Fragment != "",
		external.Host == "" && external.Scheme != "", f.externalURL != "" && external.Host == "" && !strings.HasPrefix(external.Path, "/"), external.Host != "" && external.Scheme != "http" && external.Scheme != "https":
		return site{}, errors.New("--web.external-url must look like https://host/path, without credentials, query and fragment")
	}
	trim := func(p string) string { return strings.TrimRight("/"+strings.Trim(p, "/"), "/") }
	s := site{external: url.URL{Scheme: external.Scheme, Host: external.Host, Path: trim(external.Path)}}
	s.prefix = s.external.Path
	if f.routePrefix != "" {
		s.prefix = trim(f.routePrefix)
	}
	for _, c := range []struct{ flag, path string }{{"web.external-url", s.external.Path}, {"web.route-prefix", s.prefix}} {
		if c.path != "" && !isRoute(c.path) {
			return site{}, fmt.Errorf("--%s must have a clean path without {}?#%% and spaces, has %s", c.flag, c.path)
		}
	}
	if f.externalURL == "" {
		s.external.Path = s.prefix
	}
	return s, nil
}

// handler has the routes below the site's prefix.
func (s site) handler(routes http.Handler) http.Handler {
	safely := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		routes.ServeHTTP(w, r)
	}
	if s.prefix == "" {
		return http.HandlerFunc(safely)
	}
	mux := http.NewServeMux()
	mux.Handle(s.prefix+"/", http.StripPrefix(s.prefix, http.HandlerFunc(safely)))
	root := http.RedirectHandler(s.external.Path+"/", http.StatusFound)
	mux.Handle("/{$}", root)
	mux.Handle(s.prefix, root)
	return mux
}

// newServer returns a server that no client can make wait for ever: handlers that
// take longer set their own deadline of writing.
func newServer(h http.Handler, errorLog *log.Logger) *http.Server {
	return &http.Server{Handler: h, ErrorLog: errorLog, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute}
}

// shutdown lets what is in flight finish in time, and cuts off what does not.
func shutdown(server *http.Server, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err != nil {
		_ = server.Close()
	}
	return err
}

// within reports whether f ends in time.
func within(timeout time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(timeout):
		return false
	}
}

// newRoutes returns the handlers of all paths, and the names of the metric families
// that there are before any are left out.
func newRoutes(f *flags, s site, w *watch.Watcher, c *collector.Collector, filter *collector.FamilyFilter, reloader *config.Reloader, logger kitlog.Logger, errorLog promhttp.Logger) (handler http.Handler, families []string, err error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(versioncollector.NewCollector(program), collector.Reloads(reloader.Last))
	if s := w.State(); s != nil {
		registry.MustRegister(collector.StateWrites(s.Writable))
	}
	options := collector.HandlerOptions{
		Gatherer: filter.Gatherer(registry), TimeoutOffset: f.timeoutOffset, ErrorLog: errorLog,
	}
	if f.maxRequests > 0 {
		options.Limit = collector.NewLimit(f.maxRequests)
	}
	instrument := func(h http.Handler) http.Handler { return h }
	if !f.disableExporterMetrics {
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		options.Registerer = registry
		instrument = func(h http.Handler) http.Handler { return promhttp.InstrumentMetricHandler(registry, h) }
	}
	mux := http.NewServeMux()
	metrics := f.telemetryPath
	if metrics == "/" {
		metrics = "/{$}" // not all paths
	}
	asked := &strangers{logger: logger, told: make(map[string]bool)}
	mux.Handle(metrics, instrument(asked.in(c.Handler(options))))
	options.Gatherer = nil
	mux.Handle(probePath, instrument(asked.in(c.ProbeHandler(options))))
	mux.Handle(discoveryPath, c.DiscoveryHandler(s.external.JoinPath(probePath)))
	mux.Handle("/-/reload", lifecycle(f.enableLifecycle, s, reloader))
	fine := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "OK") }
	mux.HandleFunc("/-/healthy", fine)
	mux.HandleFunc("/-/ready", fine)
	if f.telemetryPath != "/" {
		pages, err := statuspage.New(statuspage.Options{
			Watcher: w, Version: version.Info(), MetricsPath: f.telemetryPath, ConfigPath: configPath,
			Setting: f.nameOf,
			Reload: func() statuspage.Reload {
				_, inForce := reloader.Last()
				at, err := reloader.Failure()
				return statuspage.Reload{Err: err, At: at, InForce: inForce}
			},
			State: unwritten(w),
			Links: []statuspage.Link{
				{Path: discoveryPath, Text: "Targets"},
				{Path: "/-/healthy", Text: "Health"},
				{Path: "/-/ready", Text: "Readiness"},
			},
		})
		if err != nil {
			return nil, nil, err
		}
		mux.Handle("GET /{$}", pages.Status())
		mux.Handle("GET "+configPath, pages.Config())
	}
	gathered, err := registry.Gather()
	if err != nil {
		return nil, nil, err
	}
	families = collector.FamilyNames()
	for _, mf := range gathered {
		families = append(families, mf.GetName())
	}
	asked.families = families
	return mux, families, nil
}

// unwritten tells whether the state can be written; nil when there is none.
func unwritten(w *watch.Watcher) func() statuspage.Unwritten {
	d := w.State()
	if d == nil {
		return nil
	}
	return func() statuspage.Unwritten {
		since, err := d.Failure()
		return statuspage.Unwritten{Directory: d.Path(), Err: err, Since: since}
	}
}

// lifecycle guards a handler that changes what the process does. A browser that
// another site has sent is refused.
func lifecycle(enabled bool, s site, h http.Handler) http.Handler {
	if enabled {
		protection := http.NewCrossOriginProtection()
		if s.external.Host != "" {
			_ = protection.AddTrustedOrigin(s.external.Scheme + "://" + s.external.Host) // which was checked
		}
		return protection.Handler(h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			http.Error(w, "Reloading over HTTP is not enabled: start the exporter with --web.enable-lifecycle, or send it the signal SIGHUP.", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r) // which says what it takes
	})
}
