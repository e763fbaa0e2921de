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

	"geelark_exporter/collector/watch"
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

// The documents that have commands and configurations.
var (
	configurationMD = filepath.Join("deploy", "CONFIGURATION.md")
	documents       = []string{"README.md", configurationMD}
)

// holdsTable fails unless a document holds the table, and prints it then.
func holdsTable(t *testing.T, document, table string) {
	t.Helper()
	if !strings.Contains(readFile(t, document), "\n\n"+strings.TrimSuffix(table, "\n")+"\n") {
		t.Errorf("%s must hold this table as it is:\n%s", document, table)
	}
}

func TestTheFlagsAreListed(t *testing.T) {
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
	holdsTable(t, configurationMD, table)

	table = "| field | as the flag |\n|---|---|\n"
	for _, s := range new(watch.AccountConfig).Settings() {
		table += fmt.Sprintf("| `%s` | `--%s` |\n", s.Field, s.Flag)
	}
	holdsTable(t, configurationMD, table)
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

func TestWhatIsExposedIsListed(t *testing.T) {
	t.Parallel()
	// Phones that exist and one that does not show every family.
	args := []string{"--phone.id=0"}
	for _, id := range geelarktest.New(geelarktest.Config{Phones: 20, Seed: 1}).IDs() {
		args = append(args, "--phone.id="+id)
	}
	f := demo(t, args...).scrape()
	lines := strings.Split(readFile(t, filepath.Join("collector", "METRICS.md")), "\n")
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
		line := fmt.Sprintf("| `%s` | %s | %s | %s |", name, strings.ToLower(f[name].GetType().String()),
			strings.Join(slices.Sorted(maps.Keys(labels)), ", "), f[name].GetHelp())
		if !slices.Contains(lines, line) {
			t.Errorf("collector/METRICS.md lacks this line:\n%s", line)
		}
	}
}

// blocks returns the documents' code blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, document := range documents {
		found := regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```\n").FindAllStringSubmatch(readFile(t, document), -1)
		if len(found) == 0 {
			t.Fatalf("%s has no block of %s", document, language)
		}
		for _, m := range found {
			all = append(all, m[1])
		}
	}
	return all
}

func TestTheREADMEIsForTwoMinutes(t *testing.T) {
	if n := len(readFile(t, "README.md")); n > 10_000 {
		t.Errorf("it has %d bytes", n)
	}
}

// Links to files and to headings within this repository must lead somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	anchor := strings.NewReplacer(" ", "-", "`", "", ".", "", ",", "", "(", "", ")", "", "?", "", "'", "", "/", "", ":", "")
	files, err := exec.Command("git", "ls-files", "*.md").Output()
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.FieldsSeq(string(files)) {
		if strings.Contains(file, "testdata/") {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(readFile(t, file), -1) {
			path, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") || strings.HasPrefix(path, "mailto:") {
				continue
			}
			target := filepath.Join(filepath.Dir(file), path)
			if path == "" {
				target = file
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", file, m[1])
				continue
			}
			if fragment == "" || !strings.HasSuffix(target, ".md") {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(readFile(t, target), -1) {
				anchors = append(anchors, anchor.Replace(strings.ToLower(h[1])))
			}
			if !slices.Contains(anchors, fragment) {
				t.Errorf("%s: %s has no heading for %s", file, target, m[1])
			}
		}
	}
}

var environment = regexp.MustCompile(`^([A-Z_]+=\S+ )*`)

// Tokens and files of the documents do not exist, and Docker may not. What is left
// of its commands is run.
func TestTheDocumentedCommandsWork(t *testing.T) {
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
	if slices.Contains(args, "--check") {
		api, url := simulate(t, 20)
		api.SetCredentials("your-token", "", "")
		args = append(args, "--geelark.base-url="+url)
	}
	p := start(t, env, append(args, "--web.listen-address=127.0.0.1:0")...)
	if slices.Contains(args, "--config.check") || slices.Contains(args, "--check") {
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

// exampleAccounts writes the documented example of a configuration file, with the
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
	t.Fatal("no document has a configuration file")
	return ""
}

func TestPromtoolAcceptsTheDocumentedConfigurations(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t, "yaml") {
		if strings.Contains(b, "scrape_configs:") {
			promtool(t, nil, "check", "config", write(t, "prometheus.yml", b))
		}
	}
}
