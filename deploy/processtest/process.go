// Package processtest starts the programs that tests run, waits for what they
// do, and ends them with the test: the exporter itself, Prometheus, Alertmanager
// and their tools. Like net/http/httptest it is for tests only. It imports
// nothing but the standard library, so that a module of tests of its own may use
// it and stay as it is.
package processtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what should come within seconds. Machines
// are busy at times: only a test that fails waits that long.
const Patience = time.Minute

// A Process is a program that was started. Its methods may be called from the
// test's own goroutine only, for they fail the test.
type Process struct {
	Cmd *exec.Cmd
	// Stdout and Stderr hold what it wrote so far, unless Cmd names other places.
	Stdout, Stderr Log

	t      testing.TB
	exited chan struct{}
}

// Start starts a program, which is killed at the end of the test if it still
// runs. What it wrote is logged when the test fails.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p, err := TryStart(t, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TryStart is [Start] of a program that not every machine lets a test start.
func TryStart(t testing.TB, cmd *exec.Cmd) (*Process, error) {
	t.Helper()
	p := &Process{Cmd: cmd, t: t, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.Stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.Stderr
	}
	endWithTest(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // its result is in cmd.ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s wrote at last:\n%s%s", strings.Join(cmd.Args, " "), p.Stdout.end(), p.Stderr.end())
		}
	})
	return p, nil
}

func (p *Process) name() string { return filepath.Base(p.Cmd.Path) }

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("sending %s to %s: %v", s, p.name(), err)
	}
}

// Kill ends the process at once, if it still runs, and waits for its end.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.exited
}

// Stop lets the process end in good order, which has exit code 0.
func (p *Process) Stop() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	if code := p.ExitCode(); code != 0 {
		p.t.Errorf("%s: exit code %d after SIGTERM, want 0", p.name(), code)
	}
}

// ExitCode waits for the end of the process. It is -1 after a signal.
func (p *Process) ExitCode() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(Patience):
		p.t.Fatalf("%s does not end", p.name())
		return 0
	}
}

// Exited reports whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// The exporter, Prometheus and Alertmanager log alike, in logfmt or JSON.
var address = regexp.MustCompile(`\baddress"?[=:]"?([0-9.]+:[0-9]+)\b`)

// Addresses waits until the process has logged that it listens on n addresses.
func (p *Process) Addresses(n int) []string {
	p.t.Helper()
	var addresses []string
	Eventually(p.t, fmt.Sprintf("%s listens on %d addresses", p.name(), n), func() bool {
		ended := p.Exited()
		addresses = nil
		for line := range strings.Lines(p.Stderr.String()) {
			if m := address.FindStringSubmatch(line); m != nil && strings.Contains(line, `"Listening on"`) && strings.HasSuffix(line, "\n") {
				addresses = append(addresses, m[1])
			}
		}
		if ended && len(addresses) != n {
			p.t.Fatalf("%s ended: %v", p.name(), p.Cmd.ProcessState)
		}
		return len(addresses) == n
	})
	return addresses
}

// Address waits for the one address that the process listens on.
func (p *Process) Address() string {
	p.t.Helper()
	return p.Addresses(1)[0]
}

// A Log can be read while it is written to.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *Log) end() string {
	s := l.String()
	return s[max(0, len(s)-8000):]
}

// Eventually waits until a condition holds, for as long as [Patience].
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	Until(ctx, t, func() string {
		if holds() {
			return ""
		}
		return what
	})
}

// Until waits until nothing is wrong any more, or fails the test with what is
// still wrong when the context ends.
func Until(ctx context.Context, t testing.TB, wrong func() string) {
	t.Helper()
	pause := 5 * time.Millisecond
	for what := wrong(); what != ""; what = wrong() {
		select {
		case <-time.After(pause):
			pause = min(pause+pause/4, 100*time.Millisecond)
		case <-ctx.Done():
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// Tool returns the path of a program that make test builds and names in a
// variable of the environment. Without it the test is skipped.
func Tool(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("$%s is not set: run this by make test", variable)
	}
	return path
}

// Installed returns the path of a program of the operating system. Without it
// the test is skipped.
func Installed(t testing.TB, program, of string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%v: install %s", err, of)
	}
	return path
}

// Build builds the exporter, whose repository is at root, with flags of go build.
func Build(root, output string, flags ...string) error {
	output, err := filepath.Abs(output)
	if err != nil {
		return err
	}
	build := exec.Command("go", append(append([]string{"build"}, flags...), "-o", output, ".")...)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the exporter: %w\n%s", err, out)
	}
	return nil
}

// FreeAddress returns an address of the loopback interface on which nothing
// listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
