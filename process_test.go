package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark/geelarktest"
)

// The tests run the exporter as a process. It is the test binary itself, with
// this variable set.
const runAsExporter = "RUN_AS_EXPORTER"

func TestMain(m *testing.M) {
	if os.Getenv(runAsExporter) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A process is an exporter that was started.
type process struct {
	*processtest.Process
	t testing.TB
}

// start starts an exporter with nothing but env in its environment. It is
// killed at the end of the test.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command(os.Args[0], args...), env)
}

func startCommand(t testing.TB, cmd *exec.Cmd, env []string) *process {
	t.Helper()
	// With this directory, what the exporter runs through counts as covered.
	coverage := flag.Lookup("test.gocoverdir").Value.String()
	cmd.Env = append([]string{runAsExporter + "=1", "GOCOVERDIR=" + coverage}, env...)
	return &process{processtest.Start(t, cmd), t}
}

// demo starts an exporter of a small simulated fleet.
func demo(t *testing.T, args ...string) *process {
	t.Helper()
	return start(t, nil, append([]string{"--demo", "--demo.phones=20", "--web.listen-address=127.0.0.1:0"}, args...)...)
}

const token = "the-token-of-the-test"

// simulate serves an API that the test can change.
func simulate(t *testing.T, phones int) (*geelarktest.Server, string) {
	t.Helper()
	api := geelarktest.New(geelarktest.Config{Phones: phones, Seed: 1, Token: token, AppID: "the-app", APIKey: apiKey, Still: true})
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return api, server.URL
}

// exporterOf starts an exporter of an API that the test serves.
func exporterOf(t *testing.T, baseURL string, args ...string) *process {
	t.Helper()
	return start(t, []string{"GEELARK_TOKEN=" + token},
		append([]string{"--geelark.base-url=" + baseURL, "--web.listen-address=127.0.0.1:0"}, args...)...)
}

func (p *process) url(path string) string {
	p.t.Helper()
	return "http://" + p.Address() + path
}

// get returns the answer to a request for a path.
func (p *process) get(path string, header ...string) *answer {
	p.t.Helper()
	a, err := get(http.DefaultClient, p.url(path), header...)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// scrape returns the families of the metrics path.
func (p *process) scrape(header ...string) families {
	p.t.Helper()
	return p.scrapePath("/metrics", header...)
}

func (p *process) scrapePath(path string, header ...string) families {
	p.t.Helper()
	a := p.get(path, header...)
	if a.status != http.StatusOK {
		p.t.Fatalf("scrape: status %d: %s", a.status, a.body)
	}
	return parseFamilies(p.t, a.header, bytes.NewReader(a.body))
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// get asks with headers given as names and values in turn, and does not
// decompress.
func get(client *http.Client, url string, header ...string) (*answer, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return &answer{response.StatusCode, response.Header, body}, err
}

// families are metric families by name.
type families map[string]*dto.MetricFamily

func parseFamilies(t testing.TB, h http.Header, body io.Reader) families {
	t.Helper()
	all := families{}
	decoder := expfmt.NewDecoder(body, expfmt.ResponseFormat(h))
	for {
		f := &dto.MetricFamily{}
		err := decoder.Decode(f)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("parsing %s: %v", h.Get("Content-Type"), err)
		}
		all[f.GetName()] = f
	}
}

// values are a gauge's values by the value of one of its labels.
func (f families) values(family, label string) map[string]float64 {
	values := map[string]float64{}
	for _, m := range f[family].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				values[l.GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}

// value is that of a gauge with one series, or -1.
func (f families) value(family string) float64 {
	if m := f[family].GetMetric(); len(m) == 1 {
		return m[0].GetGauge().GetValue()
	}
	return -1
}

// sum is the sum of a family's gauges.
func (f families) sum(family string) (sum float64) {
	for _, m := range f[family].GetMetric() {
		sum += m.GetGauge().GetValue()
	}
	return sum
}

// write makes a file for a test and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
