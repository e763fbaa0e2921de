// Testsummary reads what go test -json writes, of several runs one after
// another, and writes what go test writes without it. At the end it names each
// test that was skipped, and why. It ends with exit code 1 when a test failed,
// and when nothing of a package was tested because all of it was skipped: a
// missing server or tool must not look like success.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	good, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "reading the results of tests:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// An event is one of those that go doc test2json and go help buildjson describe.
type event struct {
	Action, Package, Test, Output string
}

// A result is that of a test, or is still to come.
type result struct {
	action string // pass, fail or skip
	output string
}

// A summary has the results of all packages by their names.
type summary struct {
	out      io.Writer
	packages map[string]map[string]*result
	failed   bool // a package or a build
}

func summarize(in io.Reader, out io.Writer) (good bool, err error) {
	s := summary{out: out, packages: make(map[string]map[string]*result)}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.line(line)
		}
		if err == io.EOF {
			return s.end(), nil
		}
		if err != nil {
			return false, err
		}
	}
}

func (s *summary) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Fprint(s.out, line) // of a run without -json
		return
	}
	if e.Test == "" {
		s.ofPackage(e)
		return
	}
	tests := s.packages[e.Package]
	if tests == nil {
		tests = make(map[string]*result)
		s.packages[e.Package] = tests
	}
	r := tests[e.Test]
	if r == nil {
		r = &result{}
		tests[e.Test] = r
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			r.output += e.Output
		}
	case "pass", "skip":
		r.action = e.Action
	case "fail":
		r.action = e.Action
		fmt.Fprint(s.out, r.output)
	}
}

func (s *summary) ofPackage(e event) {
	switch e.Action {
	case "output", "build-output":
		// The coverage stands in the line with the package's name too.
		if e.Output != "PASS\n" && !strings.HasPrefix(e.Output, "coverage: ") && !strings.HasPrefix(e.Output, "=== ") {
			fmt.Fprint(s.out, e.Output)
		}
	case "fail", "build-fail":
		s.failed = true
		for name, r := range s.packages[e.Package] {
			if r.action == "" {
				r.action = "fail"
				fmt.Fprintf(s.out, "--- FAIL: %s (the process ended)\n%s", name, r.output)
			}
		}
	}
}

// end writes the summary and reports whether all is good.
func (s *summary) end() bool {
	count := make(map[string]int)
	var skipped, untested []string
	for _, name := range slices.Sorted(maps.Keys(s.packages)) {
		tests := s.packages[name]
		all := true
		for _, test := range slices.Sorted(maps.Keys(tests)) {
			if hasSubtests(tests, test) {
				continue
			}
			r := tests[test]
			count[r.action]++
			all = all && r.action == "skip"
			if r.action == "skip" {
				skipped = append(skipped, fmt.Sprintf("%s %s: %s", name, test, r.reason()))
			}
		}
		if all {
			untested = append(untested, name)
		}
	}
	if len(skipped) > 0 {
		fmt.Fprintf(s.out, "\nskipped:\n  %s\n", strings.Join(skipped, "\n  "))
	}
	if len(untested) > 0 {
		fmt.Fprintf(s.out, "\nnot tested at all, which is a failure:\n  %s\n", strings.Join(untested, "\n  "))
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	return !s.failed && count["fail"] == 0 && len(untested) == 0 && count["pass"] > 0
}

func hasSubtests(tests map[string]*result, name string) bool {
	for other := range tests {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// reason is what the test said when it was skipped.
func (r *result) reason() string {
	var said []string
	for line := range strings.Lines(r.output) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
