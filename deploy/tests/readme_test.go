package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"geelark_exporter/deploy/processtest"
)

// readmes are those that tell how to run the exporter.
func readmes(t *testing.T) []string {
	t.Helper()
	return append(glob(t, root+"/deploy/README.md"), root+"/deploy/compose/README.md", root+"/deploy/systemd/README.md", chart+"/README.md")
}

// blocks are the blocks of a language in a text.
func blocks(text []byte, language string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```\n").FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	return all
}

// Neither a cluster nor a container engine is at hand. Helm renders what it would
// install, Compose loads its files, and the files that a command names are there.
func TestTheCommandsOfTheREADMEsWork(t *testing.T) {
	t.Parallel()
	for _, file := range readmes(t) {
		for line := range strings.Lines(strings.Join(blocks(read(t, file), "sh"), "")) {
			words := strings.Fields(line)
			for _, w := range words[1:] {
				// Made by a command before it.
				made := strings.HasPrefix(w, "deploy/compose/accounts") || strings.HasPrefix(w, ">")
				if _, err := os.Stat(filepath.Join(root, w)); strings.HasPrefix(w, "deploy/") && !made && err != nil {
					t.Errorf("%s: %s%v", file, line, err)
				}
			}
			switch command := strings.Join(words[:min(2, len(words))], " "); command {
			case "helm install":
				args := slices.Clone(words[2:])
				args[1] = filepath.Join(root, args[1])
				if r := run(t, nil, processtest.Tool(t, "HELM"), append([]string{"template"}, args...)...); r.code != 0 {
					t.Errorf("%s: %s%s", file, line, r)
				}
			case "docker compose":
				var further []string
				for i, w := range words {
					if w == "-f" && filepath.Base(words[i+1]) != "compose.yaml" {
						further = append(further, filepath.Base(words[i+1]))
					}
				}
				project(t, nil, further...)
			case "docker run":
				at := slices.Index(words, "geelark_exporter")
				for i, w := range words { // the last one is the image, another the name
					if w == "geelark_exporter" && words[i-1] != "--name" {
						at = i
					}
				}
				env := []string{"GEELARK_TOKEN=the-token-of-the-test"}
				if r := run(t, env, exporter, append(words[at+1:], "--config.check")...); r.code != 0 {
					t.Errorf("%s: %s%s", file, line, r)
				}
			case "make build", "make image":
				if r := run(t, []string{"PATH=" + os.Getenv("PATH")}, "make", "-C", root, "-n", words[1]); r.code != 0 {
					t.Errorf("%s: %s%s", file, line, r)
				}
			default:
				if !slices.Contains([]string{"kubectl", "install", "systemctl", "echo", "mkdir", "cp"}, words[0]) {
					t.Errorf("%s: no test for the command %q", file, line)
				}
			}
		}
	}
}

func TestTheChartTakesTheValuesOfItsREADME(t *testing.T) {
	t.Parallel()
	all := blocks(read(t, chart+"/README.md"), "yaml")
	if len(all) == 0 {
		t.Fatal("there are none")
	}
	for i, values := range all {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.yaml", i))
		write(t, file, []byte(values))
		render(t, "--values="+file)
	}
}

func TestTheLinksOfTheREADMEsLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, file := range readmes(t) {
		for _, m := range regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`).FindAllSubmatch(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), string(m[1]))); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
