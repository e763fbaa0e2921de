package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// An explanation says why a mutant that survives is none that a test should
// catch, or why no test does.
type explanation struct {
	line       int
	equivalent bool
	reason     string
}

// readExplanations reads a file of mutants, each in a line and followed by an
// indented one that begins with "equivalent:" or "open:".
func readExplanations(path string) (map[string]*explanation, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all := make(map[string]*explanation)
	var waiting []*explanation
	scanner := bufio.NewScanner(file)
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#':
		case line == text:
			if all[text] != nil {
				return nil, fmt.Errorf("%s:%d: this mutant is explained in line %d already", path, n, all[text].line)
			}
			if len(waiting) > 0 && waiting[0].reason != "" {
				waiting = nil
			}
			all[text] = &explanation{line: n}
			waiting = append(waiting, all[text])
		default:
			kind, reason, _ := strings.Cut(text, ": ")
			if len(waiting) == 0 || waiting[0].reason != "" || reason == "" || kind != "equivalent" && kind != "open" {
				return nil, fmt.Errorf("%s:%d: below one or more mutants, one line says \"equivalent: \" or \"open: \" and why", path, n)
			}
			for _, e := range waiting {
				e.equivalent, e.reason = kind == "equivalent", reason
			}
		}
	}
	for name, e := range all {
		if e.reason == "" {
			return nil, fmt.Errorf("%s:%d: nothing explains %s", path, e.line, name)
		}
	}
	return all, scanner.Err()
}
