package geelark

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What an answer can put into an error.
const (
	maxMessage = 200 // bytes
	maxTraceID = 64  // bytes; a UUID has 36
)

// clean makes a text of an answer fit for an error: without the credentials'
// secrets, printable, and of at most so many bytes.
func (c *call) clean(s string, most int) string {
	// A message may have megabytes.
	const considered = 4 << 10
	return printable(c.credentials.hide(cut(s, considered)), most)
}

// cut returns the beginning of a text, of at most so many bytes and whole
// characters.
func cut(s string, most int) string {
	return strings.ToValidUTF8(s[:min(most, len(s))], "")
}

// printable replaces what is not to be seen as what it is, such as control
// characters and those that turn the direction of the text, by blanks, and cuts.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(cut(strings.TrimSpace(s), most))
}

// hide replaces the secrets in a text that came from elsewhere: also a part of
// one, in capitals, and in the encodings in which servers repeat what they got.
func (c Credentials) hide(s string) string {
	lower := asciiLower(s)
	covered := make([]bool, len(s))
	for _, secret := range []Secret{c.Token, c.APIKey} {
		for _, form := range formsOf(string(secret)) {
			cover(covered, lower, asciiLower(form))
		}
	}
	var b strings.Builder
	for i := range len(s) {
		switch {
		case !covered[i]:
			b.WriteByte(s[i])
		case i == 0 || !covered[i-1]:
			b.WriteString(hidden)
		}
	}
	return b.String()
}

// recognized is the length from which a part of a secret is taken for one.
const recognized = 8

// cover marks in s every part of a secret's form.
func cover(covered []bool, s, form string) {
	n := min(recognized, len(form))
	parts := make(map[string]bool)
	for i := 0; i+n <= len(form); i++ {
		parts[form[i:i+n]] = true
	}
	for i := 0; i+n <= len(s); i++ {
		if parts[s[i:i+n]] {
			for j := range n {
				covered[i+j] = true
			}
		}
	}
}

// formsOf are the ways in which a secret can stand in a text.
func formsOf(secret string) []string {
	percent := strings.Builder{}
	for _, b := range []byte(secret) {
		percent.WriteString("%" + hex.EncodeToString([]byte{b}))
	}
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), percent.String(), hex.EncodeToString([]byte(secret))}
	// In base64 a text has three forms, by how many bytes stand before it. Its
	// first and last characters depend on what is around.
	for before := range 3 {
		padded := append(make([]byte, before), secret...)
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if e := encoding.EncodeToString(padded); len(e) >= 4+recognized {
				forms = append(forms, e[2:len(e)-2])
			}
		}
	}
	return forms
}

// asciiLower lowers the letters of ASCII alone: no position changes.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
