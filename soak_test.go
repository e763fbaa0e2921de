package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

var soak = flag.Duration("soak", 15*time.Second, "how long TestWhateverClientsAndTheAPIDoTheExporterStaysAsItIs lasts")

// A mob is those who use an exporter badly, beside those who scrape it.
type mob struct {
	*process
	url                          string
	ctx                          context.Context
	answered, shed, cut, stalled atomic.Int64
	slowest                      atomic.Int64
	failed                       atomic.Pointer[string]
}

// again does something until the end, with pauses.
func (m *mob) again(wg *sync.WaitGroup, pause time.Duration, do func()) {
	wg.Go(func() {
		for m.ctx.Err() == nil {
			do()
			select {
			case <-m.ctx.Done():
			case <-time.After(pause):
			}
		}
	})
}

func (m *mob) fail(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	m.failed.CompareAndSwap(nil, &s)
}

// patient scrapes until it has an answer.
func (m *mob) patient(header ...string) {
	began := time.Now()
	for time.Since(began) < processtest.Patience {
		a, err := get(http.DefaultClient, m.url+"/metrics", header...)
		switch {
		case err != nil:
			m.fail("a patient scraper: %v", err)
			return
		case a.status == http.StatusServiceUnavailable:
			m.shed.Add(1)
			time.Sleep(50 * time.Millisecond)
			continue
		case a.status != http.StatusOK:
			m.fail("a patient scraper: status %d: %s", a.status, a.body)
			return
		}
		m.answered.Add(1)
		if took := int64(time.Since(began)); took > m.slowest.Load() {
			m.slowest.Store(took)
		}
		return
	}
	m.fail("a patient scraper has had no answer for %s", processtest.Patience)
}

// dial sends a request and leaves the answer to read.
func (m *mob) dial(read func(net.Conn)) {
	address := strings.TrimPrefix(m.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		m.fail("connecting: %v", err)
		return
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "GET /metrics HTTP/1.1\r\nHost: %s\r\nX-Prometheus-Scrape-Timeout-Seconds: 2\r\n\r\n", address)
	read(conn)
}

// A footprint is what the exporter takes.
type footprint struct{ residentMB, heapMB, goroutines, descriptors, series, stateKB float64 }

func (m *mob) footprint(state string) footprint {
	m.t.Helper()
	var a *answer
	for {
		var err error
		if a, err = get(http.DefaultClient, m.url+"/metrics"); err != nil {
			m.t.Fatal(err)
		}
		if a.status == http.StatusOK {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	var f footprint
	f.residentMB, _ = m.resident()
	_ = filepath.WalkDir(state, func(_ string, d fs.DirEntry, err error) error { // of files that come and go
		if err == nil {
			if info, err := d.Info(); err == nil && !d.IsDir() {
				f.stateKB += float64(info.Size()) / 1e3
			}
		}
		return nil
	})
	lines := bufio.NewScanner(bytes.NewReader(a.body))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		f.series++
		name, value, _ := strings.Cut(line, " ")
		switch name {
		case "go_goroutines":
			f.goroutines = number(m.t, value)
		case "process_open_fds":
			f.descriptors = number(m.t, value)
		case "go_memstats_heap_inuse_bytes":
			f.heapMB = number(m.t, value) / 1e6
		case "geelark_exporter_panics_total":
			if value != "0" {
				m.t.Errorf("%s panics", value)
			}
		}
	}
	return f
}

func TestWhateverClientsAndTheAPIDoTheExporterStaysAsItIs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	sim := geelarktest.New(geelarktest.Config{Phones: 300, Seed: 1, Token: token, Calm: true, Past: time.Hour, Usage: geelarktest.Usage{Every: 5 * time.Minute}, TasksPerDay: 24})
	api := httptest.NewServer(sim)
	t.Cleanup(api.Close)
	file := write(t, "config.yml", "")
	configure := func(n int) {
		content := fmt.Sprintf("defaults:\n  base_url: %s\n  cache_ttl: 1s\n  timeout: 1s\naccounts:\n  - name: soaked\n    token_env: TOKEN\n    labels: {round: \"%d\"}\n", api.URL, n%3)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure(0)
	state := t.TempDir()
	p := start(t, []string{"TOKEN=" + token}, "--config.file="+file, "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", "--web.max-requests=8",
		"--collector.usage", "--collector.tasks", "--log.level=debug", "--state.directory="+state)
	m := &mob{process: p, url: strings.TrimSuffix(p.url("/"), "/")}
	ctx, cancel := context.WithTimeout(t.Context(), *soak)
	defer cancel()
	m.ctx = ctx

	var wg sync.WaitGroup
	const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	for _, header := range [][]string{
		formats["text"], formats["openmetrics-gzip"], {"Accept", protobuf}, {"Accept", protobuf, "Accept-Encoding", "zstd"}, {"Accept", "text/plain;version=1.0.0;escaping=allow-utf-8", "Accept-Encoding", "gzip"},
	} {
		m.again(&wg, 200*time.Millisecond, func() { m.patient(header...) })
	}
	m.again(&wg, time.Second, func() { // more than there is room for
		var burst sync.WaitGroup
		for range 30 {
			burst.Go(func() {
				if a, err := get(http.DefaultClient, m.url+"/metrics"); err == nil && a.status == http.StatusServiceUnavailable {
					m.shed.Add(1)
				}
			})
		}
		burst.Wait()
	})
	m.again(&wg, 100*time.Millisecond, func() { m.dial(func(net.Conn) { m.cut.Add(1) }) })
	for range 5 {
		m.again(&wg, 100*time.Millisecond, func() {
			m.dial(func(net.Conn) { // never reads
				m.stalled.Add(1)
				select {
				case <-ctx.Done():
				case <-time.After(7 * time.Second):
				}
			})
		})
	}
	m.again(&wg, 100*time.Millisecond, func() {
		m.dial(func(c net.Conn) { // reads slowly, and hangs up
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			for range 40 {
				if _, err := io.CopyN(io.Discard, c, 512); err != nil || ctx.Err() != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	})
	round := 0
	m.again(&wg, time.Second, func() {
		round++
		configure(round)
		r, err := http.Post(m.url+"/-/reload", "", nil)
		if err != nil {
			m.fail("reloading: %v", err)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			m.fail("reloading: status %d", r.StatusCode)
		}
	})
	for _, path := range []string{"/", "/config", "/sd", "/probe?account=soaked", "/probe?account=" + url.QueryEscape("a\"}\n"), "/metrics?name[]=%zz", "/-/ready"} {
		m.again(&wg, 500*time.Millisecond, func() {
			if _, err := get(http.DefaultClient, m.url+path); err != nil {
				m.fail("%s: %v", path, err)
			}
		})
	}
	faults := []geelarktest.Fault{
		{HTTPStatus: 502},
		{Code: geelark.CodeInternal},
		{Drop: true},
		{Latency: 300 * time.Millisecond},
		{Hang: true},
		{Body: []byte("<html>")},
		{},
		{},
		{},
		{Rewrite: geelarktest.Set("data.items.0.id", nil)},
		{Rewrite: geelarktest.Set("data.successDetails.0.status", "x")},
		{Rewrite: func(r *geelarktest.Reply) { r.Body = r.Body[:len(r.Body)/2] }},
	}
	chance := rand.New(rand.NewPCG(1, 1))
	m.again(&wg, 0, func() {
		f := faults[chance.IntN(len(faults))]
		// Codes without number, of which few may become series.
		if f.Code == geelark.CodeInternal {
			f.Code = geelark.Code(60000 + chance.IntN(1000))
		}
		remove := sim.Inject(f)
		time.Sleep(time.Duration(200+chance.IntN(800)) * time.Millisecond)
		remove()
	})

	var footprints []footprint
	for range 30 {
		select {
		case <-ctx.Done():
		case <-time.After(*soak / 31):
			footprints = append(footprints, m.footprint(state))
		}
	}
	wg.Wait()
	if failed := m.failed.Load(); failed != nil {
		t.Error(*failed)
	}
	third := len(footprints) / 3
	early, late := footprints[:2*third], footprints[2*third:]
	t.Logf("%s: %d answers, the slowest after %s; %d shed, %d hung up, %d stalled, %d reloads", *soak, m.answered.Load(), time.Duration(m.slowest.Load()), m.shed.Load(), m.cut.Load(), m.stalled.Load(), round)
	for _, what := range []struct {
		name   string
		of     func(footprint) float64
		leeway float64
	}{
		{"resident MB", func(f footprint) float64 { return f.residentMB }, 15},
		{"heap MB", func(f footprint) float64 { return f.heapMB }, 10},
		{"goroutines", func(f footprint) float64 { return f.goroutines }, 30},
		{"descriptors", func(f footprint) float64 { return f.descriptors }, 30},
		{"series", func(f footprint) float64 { return f.series }, 150},
		{"kB of state", func(f footprint) float64 { return f.stateKB }, 300},
	} {
		most := func(fs []footprint) float64 {
			var all []float64
			for _, f := range fs {
				all = append(all, what.of(f))
			}
			return slices.Max(all)
		}
		t.Logf("%-12s first %6.0f, most of the first two thirds %6.0f, of the last %6.0f", what.name, what.of(footprints[0]), most(early), most(late))
		if most(late) > most(early)*1.1+what.leeway {
			t.Errorf("%s grow: %.0f, then %.0f", what.name, most(early), most(late))
		}
	}
	if m.answered.Load() == 0 || m.shed.Load() == 0 || m.stalled.Load() == 0 {
		t.Error("nothing was soaked")
	}
	if broken := sim.Broken(); len(broken) > 0 {
		t.Errorf("limits broken: %+v", broken)
	}
	p.Stop()
	if stderr := p.Stderr.String(); strings.Contains(stderr, token) || strings.Contains(stderr, "panic") {
		t.Error("the log has the token or a panic")
	}
}
