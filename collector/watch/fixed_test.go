package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func (b *bench) wantTracked(when string, want ...string) {
	b.t.Helper()
	if got := slices.Sorted(slices.Values(b.account().Phones().IDs())); !slices.Equal(got, want) {
		b.t.Errorf("%s: tracks %v, want %v", when, got, want)
	}
}

func (b *bench) wantIDsFile(when string, successful bool, last time.Time) {
	b.t.Helper()
	if f, ok := b.account().IDsFile(); !ok || f.Successful != successful || !f.LastSuccess.Equal(last) {
		b.t.Errorf("%s: %+v, %v, want %v and %s", when, f, ok, successful, last)
	}
}

func TestTheLastGoodIDsStayWhateverBecomesOfTheFile(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"it vanishes": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"it becomes a directory": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"it becomes UTF-16":  func(t *testing.T, path string) { writeFile(t, path, "\xff\xfe3\x00") },
		"it gets columns":    func(t *testing.T, path string) { writeFile(t, path, "3,a\n") },
		"half of it is good": func(t *testing.T, path string) { writeFile(t, path, "3\n4 5\n") },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ids")
			writeFile(t, path, "1\n2\n")
			inBubble(t, 0, func(c *AccountConfig) { c.IDsFile = path }, func(b *bench) {
				b.poll()
				b.wantTracked("at first", "1", "2")
				good := time.Now()
				b.wantIDsFile("at first", true, good)
				time.Sleep(time.Minute)
				spoil(t, path)
				for range 3 {
					b.poll()
				}
				b.wantTracked("when it is bad", "1", "2")
				b.wantIDsFile("when it is bad", false, good)
				b.wantLogged("when it is bad", "Reading the phone ids failed", 1)
				if e := b.Overview().Accounts[0].Errors; len(e) != 1 || !e[0].Ongoing || e[0].Outcome != OutcomeIDsFile || !strings.Contains(e[0].Message, path) {
					t.Errorf("the page is told of %+v", e)
				}
				// A reload changes nothing about it: the account is not new.
				b.reload(func(c *AccountConfig) { c.CacheTTL *= 2 })
				b.wantTracked("after a reload", "1", "2")
				b.wantIDsFile("after a reload", false, good)
				b.poll()
				b.wantLogged("after a reload", "Reading the phone ids failed", 1)

				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
				writeFile(t, path, "2\n3\n")
				time.Sleep(time.Minute)
				b.poll()
				b.wantTracked("when it is good", "2", "3")
				b.wantIDsFile("when it is good", true, time.Now())
				b.wantLogged("when it is good", `"Reading the phone ids works again" failures=4`, 1)
				if e := b.Overview().Accounts[0].Errors; len(e) != 1 || e[0].Ongoing {
					t.Errorf("the page is told of %+v", e)
				}
			})
		})
	}
}

func TestAnIDsFileIsReadAgainWhateverItsTimeAndSizeSay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, 0, func(c *AccountConfig) { c.IDsFile = path }, func(b *bench) {
		writeFile(t, path, "2\n")
		if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
			t.Fatal(err)
		}
		b.poll()
		b.wantTracked("after a change", "2")
	})
}

func TestNobodyWaitsForAnIDsFileThatHangs(t *testing.T) {
	hang := false
	var release chan struct{}
	reading := 0
	set := func(o *Options) {
		o.Collectors = []string{CollectorStatus}
		o.ReadFile = func(ctx context.Context, file string) ([]byte, error) {
			if !hang {
				return []byte("1\n"), nil
			}
			reading++
			defer func() { reading-- }()
			if reading > 1 {
				t.Error("a second reading")
			}
			select {
			case <-release:
				return []byte("2\n"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(5 * time.Second):
				return nil, errors.New(file + " was not read")
			}
		}
	}
	inBubbleWith(t, 0, set, func(c *AccountConfig) { c.IDsFile = "/mnt/stuck/ids" }, func(b *bench) {
		b.poll()
		hang, release = true, make(chan struct{})
		begun := time.Now()
		for range 10 {
			start := time.Now()
			b.poll()
			if took := time.Since(start); took > idsFilePatience {
				t.Errorf("a scrape took %s", took)
			}
		}
		time.Sleep(5*time.Second - time.Since(begun))
		synctest.Wait()
		b.wantTracked("while it hangs", "1")
		b.wantLogged("when it was given up", "/mnt/stuck/ids was not read", 1)
		b.wantIDsFile("when it was given up", false, begun)

		// Another configuration does not read it first.
		b.poll()
		start := time.Now()
		b.reload(func(c *AccountConfig) { c.CacheTTL *= 2 })
		if took := time.Since(start); took != 0 {
			t.Errorf("a reload took %s", took)
		}
		b.poll()
		close(release)
		synctest.Wait()
		b.wantTracked("when it is read late", "2")

		release = make(chan struct{})
		b.poll()
		start = time.Now()
		b.Close()
		if took := time.Since(start); took != 0 || reading != 0 {
			t.Errorf("the end took %s, %d readings", took, reading)
		}
	})
}
