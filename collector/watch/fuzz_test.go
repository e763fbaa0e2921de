package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzIDsFile tracks the phones of a file with any content: all of them can be
// phones, or the file is refused by its name.
func FuzzIDsFile(f *testing.F) {
	for _, content := range []string{
		"", "1\n2\n", "\ufeff1\r\n2 # a comment\r\n", "id,name\n1,x\n", "\"1\"\n", "1 2\n", "\xff\xfe1\x00\n\x00", "1\x00", "# nothing", strings.Repeat("9", 65), strings.Repeat("x", 70_000),
	} {
		f.Add(content)
	}
	file := filepath.Join(f.TempDir(), "ids")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := testConfig()
		cfg.IDsFile = file
		w, err := New([]AccountConfig{cfg}, Options{})
		if err != nil {
			if !strings.Contains(err.Error(), file) || len(err.Error()) > len(file)+1000 {
				t.Errorf("the error does not name the file, or is long: %v", err)
			}
			return
		}
		defer w.Close()
		for _, id := range w.Fleet().Accounts[0].Phones().IDs() {
			if err := CheckID(id); err != nil {
				t.Errorf("%q is tracked: %v", id, err)
			}
		}
	})
}
