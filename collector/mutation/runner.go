package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A runner runs tests against mutants. Everything that it writes is in a
// directory of its own.
type runner struct {
	ctx     context.Context
	module  *module
	dir     string
	workers int
	above   map[string][]string // packages whose tests count too, by the package that is broken
	suites  map[string]*suite
	out     io.Writer
	patient time.Duration // with tests that take longer than they do without a mutant
	runs    atomic.Int64
}

type verdict string

const (
	caught    verdict = "caught"
	timeout   verdict = "timeout"
	survived  verdict = "survived"
	uncovered verdict = "uncovered"
	invalid   verdict = "invalid" // it does not compile
)

// each calls f for each number below n, for several at a time.
func (r *runner) each(n int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, r.workers)
	for w := range r.workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// A mutant may ask for all memory there is.
const limits = `ulimit -v 16777216; exec "$@"`

func (r *runner) command(s *suite, binary string, id int, args ...string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", limits, "sh", binary}, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), mutantVariable(id))
	return cmd
}

// prepare builds the binaries that have all mutants, and finds out which tests
// pass in them as long as none of the mutants is chosen.
func (r *runner) prepare(names []string) error {
	r.suites = make(map[string]*suite)
	overlay, err := r.overlay("all", r.everything())
	if err != nil {
		return err
	}
	for _, name := range names {
		began := time.Now()
		s, err := r.measure(name)
		if err != nil {
			return err
		}
		if len(s.tests) > 0 {
			if _, err := r.module.run("test", "-c", "-overlay", overlay, "-o", r.binary(name, "all"), "./"+name); err != nil {
				return fmt.Errorf("with all mutants: %w", err)
			}
			if err := r.drop(s); err != nil {
				return err
			}
		}
		r.suites[name] = s
		fmt.Fprintf(r.out, "%s: %d tests, measured in %s\n", name, len(s.tests), time.Since(began).Round(time.Second))
	}
	return nil
}

// drop forgets tests that fail without a mutant.
func (r *runner) drop(s *suite) error {
	failed := make([]bool, len(s.tests))
	err := r.each(len(s.tests), func(i int) error {
		began := time.Now()
		v, _, err := r.run(s, r.binary(s.name, "all"), 0, s.tests[i:i+1])
		failed[i] = v != survived
		s.tests[i].took = max(s.tests[i].took, time.Since(began))
		return err
	})
	var good []*test
	for i, t := range s.tests {
		if failed[i] {
			fmt.Fprintf(r.out, "%s: %s fails without a mutant and is not used\n", s.name, t.name)
		} else {
			good = append(good, t)
		}
	}
	s.tests = good
	return err
}

// isBroken reports whether a suite is of a package that is broken.
func (r *runner) isBroken(s *suite) bool {
	return slices.ContainsFunc(r.module.packages, func(p *brokenPackage) bool { return p.name == s.name })
}

func (r *runner) everything() map[string][]byte {
	texts := make(map[string][]byte)
	for _, p := range r.module.packages {
		maps.Copy(texts, p.texts())
	}
	return texts
}

// overlay writes files that stand in for others while Go builds.
func (r *runner) overlay(name string, texts map[string][]byte) (string, error) {
	dir := filepath.Join(r.dir, "overlay-"+name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = make(map[string]string)
	for path, text := range texts {
		file := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay.Replace)))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return "", err
		}
		overlay.Replace[path] = file
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, text, 0o600)
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// run runs tests of a suite against a mutant and names the test that failed.
func (r *runner) run(s *suite, binary string, id int, tests []*test) (verdict, string, error) {
	var expected, cost time.Duration
	names := make([]string, 0, len(tests))
	for _, t := range tests {
		names = append(names, t.name)
		expected += t.took
		cost += t.cost
	}
	limit := r.patient + 5*expected
	if id == 0 {
		limit = 10 * time.Minute
	}
	temp := filepath.Join(r.dir, fmt.Sprintf("tmp%d", r.runs.Add(1)))
	if err := os.Mkdir(temp, 0o755); err != nil {
		return "", "", err
	}
	defer os.RemoveAll(temp)
	cmd := r.command(s, binary, id, "-test.short", "-test.failfast", "-test.timeout=0", "-test.run=^("+strings.Join(names, "|")+")$")
	if id != 0 { // a loop without end must not take the processor for as long as it may wait
		cmd.Args[2] = fmt.Sprintf("ulimit -t %d; %s", 1+(r.patient/2+5*cost)/time.Second, cmd.Args[2])
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	err := cmd.Wait()
	if r.ctx.Err() != nil {
		return "", "", r.ctx.Err()
	}
	if ctx.Err() != nil {
		return timeout, "", nil
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return survived, "", nil
	case errors.Is(err, exec.ErrWaitDelay):
		return caught, "", nil // what a test started still runs
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() || strings.Contains(out.String(), "SIGXCPU") {
			return timeout, "", nil
		}
		if m := failedTest.FindStringSubmatch(out.String()); m != nil {
			return caught, m[1], nil
		}
		return caught, "", nil
	}
	return "", "", err
}

// mostOfOthers is the processor's time of tests of other packages that are worth
// it: a few take as much as all others together.
const mostOfOthers = time.Second

// judge finds out whether a test notices a mutant: one of the mutant's own
// package that reaches it, or one of a package that counts too. What the tests
// of its own package do not reach, those of any other may.
func (r *runner) judge(m *mutant) (verdict, error) {
	own := strings.TrimPrefix(m.pkg, r.module.path+"/")
	v, err := r.judgeBy(m, own, append([]string{own}, r.above[own]...))
	if v == uncovered && err == nil {
		var others []string
		for name := range r.suites {
			others = append(others, name)
		}
		v, err = r.judgeBy(m, own, others)
	}
	return v, err
}

func (r *runner) judgeBy(m *mutant, own string, names []string) (verdict, error) {
	result := uncovered
	for _, name := range names {
		s := r.suites[name]
		if s == nil {
			continue
		}
		tests := s.reaching(m)
		if name != own {
			tests = slices.DeleteFunc(slices.Clone(tests), func(t *test) bool { return t.cost > mostOfOthers })
		}
		if len(tests) == 0 {
			continue
		}
		binary, id := r.binary(name, "all"), m.id
		if m.alone {
			built, err := r.alone(m, name)
			if err != nil {
				return invalid, nil // the compiler is the one who catches it
			}
			defer os.Remove(built)
			binary = built
		}
		result = survived
		for _, some := range portions(tests) {
			v, err := r.runSure(s, binary, id, some)
			if err != nil || v != survived {
				return v, err
			}
		}
	}
	return result, nil
}

// runSure does not believe a test that fails without a mutant too.
func (r *runner) runSure(s *suite, binary string, id int, tests []*test) (verdict, error) {
	for {
		v, name, err := r.run(s, binary, id, tests)
		if v != caught || err != nil || name == "" {
			return v, err
		}
		again, _, err := r.run(s, r.binary(s.name, "all"), 0, []*test{{name: name}})
		if again == survived || err != nil {
			return v, err
		}
		fmt.Fprintf(r.out, "%s: %s fails without a mutant too\n", s.name, name)
		var others []*test
		for _, t := range tests {
			if t.name != name {
				others = append(others, t)
			}
		}
		if tests = others; len(tests) == 0 {
			return survived, nil
		}
	}
}

func (s *suite) reaching(m *mutant) []*test {
	if m.outside {
		return s.tests
	}
	var found []*test
	for _, t := range s.tests {
		if t.reaches(m) {
			found = append(found, t)
		}
	}
	return found
}

// portions divides tests, so that slow ones are run only if the quick ones have
// noticed nothing.
func portions(tests []*test) [][]*test {
	var all [][]*test
	var cost time.Duration
	from, most := 0, 500*time.Millisecond
	for i, t := range tests {
		if cost += t.cost; cost > most && i > from {
			all, from, cost, most = append(all, tests[from:i]), i, t.cost, 4*most
		}
	}
	return append(all, tests[from:])
}

// alone builds a binary that has one mutant.
func (r *runner) alone(m *mutant, suite string) (string, error) {
	for _, p := range r.module.packages {
		for _, s := range p.sources {
			if s.name != m.file {
				continue
			}
			name := fmt.Sprint(m.id)
			overlay, err := r.overlay(name, map[string][]byte{s.path: s.one(m)})
			if err != nil {
				return "", err
			}
			defer os.RemoveAll(filepath.Dir(overlay))
			binary := r.binary(suite, name)
			_, err = r.module.run("test", "-c", "-overlay", overlay, "-o", binary, "./"+suite)
			return binary, err
		}
	}
	return "", fmt.Errorf("no file is named %s", m.file)
}
