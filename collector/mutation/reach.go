package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A suite is the tests of a package.
type suite struct {
	name  string // directory within the module
	dir   string
	tests []*test // the quick ones first
}

// A test is a test function.
type test struct {
	name  string
	took  time.Duration
	cost  time.Duration     // of the processor's time
	lines map[string][]span // that it reaches, by the file within the module
}

// A span is what a coverage profile calls a block.
type span struct{ from, to position }

type position struct{ line, column int }

func (p position) before(q position) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

func (t *test) reaches(m *mutant) bool {
	at := position{m.reached.Line, m.reached.Column}
	return slices.ContainsFunc(t.lines[m.file], func(s span) bool { return !at.before(s.from) && at.before(s.to) })
}

var testName = regexp.MustCompile(`(?m)^(Test|Fuzz|Example)\w*$`)

// measure runs each test of a package by itself and keeps what it reaches of the
// packages that are to be broken.
func (r *runner) measure(name string) (*suite, error) {
	s := &suite{name: name, dir: filepath.Join(r.module.dir, name)}
	var covered []string
	for _, p := range r.module.packages {
		covered = append(covered, p.path)
	}
	binary := r.binary(name, "cover")
	if _, err := r.module.run("test", "-c", "-cover", "-coverpkg="+strings.Join(covered, ","), "-o", binary, "./"+name); err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); os.IsNotExist(err) {
		return s, nil // no tests
	}
	list := r.command(s, binary, 0, "-test.list=.*")
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the tests of %s: %w", name, err)
	}
	for _, name := range testName.FindAllString(string(out), -1) {
		s.tests = append(s.tests, &test{name: name})
	}
	err = r.each(len(s.tests), func(i int) error {
		t := s.tests[i]
		profile := fmt.Sprintf("%s.%d", binary, i)
		began := time.Now()
		cmd := r.command(s, binary, 0, "-test.short", "-test.timeout=10m", "-test.run=^"+t.name+"$", "-test.coverprofile="+profile)
		if !r.isBroken(s) {
			cmd.Args[2] = fmt.Sprintf("ulimit -t %d; %s", mostOfOthers/time.Second, cmd.Args[2])
		}
		// A test may fail because of being measured; whether it does when not
		// measured, the next run says.
		_ = cmd.Run()
		t.took, t.cost = time.Since(began), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
		text, err := os.ReadFile(profile)
		if os.IsNotExist(err) && !r.isBroken(s) {
			return nil // it takes too long, and reaches nothing
		}
		if err != nil {
			return fmt.Errorf("%s of %s, measured: %w", t.name, name, err)
		}
		t.lines, err = reached(text, r.module.path)
		return err
	})
	s.tests = slices.DeleteFunc(s.tests, func(t *test) bool { return t.lines == nil })
	slices.SortStableFunc(s.tests, func(a, b *test) int { return int(a.cost - b.cost) })
	return s, err
}

// reached reads a coverage profile.
func reached(profile []byte, module string) (map[string][]span, error) {
	lines := make(map[string][]span)
	scanner := bufio.NewScanner(bytes.NewReader(profile))
	for scanner.Scan() {
		line := scanner.Text()
		if strings.HasPrefix(line, "mode:") || strings.HasSuffix(line, " 0") {
			continue
		}
		file, rest, _ := strings.Cut(line, ":")
		var s span
		var statements, count int
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &s.from.line, &s.from.column, &s.to.line, &s.to.column, &statements, &count); err != nil {
			return nil, fmt.Errorf("coverage profile: %q: %w", line, err)
		}
		file = strings.TrimPrefix(file, module+"/")
		lines[file] = append(lines[file], s)
	}
	return lines, scanner.Err()
}

func (r *runner) binary(suite, kind string) string {
	return filepath.Join(r.dir, strings.ReplaceAll(path.Clean(suite), "/", "_")+"."+kind)
}

func mutantVariable(id int) string { return "MUTANT=" + strconv.Itoa(id) }
