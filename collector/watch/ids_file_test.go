package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"
)

func TestAnIDsFileHoldsOneIDALine(t *testing.T) {
	long := strings.Repeat("7", 65)
	const must = ": a phone id must be of letters, digits, dashes and underscores, has "
	for name, tt := range map[string]struct {
		content string
		want    []string
		err     string // after the path
	}{
		"ids":                     {"1\n2\n", []string{"1", "2"}, ""},
		"no final newline":        {"1\n2", []string{"1", "2"}, ""},
		"comments and blanks":     {"# farm\n\n 1 # one\n\t2\n#3\n", []string{"1", "2"}, ""},
		"Windows":                 {"\ufeff1\r\n2\r\n", []string{"1", "2"}, ""},
		"nothing":                 {"", nil, ""},
		"an old Mac":              {"1\r2\r", nil, ":1" + must + "a blank"},
		"a long comment":          {"1\n#" + strings.Repeat("x", 1<<20), []string{"1"}, ""},
		"two on a line":           {"1\n2 3\n", nil, ":2" + must + "a blank; the file must hold one id a line"},
		"columns":                 {"1,a phone\n", nil, ":1" + must + "a comma; the file must hold one id a line"},
		"columns in another land": {"1;a phone\n", nil, ":1" + must + "a semicolon"},
		"a list":                  {"111,222\n", nil, ":1" + must + "a comma"},
		"columns by tabs":         {"1\ta\n", nil, ":1" + must + "a blank"},
		"quotes":                  {"\"1\"\n", nil, ":1" + must + "a quote"},
		"single quotes":           {"'1'\n", nil, ":1" + must + "a quote"},
		"a header":                {"id\n1\n", nil, ":1: a phone id has digits, and this may be a header: leave it out; the file must hold one id a line"},
		"a header of columns":     {"id,name\n1,a\n", nil, ":1" + must + "a comma"},
		"a wide blank within":     {"1\u30002\n", nil, ":1" + must + "a blank"},
		"a mark within":           {"1\n\ufeff2\n", nil, ":2" + must + "another character"},
		"a control character":     {"\x01\n", nil, ":1" + must + "a control character"},
		"a NUL":                   {"1\n2\x003\n", nil, ":2" + must + "a control character"},
		"not UTF-8":               {"1\n\n\xff\n", nil, ":3" + must + "another character"},
		"UTF-16":                  {"\xff\xfe1\x00\n\x00", nil, ":1: the file is in UTF-16: save it as UTF-8"},
		"UTF-16, reversed":        {"\xfe\xff\x001\x00\n", nil, ":1: the file is in UTF-16"},
		"UTF-16 without a mark":   {"1\x00\n\x00", nil, ":1: the file is in UTF-16"},
		"JSON":                    {"[\"1\"]\n", nil, ":1" + must},
		"as long as an id can be": {long[1:] + "\n", []string{long[1:]}, ""},
		"one character":           {"7", []string{"7"}, ""},
		"two that are UTF-16":     {"7\x00", nil, ":1: the file is in UTF-16"},
		"two that are not":        {"71", []string{"71"}, ""},
		"too long":                {long + "\n", nil, ":1: a phone id has at most 64 characters"},
		"a line without an end":   {strings.Repeat("7", 1<<20), nil, ":1: a phone id has at most 64 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ids")
			writeFile(t, path, tt.content)
			ids, err := ReadIDs(t.Context(), path)
			if !slices.Equal(ids, tt.want) {
				t.Errorf("got %q, want %q", ids, tt.want)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasPrefix(err.Error(), path+tt.err)) {
				t.Errorf("error %v, want %q after the path", err, tt.err)
			}
		})
	}
}

func TestNoLineOfAnIDsFileIsShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	for _, line := range []string{"s3cret s3cret", `"s3cret"`, strings.Repeat("s3cret", 20), "s3cret.s3cret"} {
		writeFile(t, path, line)
		if _, err := ReadIDs(t.Context(), path); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v", line, err)
		}
	}
}

func TestOnlyARegularFileIsReadForIDs(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{fifo, dir, os.DevNull, filepath.Join(dir, "missing")} {
		if _, err := ReadIDs(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestEachCharacterOfAnIDIsNamedUnlessItCanBeOne(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for r := range rune(0x250) {
		what := "another character"
		switch {
		case strings.ContainsRune(letters+strings.ToUpper(letters)+"0123456789-_", r):
			what = ""
		case strings.ContainsRune(" \t\n\v\f\r\u0085\u00a0", r):
			what = "a blank"
		case r == ',':
			what = "a comma"
		case r == ';':
			what = "a semicolon"
		case strings.ContainsRune("\"'`", r):
			what = "a quote"
		case unicode.IsControl(r):
			what = "a control character"
		}
		want := fmt.Sprint("a phone id must be of letters, digits, dashes and underscores, has ", what)
		if err := CheckID("1" + string(r)); what == "" && err != nil || what != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %v, want %s", r, err, what)
		}
	}
	if err := CheckID(""); err == nil || err.Error() != "a phone id must not be empty" {
		t.Errorf("nothing: %v", err)
	}
}

// The file has no blocks on the disk.
func TestAnIDsFileIsReadUpToSixtyFourMebibytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "# a comment\n7\n#")
	for _, tt := range []struct {
		size int64
		read bool
	}{{64 << 20, true}, {64<<20 + 1, false}} {
		if err := os.Truncate(path, tt.size); err != nil {
			t.Fatal(err)
		}
		ids, err := ReadIDs(t.Context(), path)
		if read := err == nil && len(ids) == 1; read != tt.read {
			t.Errorf("%d bytes: %v, %v", tt.size, ids, err)
		}
	}
}
