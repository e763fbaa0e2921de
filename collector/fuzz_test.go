package collector

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// FuzzScrape scrapes with any query and any headers: the answer is refused in words,
// or is an exposition in the format that it says.
func FuzzScrape(f *testing.F) {
	sim := geelarktest.New(geelarktest.Config{Phones: 3, Seed: 1, Token: testToken, Still: true})
	counters := NewCounters()
	w, err := watch.New([]watch.AccountConfig{testConfig()}, watch.Options{Observer: counters, ClientOptions: []geelark.Option{geelark.WithTransport(sim.RoundTripper())}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(w.Close)
	c := New(w, counters, Options{})
	var logged bytes.Buffer
	o := HandlerOptions{ErrorLog: log.New(&logged, "", 0)}
	handlers := []http.Handler{c.Handler(o), c.ProbeHandler(o)}
	f.Fuzz(func(t *testing.T, query, accept, encoding, timeout string) {
		for _, h := range handlers {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL = &url.URL{Path: "/", RawQuery: query}
			r.Header.Set("Accept", accept)
			r.Header.Set("Accept-Encoding", encoding)
			r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", timeout)
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			switch answer.Code {
			case http.StatusBadRequest, http.StatusNotFound:
				continue
			case http.StatusOK:
			default:
				t.Fatalf("status %d: %s", answer.Code, answer.Body)
			}
			body := io.Reader(answer.Body)
			switch answer.Header().Get("Content-Encoding") {
			case "", "identity":
			case "gzip":
				if body, err = gzip.NewReader(body); err != nil {
					t.Fatal(err)
				}
			default:
				t.Fatalf("encoded as %q, asked for %q", answer.Header().Get("Content-Encoding"), encoding)
			}
			text, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			format := expfmt.ResponseFormat(answer.Header())
			openMetrics := strings.HasPrefix(answer.Header().Get("Content-Type"), "application/openmetrics-text")
			if openMetrics != bytes.HasSuffix(text, []byte("# EOF\n")) {
				t.Fatalf("%s: end: %.1000s", answer.Header().Get("Content-Type"), text)
			}
			if openMetrics || format == expfmt.FmtUnknown {
				continue // decoding takes seconds, or is not possible
			}
			decoder := expfmt.NewDecoder(bytes.NewReader(text), format)
			for err = nil; err == nil; {
				err = decoder.Decode(new(dto.MetricFamily))
			}
			if !errors.Is(err, io.EOF) {
				t.Fatalf("%s: %v", format, err)
			}
		}
		if logged.Len() > 0 {
			t.Fatal(logged.String())
		}
	})
}
