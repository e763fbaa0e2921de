package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests summarized are real ones, of a module that has only these packages.
var packages = map[string]string{
	"good":    `func TestGood(t *testing.T) { t.Log("chatter") }`,
	"some":    `func TestGood(t *testing.T) {}; func TestServer(t *testing.T) { t.Skip("no server") }`,
	"nothing": `func TestServer(t *testing.T) { t.Skip("no server") }; func TestTool(t *testing.T) { t.Run("a", func(t *testing.T) { t.SkipNow() }) }`,
	"bad":     `func TestBad(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Error("wrong") }); t.Run("fine", func(t *testing.T) { t.Log("chatter") }) }`,
	"panics":  `func TestPanic(t *testing.T) { panic("oh dear") }`,
	"broken":  `func TestBroken(t *testing.T) { undefined() }`,
	"exits":   `func TestExit(t *testing.T) { os.Exit(7) }; var _ = os.Exit`,
}

func run(t *testing.T, names ...string) (text string, good bool) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module m\n\ngo 1.26.0\n")
	args := []string{"test", "-json"}
	for _, name := range names {
		imports := `import "testing"`
		if name == "exits" {
			imports = `import ("os"; "testing")`
		}
		write(name+"/x_test.go", "package x\n\n"+imports+"\n\n"+packages[name]+"\n")
		args = append(args, "./"+name)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	events, err := cmd.Output() // its exit code is what is to be found out here
	if len(events) == 0 {
		t.Fatal(err)
	}
	var out strings.Builder
	good, err = summarize(strings.NewReader(string(events)), &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), good
}

func TestTheSummary(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		packages []string
		good     bool
		says     []string
		not      string
	}{
		"of tests that pass is short": {
			[]string{"good"}, true, []string{"ok  \tm/good\t", "\n1 passed, 0 failed, 0 skipped\n"}, "chatter",
		},
		"names what was skipped, and why": {
			[]string{"good", "some"}, true, []string{"\nskipped:\n  m/some TestServer: ", "no server\n", "\n2 passed, 0 failed, 1 skipped\n"}, "not tested",
		},
		"of a package that was skipped whole is a failure": {
			[]string{"good", "nothing"}, false, []string{"m/nothing TestTool/a: no reason given", "which is a failure:\n  m/nothing\n"}, "  m/good",
		},
		"of a failure has what the test said": {
			[]string{"good", "bad"}, false, []string{"--- FAIL: TestBad/sub", "x_test.go:5: wrong", "FAIL\tm/bad\t", "\n2 passed, 1 failed, 0 skipped\n"}, "chatter",
		},
		"of a panic has it": {
			[]string{"good", "panics"}, false, []string{"panic: oh dear", "\n1 passed, 1 failed, 0 skipped\n"}, "",
		},
		"of what cannot be built is a failure": {
			[]string{"good", "broken"}, false, []string{"undefined: undefined", "FAIL\tm/broken [build failed]"}, "",
		},
		"of a test that ends the process is a failure": {
			[]string{"good", "exits"}, false, []string{"--- FAIL: TestExit (the process ended)\n", "FAIL\tm/exits\t"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, good := run(t, tt.packages...)
			if good != tt.good || tt.not != "" && strings.Contains(text, tt.not) {
				t.Errorf("good: %v, want %v, without %q:\n%s", good, tt.good, tt.not, text)
			}
			for _, want := range tt.says {
				if !strings.Contains(text, want) {
					t.Errorf("want %q in:\n%s", want, text)
				}
			}
		})
	}
}

func TestNoTestAtAllIsAFailure(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if good, err := summarize(strings.NewReader("plain text\n"), &out); good || err != nil || !strings.HasPrefix(out.String(), "plain text\n") {
		t.Errorf("good: %v, %v, %q", good, err, &out)
	}
}
