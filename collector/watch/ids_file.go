package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"geelark_exporter/geelark/regular"
)

const (
	// maxIDLength bounds an id; the vendor's have 18 digits.
	maxIDLength = 64
	// maxIDsFile is what three million ids take, in bytes.
	maxIDsFile = 64 << 20
)

// CheckID returns an error unless id can be a phone's. It does not show it: it may
// be something else.
func CheckID(id string) error {
	switch {
	case id == "":
		return errors.New("a phone id must not be empty")
	case len(id) > maxIDLength:
		return fmt.Errorf("a phone id has at most %d characters", maxIDLength)
	}
	for _, r := range id {
		var what string
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			continue
		case unicode.IsSpace(r):
			what = "a blank"
		case r == ',' || r == ';':
			what = "a " + map[rune]string{',': "comma", ';': "semicolon"}[r]
		case strings.ContainsRune("\"'`", r):
			what = "a quote"
		case unicode.IsControl(r):
			what = "a control character"
		default:
			what = "another character"
		}
		return fmt.Errorf("a phone id must be of letters, digits, dashes and underscores, has %s", what)
	}
	return nil
}

// ReadIDs reads phone ids from a regular file: one a line, "#" begins a comment. It
// returns when ctx is done, and after [regular.Timeout] in any case. Its error
// names the file, and the line that cannot be an id.
func ReadIDs(ctx context.Context, file string) ([]string, error) {
	content, err := readIDsFile(ctx, file)
	if err != nil {
		return nil, err
	}
	return parseIDs(file, content)
}

func readIDsFile(ctx context.Context, file string) ([]byte, error) {
	return regular.Read(ctx, file, maxIDsFile)
}

func parseIDs(file string, content []byte) (ids []string, err error) {
	if isUTF16(content) {
		return nil, fmt.Errorf("%s:1: the file is in UTF-16: save it as UTF-8", file)
	}
	n := 0
	for line := range bytes.Lines(bytes.TrimPrefix(content, []byte("\ufeff"))) {
		n++
		line, _, _ = bytes.Cut(line, []byte("#"))
		id := string(bytes.TrimSpace(line))
		if id == "" {
			continue
		}
		err := CheckID(id)
		if err == nil && !strings.ContainsAny(id, "0123456789") {
			err = errors.New("a phone id has digits, and this may be a header: leave it out")
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w; the file must hold one id a line", file, n, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// isUTF16 reports whether a text is in UTF-16: it says so, or every other byte of
// its first ASCII characters is NUL.
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) ||
		len(text) > 1 && (text[0] == 0) != (text[1] == 0)
}
