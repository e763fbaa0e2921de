// Command geelark_exporter exposes the status of GeeLark cloud phones to
// Prometheus.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	sloggokit "github.com/tjhop/slog-gokit"

	"geelark_exporter/collector"
	"geelark_exporter/collector/config"
	"geelark_exporter/collector/state"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const (
	program        = "geelark_exporter"
	defaultAddress = ":9824"

	// Together these end the process before orchestrators lose their patience,
	// which Kubernetes does after 30 s. A scrape that Prometheus makes by default
	// ends within 10 s.
	shutdownTimeout = 20 * time.Second
	closeTimeout    = 5 * time.Second
)

func newLogger(f *flags) (log.Logger, *slog.Logger) {
	w := log.NewSyncWriter(os.Stderr)
	base := log.NewLogfmtLogger(w)
	if f.logFormat == "json" {
		base = log.NewJSONLogger(w)
	}
	base = level.NewFilter(base, level.Allow(level.ParseDefault(f.logLevel, level.InfoValue())))
	var slogLevel slog.LevelVar
	_ = slogLevel.UnmarshalText([]byte(f.logLevel))
	// The bridge writes time and caller by itself.
	bridged := slog.New(sloggokit.NewGoKitHandler(base, &slogLevel))
	return log.With(base, "time", log.DefaultTimestampUTC, "caller", log.DefaultCaller), bridged
}

// startDemo serves a simulated GeeLark and points the account at it.
func startDemo(f *flags, logger log.Logger) (stop func(), err error) {
	d, err := geelarktest.StartDemo(f.demoListenAddress, f.demoPhones, 1)
	if err != nil {
		return nil, fmt.Errorf("--demo.listen-address: %w", err)
	}
	f.account.BaseURL, f.account.Credentials = d.URL, geelark.Credentials{Token: geelark.Secret(d.Token)}
	level.Info(logger).Log("msg", "Serving a simulated GeeLark", "base_url", d.URL, "phones", f.demoPhones,
		"token", d.Token, "app_id", d.AppID, "api_key", d.APIKey)
	return func() { _ = d.Close() }, nil
}

func main() {
	setVersion()
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if os.Getenv("GOGC") == "" {
		// Nearly all of the memory is what is known of phones and lives on. Go's
		// default would keep as much again free for garbage.
		debug.SetGCPercent(25)
	}
	app, f := newApp()
	if err := parse(app, args); err != nil {
		app.Errorf("%s, try --help", err)
		return 1
	}
	if err := serve(f); err != nil {
		app.Errorf("%s", f.spelled(err))
		return 1
	}
	return 0
}

// serve runs until a signal comes. Its errors are about what it was given.
func serve(f *flags) error {
	if err := f.check(); err != nil {
		return err
	}
	filter, err := collector.NewFamilyFilter(f.optIn, f.exclude)
	if err != nil {
		return err
	}
	logger, slogger := newLogger(f)
	for _, warning := range unknownVariables(f.app, os.Environ()) {
		level.Warn(logger).Log("msg", "A variable of the environment is none of the exporter's", "warning", warning)
	}
	if f.demo {
		stop, err := startDemo(f, logger)
		if err != nil {
			return err
		}
		defer stop()
	}
	if f.configFile != "" {
		f.file = config.NewFile(f.configFile, f.account, os.Getenv)
	}
	accounts, err := f.accounts()
	if err != nil {
		return err
	}
	counters := collector.NewCounters()
	options := watch.Options{
		Logger:    logger,
		UserAgent: version.ComponentUserAgent(program),
		Shard:     f.shard,
		Observer:  counters,
		Doubt:     !f.demo,
	}
	// systemd names several in one variable.
	fromSystemd, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	if dir := cmp.Or(f.stateDir, fromSystemd); dir != "" && !f.configCheck && !f.ask {
		if options.State, err = state.Open(dir, logger, time.Now); err != nil {
			return fmt.Errorf("--state.directory: %w", err)
		}
		defer options.State.Close()
	}
	for _, name := range watch.Collectors() {
		if f.has(name) {
			options.Collectors = append(options.Collectors, name)
		}
	}
	if len(options.Collectors) == 0 {
		return errors.New("all collectors are switched off: leave one of --collector.* on")
	}
	w, err := watch.New(accounts, options)
	if err != nil && f.configFile == "" {
		err = f.naming(err)
	}
	if err != nil {
		return err
	}
	defer func() {
		if !within(closeTimeout, w.Close) {
			level.Warn(logger).Log("msg", "Calls of the API that do not end were left behind")
		}
	}()
	switch {
	case f.configCheck:
		fmt.Print(validity(len(accounts)))
		return nil
	}
	for _, a := range accounts {
		if options.State == nil && options.Doubt && a.Limits.PerMinute >= geelark.VendorLimits().PerMinute {
			msg := "Nothing is sent for a minute: without a state directory it is not known what was spent before, and the limit leaves nothing to spare. Lower --geelark.requests-per-minute or give a --state.directory"
			if f.ask {
				msg = "Nothing is sent for a minute: a check does not know what was spent before, and the limit leaves nothing to spare"
			}
			level.Warn(logger).Log("msg", msg, "account", a.Name, "requests_per_minute", a.Limits.PerMinute)
		}
	}
	if f.ask {
		return f.report(w)
	}
	reloader := config.NewReloader(f.accounts, w.Reload, logger, time.Now)
	errorLog := slog.NewLogLogger(slogger.Handler(), slog.LevelError)
	where, err := f.site()
	if err != nil {
		return err
	}
	routes, families, err := newRoutes(f, where, w, collector.New(w, counters, collector.Options{Families: filter, PhoneUsage: f.usagePhone || f.demo}), filter, reloader, logger, errorLog)
	if err != nil {
		return err
	}
	for _, p := range filter.Idle(families) {
		warning := []any{"msg", "A pattern matches no metric family, which --metrics.exclude leaves out: correct or drop it", "pattern", p}
		if meant := config.Nearest(p, families); meant != "" {
			warning = append(warning, "did_you_mean", meant)
		}
		level.Warn(logger).Log(warning...)
	}

	level.Info(logger).Log("msg", "Starting "+program, "version", version.Info(), "build", version.BuildContext())
	level.Info(logger).Log("msg", "GeeLark is not asked for anything before the first scrape", "page", f.page(where))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go func() {
		for range hangup {
			_ = reloader.Reload() // which logs it
		}
	}()
	if f.configFile != "" && f.reloadInterval > 0 {
		ticker := time.NewTicker(f.reloadInterval)
		defer ticker.Stop()
		go reloader.Follow(ctx, f.configFile, ticker.C)
	}
	server := newServer(where.handler(routes), errorLog)
	served := make(chan error, 1)
	go func() { served <- web.ListenAndServe(server, f.web, slogger) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving failed, check --web.listen-address and --web.systemd-socket: %w", err)
	case <-ctx.Done():
		stop() // a second signal does not wait
	}
	level.Info(logger).Log("msg", "Stopping, scrapes in flight finish first")
	if err := shutdown(server, shutdownTimeout); err != nil {
		level.Warn(logger).Log("msg", "Scrapes were cut off", "err", err)
	}
	return nil
}
