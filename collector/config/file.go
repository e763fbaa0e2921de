package config

import (
	"context"
	"sync"

	"geelark_exporter/collector/watch"
)

// A File is a configuration file that is read again and again. It is safe for
// concurrent use.
type File struct {
	path   string
	base   watch.AccountConfig
	getenv func(string) string

	mu      sync.Mutex
	watched map[string]bool // the lists of ids of the accounts that were last loaded
}

// NewFile returns the file at path. What neither an account nor the file's defaults
// say comes from base, of which name, labels, credentials and selection of phones do
// not count: no two accounts share them. Variables are looked up with getenv.
func NewFile(path string, base watch.AccountConfig, getenv func(string) string) *File {
	return &File{path: path, base: base, getenv: getenv}
}

// Load reads the accounts. It does not look at lists of ids that it has loaded before:
// they are watched.
//
// The error tells of everything that is wrong with the file, a line each, with
// the file's name and the line number in front. It holds no secret.
func (f *File) Load() ([]watch.AccountConfig, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, err := read(context.Background(), f.path)
	if err != nil {
		return nil, err
	}
	accounts, err := load(data, f.path, f.base, f.getenv, f.watched)
	if err != nil {
		return nil, err
	}
	f.watched = make(map[string]bool)
	for _, a := range accounts {
		f.watched[a.IDsFile] = true
	}
	return accounts, nil
}
