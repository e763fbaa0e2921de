package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"geelark_exporter/deploy/processtest"
	"geelark_exporter/geelark/geelarktest"
)

func TestTheStateDirectoryIsFoundHoweverItIsGiven(t *testing.T) {
	t.Parallel()
	for name, give := range map[string]func(dir string) (env, args []string){
		"by its flag":            func(dir string) ([]string, []string) { return nil, []string{"--state.directory=" + dir} },
		"by the flag's variable": func(dir string) ([]string, []string) { return []string{"GEELARK_EXPORTER_STATE_DIRECTORY=" + dir}, nil },
		"by systemd":             func(dir string) ([]string, []string) { return []string{"STATE_DIRECTORY=" + dir + ":/nowhere"}, nil },
		"by its flag before systemd's": func(dir string) ([]string, []string) {
			return []string{"STATE_DIRECTORY=/nowhere"}, []string{"--state.directory=" + dir}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			env, args := give(dir)
			p := start(t, env, append(args, "--demo", "--demo.phones=20", "--web.listen-address=127.0.0.1:0")...)
			if got := p.scrape().value("geelark_state_last_write_successful"); got != 1 {
				t.Errorf("geelark_state_last_write_successful is %v", got)
			}
			p.Stop()
			if _, err := os.Stat(filepath.Join(dir, "phones.default")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASecondExporterWithTheSameStateDirectorySaysSoAndEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := demo(t, "--state.directory="+dir)
	first.Address()
	second := demo(t, "--state.directory="+dir)
	if code := second.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"--state.directory", dir, "another process holds the state directory: give each exporter a directory of its own"} {
		if !strings.Contains(second.Stderr.String(), want) {
			t.Errorf("%q is not in %s", want, second.Stderr.String())
		}
	}
	if first.Exited() {
		t.Error("the first has ended too")
	}
	first.Stop()
}

func TestTheFirstScrapeAfterACrashExposesAllThatIsFreshWithoutACall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	api, url := simulate(t, 250)
	args := []string{"--state.directory=" + dir, "--cache.ttl=5m"}
	p := exporterOf(t, url, args...)
	processtest.Eventually(t, "all phones have a status", func() bool { return p.scrape().sum("geelark_phones") == 250 })
	before := p.scrape()
	p.Stop() // saves all; a crash loses the last minute
	for range 2 {
		api.Inject(geelarktest.Fault{Hang: true})
		calls := api.Requests("phone/status") + api.Requests("phone/list")
		p = exporterOf(t, url, args...)
		began := time.Now()
		after := p.scrape()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the first scrape took %s", took)
		}
		for _, family := range []string{"geelark_phones", "geelark_phone_status_code", "geelark_phone_info", "geelark_group_phones", "geelark_phones_dropped_total"} {
			if len(before[family].GetMetric()) == 0 || len(after[family].GetMetric()) != len(before[family].GetMetric()) || after.sum(family) != before.sum(family) {
				t.Errorf("%s: %d series after the start, %d before", family, len(after[family].GetMetric()), len(before[family].GetMetric()))
			}
		}
		if n := api.Requests("phone/status") + api.Requests("phone/list"); n != calls {
			t.Errorf("%d phones were asked for", n-calls)
		}
		p.Kill()
	}
}
