package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// good is a repository that lacks nothing for its next release.
var good = map[string]string{
	"CHANGELOG.md":                 "# Changes\n\n## 1.1.0 / 2026-02-01\n\n* [FEATURE] More.\n\n## 1.0.0 / 2026-01-01\n\n* [FEATURE] All.\n",
	chartDirectory + "/Chart.yaml": "version: 3.0.1\nappVersion: 1.1.0\n",
	"go.mod":                       "module m\n\ngo 1.26.0\n\ntoolchain go1.26.8\n",
	"Dockerfile":                   "FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm@sha256:0 AS base\n",
	"CONTRIBUTING.md":              "- [x] A name.\n- [ ] An address.\n",
	"README.md":                    "# A `b`, c!\n\n## Twice\n## Twice\n[a](docs/a.md#one) [b](#a-b-c) [c](https://example.com/x) [d](#twice-1)\n```\n[not](a.link)\n```\n`[nor](this)`\n",
	"docs/a.md":                    "## One\n[up](../README.md) [dir](../docs)\n",
}

// repository has a released version, 1.0.0, and one commit after it with the
// files.
func repository(t *testing.T, files map[string]string) *check {
	t.Helper()
	c := &check{dir: t.TempDir()}
	write := func(files map[string]string) {
		for name, text := range files {
			path := filepath.Join(c.dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false"}, args...)...)
		cmd.Dir = c.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	git("init", "-q")
	write(map[string]string{chartDirectory + "/Chart.yaml": "version: 3.0.0\nappVersion: 1.0.0\n"})
	git("add", "-A")
	git("commit", "-qm", "one")
	git("tag", "v1.0.0")
	write(good)
	write(files)
	git("add", "-A")
	git("commit", "-qm", "two")
	return c
}

func TestWhatIsMissingForARelease(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files   map[string]string
		tag     string
		missing []string // a part of each
	}{
		"nothing": {},
		"a date": {
			files:   map[string]string{"CHANGELOG.md": "## 1.1.0 / unreleased\n\n* [FEATURE] More.\n"},
			missing: []string{`calls 1.1.0 unreleased: give its section a date`},
		},
		"a date, and all that does not fit its version": {
			files: map[string]string{
				"CHANGELOG.md":                 "## 1.2.0 / unreleased\n\n* [FEATURE] More.\n",
				chartDirectory + "/Chart.yaml": "version: 3.0.1\nappVersion: 1.1.0\n",
			},
			missing: []string{"calls 1.2.0 unreleased", `appVersion "1.1.0", the changelog "1.2.0"`},
		},
		"a day that there is": {
			files:   map[string]string{"CHANGELOG.md": "## 1.1.0 / 2026-02-31\n\n* [FEATURE] More.\n"},
			missing: []string{`the date "2026-02-31", which is no day`},
		},
		"a heading": {
			files:   map[string]string{"CHANGELOG.md": "## Next\n\n* [FEATURE] More.\n"},
			missing: []string{`"## Next", not of the form`},
		},
		"a version of its own": {
			files:   map[string]string{"CHANGELOG.md": "## 1.1.0 / 2026-02-01\n\n* [FEATURE] More.\n\n## 1.1.0 / 2026-01-01\n\n* [FEATURE] All.\n"},
			missing: []string{"two sections of 1.1.0"},
		},
		"one version of Go": {
			files:   map[string]string{"go.mod": "module m\n\ntoolchain go1.26.9\n"},
			missing: []string{`the toolchain "1.26.9", the Dockerfile an image of Go "1.26.8"`},
		},
		"a changelog": {
			files:   map[string]string{"CHANGELOG.md": "# Changes\n"},
			missing: []string{"no section"},
		},
		"an entry": {
			files:   map[string]string{"CHANGELOG.md": "## 1.1.0 / 2026-02-01\n\n* More.\n\n## 1.0.0 / 2026-01-01\n\n* [FEATURE] All.\n"},
			missing: []string{"[BUGFIX] or [SECURITY]: * More.", "has no entry"},
		},
		"the chart's versions": {
			files:   map[string]string{chartDirectory + "/Chart.yaml": "version: 3.0.0\nappVersion: 1.0.0\n", chartDirectory + "/values.yaml": "a: b\n"},
			missing: []string{`appVersion "1.0.0", the changelog "1.1.0"`, "changed since v1.0.0 and its version 3.0.0 has not"},
		},
		"a new version": {
			files:   map[string]string{"CHANGELOG.md": "## 1.0.0 / 2026-02-01\n\n* [FEATURE] All.\n", chartDirectory + "/Chart.yaml": "version: 3.0.1\nappVersion: 1.0.0\n"},
			missing: []string{"the tag v1.0.0 exists"},
		},
		"the right tag": {
			tag:     "v1.2.0",
			missing: []string{"the tag is v1.2.0, the changelog's version needs v1.1.0"},
		},
		"the tag on this commit": {
			tag:     "v1.1.0",
			missing: []string{"not on the commit"},
		},
		"what links point to": {
			files: map[string]string{"docs/a.md": "## One\n[gone](gone.md) [no heading](../README.md#one) [none here](#two)\n"},
			missing: []string{
				"docs/a.md links to gone.md, which is not there",
				"docs/a.md links to ../README.md#one, where",
				"docs/a.md links to #two, where",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := repository(t, tt.files)
			c.release(tt.tag)
			ok := len(c.missing) == len(tt.missing)
			for _, want := range tt.missing {
				ok = ok && slices.ContainsFunc(c.missing, func(m string) bool { return strings.Contains(m, want) })
			}
			if !ok {
				t.Errorf("got %q, want %q", c.missing, tt.missing)
			}
		})
	}
}

func TestATreeThatIsNotCommittedIsNotReleased(t *testing.T) {
	t.Parallel()
	c := repository(t, nil)
	if err := os.WriteFile(filepath.Join(c.dir, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c.release(""); len(c.missing) != 1 || !strings.Contains(c.missing[0], "?? new") {
		t.Errorf("got %q", c.missing)
	}
}

func TestWhatGitDoesNotKnowIsNotReleased(t *testing.T) {
	t.Parallel()
	c := repository(t, nil)
	if err := os.RemoveAll(filepath.Join(c.dir, ".git")); err != nil {
		t.Fatal(err)
	}
	if c.release(""); len(c.missing) != 1 || !strings.Contains(c.missing[0], "git knows no commit here") {
		t.Errorf("got %q", c.missing)
	}
}

func TestWhatTheOwnerHasToFillInIsSaid(t *testing.T) {
	t.Parallel()
	if got := repository(t, nil).owner(); !slices.Equal(got, []string{"An address."}) {
		t.Errorf("got %q", got)
	}
}
