package dashboards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what should come within seconds.
const patience = time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// A buffer can be read while it is written to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var addressInLog = regexp.MustCompile(`(?m)Listening on"?.* address=([0-9.]+:[0-9]+)`)

// serve starts a program and returns the address that it listens on and what
// kills it, at the latest at the end of the test.
func serve(t *testing.T, cmd *exec.Cmd) (address string, kill func()) {
	t.Helper()
	var log buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its result is in cmd.ProcessState
		close(exited)
	}()
	kill = func() {
		_ = cmd.Process.Kill()
		<-exited
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(cmd.Path), log.String())
		}
	})
	eventually(t, filepath.Base(cmd.Path)+" listens", func() bool {
		select {
		case <-exited:
			t.Fatalf("%s ended: %v", cmd.Path, cmd.ProcessState)
		default:
		}
		if m := addressInLog.FindStringSubmatch(log.String()); m != nil {
			address = m[1]
		}
		return address != ""
	})
	return address, kill
}

// buildExporter builds the program and returns its path.
func buildExporter(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "geelark_exporter")
	// A label without a value would be none.
	build := exec.Command("go", "build", "-ldflags=-X github.com/prometheus/common/version.Version=test", "-o", path, "geelark_exporter")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the exporter: %v\n%s", err, out)
	}
	return path
}

// A server is a Prometheus.
type server struct {
	t   *testing.T
	url string
}

// startPrometheus starts a Prometheus of its own with a configuration.
func startPrometheus(t *testing.T, config string) *server {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address, _ := serve(t, exec.Command(os.Getenv("PROMETHEUS"),
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0"))
	return &server{t, "http://" + address}
}

// get asks the HTTP API and decodes the data of its answer.
func (s *server) get(path string, parameters url.Values, data any) error {
	response, err := http.Get(s.url + path + "?" + parameters.Encode())
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return nil
}

// A series is one of a query's result.
type series struct {
	Metric             map[string]string
	Value, Histogram   []any   // of an instant query
	Values, Histograms [][]any // of a range query
}

// drawn reports whether a panel would show anything of the series.
func (s series) drawn() bool {
	if s.Histogram != nil || len(s.Histograms) > 0 {
		return true
	}
	values := s.Values
	if s.Value != nil {
		values = append(values, s.Value)
	}
	return slices.ContainsFunc(values, func(v []any) bool { return v[1] != "NaN" })
}

// query runs a query as a panel does: of now, or of the last seconds.
func (s *server) query(expr string, instant bool) ([]series, error) {
	const span = 30 * time.Second
	now := time.Now()
	at := func(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1000) }
	path, parameters := "/api/v1/query", url.Values{"query": {expr}, "time": {at(now)}}
	if !instant {
		path, parameters = "/api/v1/query_range", url.Values{"query": {expr}, "start": {at(now.Add(-span))}, "end": {at(now)}, "step": {"1"}}
	}
	var data struct {
		ResultType string
		Result     []series
	}
	err := s.get(path, parameters, &data)
	return data.Result, err
}

// data runs a query until it has something to show: on a busy machine a scrape
// comes late.
func (s *server) data(expr string, instant bool) ([]series, error) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		result, err := s.query(expr, instant)
		if err != nil || slices.ContainsFunc(result, series.drawn) {
			return result, err
		}
		if time.Now().After(deadline) {
			return nil, errors.New("no data")
		}
	}
}

// holds reports whether a query has any result now.
func (s *server) holds(expr string) bool {
	s.t.Helper()
	result, err := s.query(expr, true)
	if err != nil {
		s.t.Fatalf("%s: %v", expr, err)
	}
	return len(result) > 0
}
