package collector

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// The environment of the process whose memory is looked at. It must not hold
// anything personal of the simulator's, which is in this process.
const (
	dumpFileVar   = "GEELARK_TEST_DUMP_FILE"
	baseURLVar    = "GEELARK_TEST_BASE_URL"
	collectorsVar = "GEELARK_TEST_COLLECTORS"
	hoardVar      = "GEELARK_TEST_HOARD" // if set, all answers are kept
)

// dumpedAPIKey stays in memory as long as it is used, so it is none of those that
// a dump must not hold.
const dumpedAPIKey = "api-key-of-the-dumped-process"

func TestNothingPersonalIsInMetricsLogsPagesOrMemory(t *testing.T) {
	t.Parallel()
	sim := geelarktest.New(geelarktest.Config{
		Phones: 120, Seed: 1, AppID: "app", APIKey: dumpedAPIKey, Calm: true, Past: 6 * time.Hour, Usage: geelarktest.Usage{Every: 5 * time.Minute}, TasksPerDay: 24,
	})
	server := httptest.NewServer(sim)
	defer server.Close()
	secrets := sim.Secrets()
	// What the other APIs tell, or may tell, of people. It is not decoded; of what no
	// document has, a part can stay in a connection's buffer until the next answer.
	var undocumented []string
	for endpoint, fields := range map[string][]string{
		"phone/status":               {"user", "data.successDetails.email"},
		"billing/transaction/detail": {"user", "data.list.username"},
		"task/historyRecords":        {"user", "data.items.planName", "data.items.serialName", "data.items.failDesc"},
		"pay/wallet":                 {"user", "data.email"},
		"pay/plan/info":              {"user", "data.email"},
	} {
		for _, field := range fields {
			planted := "planted in " + endpoint + " " + field
			sim.Inject(geelarktest.Fault{Endpoint: endpoint, Rewrite: geelarktest.Set(field, planted)})
			if strings.HasPrefix(endpoint, "task/") && field != "user" {
				secrets = append(secrets, planted)
			} else {
				undocumented = append(undocumented, planted)
			}
		}
	}
	if len(secrets) < 120*5 {
		t.Fatalf("only %d secrets", len(secrets))
	}

	p, _ := sim.Phone(sim.IDs()[0])
	for _, collectors := range []string{
		watch.CollectorInventory, // so that a listing is the last of all calls
		strings.Join(watch.Collectors(), ","),
	} {
		dump, shown := dumped(t, server.URL, collectors)
		for _, s := range secrets {
			if strings.Contains(shown, s) {
				t.Errorf("%s: %s is in metrics, logs or pages", collectors, s)
			}
			if s != dumpedAPIKey && bytes.Contains(dump, []byte(s)) {
				t.Errorf("%s: %s is in memory", collectors, s)
			}
		}
		for _, s := range undocumented {
			if strings.Contains(shown, s) {
				t.Errorf("%s: %s is in metrics, logs or pages", collectors, s)
			}
		}
		for _, known := range []string{p.ID, p.SerialName} {
			if !strings.Contains(shown, known) || !bytes.Contains(dump, []byte(known)) {
				t.Errorf("%s: %s, which is meant to be there, is not found", collectors, known)
			}
		}
	}
	// The search finds what is there.
	dump, _ := dumped(t, server.URL, strings.Join(watch.Collectors(), ","), hoardVar+"=1")
	for _, s := range secrets {
		if s != dumpedAPIKey && !bytes.Contains(dump, []byte(s)) {
			t.Errorf("%s is not found in the memory of a process that keeps all answers", s)
		}
	}
}

// dumped returns the memory of a process that has watched an account, and all
// that it has shown.
func dumped(t *testing.T, baseURL, collectors string, env ...string) (dump []byte, shown string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "heap")
	c := exec.Command(os.Args[0], "-test.run=^TestDumpedProcess$", "-test.v")
	// Memory that is free is overwritten, as it will be sooner or later.
	c.Env = append(os.Environ(), dumpFileVar+"="+file, baseURLVar+"="+baseURL, collectorsVar+"="+collectors, "GODEBUG=clobberfree=1")
	c.Env = append(c.Env, env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if dump, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	return dump, string(out)
}

func TestDumpedProcess(t *testing.T) {
	file := os.Getenv(dumpFileVar)
	if file == "" {
		t.Skip("run by TestNothingPersonalIsInMetricsLogsPagesOrMemory")
	}
	cfg := testConfig()
	cfg.BaseURL = os.Getenv(baseURLVar)
	cfg.Credentials = geelark.Credentials{AppID: "app", APIKey: dumpedAPIKey}
	cfg.CacheTTL = 0
	cfg.Limits = geelark.VendorLimits()
	var hoard struct {
		sync.Mutex
		bodies [][]byte
	}
	var transport http.RoundTripper = http.DefaultTransport.(*http.Transport).Clone()
	o := options{Options: watch.Options{Collectors: strings.Split(os.Getenv(collectorsVar), ","), Logger: level.NewFilter(log.NewLogfmtLogger(os.Stdout), level.AllowDebug())}}
	if os.Getenv(hoardVar) != "" {
		o.ClientOptions = []geelark.Option{geelark.WithTransport(roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			w, err := transport.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(w.Body)
			hoard.Lock()
			hoard.bodies = append(hoard.bodies, body)
			hoard.Unlock()
			w.Body = io.NopCloser(bytes.NewReader(body))
			return w, err
		}))}
		cfg.Concurrency = 1
	}
	w, c, err := newWatched([]watch.AccountConfig{cfg}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	metrics, probe := c.Handler(HandlerOptions{}), c.ProbeHandler(HandlerOptions{})
	show := func(h http.Handler, url, accept string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, url, nil)
		r.Header.Set("Accept", accept)
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", url, w.Code)
		}
		fmt.Println(w.Body)
	}
	for range 2 {
		for _, accept := range []string{
			"text/plain", "application/openmetrics-text;version=1.0.0",
			"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
		} {
			show(metrics, "/metrics", accept)
			show(probe, "/probe?account=default", accept)
		}
		show(probe, "/probe?account=other", "")
		show(c.DiscoveryHandler(&url.URL{Path: "/probe"}), "/sd", "")
		phones, _ := w.Phones(watch.PhoneQuery{Limit: 1000})
		fmt.Printf("%+v\n%+v\n", w.Overview(), phones)
	}
	for _, name := range []string{watch.CollectorUsage, watch.CollectorTasks} { // which nobody waits for
		for a := w.Fleet().Accounts[0]; a.Has(name) && !a.State(name).Tried; {
			time.Sleep(time.Millisecond)
		}
	}
	runtime.GC()
	runtime.GC()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	debug.WriteHeapDump(f.Fd())
	runtime.KeepAlive(&hoard)
	if os.Getenv(hoardVar) != "" {
		transport.(*http.Transport).CloseIdleConnections()
	}
}
