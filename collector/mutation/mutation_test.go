package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func explanations(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "survivors.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, o options) (text string, good bool) {
	t.Helper()
	var out strings.Builder
	o.module, o.workers, o.patient, o.out = "testdata/tiny", 2, time.Second, &out
	o.packages = []string{"low"}
	if o.above == nil {
		o.above = map[string][]string{"low": {"high"}}
	}
	good, err := o.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), good
}

func TestFaultsAreCaughtSurviveOrAreNotReached(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs("testdata/tiny")
	if err != nil {
		t.Fatal(err)
	}
	m, err := load(dir, []string{"low"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r := &runner{ctx: t.Context(), module: m, dir: t.TempDir(), workers: 2, above: map[string][]string{"low": {"high"}}, out: &out, patient: time.Second}
	if err := r.prepare([]string{"low", "high"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "low: TestThatFails fails without a mutant and is not used\n") {
		t.Errorf("a test that always fails is used: %s", out.String())
	}
	got := make(map[string]verdict)
	for _, mu := range m.mutants() {
		if got[mu.name()], err = r.judge(mu); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]verdict{
		"const most: 10 => 11": caught,
		"const most: 10 => 9":  caught,

		"Room: n >= most => n > most":        survived,
		"Room: n >= most => n < most":        caught,
		"Room: if n >= most => if false":     caught,
		"Room: 0 => 1":                       caught,
		"Room: return ErrFull => return nil": caught,
		"Room: most - n => most + n":         caught,
		"Room: return most - n => return 0":  caught,

		"Steps: 0 => 1":                   caught,
		"Steps: i < n => i <= n":          caught,
		"Steps: i < n => i >= n":          caught,
		"Steps: i++ => i--":               timeout,
		"Steps: steps++ => steps--":       caught,
		"Steps: steps++ => deleted":       caught,
		"Steps: return steps => return 0": caught,

		"Both: a && b => a || b": caught,
		"Both: a => !a":          caught,
		"Both: b => !b":          caught,

		"Larger: a > b => a >= b":      survived,
		"Larger: a > b => a <= b":      caught,
		"Larger: if a > b => if false": caught,
		"Larger: return a => return 0": caught,
		"Larger: return b => return 0": caught,

		"First: n < 0 => n <= 0":       caught,
		"First: n < 0 => n >= 0":       caught,
		"First: 0 => 1":                caught,
		"First: continue => break":     caught,
		"First: return n => return 0":  survived,
		"First: return -1 => return 0": uncovered,
		"First: 1 => 2":                uncovered,
		"First: 1 => 0":                uncovered,

		"Forgotten: n * 2 => n / 2":           uncovered,
		"Forgotten: 2 => 3":                   uncovered,
		"Forgotten: 2 => 1":                   uncovered,
		"Forgotten: return n * 2 => return 0": uncovered,

		"High: n > 100 => n >= 100": caught,
		"High: n > 100 => n <= 100": caught,
		"High: 100 => 101":          caught,
		"High: 100 => 99":           caught,
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if short := strings.TrimPrefix(name, "low/low.go "); got[name] != want[short] {
			t.Errorf("%s: %q, want %q", short, got[name], want[short])
		}
	}
	for name := range want {
		if got["low/low.go "+name] == "" {
			t.Errorf("%s is not tried", name)
		}
	}
}

func TestWhatSurvivesIsExplainedOrTold(t *testing.T) {
	t.Parallel()
	const larger, room = "low/low.go Larger: a > b => a >= b", "low/low.go Room: n >= most => n > most"
	for name, tt := range map[string]struct {
		match, explained string
		good             bool
		want, wantNot    []string
	}{
		"all is caught":             {match: "Both:", good: true, want: []string{"3 of 40 faults", "100.0%"}},
		"a survivor is told":        {match: "Larger:", want: []string{"survived: " + larger + " (line 32)\n", "80.0%", "less than 95%"}},
		"what no test reaches too":  {match: "Forgotten:", want: []string{"uncovered: low/low.go Forgotten: 2 => 3 (line 51)\n", "0.0%"}},
		"an equivalent one is none": {match: "Larger:", explained: larger + "\n  equivalent: it is the same number\n", good: true, want: []string{"100.0%"}, wantNot: []string{"survived:"}},
		"an open one counts":        {match: "Larger:", explained: larger + "\n  open: no time\n", want: []string{"80.0%"}, wantNot: []string{"survived:"}},
		"one that is caught needs no explanation": {
			match: "Both:", explained: "low/low.go Both: a => !a\n  equivalent: so it seemed\n",
			want: []string{"survivors.txt:1: explains what is no fault or is caught: low/low.go Both: a => !a\n", "100.0%"},
		},
		"one that is gone needs no explanation": {
			match: "Both:", explained: larger + "\n" + room + "\nlow/low.go Smaller: a < b => a <= b\n  equivalent: it is the same number\n",
			want: []string{"survivors.txt:3: explains what is no fault or is caught: low/low.go Smaller: a < b => a <= b\n"}, wantNot: []string{"survivors.txt:1", "survivors.txt:2"},
		},
		"another package's explanations wait for it": {match: "Both:", explained: "high/high.go High: a => b\n  open: no time\n", good: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, good := run(t, options{all: true, match: tt.match, explanations: explanations(t, tt.explained)})
			if good != tt.good {
				t.Errorf("good = %v", good)
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not told", want)
				}
			}
			for _, not := range tt.wantNot {
				if strings.Contains(text, not) {
					t.Errorf("%q is told", not)
				}
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

func TestASampleIsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	var all []*mutant
	for i := range 100 {
		all = append(all, &mutant{id: i})
	}
	ids := func(o options) (ids []int) {
		chosen, err := o.choose(all)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range chosen {
			ids = append(ids, m.id)
		}
		return ids
	}
	one, again, other := ids(options{sample: 10, seed: 1}), ids(options{sample: 10, seed: 1}), ids(options{sample: 10, seed: 2})
	if len(one) != 10 || !slices.IsSorted(one) || !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Error(one, again, other)
	}
	if n := len(ids(options{sample: 10, all: true})); n != 100 {
		t.Errorf("%d of all", n)
	}
	all[7].file, all[8].file = "a.go", "b.go"
	if got := ids(options{again: explanations(t, "caught: b.go : \nsurvived: a.go :  (line 12)\n")}); !slices.Equal(got, []int{7}) {
		t.Errorf("of those that survived before: %d", got)
	}
}

func TestExplanationsThatExplainNothingAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"a mutant without one":        {"a.go f: 1 => 2\n", "survivors.txt:1: nothing explains a.go f: 1 => 2"},
		"one without a mutant":        {"  open: no time\n", "survivors.txt:1: below one or more mutants"},
		"of another kind":             {"a.go f: 1 => 2\n  harmless: it is\n", "survivors.txt:2: below one or more mutants"},
		"without a reason":            {"a.go f: 1 => 2\n  equivalent:\n", "survivors.txt:2: below one or more mutants"},
		"two":                         {"a.go f: 1 => 2\n  open: no\n  open: no\n", "survivors.txt:3: below one or more mutants"},
		"a mutant that has one":       {"a.go f: 1 => 2\n  open: no\na.go f: 1 => 2\n  open: no\n", "survivors.txt:3: this mutant is explained in line 1 already"},
		"a mutant at the end without": {"a.go f: 1 => 2\n  open: no\na.go g: 1 => 2\n", "survivors.txt:3: nothing explains a.go g: 1 => 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readExplanations(explanations(t, tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestTheListOfSurvivorsCanBeRead(t *testing.T) {
	t.Parallel()
	if _, err := readExplanations("survivors.txt"); err != nil {
		t.Error(err)
	}
}
