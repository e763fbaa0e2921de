package main

import (
	"os"
	"path/filepath"
	"testing"
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
