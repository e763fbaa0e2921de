// Package config reads the exporter's configuration file. It is a package of
// its own so that YAML, environment variables and the lines that errors name
// stay out of package watch, to which it does not matter where an account comes
// from.
package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark/regular"
)

// maxSize bounds what is parsed; 4 MiB hold a hundred thousand phone ids.
const maxSize = 4 << 20

// load reads accounts from what the file at path holds. Lists of ids that are watched are not read:
// what becomes of them is no matter of the configuration any more.
func load(data []byte, path string, base watch.AccountConfig, getenv func(string) string, watched map[string]bool) ([]watch.AccountConfig, error) {
	d := &decoder{file: path, getenv: getenv, watched: watched}
	var accounts []watch.AccountConfig
	if root := d.parse(data); root != nil {
		accounts = d.accounts(root, base)
	}
	d.readFiles()
	if err := d.err(); err != nil {
		return nil, err
	}
	return accounts, nil
}

func read(ctx context.Context, path string) ([]byte, error) {
	data, err := regular.Read(ctx, path, maxSize)
	if _, large := errors.AsType[*regular.SizeError](err); large {
		err = fmt.Errorf("%s: is larger than %d MiB: move long lists of phones to an ids_file", path, maxSize>>20)
	}
	if err != nil {
		return nil, &ReadError{err}
	}
	return data, nil
}

// A ReadError is why the file could not be read at all.
type ReadError struct{ err error }

func (e *ReadError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *ReadError) Unwrap() error { return e.err }

// parse returns the top of the only document in data, or nil after a problem.
func (d *decoder) parse(data []byte) *yaml.Node {
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := documents.Decode(&first)
	if errors.Is(err, io.EOF) {
		d.report(0, "is empty: it must list at least one account")
		return nil
	}
	if err == nil {
		err = documents.Decode(&second)
	}
	switch {
	case err == nil:
		d.report(second.Line, "a second YAML document begins here: put everything into one")
	case !errors.Is(err, io.EOF):
		d.report(syntax(err, data))
	default:
		return first.Content[0]
	}
	return nil
}

// syntax puts an error of the YAML parser into words.
func syntax(err error, data []byte) (line int, text string) {
	cause := new(yaml.LoadError)
	errors.As(err, &cause)
	line = cause.Mark.Line
	if line == 0 {
		// A character that is not allowed: only its offset is known.
		line = 1 + bytes.Count(data[:min(cause.Mark.Index, len(data))], []byte("\n"))
	}
	if cause.Stage == yaml.ComposerStage {
		// The parser's message would repeat what may be a secret that begins
		// with an asterisk.
		return line, "a value " + writeOut
	}
	text = "is not valid YAML: " + cause.Message
	if cause.ContextMsg != "" {
		text += " " + cause.ContextMsg
		if from := cause.ContextMark.Line; from != line {
			text += fmt.Sprintf(" that begins in line %d", from)
		}
	}
	return line, text + "; check quotes, brackets, and indentation, which is of spaces only"
}

// accounts decodes the file's accounts over its defaults over base.
func (d *decoder) accounts(root *yaml.Node, base watch.AccountConfig) []watch.AccountConfig {
	file := d.section("", 0)
	if !file.is(yaml.MappingNode, "", root, mustBeAMap) {
		return nil
	}
	var defaults *yaml.Node
	list := new(yaml.Node)
	file.decode("", root, fields{
		"defaults": func(_ string, n *yaml.Node) { defaults = n },
		"accounts": func(_ string, n *yaml.Node) { list = n },
	})

	base.Name, base.Labels, base.Credentials = "", nil, nil
	base.IDs, base.IDsFile = nil, ""
	base.Discovery = watch.Discovery{}
	shared := d.section("defaults", file.lines["defaults"])
	if defaults != nil {
		shared.mapping(shared.settings(&base))("", defaults)
	}

	const must = "must be a list of at least one account"
	if !file.is(yaml.SequenceNode, "accounts", list, must) {
		return nil
	}
	if len(list.Content) == 0 {
		file.problem("accounts", must)
	}
	names := make(map[string]int) // to the line
	configs := make([]watch.AccountConfig, len(list.Content))
	for i, n := range list.Content {
		configs[i] = base
		d.account(i, n, &configs[i], shared, names)
	}
	return configs
}
