package watch

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxIDLength bounds an id; the vendor's have 18 digits.
const maxIDLength = 64

// CheckID returns an error unless id can be a phone's.
func CheckID(id string) error {
	switch {
	case id == "":
		return errors.New("a phone id must not be empty")
	case len(id) > maxIDLength:
		return fmt.Errorf("a phone id has at most %d characters", maxIDLength)
	case !utf8.ValidString(id), strings.ContainsFunc(id, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return fmt.Errorf("a phone id must not hold white space or control characters, is %q", id)
	}
	return nil
}

// idsFile reads phone ids from a file: one a line, "#" begins a comment.
type idsFile struct {
	path string

	info os.FileInfo // of the file as it was last read
}

// read returns the file's ids, and whether the file has changed since it was
// last read. An error names the file and the line.
func (f *idsFile) read() (ids []string, changed bool, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, true, err
	}
	if f.info != nil && os.SameFile(info, f.info) && info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size() {
		return nil, false, nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, true, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		line, _, _ = strings.Cut(line, "#")
		id := strings.TrimSpace(line)
		if id == "" {
			continue
		}
		if err := CheckID(id); err != nil {
			return nil, true, fmt.Errorf("%s:%d: %w; the file must hold one id a line", f.path, n, err)
		}
		ids = append(ids, id)
	}
	if err := lines.Err(); err != nil {
		return nil, true, fmt.Errorf("%s: %w", f.path, err)
	}
	f.info = info
	return ids, true, nil
}
