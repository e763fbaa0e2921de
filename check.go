package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"geelark_exporter/collector/statuspage"
	"geelark_exporter/collector/watch"
)

// checkTimeout bounds --check: budgets can be small, and a pause long.
const checkTimeout = 2 * time.Minute

// validity is what --config.check says.
func validity(accounts int) string {
	what := fmt.Sprintf("%d accounts", accounts)
	if accounts == 1 {
		what = "1 account"
	}
	return "The configuration is valid: " + what + ". GeeLark was not asked: --check asks whether it knows them.\n"
}

// report asks GeeLark about the accounts and writes what came of it.
func (f *flags) report(w *watch.Watcher) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	ok, err := statuspage.Report(os.Stdout, w.Check(ctx), f.nameOf)
	switch {
	case err != nil || ok:
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return errors.New("interrupted: see above what is known of the accounts")
	}
	return errors.New("not all accounts work: see above what to do")
}

var servesTLS = regexp.MustCompile(`(?m)^tls_server_config *:`)

// page is the address of the page for people, or of the metrics when these have
// taken its place.
func (f *flags) page(s site) string {
	if s.external.Host != "" {
		return s.external.JoinPath("/").String()
	}
	u := s.external
	u.Scheme = "http"
	if text, err := os.ReadFile(*f.web.WebConfigFile); err == nil && servesTLS.Match(text) {
		u.Scheme = "https"
	}
	u.Host = "localhost" + defaultAddress
	if addresses := *f.web.WebListenAddresses; len(addresses) > 0 {
		host, port, err := net.SplitHostPort(addresses[0])
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		if err == nil {
			u.Host = net.JoinHostPort(host, port)
		}
	}
	return u.JoinPath("/").String()
}
