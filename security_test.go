package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryPromiseIsHeldByATestThatExists(t *testing.T) {
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	if err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(content, -1) {
			tests[string(m[1])] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(content), "\n## What it promises\n")
	if !ok {
		t.Fatal("SECURITY.md has no section of that name")
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	promises := 0
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "| ") || strings.HasPrefix(row, "| promise ") {
			continue
		}
		promises++
		names := named.FindAllStringSubmatch(row, -1)
		if len(names) == 0 {
			t.Errorf("no test holds this: %s", row)
		}
		for _, m := range names {
			if !tests[m[1]] {
				t.Errorf("there is no %s", m[1])
			}
		}
	}
	if promises < 10 {
		t.Errorf("only %d promises", promises)
	}
}

func TestWhatIsReadFromOutsideIsFuzzedFromACommittedCorpus(t *testing.T) {
	for what, dir := range map[string]string{
		"answers of the API":               "geelark/testdata/fuzz/FuzzAnswer",
		"the ids file":                     "collector/watch/testdata/fuzz/FuzzIDsFile",
		"the configuration":                "collector/config/testdata/fuzz/FuzzLoad",
		"files of the state":               "collector/state/testdata/fuzz/FuzzAnyFileIsReadOrSetAside",
		"records of the state":             "collector/watch/testdata/fuzz/FuzzRecordsOfState",
		"queries and headers of a scraper": "collector/testdata/fuzz/FuzzScrape",
	} {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) < 5 {
			t.Errorf("%s: %d entries: %v", what, len(entries), err)
		}
	}
}
