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
			if took := time.Since(start); took != 200*time.Millisecond {
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
		polls := b.sim.Requests(status)
		close(release)
		synctest.Wait()
		b.wantTracked("when it is read late", "2")
		if n := b.sim.Requests(status); n != polls+1 {
			t.Errorf("%d polls when it is read late, want one", n-polls)
		}

		release = make(chan struct{})
		b.poll()
		start = time.Now()
		b.Close()
		if took := time.Since(start); took != 0 || reading != 0 {
			t.Errorf("the end took %s, %d readings", took, reading)
		}
	})
}

func TestNothingIsLearnedFromAReadingThatAReloadCutsOff(t *testing.T) {
	hang := false
	set := func(o *Options) {
		o.Collectors = []string{CollectorStatus}
		o.ReadFile = func(ctx context.Context, _ string) ([]byte, error) {
			if !hang {
				return []byte("1\n"), nil
			}
			<-ctx.Done()
			return []byte("2\n"), ctx.Err()
		}
	}
	inBubbleWith(t, 0, set, func(c *AccountConfig) { c.IDsFile = "a file" }, func(b *bench) {
		b.poll()
		good := time.Now()
		time.Sleep(time.Minute)
		hang = true
		start := time.Now()
		scraped := make(chan time.Duration)
		go func() {
			b.poll()
			scraped <- time.Since(start)
		}()
		synctest.Wait()
		b.reload(func(c *AccountConfig) { c.CacheTTL *= 2 })
		if took := <-scraped; took != 0 {
			t.Errorf("the scrape before took %s", took)
		}
		b.wantTracked("after the reload", "1")
		b.wantIDsFile("after the reload", true, good)
		b.wantLogged("after the reload", "Reading the phone ids", 0)
		if errs := b.Overview().Accounts[0].Errors; len(errs) != 0 {
			t.Errorf("the page is told of %+v", errs)
		}
	})
}

func TestAFileWithoutIDsIsToldOnceForEachTimeThatItIsEmptied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "")
	inBubble(t, 0, func(c *AccountConfig) { c.IDsFile = path }, func(b *bench) {
		const text = `"No phone is tracked: the file holds no id" file=`
		b.poll()
		b.poll()
		b.wantLogged("at first", text, 1)
		writeFile(t, path, "1\n")
		b.poll()
		b.wantLogged("with an id", text, 1)
		writeFile(t, path, "# none\n")
		b.poll()
		b.poll()
		b.wantLogged("without one again", text, 2)
	})
}

func TestAnAccountWithoutAnIDsFileHasNoneToTellOf(t *testing.T) {
	for name, change := range map[string]func(*AccountConfig){
		"ids in the configuration": trackFleet([]string{"1"}),
		"phones that are listed":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 0, change, func(b *bench) {
				b.poll()
				if f, ok := b.account().IDsFile(); ok || f != (IDsFile{}) {
					t.Errorf("got %+v, %v", f, ok)
				}
			})
		})
	}
}

// One that becomes good and says what it said is read, and changes nothing.
func TestWhatAFileSaidBeforeAReloadIsNoNews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n")
	inBubble(t, 0, func(c *AccountConfig) { c.IDsFile = path }, func(b *bench) {
		writeFile(t, path, "2\n")
		b.poll()
		writeFile(t, path, "x y\n")
		b.reload(func(c *AccountConfig) { c.CacheTTL *= 2 })
		b.wantTracked("when it cannot be read, after a reload", "2")
		writeFile(t, path, "2\n")
		b.poll()
		b.wantTracked("when it says what it said", "2")
		b.wantIDsFile("when it says what it said", true, time.Now())
		writeFile(t, path, "1\n")
		b.poll()
		b.wantTracked("when it says what it said at first", "1")
	})
}

// Another file is read before the configuration is accepted.
func TestAReloadThatNamesAnotherFileReadsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	writeFile(t, path, "1\n")
	inBubble(t, 0, func(c *AccountConfig) { c.IDsFile = path }, func(b *bench) {
		b.poll()
		for name, content := range map[string]string{"missing": "", "bad": "a b\n"} {
			other := path + name
			if content != "" {
				writeFile(t, other, content)
			}
			cfg := b.account().Config()
			cfg.IDsFile = other
			err := b.Reload([]AccountConfig{cfg})
			if fe, ok := errors.AsType[*FieldError](err); !ok || fe.Field != "phones.ids_file" || !strings.Contains(err.Error(), other) {
				t.Errorf("%s: %v", name, err)
			}
			b.wantTracked("after a file that is "+name, "1")
		}
		writeFile(t, path+"good", "2\n3\n")
		b.reload(func(c *AccountConfig) { c.IDsFile = path + "good" })
		b.wantTracked("after a file that is good", "2", "3")
		b.wantIDsFile("after a file that is good", true, time.Now())
		b.reload(func(c *AccountConfig) { c.IDsFile, c.IDs = "", []string{"4"} })
		b.wantTracked("without a file", "4")
	})
}
