package config

import (
	"fmt"
	"strings"
	"testing"
)

func loadText(t *testing.T, content string) error {
	t.Helper()
	_, file := write(t, content)
	_, err := NewFile(file, flags(), getenv).Load()
	return err
}

func TestOfManyProblemsTenAreTold(t *testing.T) {
	for n, more := range map[int]string{9: "", 10: "", 11: "and 1 more", 12: "and 2 more"} {
		content := "accounts:\n"
		for i := range n {
			content += fmt.Sprintf("- {name: a%d, token_file: token, timeout: never}\n", i)
		}
		err := loadText(t, content)
		if err == nil {
			t.Fatalf("%d problems are none", n)
		}
		lines := strings.Split(err.Error(), "\n")
		want := min(n, maxProblems)
		if more != "" {
			want++
		}
		if len(lines) != want || strings.HasSuffix(lines[len(lines)-1], " more") != (more != "") || !strings.HasSuffix(lines[len(lines)-1], more) {
			t.Errorf("%d problems: %q", n, lines)
		}
	}
}

func TestAnUnknownFieldIsNamedIfItCanBeAName(t *testing.T) {
	for name, named := range map[string]bool{
		strings.Repeat("a", 32): true, strings.Repeat("a", 33): false,
		"some_name": true, "some-name": true, "Some": false, "s3cret": false, `""`: false,
	} {
		err := loadText(t, "accounts: [{name: a, token_file: token, "+name+": 1}]")
		if err == nil || strings.Contains(err.Error(), "unknown field "+name+":") != named {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheNearestNameDiffersInAThirdAtMost(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, tt := range []struct {
		typed string
		names []string
		want  string
	}{
		{"tokn_file", []string{"name", "token_file"}, "token_file"},
		{"abc", []string{"abd"}, "abd"},
		{"abc", []string{"ade"}, ""}, // of three letters one
		{"abcd", []string{"abef"}, "abef"},
		{"abcd", []string{"aefg"}, ""}, // of four two
		{"", []string{"a"}, ""},
		{"a", []string{"b"}, "b"},
		{"abc", nil, ""},
		{"abcx", []string{"abcy", "abcz"}, "abcy"},
		{long, []string{long[1:] + "y"}, long[1:] + "y"},
		{long + "x", []string{long}, ""},
	} {
		if got := Nearest(tt.typed, tt.names); got != tt.want {
			t.Errorf("%q of %q: %q, want %q", tt.typed, tt.names, got, tt.want)
		}
	}
}
