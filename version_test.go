package main

import (
	"debug/buildinfo"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"geelark_exporter/deploy/processtest"
)

func TestAVersionIsWrittenAsTheChangelogWritesIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ module, want string }{
		"of a tagged commit":        {"v1.2.3", "1.2.3"},
		"of a commit after a tag":   {"v1.2.4-0.20261125191948-82774462dacf", "1.2.4-0.20261125191948-82774462dacf"},
		"of a changed work tree":    {"v0.0.0-20261125191948-82774462dacf+dirty", "0.0.0-20261125191948-82774462dacf+dirty"},
		"of go run":                 {"(devel)", "devel"},
		"of a build without module": {"", "devel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := versionOf(&debug.BuildInfo{Main: debug.Module{Version: tt.module}}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := versionOf(nil); got != "devel" {
		t.Errorf("without build information: %q", got)
	}
}

func TestAllThatTellTheVersionAgree(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ flag, want string }{
		"as make builds":                {"-ldflags=-X github.com/prometheus/common/version.Version=1.2.3", "1.2.3"},
		"as go build builds":            {"-buildvcs=auto", ""}, // what Go says
		"where Go knows no version too": {"-buildvcs=false", "devel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := filepath.Join(t.TempDir(), program)
			if err := processtest.Build(".", binary, tt.flag); err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if want == "" {
				info, err := buildinfo.ReadFile(binary)
				if err != nil {
					t.Fatal(err)
				}
				want = versionOf(info)
			}
			said, err := exec.Command(binary, "--version").Output()
			if err != nil || !strings.HasPrefix(string(said), program+", version "+want+" (") {
				t.Errorf("--version says %q (%v), want %s", said, err, want)
			}

			agents := make(chan string, 1)
			api, _ := simulate(t, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case agents <- r.UserAgent():
				default:
				}
				api.ServeHTTP(w, r)
			}))
			defer server.Close()
			cmd := exec.Command(binary, "--geelark.base-url="+server.URL, "--web.listen-address=127.0.0.1:0")
			cmd.Env = []string{"GEELARK_TOKEN=" + token}
			p := &process{processtest.Start(t, cmd), t}
			if got := p.scrape().values("geelark_exporter_build_info", "version"); got[want] != 1 {
				t.Errorf("the versions in the metric about the build are %v, want %s", got, want)
			}
			select {
			case got := <-agents:
				if got != program+"/"+want {
					t.Errorf("the User-Agent is %q, want version %s", got, want)
				}
			default:
				t.Error("the scrape asked nothing of the API")
			}
			p.Stop()
		})
	}
}
