package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"geelark_exporter/deploy/processtest"
)

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
	p := processtest.Start(t, exec.Command(processtest.Tool(t, "PROMETHEUS"),
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0"))
	s := &server{t, "http://" + p.Address()}
	processtest.Eventually(t, "Prometheus is ready", func() bool {
		response, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return s
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
