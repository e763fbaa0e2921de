// Mutation breaks the exporter on purpose, one fault at a time, and runs the
// tests that reach the fault. Faults that no test notices it prints.
//
// All faults of a package that can be are compiled into one test binary, and an
// environment variable chooses one of them; a fault in a constant has a binary
// of its own. Go reads the changed files in the place of the real ones, which
// nothing touches.
//
// A fault that survives is explained in survivors.txt, or is to be caught by a
// test. The exit code is 1 if less than 95% of those that are not equivalent are
// caught, or if an explanation is of no fault any more.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// above names the packages whose tests count too.
var above = map[string][]string{
	"geelark":              nil,
	"collector/phones":     {"collector/watch", "collector"},
	"collector/watch":      {"collector"},
	"collector/exposition": {"collector"},
	"collector/config":     nil,
}

const least = 95 // percent

func main() {
	o := options{above: above, out: os.Stdout, patient: 20 * time.Second}
	var only string
	flag.StringVar(&o.module, "module", "../..", "directory of the module")
	flag.StringVar(&only, "package", "", "break these packages only, directories within the module with commas between them")
	flag.StringVar(&o.explanations, "survivors", "survivors.txt", "file that explains survivors")
	flag.StringVar(&o.match, "match", "", "break only where the fault's name contains this")
	flag.StringVar(&o.again, "again", "", "file with the output of an earlier run: break only what survived then")
	flag.IntVar(&o.sample, "sample", 500, "number of faults, chosen at random")
	flag.BoolVar(&o.all, "all", false, "make every fault")
	flag.Uint64Var(&o.seed, "seed", 1, "chooses the sample")
	own := flag.Bool("own", false, "run the tests of the broken package only, which is quicker")
	flag.IntVar(&o.workers, "workers", 2, "number of tests at a time")
	flag.Parse()
	o.packages = []string{"geelark", "collector/phones", "collector/watch", "collector/exposition", "collector/config"}
	if *own {
		o.above = nil
	}
	if only != "" {
		o.packages = nil
		for name := range strings.SplitSeq(only, ",") {
			o.packages = append(o.packages, filepath.ToSlash(filepath.Clean(name)))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	good, err := o.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
	}
	stop()
	if err != nil || !good {
		os.Exit(1)
	}
}

type options struct {
	module       string
	packages     []string
	above        map[string][]string
	explanations string
	match        string
	again        string
	sample       int
	all          bool
	seed         uint64
	workers      int
	out          io.Writer
	patient      time.Duration
}

// shared is written to by several workers.
type shared struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements [io.Writer].
func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(b)
}

// run reports whether the tests are good enough.
func (o *options) run(ctx context.Context) (bool, error) {
	began := time.Now()
	o.out = &shared{to: o.out}
	explained, err := readExplanations(o.explanations)
	if err != nil {
		return false, err
	}
	dir, err := filepath.Abs(o.module)
	if err != nil {
		return false, err
	}
	m, err := load(dir, o.packages)
	if err != nil {
		return false, err
	}
	work, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	r := &runner{ctx: ctx, module: m, dir: work, workers: o.workers, above: o.above, out: o.out, patient: o.patient}
	if err := r.prepare(o.suites()); err != nil {
		return false, err
	}
	all := m.mutants()
	chosen, err := o.choose(all)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(o.out, "%d of %d faults, seed %d\n", len(chosen), len(all), o.seed)
	verdicts := make([]verdict, len(chosen))
	err = r.each(len(chosen), func(i int) error {
		var err error
		verdicts[i], err = r.judge(chosen[i])
		if v := verdicts[i]; v == survived || v == uncovered {
			o.survivor(chosen[i], v, explained[chosen[i].name()])
		}
		return err
	})
	if err != nil {
		return false, err
	}
	good := o.report(chosen, verdicts, explained)
	stale := o.stale(all, chosen, verdicts, explained)
	fmt.Fprintf(o.out, "took %s\n", time.Since(began).Round(time.Second))
	return good && !stale, nil
}

// suites returns the packages that are broken and those whose tests count too.
func (o *options) suites() []string {
	names := slices.Clone(o.packages)
	for _, p := range o.packages {
		for _, name := range o.above[p] {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

var told = regexp.MustCompile(`(?m)^(?:survived|uncovered): (.*) \(line \d+\)$`)

func (o *options) choose(all []*mutant) ([]*mutant, error) {
	chosen := slices.Clone(all)
	chosen = slices.DeleteFunc(chosen, func(m *mutant) bool { return !strings.Contains(m.name(), o.match) })
	if o.again != "" {
		text, err := os.ReadFile(o.again)
		if err != nil {
			return nil, err
		}
		before := make(map[string]bool)
		for _, match := range told.FindAllStringSubmatch(string(text), -1) {
			before[match[1]] = true
		}
		return slices.DeleteFunc(chosen, func(m *mutant) bool { return !before[m.name()] }), nil
	}
	if o.all || len(chosen) <= o.sample {
		return chosen, nil
	}
	rand.New(rand.NewPCG(o.seed, 0)).Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	chosen = chosen[:o.sample]
	slices.SortFunc(chosen, func(a, b *mutant) int { return cmp.Compare(a.id, b.id) })
	return chosen, nil
}

func (o *options) survivor(m *mutant, v verdict, e *explanation) {
	if e == nil {
		fmt.Fprintf(o.out, "%s: %s (line %d)\n", v, m.name(), m.pos.Line)
	}
}

// A count is of the mutants of a package.
type count struct {
	mutants, caught, timeouts, equivalent, open, unexplained, uncovered, invalid int
}

func (c *count) add(v verdict, e *explanation) {
	if v == invalid {
		c.invalid++
		return
	}
	c.mutants++
	switch {
	case v == timeout:
		c.timeouts++
		c.caught++
	case v == caught:
		c.caught++
	case e != nil && e.equivalent:
		c.equivalent++
	case e != nil:
		c.open++
	default:
		c.unexplained++
		if v == uncovered {
			c.uncovered++
		}
	}
}

// percent returns how many of those that are not equivalent are caught.
func (c *count) percent() float64 {
	if c.mutants == c.equivalent {
		return 100
	}
	return 100 * float64(c.caught) / float64(c.mutants-c.equivalent)
}

func (o *options) report(chosen []*mutant, verdicts []verdict, explained map[string]*explanation) (good bool) {
	total := &count{}
	counts := make(map[string]*count)
	for i, m := range chosen {
		c := counts[m.pkg]
		if c == nil {
			c = &count{}
			counts[m.pkg] = c
		}
		c.add(verdicts[i], explained[m.name()])
		total.add(verdicts[i], explained[m.name()])
	}
	const format = "%-22s %6v %6v %8v %10v %5v %11v %9v %7v\n"
	fmt.Fprintf(o.out, format, "package", "faults", "caught", "by time", "equivalent", "open", "unexplained", "uncovered", "caught")
	line := func(name string, c *count) {
		fmt.Fprintf(o.out, format, name, c.mutants, c.caught, c.timeouts, c.equivalent, c.open, c.unexplained, c.uncovered, fmt.Sprintf("%.1f%%", c.percent()))
	}
	for _, name := range o.packages {
		for pkg, c := range counts {
			if strings.HasSuffix(pkg, "/"+name) {
				line(name, c)
			}
		}
	}
	line("all", total)
	fmt.Fprintf(o.out, "%d more do not compile and are no faults\n", total.invalid)
	if total.percent() < least {
		fmt.Fprintf(o.out, "less than %d%% of those that are not equivalent are caught\n", least)
		return false
	}
	return true
}

// stale names explanations of faults that are not, or that are caught.
func (o *options) stale(all, chosen []*mutant, verdicts []verdict, explained map[string]*explanation) (found bool) {
	known := make(map[string]bool)
	for _, m := range all {
		known[m.name()] = true
	}
	for i, m := range chosen {
		if v := verdicts[i]; v == caught || v == timeout {
			known[m.name()] = false
		}
	}
	for name, e := range explained {
		broken := slices.ContainsFunc(o.packages, func(p string) bool { return strings.HasPrefix(name, p+"/") })
		if broken && !known[name] {
			fmt.Fprintf(o.out, "%s:%d: explains what is no fault or is caught: %s\n", filepath.Base(o.explanations), e.line, name)
			found = true
		}
	}
	return found
}
