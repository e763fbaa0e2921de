package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"geelark_exporter/collector"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReloadingShowsWhetherItWorked(t *testing.T) {
	now := time.Unix(1_000, 0)
	var loadErr, applyErr error
	var applied int
	var logs bytes.Buffer
	r := NewReloader(
		func() ([]watch.AccountConfig, error) { return make([]watch.AccountConfig, 3), loadErr },
		func(a []watch.AccountConfig) error { applied += len(a); return applyErr },
		log.NewLogfmtLogger(&logs), func() time.Time { return now },
	)
	for _, step := range []struct {
		name        string
		load, apply error
		method      string
		code        int
		says, logs  string
		worked      bool
		applied     int
	}{
		{"at the start nothing is loaded", nil, nil, http.MethodGet, 405, "POST", "", true, 0},
		{"POST", nil, nil, http.MethodPost, 200, "", "level=info msg=\"Reloaded the configuration\" accounts=3", true, 3},
		{"PUT", nil, nil, http.MethodPut, 200, "", "accounts=3", true, 3},
		{"HEAD is not enough", nil, nil, http.MethodHead, 405, "", "", true, 0},
		{"what cannot be loaded is not applied", errors.New("file:7: wrong"), nil, http.MethodPost, 500, "stays in force:\nfile:7: wrong", "file:7: wrong", false, 0},
		{"a refused request changes nothing", nil, nil, http.MethodDelete, 405, "", "", false, 0},
		{"what cannot be applied", nil, errors.New("no phones file"), http.MethodPut, 500, "no phones file", "level=error", false, 3},
		{"the next that works", nil, nil, http.MethodPost, 200, "", "level=info", true, 3},
	} {
		now = now.Add(time.Second)
		_, last := r.Last()
		before := float64(last.Unix())
		logs.Reset()
		applied, loadErr, applyErr = 0, step.load, step.apply
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(step.method, "/-/reload", nil))
		if w.Code != step.code || !strings.Contains(w.Body.String(), step.says) || applied != step.applied {
			t.Errorf("%s: status %d, %q, %d applied", step.name, w.Code, w.Body, applied)
		}
		if at, failure := r.Failure(); (failure == nil) != step.worked || step.code != 405 && !at.Equal(now) {
			t.Errorf("%s: it tells of the error %v at %s", step.name, failure, at)
		}
		if allow := w.Header().Get("Allow"); (step.code == 405) != (allow == "POST, PUT") {
			t.Errorf("%s: Allow is %q", step.name, allow)
		}
		if !strings.Contains(logs.String(), step.logs) || step.logs == "" && logs.Len() > 0 {
			t.Errorf("%s: logged %s", step.name, &logs)
		}
		at := before
		if step.code == 200 {
			at = float64(now.Unix())
		}
		want := fmt.Sprintf(`# HELP geelark_config_last_reload_success_timestamp_seconds When reading the configuration last worked.
# TYPE geelark_config_last_reload_success_timestamp_seconds gauge
geelark_config_last_reload_success_timestamp_seconds %v
# HELP geelark_config_last_reload_successful Whether the last reading of the configuration worked.
# TYPE geelark_config_last_reload_successful gauge
geelark_config_last_reload_successful %d
`, at, map[bool]int{true: 1}[step.worked])
		if err := testutil.CollectAndCompare(collector.Reloads(r.Last), strings.NewReader(want)); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	if problems, err := testutil.CollectAndLint(collector.Reloads(r.Last)); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestReloadsComeOneAfterTheOther(t *testing.T) {
	var running, most, runs atomic.Int32
	r := NewReloader(
		func() ([]watch.AccountConfig, error) {
			most.Store(max(most.Load(), running.Add(1)))
			runtime.Gosched()
			return nil, nil
		},
		func([]watch.AccountConfig) error { running.Add(-1); runs.Add(1); return nil },
		log.NewNopLogger(), time.Now,
	)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector.Reloads(r.Last))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := r.Reload(); err != nil {
				t.Error(err)
			}
			if _, err := registry.Gather(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || runs.Load() != 20 {
		t.Errorf("%d reloads, %d at a time", runs.Load(), most.Load())
	}
}

// The teams of the load test: two whose accounts never change, one that changes
// with each good file, and one that comes and goes.
const (
	steadyTeams = `
accounts:
  - {name: steady-1, token_file: token-1, base_url: "http://steady-1.test"}
  - {name: steady-2, token_file: token-2, base_url: "http://steady-2.test", phones: {ids_file: phones}}
`
	changingTeam = `  - {name: changing, token_file: token-3, base_url: "http://changing.test", cache_ttl: %dms, labels: {version: "%d"}, requests_per_minute: 6}
`
	comingTeam = `  - {name: coming, token_file: token-4, base_url: "http://coming.test"}
`
)

var teams = []string{"steady-1", "steady-2", "changing", "coming"}

var brokenFiles = []string{
	"", "accounts: []", "accounts:\n\t- x", "acounts:\n", "accounts: [{name: steady-1}]",
	strings.ReplaceAll(steadyTeams, "steady-2, token", "steady-1, token"),
	strings.ReplaceAll(steadyTeams, "token-2", "token-1, app_id: x"),
	strings.ReplaceAll(steadyTeams, "token-2", "none"),
	steadyTeams + strings.ReplaceAll(comingTeam, "token_file", "cache_ttl: soon, token_file"),
	steadyTeams + fmt.Sprintf(changingTeam, 1, 1) + strings.ReplaceAll(comingTeam, "token_file", "phones: {ids_file: broken-phones}, token_file"),
}

// underLoad runs f with a collector of the teams that is scraped all the time,
// and returns what the API was asked for of each team.
func underLoad(t *testing.T, d time.Duration, f func(r *Reloader, c *collector.Collector, file string)) map[string]map[geelark.Endpoint]int {
	calls := make(map[string]map[geelark.Endpoint]int)
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		put := func(name, content string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		network := make(hosts)
		sims := make(map[string]*geelarktest.Server)
		for i, team := range teams {
			token := fmt.Sprintf("token-of-%d", i+1)
			put(fmt.Sprintf("token-%d", i+1), token)
			sims[team] = geelarktest.New(geelarktest.Config{Phones: 10, Seed: uint64(i), Token: token})
			sims[team].Inject(geelarktest.Fault{Latency: 300 * time.Millisecond})
			network[team+".test"] = sims[team].RoundTripper()
		}
		put("phones", strings.Join(sims["steady-2"].IDs()[:8], "\n"))
		put("broken-phones", "two words\n")
		put("accounts.yml", steadyTeams)
		file := filepath.Join(dir, "accounts.yml")

		load := func() ([]watch.AccountConfig, error) { return NewFile(file, flags(), os.Getenv).Load() }
		accounts, err := load()
		if err != nil {
			t.Fatal(err)
		}
		counters := collector.NewCounters()
		w, err := watch.New(accounts, watch.Options{Observer: counters, ClientOptions: []geelark.Option{geelark.WithTransport(network)}})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		c := collector.New(w, counters, collector.Options{})
		r := NewReloader(load, w.Reload, log.NewNopLogger(), time.Now)
		registry := prometheus.NewRegistry()
		registry.MustRegister(collector.Reloads(r.Last))
		options := collector.HandlerOptions{Gatherer: registry, TimeoutOffset: 500 * time.Millisecond}

		end := time.Now().Add(d)
		var scrapers sync.WaitGroup
		for i := range 2 {
			scrapers.Go(func() {
				time.Sleep(time.Duration(i) * 700 * time.Millisecond)
				seen := make(map[string]float64)
				for ; time.Now().Before(end); time.Sleep(2 * time.Second) {
					families := scrape(t, c.Handler(options), "/metrics")
					wantNothingBackwards(t, seen, families)
				}
			})
		}
		scrapers.Go(func() {
			for ; time.Now().Before(end); time.Sleep(2900 * time.Millisecond) {
				if up := accountsUp(scrape(t, c.ProbeHandler(options), "/probe?account=steady-1")); !maps.Equal(up, map[string]float64{"steady-1": 1}) {
					t.Errorf("probe: up %v", up)
				}
			}
		})
		f(r, c, file)
		scrapers.Wait()
		time.Sleep(time.Minute)
		for _, team := range teams {
			calls[team] = make(map[geelark.Endpoint]int)
			for _, e := range geelark.Endpoints() {
				calls[team][e] = sims[team].Requests(string(e))
			}
			if broken := sims[team].Broken(); len(broken) > 0 {
				t.Errorf("%s: limits are broken: %+v", team, broken)
			}
		}
		if got := sims["changing"].MostIn("phone/status", time.Minute); got > 6 {
			t.Errorf("%d calls within a minute for the account that changes, want at most 6", got)
		}
	})
	return calls
}

type hosts map[string]http.RoundTripper

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) { return h[r.URL.Host].RoundTrip(r) }

func scrape(t *testing.T, h http.Handler, url string) map[string]*dto.MetricFamily {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "3")
	h.ServeHTTP(w, r)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if w.Code != http.StatusOK || err != nil {
		t.Errorf("%s: status %d, %v", url, w.Code, err)
	}
	return families
}

// wantNothingBackwards fails when a counter or a histogram's count is lower than
// it was. That of an account that went may begin anew.
func wantNothingBackwards(t *testing.T, seen map[string]float64, families map[string]*dto.MetricFamily) {
	now := make(map[string]float64)
	for name, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			series := name + strings.Join(labels, ",")
			switch {
			case m.Counter != nil:
				now[series] = m.GetCounter().GetValue()
			case m.Histogram != nil:
				now[series] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	for series, v := range seen {
		got, there := now[series]
		if !strings.Contains(series, "account=coming") && (!there || got < v) {
			t.Errorf("%s went from %v to %v (there: %v)", series, v, got, there)
		}
	}
	clear(seen)
	maps.Copy(seen, now)
}

func accountsUp(families map[string]*dto.MetricFamily) map[string]float64 {
	up := make(map[string]float64)
	for _, m := range families["geelark_up"].GetMetric() {
		up[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
	}
	return up
}

func TestAHundredReloadsUnderLoadOfWhichHalfAreBroken(t *testing.T) {
	const every = 1500 * time.Millisecond
	undisturbed := underLoad(t, 100*every, func(*Reloader, *collector.Collector, string) {})
	disturbed := underLoad(t, 100*every, func(r *Reloader, _ *collector.Collector, file string) {
		goroutines := 0
		for i := range 100 {
			time.Sleep(every)
			content, coming, good := brokenFiles[i/2%len(brokenFiles)], i/4%2 == 0, i%2 == 0
			if good {
				content = steadyTeams + fmt.Sprintf(changingTeam, 2000+i, i)
				if coming {
					content += comingTeam
				}
			}
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			err := r.Reload()
			if successful, _ := r.Last(); (err == nil) != good || successful != good {
				t.Errorf("reload %d: error %v, it says that it was successful: %v", i, err, successful)
			}
			if !good {
				continue
			}
			if n := runtime.NumGoroutine(); i == 20 {
				goroutines = n
			} else if i > 20 && n > goroutines+20 {
				t.Errorf("%d goroutines after %d reloads, %d after 20", n, i, goroutines)
			}
		}
	})
	for _, team := range teams[:2] {
		if !maps.Equal(disturbed[team], undisturbed[team]) {
			t.Errorf("%s, which never changed: requests %v, without reloads %v", team, disturbed[team], undisturbed[team])
		}
	}
	for _, team := range teams[2:] {
		if disturbed[team][geelark.EndpointPhoneStatus] == 0 {
			t.Errorf("%s was never polled", team)
		}
	}
	// The account that changed 50 times was listed at its interval.
	if got := disturbed["changing"][geelark.EndpointPhoneList]; got > 2 {
		t.Errorf("the account that changes was listed %d times in two and a half minutes", got)
	}
	t.Logf("requests with reloads: %v, without: %v", disturbed, undisturbed)
}

// What a reload leads to shows in the next scrape.
func TestAccountsComeAndGoWithTheFile(t *testing.T) {
	underLoad(t, time.Second, func(r *Reloader, c *collector.Collector, file string) {
		for _, tt := range []struct {
			content string
			want    []string
		}{
			{steadyTeams + comingTeam, []string{"coming", "steady-1", "steady-2"}},
			{steadyTeams, []string{"steady-1", "steady-2"}},
			{"accounts: []", []string{"steady-1", "steady-2"}},
			{steadyTeams + fmt.Sprintf(changingTeam, 30000, 1) + comingTeam, []string{"changing", "coming", "steady-1", "steady-2"}},
		} {
			time.Sleep(time.Minute) // the plan is asked for once a minute
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := r.Reload(); (err == nil) != (tt.content != "accounts: []") {
				t.Errorf("%s: error %v", tt.content, err)
			}
			for name, f := range scrape(t, c.Handler(collector.HandlerOptions{}), "/metrics") {
				var accounts []string
				for _, m := range f.GetMetric() {
					for _, l := range m.GetLabel() {
						if l.GetName() == "account" {
							accounts = append(accounts, l.GetValue())
						}
					}
				}
				if name == "geelark_phones_listed" || strings.HasPrefix(name, "geelark_ids_file_") {
					continue // of some accounts
				}
				slices.Sort(accounts)
				if accounts = slices.Compact(accounts); accounts != nil && !slices.Equal(accounts, tt.want) {
					t.Errorf("%s has accounts %v, want %v", name, accounts, tt.want)
				}
			}
		}
	})
}
