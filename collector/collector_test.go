package collector

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares what a collector exposes with a file in testdata.
func golden(t *testing.T, c prometheus.Collector, file string) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil || len(families) == 0 {
		t.Fatalf("%d families, error %v", len(families), err)
	}
	var got bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&got, f); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the exposition differs from %s (go test ./collector -update writes it):\n%s", path, &got)
	}
}

func TestExposition(t *testing.T) {
	fleet := geelarktest.New(geelarktest.Config{Phones: 6, Seed: 1}).IDs()
	for _, tt := range []struct {
		file   string
		phones int
		change func(*watch.AccountConfig)
		do     func(b *bench)
	}{
		{"nothing_polled.prom", 0, func(c *watch.AccountConfig) { c.IDs = []string{"1", "2"} }, func(*bench) {}},
		{"every_status.prom", 6, nil, func(b *bench) {
			for i, s := range []int{0, 1, 2, 3, 7, -1} {
				b.sim.SetStatus(fleet[i], s)
			}
			b.sim.Rename(fleet[0], "<script>\n\"quoted\" \\ \xff 手机")
			b.sim.Rename(fleet[1], "")
			b.scrape()
			time.Sleep(20 * time.Second)
		}},
		{"failures.prom", 6, func(c *watch.AccountConfig) { c.IDs = append([]string{"unknown"}, fleet...) }, func(b *bench) {
			b.scrape()
			time.Sleep(31 * time.Second)
			b.sim.Remove(fleet[0])
			b.sim.Inject(geelarktest.Fault{Endpoint: status, OmitIDs: fleet[1:2]})
			b.scrape()
		}},
		{"locked.prom", 6, func(c *watch.AccountConfig) { c.IDs = fleet }, func(b *bench) {
			b.scrape()
			time.Sleep(31 * time.Second)
			b.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit, Times: 1})
			b.scrape()
			time.Sleep(11 * time.Minute)
			b.scrape()
		}},
	} {
		t.Run(strings.TrimSuffix(tt.file, ".prom"), func(t *testing.T) {
			inBubble(t, tt.phones, tt.change, func(b *bench) {
				for i, id := range b.sim.IDs() {
					b.sim.SetStatus(id, i%3)
				}
				tt.do(b)
				golden(t, b.all(), tt.file)
				problems, err := testutil.CollectAndLint(b.all())
				if err != nil || len(problems) > 0 {
					t.Errorf("lint: %v, %v", problems, err)
				}
			})
		})
	}
}

func TestTheDocumentedSampleAnswerGivesAValidExposition(t *testing.T) {
	answer, err := os.ReadFile("testdata/query_status_answer.json")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.IDs = []string{"123456ABCDEF"}
		b := newBench(t, answering(string(answer)), func(o *options) { o.Collectors = []string{watch.CollectorStatus} }, cfg)
		defer b.Close()
		golden(t, b.Collector, "documented_sample.prom")
	})
}

func TestGatheringARegistryPolls(t *testing.T) {
	inBubble(t, 250, nil, func(b *bench) {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(b.Collector)
		gather(t, r).addUp(t, 250)
		if got := b.sim.Requests(status); got != 1 {
			t.Errorf("%d batches polled, want 1 for the phones whose status the list did not tell", got)
		}
		b.sim.Inject(geelarktest.Fault{Hang: true})
		time.Sleep(31 * time.Second)
		start := time.Now()
		gather(t, r).addUp(t, 250)
		if got := time.Since(start); got != defaultScrapeTimeout {
			t.Errorf("with an API that hangs, gathering took %s", got)
		}
	})
}

func TestAccountsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geelarktest.New(geelarktest.Config{Phones: 10, Seed: 1, Token: testToken, Still: true})
		good, bad := testConfig(), testConfig()
		bad.Name, bad.BaseURL = "hangs", "http://hangs.test"
		b := newBench(t, nil, func(o *options) {
			o.ClientOptions = []geelark.Option{
				geelark.WithTransport(roundTripperFunc(func(r *http.Request) (*http.Response, error) {
					if r.URL.Host == "hangs.test" {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return sim.RoundTripper().RoundTrip(r)
				})),
			}
		}, good, bad)
		defer b.Close()
		s := b.scrape()
		s.want(t, `geelark_up{account="default"}`, 1)
		s.want(t, `geelark_up{account="hangs"}`, 0)
		s.wantUnobserved(t, "default", 0)
	})
}

func TestScrapeTimeout(t *testing.T) {
	for _, tt := range []struct {
		header string
		offset time.Duration
		want   time.Duration
	}{
		{"", 500 * time.Millisecond, 9500 * time.Millisecond},
		{"3", 500 * time.Millisecond, 2500 * time.Millisecond},
		{"0.4", 0, 400 * time.Millisecond},
		{"0.4", 500 * time.Millisecond, 200 * time.Millisecond},
		{"0.5", 500 * time.Millisecond, 250 * time.Millisecond},
		{"0", 0, 10 * time.Second},
		{"-1", 0, 10 * time.Second},
		{"NaN", 0, 10 * time.Second},
		{"+Inf", 0, 10 * time.Second},
		{"1e300", 0, 10 * time.Second},
		{"86400", time.Second, 5*time.Minute - time.Second},
		{"soon", 0, 10 * time.Second},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", tt.header)
		if got := pollTimeout(scrapeTimeout(r), tt.offset); got != tt.want {
			t.Errorf("header %q, offset %s: %s, want %s", tt.header, tt.offset, got, tt.want)
		}
	}
}

func TestAScrapeOverHTTPAnswersBeforeItsDeadline(t *testing.T) {
	inBubble(t, 100, nil, func(b *bench) {
		h := b.Handler(HandlerOptions{Gatherer: prometheus.NewRegistry(), TimeoutOffset: 500 * time.Millisecond})
		scrape := func(ctx context.Context) (*httptest.ResponseRecorder, time.Duration) {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
			r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "3")
			w := httptest.NewRecorder()
			start := time.Now()
			h.ServeHTTP(w, r)
			return w, time.Since(start)
		}
		if w, _ := scrape(b.t.Context()); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `geelark_phones_tracked{account="default"} 100`) {
			t.Fatalf("status %d, body %s", w.Code, w.Body)
		}
		time.Sleep(31 * time.Second)
		b.sim.Inject(geelarktest.Fault{Hang: true})
		w, took := scrape(b.t.Context())
		if w.Code != http.StatusOK || took != 2500*time.Millisecond || !strings.Contains(w.Body.String(), `geelark_phones_unobserved{account="default",reason="call_failed"} 0`) {
			t.Errorf("status %d after %s", w.Code, took)
		}
		gone, cancel := context.WithCancel(b.t.Context())
		cancel()
		if _, took := scrape(gone); took != 0 {
			t.Errorf("a scraper that went away was served for %s", took)
		}
	})
}

func TestTooManyScrapesAtATimeAreRefused(t *testing.T) {
	inBubble(t, 100, nil, func(b *bench) {
		registry := prometheus.NewRegistry()
		h := b.Handler(HandlerOptions{Gatherer: registry, Registerer: registry, Limit: NewLimit(2)})
		b.sim.Inject(geelarktest.Fault{Hang: true})
		codes := make(chan int)
		scrape := func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			codes <- w.Code
		}
		for range 3 {
			go scrape()
		}
		synctest.Wait()
		if got := <-codes; got != http.StatusServiceUnavailable {
			t.Errorf("the third scrape got status %d", got)
		}
		for range 2 {
			if got := <-codes; got != http.StatusOK {
				t.Errorf("one of the first scrapes got status %d", got)
			}
		}
		go scrape()
		if got := <-codes; got != http.StatusOK {
			t.Errorf("a later scrape got status %d", got)
		}
	})
}
