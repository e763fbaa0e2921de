package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed helpers.go.txt
var helpersText string

// A module is the one that is broken on purpose.
type module struct {
	dir      string
	path     string
	packages []*brokenPackage
	exports  map[string]string // import path to the compiler's file
}

type brokenPackage struct {
	path    string // import path
	name    string // within the module
	dir     string
	sources []*source
}

func (m *module) run(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = m.dir
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), m.dir, err, failed.Bytes())
	}
	return out, nil
}

// load finds all mutants of the packages, which are named by their directories
// within the module.
func load(dir string, names []string) (*module, error) {
	m := &module{dir: dir, exports: make(map[string]string)}
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Name,Module", "cmp", "os", "strconv"} // which helpers.go.txt imports
	for _, name := range names {
		args = append(args, "./"+name)
	}
	out, err := m.run(args...)
	if err != nil {
		return nil, err
	}
	type listed struct {
		ImportPath, Dir, Export, Name string
		GoFiles                       []string
		Module                        *struct{ Path, Dir string }
	}
	var wanted []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("what go list wrote in %s: %w", dir, err)
		}
		m.exports[l.ImportPath] = l.Export
		for _, name := range names {
			if l.Module != nil && l.Dir == filepath.Join(l.Module.Dir, name) {
				m.path = l.Module.Path
				wanted = append(wanted, l)
			}
		}
	}
	id := 0
	for _, l := range wanted {
		p := &brokenPackage{path: l.ImportPath, name: strings.TrimPrefix(l.ImportPath, m.path+"/"), dir: l.Dir}
		for _, file := range l.GoFiles {
			path := filepath.Join(l.Dir, file)
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			p.sources = append(p.sources, &source{
				module: m.path, path: path, name: p.name + "/" + file, text: text,
				next: func() int { id++; return id },
			})
		}
		if err := m.find(p); err != nil {
			return nil, err
		}
		m.packages = append(m.packages, p)
	}
	return m, nil
}

func (m *module) find(p *brokenPackage) error {
	texts := make(map[string][]byte)
	for _, s := range p.sources {
		texts[s.path] = s.text
	}
	checked, errs := m.check(p, texts)
	if len(errs) > 0 {
		return errs[0]
	}
	for i, s := range p.sources {
		s.pkg, s.info, s.fset, s.file = checked.pkg, checked.info, checked.fset, checked.files[i]
		s.find()
	}
	// A mutant that cannot be compiled beside others is compiled by itself. Lines
	// stay what they are, so that an error says which mutant it is.
	for {
		_, errs := m.check(p, p.texts())
		if len(errs) == 0 {
			return nil
		}
		found := false
		for _, err := range errs {
			var at types.Error
			if !errors.As(err, &at) {
				return err
			}
			found = p.separate(at.Fset.Position(at.Pos)) || found
		}
		if !found {
			return fmt.Errorf("%s with all mutants: %w", p.name, errs[0])
		}
	}
}

// separate gives the mutants of a line a binary each.
func (p *brokenPackage) separate(at token.Position) bool {
	found := false
	for _, s := range p.sources {
		for _, mu := range s.mutants {
			if s.path == at.Filename && mu.pos.Line == at.Line && !mu.alone {
				mu.alone, found = true, true
			}
		}
	}
	return found
}

// texts returns the files of the package that has all mutants, by their paths.
func (p *brokenPackage) texts() map[string][]byte {
	texts := make(map[string][]byte)
	for _, s := range p.sources {
		texts[s.path] = s.all()
	}
	texts[filepath.Join(p.dir, "mutant__.go")] = []byte(strings.Replace(helpersText, "PACKAGE", p.sources[0].pkg.Name(), 1))
	return texts
}

type checkedPackage struct {
	pkg   *types.Package
	info  *types.Info
	fset  *token.FileSet
	files []*ast.File
}

func (m *module) check(p *brokenPackage, texts map[string][]byte) (*checkedPackage, []error) {
	c := &checkedPackage{fset: token.NewFileSet(), info: &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue), Defs: make(map[*ast.Ident]types.Object),
		Uses: make(map[*ast.Ident]types.Object), Implicits: make(map[ast.Node]types.Object),
	}}
	paths := make([]string, 0, len(texts))
	for _, s := range p.sources {
		paths = append(paths, s.path)
	}
	for path := range texts {
		if filepath.Base(path) == "mutant__.go" {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		f, err := parser.ParseFile(c.fset, path, texts[path], parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return nil, []error{err}
		}
		c.files = append(c.files, f)
	}
	var errs []error
	config := types.Config{
		Error: func(err error) { errs = append(errs, err) },
		Importer: importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
			if m.exports[path] == "" {
				return nil, fmt.Errorf("go list names no file of the compiler for %s", path)
			}
			return os.Open(m.exports[path])
		}),
	}
	c.pkg, _ = config.Check(p.path, c.fset, c.files, c.info) // its first error is among errs
	return c, errs
}

// mutants returns all of them.
func (m *module) mutants() []*mutant {
	var all []*mutant
	for _, p := range m.packages {
		for _, s := range p.sources {
			all = append(all, s.mutants...)
		}
	}
	return all
}
