package collector

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark/geelarktest"
)

func parse(t *testing.T, w *httptest.ResponseRecorder) map[string]*dto.MetricFamily {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func names(lists ...[]*family) (names []string) {
	for _, l := range lists {
		for _, f := range l {
			names = append(names, f.name)
		}
	}
	return names
}

func TestAScrapeHasTheCollectorsThatItAsksFor(t *testing.T) {
	own := map[string][]string{
		watch.CollectorStatus:    names(statusFamilies),
		watch.CollectorInventory: names(inventoryFamilies),
		watch.CollectorBilling:   names(billingFamilies),
	}
	const info = "geelark_phone_info"
	for query, want := range map[string]struct {
		collectors []string
		calls      []string
	}{
		"":                                      {watch.DefaultCollectors(), []string{listing, status, walletEndpoint, planEndpoint}},
		"collect[]=status":                      {[]string{watch.CollectorStatus}, []string{listing, status}},
		"collect[]=inventory":                   {[]string{watch.CollectorInventory}, []string{listing}},
		"collect[]=billing":                     {[]string{watch.CollectorBilling}, []string{walletEndpoint, planEndpoint}},
		"collect[]=status&collect[]=inventory":  {[]string{watch.CollectorStatus, watch.CollectorInventory}, []string{listing, status}},
		"collect[]=status&collect[]=billing":    {[]string{watch.CollectorStatus, watch.CollectorBilling}, []string{listing, status, walletEndpoint, planEndpoint}},
		"collect[]=billing&collect[]=inventory": {[]string{watch.CollectorInventory, watch.CollectorBilling}, []string{listing, walletEndpoint, planEndpoint}},
		"collect[]=status&collect[]=status":     {[]string{watch.CollectorStatus}, []string{listing, status}},
		"collect%5B%5D=billing&other=whatever":  {[]string{watch.CollectorBilling}, []string{walletEndpoint, planEndpoint}},
	} {
		for path, handler := range map[string]func(*Collector, HandlerOptions) http.Handler{
			"/metrics?": (*Collector).Handler, "/probe?account=default&": (*Collector).ProbeHandler,
		} {
			t.Run(path+query, func(t *testing.T) {
				inBubbleWith(t, 20, nil, nil, func(b *bench) {
					b.sim.SetStatus(b.sim.IDs()[0], 3) // so that there is something to poll
					got := parse(t, get(t, handler(b.Collector, HandlerOptions{}), path+query))
					synctest.Wait()
					for c, families := range own {
						for _, f := range families {
							exposed := got[f] != nil
							if exposed && !slices.Contains(want.collectors, c) {
								t.Errorf("%s is exposed", f)
							}
							// A lookup fails only when it fails.
							if !exposed && slices.Contains(want.collectors, c) && f != "geelark_phone_lookup_failed" {
								t.Errorf("%s is not exposed", f)
							}
						}
					}
					if got, want := got[info] != nil, !slices.Equal(want.collectors, []string{watch.CollectorBilling}); got != want {
						t.Errorf("%s is exposed: %v, want %v", info, got, want)
					}
					for _, f := range []string{"geelark_up", "geelark_account_info", "geelark_collector_success", "geelark_api_requests_total", "geelark_api_budget_requests"} {
						if got[f] == nil {
							t.Errorf("%s is not exposed", f)
						}
					}
					if calls := slices.Sorted(maps.Keys(requests(b.sim))); !slices.Equal(calls, slices.Sorted(slices.Values(want.calls))) {
						t.Errorf("called %v, want %v", calls, want.calls)
					}
				})
			})
		}
	}
}

func TestRequestsThatAskForWhatIsNotThereAreRefused(t *testing.T) {
	inBubbleWith(t, 20, func(o *options) { o.Collectors = []string{watch.CollectorStatus, watch.CollectorBilling} }, nil, func(b *bench) {
		metrics, probe := b.Handler(HandlerOptions{}), b.ProbeHandler(HandlerOptions{})
		for _, tt := range []struct {
			handler http.Handler
			url     string
			code    int
			says    string
		}{
			{metrics, "/metrics?collect[]=unknown", http.StatusBadRequest, `no collector "unknown" is switched on: collect[] takes status, billing`},
			{metrics, "/metrics?collect[]=", http.StatusBadRequest, `no collector ""`},
			{metrics, "/metrics?collect[]=status&collect[]=inventory", http.StatusBadRequest, `"inventory"`},
			{probe, "/probe?account=default&collect[]=inventory", http.StatusBadRequest, `"inventory"`},
			{probe, "/probe", http.StatusBadRequest, "account parameter is missing"},
			{probe, "/probe?account=", http.StatusBadRequest, "account parameter is missing"},
			{probe, "/probe?account=other", http.StatusNotFound, `no account is named "other"`},
			{probe, "/probe?account=DEFAULT", http.StatusNotFound, "/sd"},
			{probe, "/probe?account=" + url.QueryEscape("<script>"), http.StatusNotFound, `"<script>"`},
			{probe, "/probe?account=default&account=other", http.StatusBadRequest, "one account at a time"},
			{metrics, "/metrics?name[]=%zz", http.StatusBadRequest, `invalid URL escape "%zz"`},
			{metrics, "/metrics?name[]=geelark_up;collect[]=status", http.StatusBadRequest, "semicolon"},
			{probe, "/probe?account=default&name[]=%", http.StatusBadRequest, `invalid URL escape "%"`},
			{metrics, "/metrics?" + strings.Repeat("name[]=geelark_up&", 201), http.StatusBadRequest, "at most 200 name[]"},
			{metrics, "/metrics?" + strings.Repeat("name[]=geelark_up&", 10_000), http.StatusBadRequest, "the query cannot be read"},
			{metrics, "/metrics?" + strings.Repeat("collect[]=status&", 201), http.StatusBadRequest, "at most 200 collect[]"},
		} {
			w := get(t, tt.handler, tt.url)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%.100s: status %d, %q, want %d, %q", tt.url, w.Code, w.Body, tt.code, tt.says)
			}
			if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
				t.Errorf("%.100s: the error is %s", tt.url, got)
			}
		}
		b.wantRequests(map[string]int{})
	})
}

// twoTeams are accounts a and b, of 10 phones and of 20.
func twoTeams(t *testing.T) (b *bench, simA, simB *geelarktest.Server) {
	t.Helper()
	simA = geelarktest.New(geelarktest.Config{Phones: 10, Seed: 1, Token: testToken, Still: true})
	simB = geelarktest.New(geelarktest.Config{Phones: 20, Seed: 2, Token: testToken, Still: true})
	configs := []watch.AccountConfig{testConfig(), testConfig()}
	configs[0].Name, configs[0].BaseURL = "team-a", "http://a.test"
	configs[0].Labels = map[string]string{"owner": "growth", "region": "\"<&>\\\n手机"}
	configs[1].Name, configs[1].BaseURL = "team-b", "http://b.test"
	configs[1].Labels = map[string]string{"tier": "1"}
	return newBench(t, hosts{"a.test": simA.RoundTripper(), "b.test": simB.RoundTripper()}, nil, configs...), simA, simB
}

func TestAProbeHasOneAccountAndCallsOnlyThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, simA, simB := twoTeams(t)
		defer b.Close()
		got := parse(t, get(t, b.ProbeHandler(HandlerOptions{}), "/probe?account=team-a"))
		if calls := requests(simB); len(calls) != 0 {
			t.Errorf("the other account was called: %v", calls)
		}
		if simA.Requests(listing) != 1 {
			t.Error("the account was not called")
		}
		for name, f := range got {
			for _, m := range f.GetMetric() {
				var accounts []string
				for _, l := range m.GetLabel() {
					if l.GetName() == "account" {
						accounts = append(accounts, l.GetValue())
					}
				}
				if !slices.Equal(accounts, []string{"team-a"}) {
					t.Errorf("%s has a series of account %v", name, accounts)
				}
			}
		}
		for _, f := range []string{"geelark_up", "geelark_phone_info", "geelark_api_requests_total", "geelark_api_request_duration_seconds", "geelark_phone_lookup_failures_total", "geelark_wallet_balance"} {
			if got[f] == nil {
				t.Errorf("%s is not exposed", f)
			}
		}
		if n := len(got["geelark_phone_info"].GetMetric()); n != 10 {
			t.Errorf("%d phones, want 10", n)
		}
		// Both together show what each shows alone.
		all := parse(t, get(t, b.Handler(HandlerOptions{}), "/metrics"))
		if n := len(all["geelark_phone_info"].GetMetric()); n != 30 {
			t.Errorf("%d phones of both accounts, want 30", n)
		}
		if n := len(all["geelark_up"].GetMetric()); n != 2 {
			t.Errorf("%d accounts, want 2", n)
		}
	})
}

func TestOwnLabelsOfSomeAccountsAreEmptyForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := twoTeams(t)
		defer b.Close()
		s := b.scrape()
		s.want(t, `geelark_account_info{account="team-a",owner="growth",region="\"<&>\\\n手机",tier=""}`, 1)
		s.want(t, `geelark_account_info{account="team-b",owner="",region="",tier="1"}`, 1)
		for name := range s.having("geelark_phone_info") {
			if b := strings.Contains(name, `account="team-b"`); b != strings.Contains(name, `tier="1"`) || b == strings.Contains(name, `owner="growth"`) {
				t.Errorf("%s", name)
			}
		}
	})
}

func TestServiceDiscoveryListsTheAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, simA, simB := twoTeams(t)
		defer b.Close()
		w := get(t, b.DiscoveryHandler(&url.URL{Path: "/probe"}), "http://exporter.test:9824/sd")
		// Prometheus' rules: status 200, this content type, a list of groups
		// with nothing else in them, valid labels, whose values are text.
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != "application/json" {
			t.Errorf("status %d, content type %s", w.Code, got)
		}
		type group struct {
			Targets []string                             `json:"targets"`
			Labels  map[model.LabelName]model.LabelValue `json:"labels"`
		}
		var got []group
		d := json.NewDecoder(w.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		want := []group{
			{[]string{"exporter.test:9824"}, map[model.LabelName]model.LabelValue{
				"__metrics_path__": "/probe", "__param_account": "team-a", "__meta_geelark_account": "team-a",
				"__meta_geelark_label_owner": "growth", "__meta_geelark_label_region": "\"<&>\\\n手机",
			}},
			{[]string{"exporter.test:9824"}, map[model.LabelName]model.LabelValue{
				"__metrics_path__": "/probe", "__param_account": "team-b", "__meta_geelark_account": "team-b", "__meta_geelark_label_tier": "1",
			}},
		}
		if len(got) != len(want) {
			t.Fatalf("got %v", got)
		}
		for i := range want {
			if !slices.Equal(got[i].Targets, want[i].Targets) || !maps.Equal(got[i].Labels, want[i].Labels) {
				t.Errorf("got %v, want %v", got[i], want[i])
			}
			for name, v := range got[i].Labels {
				if !model.LegacyValidation.IsValidLabelName(string(name)) || !v.IsValid() {
					t.Errorf("label %s=%q", name, v)
				}
			}
			// What is listed can be scraped.
			parse(t, get(t, b.ProbeHandler(HandlerOptions{}), "/probe?account="+string(got[i].Labels["__param_account"])))
		}
		if simA.Requests(listing) != 1 || simB.Requests(listing) != 1 {
			t.Error("listing the accounts called the API")
		}

		if err := b.Reload(nil); err != nil {
			t.Fatal(err)
		}
		if w := get(t, b.DiscoveryHandler(&url.URL{Path: "/probe"}), "/sd"); strings.TrimSpace(w.Body.String()) != "[]" {
			t.Errorf("without accounts: %s", w.Body)
		}
	})
}

func TestServiceDiscoveryTrustsARequestWithItsHostOnly(t *testing.T) {
	inBubble(t, 1, nil, func(b *bench) {
		for host, ok := range map[string]bool{
			"exporter.test": true, "exporter.test:9824": true, "10.0.0.1:9824": true, "[::1]:9824": true, "a_b-c.d": true,
			"": false, "a b": false, "a/b": false, "user@a": false, "a:b": false, "a:99999999": false, "::1": false, "a,b": false, `"`: false, "a\nb": false, "<a>": false,
		} {
			r := httptest.NewRequest(http.MethodGet, "/sd", nil)
			r.Host = host
			r.Header.Set("X-Forwarded-Host", "evil.test")
			r.Header.Set("X-Forwarded-Proto", "https")
			w := httptest.NewRecorder()
			b.DiscoveryHandler(&url.URL{Path: "/probe"}).ServeHTTP(w, r)
			if (w.Code == http.StatusOK) != ok || ok != strings.Contains(w.Body.String(), `"targets":["`+host+`"]`) || strings.Contains(w.Body.String(), "https") || !ok && !strings.Contains(w.Body.String(), "--web.external-url") {
				t.Errorf("host %q: status %d, %s", host, w.Code, w.Body)
			}
			// What the operator says counts instead.
			w = httptest.NewRecorder()
			b.DiscoveryHandler(&url.URL{Scheme: "https", Host: "mon.test", Path: "/x/probe"}).ServeHTTP(w, r)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"targets":["mon.test"]`) || !strings.Contains(w.Body.String(), `"__scheme__":"https"`) {
				t.Errorf("host %q: status %d, %s", host, w.Code, w.Body)
			}
		}
		r := httptest.NewRequest(http.MethodGet, "https://exporter.test:9824/sd", nil) // over TLS
		w := httptest.NewRecorder()
		b.DiscoveryHandler(&url.URL{Path: "/probe"}).ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), `"__scheme__":"https"`) {
			t.Errorf("over TLS: %s", w.Body)
		}
	})
}

func TestAScrapeOfOneCollectorDoesNotWaitForAnother(t *testing.T) {
	inBubbleWith(t, 20, nil, nil, func(b *bench) {
		b.poll()
		time.Sleep(31 * time.Second)
		b.sim.Inject(geelarktest.Fault{Endpoint: status, Hang: true})
		go b.poll()
		synctest.Wait()
		start := time.Now()
		parse(t, get(t, b.Handler(HandlerOptions{}), "/metrics?collect[]=billing"))
		if got := time.Since(start); got != 0 {
			t.Errorf("a scrape of billing waited %s for statuses", got)
		}
		time.Sleep(time.Minute)
	})
}

func TestFamiliesOfTheProcessAreFilteredToo(t *testing.T) {
	inBubble(t, 5, nil, func(b *bench) {
		r := prometheus.NewRegistry()
		for _, name := range []string{"go_things", "process_things"} {
			r.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "For this test."}))
		}
		filter, err := NewFamilyFilter(nil, []string{"go_.*"})
		if err != nil {
			t.Fatal(err)
		}
		got := parse(t, get(t, b.Handler(HandlerOptions{Gatherer: filter.Gatherer(r)}), "/metrics"))
		if got["go_things"] != nil || got["process_things"] == nil || got["geelark_up"] == nil {
			t.Errorf("got %v", slices.Sorted(maps.Keys(got)))
		}
	})
}
