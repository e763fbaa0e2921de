package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/agnivade/levenshtein"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"
)

// maxProblems keeps an error readable when every line of a long list is wrong.
const maxProblems = 10

const (
	writeOut    = "must be written out: YAML anchors, aliases, tags and merge keys are not taken, and a value that begins with &, * or ! needs quotes"
	mustBeAList = "must be a list"
	mustBeAMap  = `must be a mapping of "field: value"`
)

const (
	// longestName is more than a field's name has.
	longestName = 32
	// longestTyped is more than any name has that is looked for.
	longestTyped = 64
)

// A decoder turns a file's nodes into values and collects what is wrong.
type decoder struct {
	file     string
	getenv   func(string) string
	watched  map[string]bool // lists of ids that are not read
	reads    []reading
	problems []problem
}

// A reading is a first look at a file that the configuration names.
type reading struct {
	of   *section
	read func(context.Context) error
	tell func(error) (path, text string) // what the problem is, and of which field
}

// readFiles looks at all files at once: if they are on a mount that is stuck, that
// takes no longer than for one.
func (d *decoder) readFiles() {
	failed := make([]error, len(d.reads))
	var wg sync.WaitGroup
	for i, r := range d.reads {
		wg.Go(func() { failed[i] = r.read(context.Background()) })
	}
	wg.Wait()
	for i, err := range failed {
		if err != nil {
			r := d.reads[i]
			r.of.problem(r.tell(err))
		}
	}
}

type problem struct {
	line int // 0 when there is none
	text string
}

func (d *decoder) report(line int, text string) {
	d.problems = append(d.problems, problem{line, text})
}

// err returns all problems in the order of their lines.
func (d *decoder) err() error {
	slices.SortFunc(d.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), strings.Compare(a.text, b.text))
	})
	// A wrong default is found once for every account.
	found := slices.Compact(d.problems)
	var text []string
	for _, p := range found[:min(len(found), maxProblems)] {
		at := d.file
		if p.line > 0 {
			at += ":" + strconv.Itoa(p.line)
		}
		text = append(text, at+": "+p.text)
	}
	if more := len(found) - maxProblems; more > 0 {
		text = append(text, fmt.Sprintf("%s: and %d more", d.file, more))
	}
	if text == nil {
		return nil
	}
	return errors.New(strings.Join(text, "\n"))
}

// A section is a part of the file that errors name: the defaults or an account.
type section struct {
	*decoder
	title string
	lines map[string]int // of the fields that are given, by path; "" is the section itself
	empty []string       // the paths of lists without items
	// variables are the names of those that fields name and that are set, by path.
	variables map[string]string
}

func (d *decoder) section(title string, line int) *section {
	return &section{decoder: d, title: title, lines: map[string]int{"": line}, variables: map[string]string{}}
}

// problem reports what is wrong with the field at path.
func (s *section) problem(path, text string) {
	line := s.lines[path]
	if line == 0 {
		line = s.lines[""]
	}
	if path != "" {
		text = path + " " + text
	}
	s.reportIn(line, text)
}

// reportIn reports a problem in the section.
func (s *section) reportIn(line int, text string) {
	if s.title != "" {
		text = s.title + ": " + text
	}
	s.report(line, text)
}

func (s *section) given(path string) bool { return s.lines[path] != 0 }

// exclude reports two fields that must not both be given.
func (s *section) exclude(x, y string) {
	if s.lines[x] > s.lines[y] {
		x, y = y, x
	}
	s.problem(y, fmt.Sprintf("and %s in line %d exclude each other: keep one of them", x, s.lines[x]))
}

// A value decodes the node of the field at path.
type value func(path string, n *yaml.Node)

// fields are those that a mapping may have.
type fields map[string]value

// anyField stands for all names that are not in a mapping's fields.
const anyField = "*"

// is reports a node that is not of the kind or not what it looks like.
func (s *section) is(kind yaml.Kind, path string, n *yaml.Node, must string) bool {
	switch {
	case !plain(n):
		s.problem(path, writeOut)
	case n.Kind != kind:
		s.problem(path, must)
	default:
		return true
	}
	return false
}

func plain(n *yaml.Node) bool {
	return n.Kind != yaml.AliasNode && n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 && n.Tag != "!!merge"
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (s *section) mapping(known fields) value {
	return func(path string, n *yaml.Node) {
		if s.is(yaml.MappingNode, path, n, mustBeAMap) {
			s.decode(path, n, known)
		}
	}
}

// decode decodes the fields of the mapping at path.
func (s *section) decode(path string, n *yaml.Node, known fields) {
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		set := known[key.Value]
		if set == nil {
			set = known[anyField]
		}
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		switch {
		case key.Kind != yaml.ScalarNode, !plain(key), !printable(key.Value):
			s.reportIn(key.Line, "the name of a field must be plain text: YAML anchors, aliases, tags and merge keys are not taken")
		case set == nil:
			s.unknown(path, key, known)
		case s.given(at):
			s.reportIn(key.Line, fmt.Sprintf("%s is given already in line %d: keep one of them", at, s.lines[at]))
		default:
			s.lines[at] = key.Line
			set(at, n.Content[i+1])
		}
	}
}

// unknown reports an unknown field in the mapping at path.
func (s *section) unknown(path string, key *yaml.Node, known fields) {
	name, names := key.Value, slices.Sorted(maps.Keys(known))
	field := "unknown field"
	// Other names are not repeated: a secret may have slipped there.
	if name != "" && len(name) <= longestName && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_-") == "" {
		field += " " + name
	}
	if path != "" {
		field += " in " + path
	}
	what := "use one of " + strings.Join(names, ", ")
	if meant := Nearest(name, names); meant != "" {
		what = "did you mean " + meant + "?"
	} else if file, env := name+"_file", name+"_env"; known[file] != nil && known[env] != nil {
		what = "a secret does not stand in this file, give " + file + " or " + env
	}
	s.reportIn(key.Line, field+": "+what)
}

// Nearest returns the name that differs from what was typed in a third of it,
// rounded up, or less; "" when none does.
func Nearest(typed string, names []string) string {
	if len(typed) > longestTyped {
		return ""
	}
	meant, least := "", (len(typed)+2)/3+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(typed, name); d < least {
			meant, least = name, d
		}
	}
	return meant
}

// scalar decodes the text of a value as it stands in the file, so that ids keep
// all their digits. An error never repeats it: it may be a secret in the wrong
// place.
func (s *section) scalar(must string, set func(text string) bool) value {
	return func(path string, n *yaml.Node) {
		must := "must be " + must
		switch {
		case !s.is(yaml.ScalarNode, path, n, must):
		case !printable(n.Value):
			s.problem(path, "must not hold line breaks, tabs or control characters")
		case n.Tag == "!!null" || n.Value == "" || !set(n.Value):
			s.problem(path, must)
		}
	}
}

func (s *section) text(to *string) value {
	return s.scalar("text that is not empty", func(text string) bool {
		*to = text
		return true
	})
}

func (s *section) number(to *int) value {
	return s.scalar("a whole number", func(text string) bool {
		n, err := strconv.Atoi(text)
		if err == nil {
			*to = n
		}
		return err == nil
	})
}

func (s *section) duration(to *time.Duration) value {
	return s.scalar("a duration such as 30s, 5m, 1h30m or 1d", func(text string) bool {
		d, err := model.ParseDuration(text)
		if err == nil {
			*to = time.Duration(d)
		}
		return err == nil
	})
}

// path decodes the path of a file, which is relative to the configuration's.
func (s *section) path(to *string) value {
	return s.scalar("the path of a file", func(text string) bool {
		if !filepath.IsAbs(text) {
			text = filepath.Join(filepath.Dir(s.file), text)
		}
		*to = text
		return true
	})
}

// variable decodes the name of an environment variable to the variable's value.
// White space around it is left out, as it is in files.
func (s *section) variable(to *string) value {
	return func(path string, n *yaml.Node) {
		s.scalar("the name of an environment variable that is set and not empty", func(text string) bool {
			if *to = strings.TrimSpace(s.getenv(text)); *to != "" {
				s.variables[path] = text
			}
			return *to != ""
		})(path, n)
	}
}

func (s *section) list(to *[]string) value {
	return func(path string, n *yaml.Node) {
		if !s.is(yaml.SequenceNode, path, n, mustBeAList) {
			return
		}
		if len(n.Content) == 0 {
			s.empty = append(s.empty, path)
		}
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			s.lines[at] = item.Line
			// Stands for an item that cannot be decoded, so that nothing else is
			// said about it.
			text := "item"
			s.text(&text)(at, item)
			*to = append(*to, text)
		}
	}
}
