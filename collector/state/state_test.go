package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
)

// An owner knows words.
type owner struct {
	words []string
	log   *Log
}

func (o *owner) learn(words ...string) bool {
	var records [][]byte
	for _, w := range words {
		o.words = append(o.words, w)
		records = append(records, []byte(w))
	}
	return o.log.Append(records...)
}

func open(t *testing.T, path string) (*Directory, *bytes.Buffer) {
	t.Helper()
	var lines bytes.Buffer
	d, err := Open(path, log.NewLogfmtLogger(&lines), func() time.Time { return time.Unix(1e9, 0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, &lines
}

// start opens the directory and its log as a new process would.
func start(t *testing.T, path string) (*owner, *Directory, *bytes.Buffer) {
	t.Helper()
	d, lines := open(t, path)
	o := &owner{}
	o.log = d.Log("words", 1, func(r []byte) error {
		if string(r) == "refused" {
			return errors.New("a word that nobody knows")
		}
		o.words = append(o.words, string(r))
		return nil
	}, func(add func([]byte)) {
		for _, w := range o.words {
			add([]byte(w))
		}
	})
	t.Cleanup(o.log.Close)
	return o, d, lines
}

func wantWords(t *testing.T, o *owner, want ...string) {
	t.Helper()
	if !slices.Equal(o.words, want) {
		t.Errorf("got %q, want %q", o.words, want)
	}
}

func TestWhatWasAppendedIsThereInTheNextProcess(t *testing.T) {
	dir := t.TempDir()
	o, d, _ := start(t, dir)
	if !o.learn("a") || !o.learn("b", "", "c") {
		t.Fatal("not written")
	}
	d.Close()

	o, d, _ = start(t, dir)
	wantWords(t, o, "a", "b", "", "c")
	o.learn("d")
	d.Close()

	o, d, lines := start(t, dir)
	wantWords(t, o, "a", "b", "", "c", "d")
	if lines.Len() > 0 || !d.Writable() {
		t.Errorf("logged %s", lines)
	}
}

func TestAFileCutAtAnyByteKeepsWhatIsWhole(t *testing.T) {
	dir := t.TempDir()
	o, d, _ := start(t, dir)
	o.learn("one")
	o.learn("two", "three")
	d.Close()
	whole, err := os.ReadFile(filepath.Join(dir, "words"))
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int][]string{headerSize: nil, headerSize + 11: {"one"}, headerSize + 22: {"one", "two"}, headerSize + 35: {"one", "two", "three"}}
	if ends[len(whole)] == nil {
		t.Fatalf("%d bytes", len(whole))
	}
	var want []string
	for n := range len(whole) + 1 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "words"), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		words, atEnd := ends[n]
		if atEnd {
			want = words
		}
		o, d, lines := start(t, dir)
		wantWords(t, o, want...)
		if whole := n == len(whole); lines.Len() > 0 == whole || o.log.Whole() != whole {
			t.Errorf("%d bytes: logged %q, whole: %t", n, lines, o.log.Whole())
		}
		if !o.learn("four") {
			t.Errorf("%d bytes: not written", n)
		}
		d.Close()
		o, _, lines = start(t, dir)
		wantWords(t, o, append(slices.Clone(want), "four")...)
		if lines.Len() > 0 {
			t.Errorf("%d bytes: logged %q after the repair", n, lines)
		}
	}
}

func TestAFileThatCannotBeUsedIsSetAsideWithOneWarning(t *testing.T) {
	dir := t.TempDir()
	o, d, _ := start(t, dir)
	o.learn("one", "two", "three")
	d.Close()
	whole, err := os.ReadFile(filepath.Join(dir, "words"))
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, b byte) []byte {
		c := slices.Clone(whole)
		c[at] = b
		return c
	}
	refused := appendFrame(slices.Clone(whole), []byte("refused"))
	for name, test := range map[string]struct {
		content []byte
		why     string
	}{
		"an empty file":               {nil, "no header"},
		"a foreign file":              {[]byte("# HELP geelark_up"), "not a state file"},
		"an older version":            {changed(4, 0), "version 0"},
		"a newer version":             {changed(4, 2), "version 2"},
		"a damaged record":            {changed(headerSize+frameSize, 'x'), "damaged"},
		"a length that is none":       {changed(headerSize+3, 0x7f), "damaged"},
		"a record nobody understands": {refused, "a word that nobody knows"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "words")
			if err := os.WriteFile(file, test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			o, d, lines := start(t, dir)
			if n := strings.Count(lines.String(), "\n"); n != 1 || !strings.Contains(lines.String(), "level=warn") || !strings.Contains(lines.String(), test.why) {
				t.Errorf("logged %s", lines)
			}
			if kept, err := os.ReadFile(file + ".unusable-20010909T014640Z"); err != nil || !bytes.Equal(kept, test.content) {
				t.Errorf("kept %q, %v", kept, err)
			}
			o.words = nil
			o.learn("new")
			d.Close()
			o, _, _ = start(t, dir)
			wantWords(t, o, "new")
		})
	}
}

func TestAProcessHoldsADirectoryAlone(t *testing.T) {
	dir := t.TempDir()
	first, _ := open(t, dir)
	if _, err := Open(dir, log.NewNopLogger(), time.Now); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	first.Close()
	second, err := Open(dir, log.NewNopLogger(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

func TestADirectoryIsMadeForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	o, _, _ := start(t, dir)
	o.learn("x")
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "words"): 0o600, filepath.Join(dir, lockName): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if _, err := Open(filepath.Join(dir, "words"), log.NewNopLogger(), time.Now); err == nil {
		t.Error("a file is no directory")
	}
}

func TestAfterAFailureTheNextWriteSaysEverything(t *testing.T) {
	dir := t.TempDir()
	o, d, lines := start(t, dir)
	o.learn("a")

	// What is opened to be read takes no write, and a directory that is gone no
	// new file.
	o.log.file.Close()
	o.log.file, _ = os.Open(filepath.Join(dir, "words"))
	moved := dir + ".moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if o.learn(fmt.Sprint(i)) || d.Writable() {
			t.Fatal("written")
		}
	}
	if n := strings.Count(lines.String(), "level=warn"); n != 1 {
		t.Errorf("logged %s", lines)
	}
	since, err := d.Failure()
	if err == nil || since.IsZero() || d.Path() != dir {
		t.Errorf("%s cannot be written since %s: %v", d.Path(), since, err)
	}
	if err := os.Rename(moved, dir); err != nil {
		t.Fatal(err)
	}
	o.learn("b")
	if since, err := d.Failure(); err != nil || !since.IsZero() {
		t.Errorf("it failed since %s: %v", since, err)
	}
	if !o.learn("c") || !d.Writable() || !strings.Contains(lines.String(), "works again") {
		t.Errorf("not written, logged %s", lines)
	}
	d.Close()
	o, _, _ = start(t, dir)
	wantWords(t, o, "a", "0", "1", "2", "b", "c")
}

func TestAFileThatHasGrownIsSaidAnew(t *testing.T) {
	dir := t.TempDir()
	o, d, _ := start(t, dir)
	long := strings.Repeat("x", 1000)
	for range 5000 {
		o.learn(long)
		o.words = o.words[len(o.words)-1:] // only the last counts
	}
	info, err := os.Stat(filepath.Join(dir, "words"))
	if err != nil || info.Size() > leastRewrite+2000 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	d.Close()
	o, d, _ = start(t, dir)
	if o.words[len(o.words)-1] != long {
		t.Error("the last is lost")
	}
	o.words = []string{"short"}
	if !o.log.Rewrite() {
		t.Error("not written")
	}
	o.log.Sync()
	d.Close()
	o, _, _ = start(t, dir)
	wantWords(t, o, "short")
}

func TestWhatACrashLeftHalfWrittenIsRemoved(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "words"+unfinished+"123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func FuzzAnyFileIsReadOrSetAside(f *testing.F) {
	f.Add([]byte("glrk\x01\x00\x00\x00\x01\x00\x00\x00abcdx"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "words"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		o, d, _ := start(t, dir)
		before := slices.Clone(o.words)
		if !o.learn("x") {
			t.Fatal("not written")
		}
		o.log.Close()
		d.Close()
		o, _, _ = start(t, dir)
		wantWords(t, o, append(before, "x")...)
	})
}
