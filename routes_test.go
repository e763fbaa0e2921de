package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhereTheExporterIsFound(t *testing.T) {
	for _, tt := range []struct {
		external, prefix string
		want             string // external URL and prefix, or what the error says
	}{
		{"", "", " "},
		{"http://mon.test", "", "http://mon.test "},
		{"http://mon.test/", "", "http://mon.test "},
		{"https://mon.test:8443/geelark/", "", "https://mon.test:8443/geelark /geelark"},
		{"https://mon.test/a/b", "/b/", "https://mon.test/a/b /b"},
		{"https://mon.test/geelark", "/", "https://mon.test/geelark "},
		{"/geelark", "", "/geelark /geelark"},
		{"/geelark", "/", "/geelark "},
		{"", "geelark", "/geelark /geelark"},
		{"", "/", " "},
		{"http://[::1]:9824/x", "", "http://[::1]:9824/x /x"},
		{"mon.test:9824", "", "--web.external-url must look like"},
		{"ftp://mon.test", "", "--web.external-url must look like"},
		{"//mon.test/x", "", "--web.external-url must look like"},
		{"http://", "", "--web.external-url must look like"},
		{"http://user:" + apiKey + "@mon.test", "", "without credentials"},
		{"http://mon.test/%zz", "", "--web.external-url must look like"},
		{"http://mon.test/?a=b", "", "query"},
		{"http://mon.test/#a", "", "fragment"},
		{"http://mon.test/a/../b", "", "--web.external-url must have a clean path"},
		{"http://mon.test/a//b", "", "--web.external-url must have a clean path"},
		{"http://mon.test/{a}", "", "--web.external-url must have a clean path"},
		{"", "/a/../b", "--web.route-prefix must have a clean path"},
		{"", "/{a}", "--web.route-prefix must have a clean path"},
	} {
		s, err := (&flags{externalURL: tt.external, routePrefix: tt.prefix}).site()
		got := s.external.String() + " " + s.prefix
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("URL %q, prefix %q: %s, want %s", tt.external, tt.prefix, got, tt.want)
		}
		if strings.Contains(got, apiKey) {
			t.Errorf("%q tells a secret", got)
		}
	}
}

func TestAllPathsAreBelowThePrefix(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args            []string
		prefix          string
		location        string // where the root leads to
		scheme, metrics string // of targets
		host            string // "": as asked
	}{
		"of the external URL": {[]string{"--web.external-url=https://mon.test:8443/geelark/"}, "/geelark", "/geelark/", "https", "/geelark/probe", "mon.test:8443"},
		"of the flag":         {[]string{"--web.route-prefix=geelark"}, "/geelark", "/geelark/", "", "/geelark/probe", ""},
		"that a proxy adds":   {[]string{"--web.external-url=http://mon.test/geelark", "--web.route-prefix=/"}, "", "", "http", "/geelark/probe", "mon.test"},
		"that differs":        {[]string{"--web.external-url=http://mon.test/a/b", "--web.route-prefix=/b"}, "/b", "/a/b/", "http", "/a/b/probe", "mon.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := demo(t, tt.args...)
			for path, holds := range map[string]string{
				"/": `href="./metrics"`, "/metrics": "geelark_up", "/probe?account=default": "geelark_up", "/config": "accounts", "/-/healthy": "OK", "/-/ready": "OK",
			} {
				if a := p.get(tt.prefix + path); a.status != http.StatusOK || !bytes.Contains(a.body, []byte(holds)) {
					t.Errorf("%s%s: status %d, %.200q", tt.prefix, path, a.status, a.body)
				}
				if tt.prefix == "" || path == "/" {
					continue
				}
				if a := p.get(path); a.status != http.StatusNotFound {
					t.Errorf("%s: status %d", path, a.status)
				}
			}
			if tt.location != "" {
				follow := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				for _, path := range []string{"/", tt.prefix} {
					response, err := follow.Get(p.url(path))
					if err != nil {
						t.Fatal(err)
					}
					response.Body.Close()
					if got := response.Header.Get("Location"); response.StatusCode != http.StatusFound || got != tt.location {
						t.Errorf("%s: status %d, location %q, want %q", path, response.StatusCode, got, tt.location)
					}
				}
			}
			var targets []struct {
				Targets []string
				Labels  map[string]string
			}
			if err := json.Unmarshal(p.get(tt.prefix+"/sd").body, &targets); err != nil {
				t.Fatal(err)
			}
			host := tt.host
			if host == "" {
				asked, _ := url.Parse(p.url("/"))
				host = asked.Host
			}
			if got := targets[0]; got.Targets[0] != host || got.Labels["__scheme__"] != tt.scheme || got.Labels["__metrics_path__"] != tt.metrics {
				t.Errorf("target %v, want %s, %q and %s", got, host, tt.scheme, tt.metrics)
			}
		})
	}
}

func TestReloadingOverHTTPHasToBeEnabled(t *testing.T) {
	reloaded := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	s, err := (&flags{externalURL: "https://mon.test/geelark"}).site()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		enabled bool
		method  string
		header  http.Header
		want    int
	}{
		"not enabled":                       {false, http.MethodPost, nil, http.StatusForbidden},
		"not enabled, by PUT":               {false, http.MethodPut, nil, http.StatusForbidden},
		"enabled, by curl":                  {true, http.MethodPost, nil, http.StatusOK},
		"by a page of the exporter":         {true, http.MethodPost, http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.StatusOK},
		"by a page of another site":         {true, http.MethodPost, http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"by a page of the same site":        {true, http.MethodPut, http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		"by an old browser, elsewhere":      {true, http.MethodPost, http.Header{"Origin": {"https://evil.test"}}, http.StatusForbidden},
		"by an old browser, behind a proxy": {true, http.MethodPost, http.Header{"Origin": {"https://mon.test"}}, http.StatusOK},
		"without an origin to tell":         {true, http.MethodPost, http.Header{"Origin": {"null"}}, http.StatusForbidden},
	} {
		r := httptest.NewRequest(tt.method, "http://127.0.0.1:9824/-/reload", nil)
		r.Header = tt.header
		w := httptest.NewRecorder()
		lifecycle(tt.enabled, s, reloaded).ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: status %d, want %d", name, w.Code, tt.want)
		}
		if !tt.enabled && !strings.Contains(w.Body.String(), "--web.enable-lifecycle") {
			t.Errorf("%s: %q", name, w.Body)
		}
	}
}

// pipes is a listener of connections that hold nothing: who does not read stops
// the writer at once.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (pipes) Addr() net.Addr { return &net.UnixAddr{} }
func (p pipes) Close() error { close(p); return nil }

func TestTheProcessEndsWhateverClientsDo(t *testing.T) {
	for name, ask := range map[string]string{
		"a client that never reads":             "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a client that never ends its question": "GET / HTTP/1.1\r\n",
		"a client that never sends its body":    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour))
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = w.Write(make([]byte, 1<<20))
				}), log.New(io.Discard, "", 0))
				listener := make(pipes)
				go func() { _ = server.Serve(listener) }()
				client, conn := net.Pipe()
				defer client.Close()
				listener <- conn
				if _, err := io.WriteString(client, ask); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				start := time.Now()
				_ = shutdown(server, shutdownTimeout)
				hangs := make(chan struct{})
				defer close(hangs)
				if within(closeTimeout, func() { <-hangs }) {
					t.Error("what hangs has ended")
				}
				if took := time.Since(start); took > 26*time.Second {
					t.Errorf("the end took %s", took)
				}
				if n, err := io.Copy(io.Discard, client); err != nil || n > 0 {
					t.Errorf("the client can still read %d bytes: %v", n, err)
				}
			})
		})
	}
}
