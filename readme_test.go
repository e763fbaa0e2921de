package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"geelark_exporter/geelark/geelarktest"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// holdsTable fails unless the README holds the table, and prints it then.
func holdsTable(t *testing.T, table string) {
	t.Helper()
	if !strings.Contains(readFile(t, "README.md"), "\n\n"+table+"\n") {
		t.Errorf("the README must hold this table as it is:\n%s", table)
	}
}

func TestTheREADMEListsTheFlags(t *testing.T) {
	app, _ := newApp()
	if _, err := app.Parse([]string{"--demo"}); err != nil { // it names the environment variables
		t.Fatal(err)
	}
	table := "| flag | default | environment variable | meaning |\n|---|---|---|---|\n"
	for _, f := range app.Model().Flags {
		if f.Hidden {
			continue
		}
		name, value, envar := f.Name, strings.Join(f.Default, ","), ""
		switch {
		case f.IsBoolFlag() && value == "true":
			name = "[no-]" + name
		case f.IsBoolFlag():
			value = "false"
		}
		if value != "" {
			value = "`" + value + "`"
		}
		if f.Envar != "" {
			envar = "`" + f.Envar + "`"
		}
		table += fmt.Sprintf("| `--%s` | %s | %s | %s |\n", name, value, envar, f.Help)
	}
	holdsTable(t, table)
}

func TestTheExampleFileNamesTheFlags(t *testing.T) {
	app, _ := newApp()
	example := readFile(t, filepath.Join("deploy", "config.example.yml"))
	for _, f := range app.Model().Flags {
		name := "--" + f.Name
		if f.IsBoolFlag() && slices.Equal(f.Default, []string{"true"}) {
			name = "--[no-]" + f.Name
		}
		if !f.Hidden && f.Name != "help" && f.Name != "version" && !strings.Contains(example, name) {
			t.Errorf("deploy/config.example.yml does not say whether %s goes with it", name)
		}
	}
}

func TestTheREADMEListsTheMetrics(t *testing.T) {
	t.Parallel()
	// Phones that exist and one that does not show every family.
	args := []string{"--phone.id=0"}
	for _, id := range geelarktest.New(geelarktest.Config{Phones: 20, Seed: 1}).IDs() {
		args = append(args, "--phone.id="+id)
	}
	f := demo(t, args...).scrape()
	table := "| name | type | labels | meaning |\n|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !strings.HasPrefix(name, "geelark_") {
			continue
		}
		labels := map[string]bool{}
		for _, m := range f[name].GetMetric() {
			for _, l := range m.GetLabel() {
				labels["`"+l.GetName()+"`"] = true
			}
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, strings.ToLower(f[name].GetType().String()),
			strings.Join(slices.Sorted(maps.Keys(labels)), ", "), f[name].GetHelp())
	}
	holdsTable(t, table)
}

// blocks returns the README's code blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```\n").FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return all
}

var environment = regexp.MustCompile(`^([A-Z_]+=\S+ )*`)

// Tokens and files of the README do not exist, and Docker may not. What is left
// of its commands is run.
func TestTheREADMEsCommandsWork(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for line := range strings.Lines(strings.Join(blocks(t, "sh"), "")) {
		env := strings.Fields(environment.FindString(line))
		words := strings.Fields(environment.ReplaceAllString(line, ""))
		switch command := strings.Join(words[:min(2, len(words))], " "); {
		case command == "go run":
			accepted(t, env, words[3:])
		case words[0] == "./geelark_exporter":
			accepted(t, env, words[1:])
		case command == "docker run":
			i := slices.Index(words, "geelark_exporter")
			if slices.Contains(words, "GEELARK_TOKEN") {
				env = append(env, "GEELARK_TOKEN="+token)
			}
			accepted(t, env, words[i+1:])
		case words[0] == "make":
			if out, err := exec.Command("make", append([]string{"-n"}, words[1:]...)...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		case words[0] == "curl":
			_, path, _ := strings.Cut(words[1], "localhost:9824")
			if a := p.get(path); a.status != 200 {
				t.Errorf("%s: status %d", line, a.status)
			}
		case slices.Contains([]string{"docker", "kubectl", "helm", "install", "systemctl"}, words[0]):
			// deploy/tests loads the files that they name with the programs that
			// read them. The files must be there.
			for _, w := range words[1:] {
				if strings.HasPrefix(w, "deploy/") {
					if _, err := os.Stat(w); err != nil {
						t.Errorf("%s: %v", line, err)
					}
				}
			}
		default:
			t.Errorf("no test for the command %q", line)
		}
	}
}

// accepted fails unless the exporter serves with these flags, whose files are
// replaced.
func accepted(t *testing.T, env, args []string) {
	t.Helper()
	secret := write(t, "secret", "s3cret")
	args = slices.Clone(args)
	for i, a := range args {
		if name, _, ok := strings.Cut(a, "-file="); ok {
			args[i] = name + "-file=" + secret
		}
		if strings.HasPrefix(a, "--config.file=") {
			args[i] = "--config.file=" + exampleAccounts(t)
		}
	}
	p := start(t, env, append(args, "--web.listen-address=127.0.0.1:0")...)
	if slices.Contains(args, "--config.check") {
		if code := p.ExitCode(); code != 0 {
			t.Errorf("%v: exit code %d, %s", args, code, &p.Stderr)
		}
		return
	}
	if a := p.get("/-/ready"); a.status != 200 {
		t.Errorf("%v: status %d", args, a.status)
	}
	p.Stop()
}

// exampleAccounts writes the README's example of a configuration file, with the
// files that it names, and returns its path.
func exampleAccounts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"secrets/team-a": "a", "secrets/team-b": "b", "team-b-phones.txt": "1\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range blocks(t, "yaml") {
		if strings.Contains(b, "accounts:") {
			path := filepath.Join(dir, "accounts.yml")
			if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Fatal("the README has no configuration file")
	return ""
}

func TestPromtoolAcceptsTheREADMEsConfiguration(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t, "yaml") {
		if strings.Contains(b, "scrape_configs:") {
			promtool(t, nil, "check", "config", write(t, "prometheus.yml", b))
		}
	}
}
