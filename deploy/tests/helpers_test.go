// Package deploy tests what deploy ships with the programs and types that will
// read it. It is a module of its own so that their dependencies stay out of the
// exporter's.
package deploy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"geelark_exporter/deploy/processtest"
)

// root is the repository's.
const root = "../.."

// exporter is the program, which the tests build.
var exporter string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "geelark_exporter")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		exporter = filepath.Join(dir, "geelark_exporter")
		if err := processtest.Build(root, exporter); err != nil {
			fmt.Println(err)
			return 1
		}
		return m.Run()
	}())
}

// A result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
}

// run runs a program with nothing but env in its environment.
func run(t *testing.T, env []string, program string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append([]string{"HOME=" + os.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must is run, without an environment, of a program that must end with exit code 0.
func must(t *testing.T, program string, args ...string) result {
	t.Helper()
	r := run(t, nil, program, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: %s", filepath.Base(program), strings.Join(args, " "), r)
	}
	return r
}

// start starts a program with nothing but env in its environment.
func start(t *testing.T, env []string, program string, args ...string) *processtest.Process {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append([]string{}, env...)
	return processtest.Start(t, cmd)
}

// serve starts an exporter on a free port of the loopback interface and waits
// until it listens.
func serve(t *testing.T, env []string, args ...string) (p *processtest.Process, address string) {
	t.Helper()
	p = start(t, env, exporter, append(args, "--web.listen-address=127.0.0.1:0")...)
	return p, p.Address()
}

// client does not wait for a socket on which nobody answers.
var client = http.Client{Timeout: 5 * time.Second}

// get returns the answer to a request, nil if it is not 200 or there is none.
func get(t *testing.T, url string) []byte {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil
	}
	return body
}

// answers fails unless a GET of the URL is answered with 200.
func answers(t *testing.T, url string) {
	t.Helper()
	if get(t, url) == nil {
		t.Errorf("%s is not answered with 200", url)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write makes a file with its directories.
func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// glob returns the files that match, of which there must be one.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no file matches %s", pattern)
	}
	return found
}

// decode decodes YAML of which every field must be known to the type.
func decode(t *testing.T, from []byte, to any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(from, to); err != nil {
		t.Errorf("%T: %v\n%s", to, err, from)
	}
}
