package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark/geelarktest"
)

// These benchmarks run the exporter as a process, and read /proc. The simulated
// API is in the benchmark's process: its memory does not count, but it shares
// the CPUs. A MB is 10^6 bytes.
//
//	go test -run '^$' -bench 'Start|SteadyState' .

// Fleets that take minutes to fill are measured when this variable is set:
//
//	LONG_BENCHMARKS=1 go test -run '^$' -bench SteadyState/phones=1000000 -timeout 1h .
const longBenchmarks = "LONG_BENCHMARKS"

// BenchmarkStart measures from the start of the process to the end of the first
// scrape that it answers, one that names no timeout. It also reports how many
// phones have a status in it: an earlier answer with fewer would be no progress.
func BenchmarkStart(b *testing.B) {
	binary := build(b)
	for _, c := range []struct {
		phones int
		fleet  string
	}{
		{250, "demo"},
		{250, "discovered"},
		{100_000, "discovered"},
		{100_000, "ids-file"},
	} {
		b.Run(fmt.Sprintf("phones=%d/fleet=%s", c.phones, c.fleet), func(b *testing.B) {
			var took time.Duration
			known := 0.0
			for b.Loop() {
				b.StopTimer()
				// An exporter does not know what another has spent of the API's
				// limits, so each has an API of its own.
				api := simulateAccounts(1, c.phones)
				server := httptest.NewServer(api)
				address := processtest.FreeAddress(b)
				args := []string{"--web.listen-address=" + address, "--geelark.base-url=" + server.URL}
				switch c.fleet {
				case "demo": // has its own API
					args = append(args, "--demo")
				case "ids-file":
					args = append(args, "--phone.ids-file="+write(b, "ids", strings.Join(api[accountToken(0)].IDs(), "\n")))
				}
				b.StartTimer()

				start := time.Now()
				p := startCommand(b, exec.Command(binary, args...), []string{"GEELARK_TOKEN=" + accountToken(0)})
				first := p.firstAnswer("http://" + address + "/metrics")
				took += time.Since(start)

				b.StopTimer()
				known += knownPhones(b, bytes.NewReader(first.body))
				p.Stop()
				server.Close()
				api.check(b)
				b.StartTimer()
			}
			n := float64(b.N)
			b.ReportMetric(took.Seconds()*1000/n, "ms/start")
			b.ReportMetric(known/n, "phones/start")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkSteadyState measures an exporter that knows all phones of a living
// fleet. An operation is a minute of scrapes, at least five. The CPU time is that
// of all that the exporter does in between too, polls and garbage collection. The
// resident size is the median of those after a scrape. The live heap is the least
// that a garbage collection left.
func BenchmarkSteadyState(b *testing.B) {
	for _, c := range []struct {
		phones, accounts, perMinute int
		interval                    time.Duration
		format                      string
		families                    string // all of them, or those on by default
		long                        bool
	}{
		{1_000, 1, 150, time.Second, "openmetrics-gzip", "all", false},
		{10_000, 2, 150, time.Second, "openmetrics-gzip", "all", false},
		{100_000, 20, 150, time.Second, "openmetrics-gzip", "all", false},
		{100_000, 20, 150, time.Second, "openmetrics-gzip", "default", false},
		{100_000, 20, 150, time.Second, "text", "all", false},
		{100_000, 1, 150, time.Second, "openmetrics-gzip", "all", true}, // 1,000 calls at 150 a minute fill it
		{100_000, 1, 150, time.Second, "openmetrics-gzip", "default", true},
		{1_000_000, 50, 200, 15 * time.Second, "openmetrics-gzip", "all", true},
	} {
		b.Run(fmt.Sprintf("phones=%d/accounts=%d/format=%s/families=%s", c.phones, c.accounts, c.format, c.families), func(b *testing.B) {
			if c.long && os.Getenv(longBenchmarks) == "" {
				b.Skip("takes long, set $" + longBenchmarks)
			}
			api := simulateAccounts(c.accounts, c.phones/c.accounts)
			server := httptest.NewServer(api)
			defer server.Close()
			file, env := api.configFile(b, server.URL, c.perMinute)
			args := []string{"--config.file=" + file, "--web.listen-address=127.0.0.1:0"}
			if c.families == "all" {
				args = append(args, "--metrics.opt-in=.*")
			}
			p := start(b, append(env, "GODEBUG=gctrace=1"), args...)
			s := scraper{
				url:     p.url("/metrics"),
				headers: append([]string{"X-Prometheus-Scrape-Timeout-Seconds", strconv.Itoa(int(min(c.interval, 10*time.Second).Seconds()))}, formats[c.format]...),
			}
			filling := time.Now()
			s.fill(b, c.interval, c.phones)
			filled := time.Since(filling)
			_, fillPeak := p.resident()
			p.resetPeak()

			var resident, took []float64
			var size int64
			cpu, calls, collections := p.cpuTime(), api.calls(), len(p.liveHeaps())
			for b.Loop() {
				tick := time.NewTicker(c.interval)
				scrapes := 0
				for end := time.Now().Add(time.Minute); scrapes < 5 || time.Now().Before(end); scrapes++ {
					<-tick.C
					start := time.Now()
					s.scrape(b, func(r *http.Response) {
						n, err := io.Copy(io.Discard, r.Body)
						if err != nil {
							b.Fatal(err)
						}
						size += n
					})
					took = append(took, time.Since(start).Seconds()*1000)
					rss, _ := p.resident()
					resident = append(resident, rss)
				}
				tick.Stop()
			}
			n := float64(len(took))
			slices.Sort(took)
			slices.Sort(resident)
			_, peak := p.resident()
			b.ReportMetric(filled.Seconds(), "s/fill")
			b.ReportMetric(fillPeak, "fill-peak-rss-MB")
			b.ReportMetric(resident[len(resident)/2], "rss-MB")
			b.ReportMetric(peak, "peak-rss-MB")
			if heaps := p.liveHeaps()[collections:]; len(heaps) > 0 {
				b.ReportMetric(slices.Min(heaps), "live-heap-MB")
			}
			b.ReportMetric((p.cpuTime()-cpu)*1000/n, "cpu-ms/scrape")
			b.ReportMetric(float64(api.calls()-calls)/n, "api-calls/scrape")
			b.ReportMetric(float64(size)/n, "bytes/scrape")
			b.ReportMetric(took[len(took)/2], "p50-ms/scrape")
			b.ReportMetric(took[len(took)-1], "max-ms/scrape")
			b.ReportMetric(0, "ns/op")
			if known := s.knownPhones(b); known < float64(c.phones) {
				b.Errorf("only %g phones are known still", known)
			}
			api.check(b)
		})
	}
}

// formats are the headers that ask for an exposition.
var formats = map[string][]string{
	// As Prometheus 3 asks.
	"openmetrics-gzip": {
		"Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=0.0.1;q=0.6," +
			"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3",
		"Accept-Encoding", "gzip",
	},
	"text": {"Accept", "text/plain;version=0.0.4", "Accept-Encoding", "identity"},
}

// build builds the exporter as the Makefile does. The test's own binary, which
// the other tests run, starts about a seventh slower.
func build(b *testing.B) (binary string) {
	b.Helper()
	binary = filepath.Join(b.TempDir(), program)
	if err := processtest.Build(".", binary, "-trimpath"); err != nil {
		b.Fatal(err)
	}
	return binary
}

// simulatedAccounts are those of one API, by their tokens.
type simulatedAccounts map[string]*geelarktest.Server

func accountToken(i int) string { return "token-" + strconv.Itoa(i) }

func simulateAccounts(n, phonesOfEach int) simulatedAccounts {
	a := simulatedAccounts{}
	for i := range n {
		a[accountToken(i)] = geelarktest.New(geelarktest.Config{Phones: phonesOfEach, Seed: uint64(i), Token: accountToken(i)})
	}
	return a
}

func (a simulatedAccounts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api := a[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if api == nil {
		http.Error(w, "no such account", http.StatusUnauthorized)
		return
	}
	api.ServeHTTP(w, r)
}

// calls returns how many requests came.
func (a simulatedAccounts) calls() (n int) {
	for _, api := range a {
		n += api.Requests("")
	}
	return n
}

// check fails the benchmark if an account's limit was broken.
func (a simulatedAccounts) check(b *testing.B) {
	b.Helper()
	for token, api := range a {
		if broken := api.Broken(); len(broken) > 0 {
			b.Errorf("%s: limits broken: %+v", token, broken)
		}
	}
}

// configFile writes a configuration of the accounts, and returns the environment
// that goes with it.
func (a simulatedAccounts) configFile(b *testing.B, url string, perMinute int) (path string, env []string) {
	b.Helper()
	var y strings.Builder
	fmt.Fprintf(&y, "defaults:\n  base_url: %s\n  requests_per_minute: %d\naccounts:\n", url, perMinute)
	for i := range len(a) {
		fmt.Fprintf(&y, "  - name: account-%d\n    token_env: TOKEN_%d\n", i, i)
		env = append(env, fmt.Sprintf("TOKEN_%d=%s", i, accountToken(i)))
	}
	return write(b, "config.yml", y.String()), env
}

// firstAnswer asks until the exporter answers.
func (p *process) firstAnswer(url string) *answer {
	p.t.Helper()
	for deadline := time.Now().Add(processtest.Patience); ; time.Sleep(time.Millisecond) {
		switch a, err := get(http.DefaultClient, url); {
		case err == nil && a.status == http.StatusOK:
			return a
		case err == nil:
			p.t.Fatalf("status %d: %s", a.status, a.body)
		case time.Now().After(deadline):
			p.t.Fatal(err)
		}
	}
}

// A scraper scrapes an address with headers given as names and values in turn.
type scraper struct {
	url     string
	headers []string
}

// scrape has the answer's body read, as it comes.
func (s scraper) scrape(b *testing.B, read func(*http.Response)) {
	b.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i+1 < len(s.headers); i += 2 {
		request.Header.Set(s.headers[i], s.headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	encoding, asked := cmp.Or(response.Header.Get("Content-Encoding"), "identity"), request.Header.Get("Accept-Encoding")
	if response.StatusCode != http.StatusOK || encoding != asked {
		b.Fatalf("scrape: status %s, encoding %s, asked for %s", response.Status, encoding, asked)
	}
	read(response)
}

// knownPhones scrapes and returns how many phones have a status.
func (s scraper) knownPhones(b *testing.B) (known float64) {
	b.Helper()
	s.scrape(b, func(r *http.Response) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				b.Fatal(err)
			}
		}
		known = knownPhones(b, body)
	})
	return known
}

// fill scrapes until all phones are known.
func (s scraper) fill(b *testing.B, interval time.Duration, phones int) {
	b.Helper()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	deadline := time.Now().Add(30 * time.Minute)
	for known := s.knownPhones(b); known < float64(phones); known = s.knownPhones(b) {
		if time.Now().After(deadline) {
			b.Fatalf("%g of %d phones are known", known, phones)
		}
		<-tick.C
	}
}

// knownPhones counts the tracked phones of all accounts that have a status in an
// exposition.
func knownPhones(b *testing.B, exposition io.Reader) (known float64) {
	b.Helper()
	lines := bufio.NewScanner(exposition)
	for lines.Scan() {
		sign := 1.0
		switch line := lines.Bytes(); {
		case bytes.HasPrefix(line, []byte("geelark_phones_tracked{")):
		case bytes.HasPrefix(line, []byte("geelark_phones_unobserved{")):
			sign = -1
		default:
			continue
		}
		_, value, _ := strings.Cut(lines.Text(), "} ")
		known += sign * number(b, value)
	}
	if err := lines.Err(); err != nil {
		b.Fatal(err)
	}
	return known
}

// proc reads a file of the exporter's in /proc.
func (p *process) proc(name string) string {
	p.t.Helper()
	content, err := os.ReadFile(p.procPath(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(content)
}

func (p *process) procPath(name string) string {
	return fmt.Sprintf("/proc/%d/%s", p.Cmd.Process.Pid, name)
}

var residentSizes = regexp.MustCompile(`(?s)VmHWM:\s+(\d+) kB.*VmRSS:\s+(\d+) kB`)

// resident returns how much of the exporter is in memory, now and at most, in
// MB.
func (p *process) resident() (now, peak float64) {
	p.t.Helper()
	m := residentSizes.FindStringSubmatch(p.proc("status"))
	if m == nil {
		p.t.Fatal("no sizes in /proc/PID/status")
	}
	return number(p.t, m[2]) * 1024 / 1e6, number(p.t, m[1]) * 1024 / 1e6
}

// resetPeak makes the peak that of what comes (proc_pid_clear_refs(5)).
func (p *process) resetPeak() {
	p.t.Helper()
	if err := os.WriteFile(p.procPath("clear_refs"), []byte("5"), 0); err != nil {
		p.t.Fatal(err)
	}
}

// cpuTime returns the CPU time that the exporter has used, in seconds: the 14th
// and 15th fields, in hundredths of a second (proc_pid_stat(5)). The second is
// the program's name in parentheses.
func (p *process) cpuTime() float64 {
	p.t.Helper()
	_, behindName, _ := strings.Cut(p.proc("stat"), ") ")
	f := strings.Fields(behindName)
	return (number(p.t, f[11]) + number(p.t, f[12])) / 100
}

var liveHeap = regexp.MustCompile(`(?m)^gc .*->(\d+) MB, `)

// liveHeaps returns what each garbage collection has left, in MB. The exporter
// must run with gctrace=1.
func (p *process) liveHeaps() (heaps []float64) {
	p.t.Helper()
	for _, m := range liveHeap.FindAllStringSubmatch(p.Stderr.String(), -1) {
		heaps = append(heaps, number(p.t, m[1])*(1<<20)/1e6)
	}
	return heaps
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
