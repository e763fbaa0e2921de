package prometheus

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"geelark_exporter/deploy/processtest"
)

// BenchmarkRules measures with a real Prometheus how long an evaluation of the
// rules takes for 100,000 phones in ten accounts, of which 5,000 stop at once
// without taking a group down: each of them becomes an alert. It takes
// ten minutes: LONG_BENCHMARKS=1 PROMETHEUS=... go test -run '^$' -bench Rules -benchtime 1x .
//
// At first scrapes come every five seconds, so that five minutes fill the hour that
// rules look back at with the samples of an hour; then as often as they are shipped to.
func BenchmarkRules(b *testing.B) {
	const phones, interval = 100_000, time.Minute
	if os.Getenv("LONG_BENCHMARKS") == "" {
		b.Skip("takes ten minutes: set $LONG_BENCHMARKS")
	}
	running, stopped := exposition(phones, false), exposition(phones, true)
	var scrapes, stop atomic.Int64
	fleet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		scrape := scrapes.Add(1)
		if stop.Load() != 0 {
			w.Write(stopped)
		} else {
			w.Write(running)
		}
		for a := range accounts {
			fmt.Fprintf(w, "geelark_api_requests_total{account=\"team-%d\",api=\"phone/status\",outcome=\"0\"} %d\n", a, scrape)
			fmt.Fprintf(w, "geelark_wallet_balance{account=\"team-%d\"} %d\n", a, 10000-scrape)
		}
	}))
	defer fleet.Close()

	dir := b.TempDir()
	rules, err := filepath.Abs("rules/*.yml")
	if err != nil {
		b.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	configure := func(intervals string) {
		if err := os.WriteFile(config, fmt.Appendf(nil, `
global: {%s}
rule_files: [%q]
scrape_configs:
  - job_name: geelark
    static_configs: [{targets: [%q]}]
`, intervals, rules, strings.TrimPrefix(fleet.URL, "http://")), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	configure("scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 1h")
	cmd := exec.Command(processtest.Tool(b, "PROMETHEUS"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	server := processtest.Start(b, cmd)
	address := "http://" + server.Address()

	longest := make(map[string]float64) // by rule, and by group
	cost := &processorTime{of: cmd.Process.Pid}
	dearest := make(map[string]float64) // seconds of processors, by group
	for range b.N {
		time.Sleep(5 * time.Minute)
		stop.Store(1)
		configure("scrape_interval: 1m, scrape_timeout: 30s, evaluation_interval: 1m")
		server.Signal(syscall.SIGHUP)
		time.Sleep(2 * time.Minute)
		for range 15 {
			for range 100 {
				time.Sleep(100 * time.Millisecond)
				cost.look(b)
			}
			seconds, last := evaluations(b, address)
			for name := range seconds {
				longest[name] = max(longest[name], seconds[name])
			}
			for name, began := range last {
				dearest[name] = max(dearest[name], cost.between(began, began.Add(time.Duration(seconds[name]*float64(time.Second)))))
			}
		}
	}
	b.Logf("%d scrapes", scrapes.Load())
	for name, seconds := range dearest {
		b.Logf("%6.3f s of processors, with what else the server did meanwhile: %s", seconds, name)
	}
	sum, processors := 0.0, 0.0
	for _, name := range slices.SortedFunc(maps.Keys(longest), func(x, y string) int { return cmp.Compare(longest[y], longest[x]) }) {
		b.Logf("%6.3f s %s", longest[name], name)
		if name == "geelark-fleet" || name == "geelark-billing" {
			sum += longest[name]
			processors += dearest[name]
		}
	}
	var firing struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	get(b, address+"/api/v1/query?query="+url.QueryEscape(`count(ALERTS{alertname="GeelarkPhoneStopped",alertstate="firing"})`), &firing)
	if got := fmt.Sprint(firing.Data.Result); !strings.Contains(got, " 5000]") {
		b.Errorf("the phones that alert: %s, want 5000", got)
	}
	b.ReportMetric(sum, "s/evaluation")
	b.ReportMetric(processors, "cpu-s/evaluation")
	if sum > interval.Seconds()/10 {
		b.Errorf("an evaluation takes %.1f s, want at most a tenth of %s", sum, interval)
	}
}

const accounts, groups = 10, 20

// exposition is what an exporter exposes of so many phones, before or after a
// twentieth of them has stopped.
func exposition(phones int, stopped bool) []byte {
	code := func(i int) int {
		switch {
		case i%50 == 0:
			return 3
		case i%100 >= 60 || stopped && i%100 < 50 && i%10 == 1:
			return 2
		}
		return 0
	}
	var w bytes.Buffer
	counts := make(map[string]int)
	for i := range phones {
		account, group := i/(phones/accounts), i/20%groups
		labels := fmt.Sprintf(`account="team-%d",id="%d"`, account, 500_000_000_000_000_000+i)
		fmt.Fprintf(&w, "geelark_phone_status_code{%s} %d\n", labels, code(i))
		fmt.Fprintf(&w, "geelark_phone_info{%s,bound=\"yes\",brand=\"samsung\",charge_mode=%q,country=\"Germany\",group=\"farm-%d\",model=\"SM-G991B\",net_type=\"wifi\",os_version=\"Android 13\",serial_name=\"farm-%d-%05d\",serial_no=\"%d\",tags=\",prod,\"} 1\n",
			labels, []string{"per_minute", "monthly"}[i%2], group, group, i, i)
		fmt.Fprintf(&w, "geelark_phone_rpa_running{%s} %d\n", labels, i%3/2)
		if i%2 == 1 {
			fmt.Fprintf(&w, "geelark_phone_subscription_expiry_timestamp_seconds{%s} %d\n", labels, time.Now().Unix()+int64(i%2000+1)*3600)
		}
		counts[fmt.Sprintf(`account="team-%d",group="farm-%d",code="%d",status=%q`, account, group, code(i),
			[]string{"started", "starting", "shut_down", "expired"}[code(i)])]++
	}
	for labels, n := range counts {
		fmt.Fprintf(&w, "geelark_group_phones{%s} %d\n", labels, n)
	}
	for a := range accounts {
		for name, value := range map[string]int{
			"geelark_account_info": 1, "geelark_up": 1, "geelark_status_max_age_seconds": 30,
			"geelark_phones_tracked": phones / accounts, "geelark_phones_listed": phones / accounts,
		} {
			fmt.Fprintf(&w, "%s{account=\"team-%d\"} %d\n", name, a, value)
		}
	}
	return w.Bytes()
}

// processorTime is what a process has spent of processors, as it was looked at.
type processorTime struct {
	of    int
	at    []time.Time
	spent []float64 // seconds
}

func (p *processorTime) look(b *testing.B) {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.of))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks float64
	for _, f := range fields[11:13] { // utime and stime, in hundredths
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	p.at, p.spent = append(p.at, time.Now()), append(p.spent, ticks/100)
}

// between returns what was spent from one time to another, as far as it was looked at.
func (p *processorTime) between(from, to time.Time) float64 {
	last := len(p.at) - 1
	at := func(t time.Time) float64 {
		i, _ := slices.BinarySearchFunc(p.at, t, time.Time.Compare)
		return p.spent[min(i, last)]
	}
	if last < 0 || from.Before(p.at[0]) {
		return 0
	}
	return at(to) - at(from)
}

// evaluations is how long the last evaluation of each group and each rule took, and
// when those of groups began.
func evaluations(b *testing.B, address string) (seconds map[string]float64, began map[string]time.Time) {
	b.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Name           string
				EvaluationTime float64
				LastEvaluation time.Time
				Rules          []struct {
					Name           string
					EvaluationTime float64
				}
			}
		}
	}
	get(b, address+"/api/v1/rules", &answer)
	seconds, began = make(map[string]float64), make(map[string]time.Time)
	for _, g := range answer.Data.Groups {
		seconds[g.Name], began[g.Name] = g.EvaluationTime, g.LastEvaluation
		for _, r := range g.Rules {
			seconds[r.Name] = r.EvaluationTime
		}
	}
	return seconds, began
}

func get(b *testing.B, address string, into any) {
	b.Helper()
	resp, err := http.Get(address)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		b.Fatal(err)
	}
}
