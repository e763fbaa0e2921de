package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	return string(out)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no file matches %s: %v", pattern, err)
	}
	return found
}

func TestTheHelpOfMakeListsEveryTarget(t *testing.T) {
	t.Parallel()
	listed := regexp.MustCompile(`(?m)^([a-z-]+) +\S`).FindAllStringSubmatch(output(t, "make", "help"), -1)
	declared := regexp.MustCompile(`(?m)^\.PHONY: (\S+)$`).FindAllStringSubmatch(readFile(t, "Makefile"), -1)
	for _, target := range declared {
		if !slices.ContainsFunc(listed, func(m []string) bool { return m[1] == target[1] }) {
			t.Errorf("make help does not list %s", target[1])
		}
	}
	if len(declared) == 0 || len(listed) != len(declared) {
		t.Errorf("%d targets are listed, %d declared", len(listed), len(declared))
	}
}

// licences are those that were looked at: they allow the binary to be passed on
// together with their texts.
var licences = regexp.MustCompile(`Apache License|Permission is hereby granted, free of charge|Redistribution and use in source and binary forms`)

func TestTheLicenceOfAllThatIsInTheBinaryGoesWithIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	output(t, "make", "licenses", "LICENSES="+dir)
	modules := strings.Fields(output(t, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "."))
	slices.Sort(modules)
	for _, module := range append(slices.Compact(modules), "go") {
		files, err := filepath.Glob(filepath.Join(dir, module, "[LlCc]*"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(f string) bool { return licences.MatchString(readFile(t, f)) }) {
			t.Errorf("%s has no licence, or one that nobody has looked at: %q", module, files)
		}
	}
	// A part of a module may have one of its own.
	if _, err := os.Stat(filepath.Join(dir, "github.com/klauspost/compress/zstd/internal/xxhash/LICENSE.txt")); err != nil {
		t.Error(err)
	}
}

func TestWorkflowsUseActionsByCommitAndMayDoNothingByDefault(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^(\./\S+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$`)
	for _, file := range glob(t, ".github/workflows/*.yml") {
		text := readFile(t, file)
		for _, m := range regexp.MustCompile(`(?m)uses: +(.*)$`).FindAllStringSubmatch(text, -1) {
			if !pinned.MatchString(m[1]) {
				t.Errorf("%s: %s is not pinned by a commit, with its version in a comment", file, m[1])
			}
		}
		if !regexp.MustCompile(`(?m)^permissions:( \{\}|\n  contents: read)$`).MatchString(text) {
			t.Errorf("%s does not take permissions away", file)
		}
	}
}

func TestTheImageIsBuiltOfWhatThereIs(t *testing.T) {
	t.Parallel()
	text, ignored := readFile(t, "Dockerfile"), strings.Fields(readFile(t, ".dockerignore"))
	if !slices.Contains(ignored, ".git") {
		t.Error(".git is not ignored")
	}
	made := []string{"licenses", "$TARGETPLATFORM/geelark_exporter"}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(text, -1) {
		for source := range strings.FieldsSeq(m[1]) {
			if slices.Contains(made, source) { // by goreleaser
				continue
			}
			if _, err := os.Stat(source); err != nil || slices.Contains(ignored, source) {
				t.Errorf("%s is copied, but ignored or missing (%v)", source, err)
			}
		}
	}
	// What make build needs must be in the image: packages that are imported too.
	needed := []string{"Makefile", "CHANGELOG.md", "LICENSE", "main.go"}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.FieldsSeq(output(t, "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", ".")) {
		if name, err := filepath.Rel(root, dir); err == nil && name != "." {
			needed = append(needed, name)
		}
	}
	for _, name := range needed {
		for _, pattern := range ignored {
			match, _ := filepath.Match(strings.TrimPrefix(pattern, "**/"), name)
			if (match || strings.HasPrefix(name, pattern+"/")) && !slices.Contains(ignored, "!"+name) {
				t.Errorf("the image needs %s, which %s ignores", name, pattern)
			}
		}
	}
}

func TestTheImageOfGoIsPinnedAndIsThatOfTheModule(t *testing.T) {
	t.Parallel()
	toolchain := regexp.MustCompile(`(?m)^toolchain go(\S+)$`).FindStringSubmatch(readFile(t, "go.mod"))
	if toolchain == nil {
		t.Fatal("go.mod names no toolchain")
	}
	pulled := regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?([\w./-]+:\S+) AS`).FindAllStringSubmatch(readFile(t, "Dockerfile"), -1)
	pinned := regexp.MustCompile(`^golang:` + regexp.QuoteMeta(toolchain[1]) + `-\w+@sha256:[0-9a-f]{64}$`)
	if len(pulled) != 1 || !pinned.MatchString(pulled[0][1]) {
		t.Errorf("the image is built in %q, want golang:%s by its digest", pulled, toolchain[1])
	}
}

func TestAllThatNamesVersionsOfOthersIsUpdated(t *testing.T) {
	t.Parallel()
	updated := readFile(t, ".github/dependabot.yml")
	nested := strings.Fields(output(t, "make", "-s", "nested"))
	ecosystems := map[string]string{
		"go.mod": "gomod", "package.json": "npm", "compose.yaml": "docker-compose", "Dockerfile": "docker",
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"node_modules", "testdata", ".git", "dist", ".release"}, d.Name()) {
			return fs.SkipDir
		}
		ecosystem := ecosystems[d.Name()]
		if ecosystem == "" {
			return nil
		}
		directory := filepath.Dir(path)
		named := strings.TrimPrefix("/"+directory, "/.")
		if named == "" {
			named = "/"
		}
		entry := regexp.MustCompile(`(?m)^  - package-ecosystem: ` + ecosystem + `\n    director(y: |ies: \[.*")` + regexp.QuoteMeta(named) + `("|$)`)
		if !entry.MatchString(updated) {
			t.Errorf(".github/dependabot.yml has no entry of %s for %s", ecosystem, path)
		}
		if ecosystem == "gomod" && directory != "." && !slices.Contains(nested, directory) {
			t.Errorf("make does not know the module %s", directory)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	table := readFile(t, "CONTRIBUTING.md")
	_, table, _ = strings.Cut(table, "\n## Dependencies\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var reasons []string
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*`) \\|").FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			reasons = append(reasons, name[1])
		}
	}
	direct := strings.Fields(output(t, "go", "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all"))
	slices.Sort(reasons)
	slices.Sort(direct)
	if !slices.Equal(reasons, direct) {
		t.Errorf("CONTRIBUTING.md has reasons for\n%q\nand go.mod requires\n%q", reasons, direct)
	}
}
