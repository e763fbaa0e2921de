package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnIDsFileHoldsOneIDALine(t *testing.T) {
	long := strings.Repeat("7", maxIDLength+1)
	for name, tt := range map[string]struct {
		content string
		want    []string
		err     string // after the path
	}{
		"ids":                   {"1\n2\n", []string{"1", "2"}, ""},
		"no final newline":      {"1\n2", []string{"1", "2"}, ""},
		"comments and blanks":   {"# farm\n\n 1 # one\n\t2\n#3\n", []string{"1", "2"}, ""},
		"Windows":               {"\ufeff1\r\n2\r\n", []string{"1", "2"}, ""},
		"nothing":               {"", nil, ""},
		"two on a line":         {"1\n2 3\n", nil, ":2: a phone id must not hold white space"},
		"control character":     {"\x01\n", nil, ":1: a phone id must not hold"},
		"not UTF-8":             {"1\n\n\xff\n", nil, ":3: a phone id must not hold"},
		"too long":              {long + "\n", nil, ":1: a phone id has at most 64 characters"},
		"a line without an end": {strings.Repeat("7", 1<<20), nil, ": bufio.Scanner: token too long"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ids")
			writeFile(t, path, tt.content)
			ids, changed, err := (&idsFile{path: path}).read()
			if !changed || !slices.Equal(ids, tt.want) {
				t.Errorf("got %q, changed %v, want %q", ids, changed, tt.want)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasPrefix(err.Error(), path+tt.err)) {
				t.Errorf("error %v, want %q after the path", err, tt.err)
			}
		})
	}
}

func TestAnIDsFileIsReadAgainWhenItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	f := &idsFile{path: path}
	if _, _, err := f.read(); err == nil {
		t.Error("a missing file is no error")
	}
	writeFile(t, path, "1\n")
	for _, want := range []bool{true, false, false} {
		if _, changed, err := f.read(); changed != want || err != nil {
			t.Errorf("changed %v, error %v, want %v", changed, err, want)
		}
	}
	// Of the same size, as an editor or a mounted secret replaces it.
	writeFile(t, path+".new", "2\n")
	if err := os.Chtimes(path+".new", time.Time{}, f.info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if ids, changed, err := f.read(); !changed || err != nil || !slices.Equal(ids, []string{"2"}) {
		t.Errorf("after a replacement: %q, changed %v, error %v", ids, changed, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.read(); err == nil {
		t.Error("a directory is no error")
	}
}

func TestAnUnreadableFileIsAnError(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads every file")
	}
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (&idsFile{path: path}).read(); err == nil {
		t.Error("no error")
	}
}

func TestALineWithoutEndIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n#"+strings.Repeat("x", 1<<20))
	if _, _, err := (&idsFile{path: path}).read(); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("error %v", err)
	}
}
