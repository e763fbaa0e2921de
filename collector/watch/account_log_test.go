package watch

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
	"geelark_exporter/geelark/geelarktest"
)

// stateFiles are those of one account and what accounts share.
var stateFiles = []string{"budgets", "counts.default", "phones.default", "tasks.default", "usage.default"}

// fill makes a process keep something in each of the files.
func (m *machine) fill() {
	m.t.Helper()
	m.set = func(o *Options) { o.Collectors = Collectors() }
	b := m.start()
	b.pollAndList()
	m.sim.Remove(m.sim.IDs()[0])
	b.scrapeFor(20 * time.Minute)
	m.stop(b)
}

var everything = geelarktest.Config{Phones: 20, TasksPerDay: 48, Usage: geelarktest.Usage{Every: time.Minute}}

// Releases before and after this one go by the version.
func TestTheFilesOfTheStateAreOfTheirVersion(t *testing.T) {
	onMachine(t, everything, func(m *machine) {
		m.fill()
		d, err := state.Open(m.dir, log.NewNopLogger(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, name := range stateFiles {
			records := 0
			l := d.Log(name, 1, func([]byte) error { records++; return nil }, nil)
			if l.Close(); records == 0 {
				t.Errorf("%s has no records of version 1", name)
			}
		}
	})
}

// A record that cannot be read is one of another program, or a bug.
func TestAFileOfTheStateThatIsIllegibleIsSetAside(t *testing.T) {
	for _, name := range stateFiles {
		t.Run(name, func(t *testing.T) {
			onMachine(t, everything, func(m *machine) {
				m.fill()
				d, err := state.Open(m.dir, log.NewNopLogger(), time.Now)
				if err != nil {
					t.Fatal(err)
				}
				l := d.Log(name, 1, func([]byte) error { return nil }, func(add func([]byte)) { add([]byte("illegible")) })
				if !l.Rewrite() {
					t.Fatal("not written")
				}
				l.Close()
				d.Close()
				b := m.start()
				b.pollAndList()
				aside, err := filepath.Glob(filepath.Join(m.dir, "*.unusable-*"))
				if err != nil || len(aside) != 1 || !strings.HasPrefix(filepath.Base(aside[0]), name+".") {
					t.Errorf("set aside %v, %v", aside, err)
				}
				if up, _ := b.account().Up(); !up {
					t.Error("the account is not up")
				}
				m.stop(b)
			})
		})
	}
}

func TestCountingBeginsWithTheFirstProcessAlsoWhenThatIsKilledAtOnce(t *testing.T) {
	onMachine(t, everything, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorUsage, CollectorTasks} }
		m.kill(m.start())
		time.Sleep(2 * time.Hour)
		least := 0
		for _, n := range m.sim.TaskEnds() {
			least += n
		}
		b := m.start()
		for range 10 {
			b.pollAndList()
			time.Sleep(2 * time.Minute)
		}
		var used time.Duration
		for _, sum := range b.account().Usage().Groups {
			used += sum.Used
		}
		var of time.Duration
		for _, sum := range m.sim.Ledger() {
			of += time.Duration(sum.Seconds) * time.Second
		}
		if used < of*4/5 {
			t.Errorf("%s of %s were counted", used, of)
		}
		ended := 0
		for _, n := range b.account().Tasks().Ended {
			ended += n
		}
		if least == 0 || ended < least {
			t.Errorf("%d of %d tasks have ended", ended, least)
		}
		m.stop(b)
	})
}

// Whoever looks before the first turn is over sees no phone vanish.
func TestWhatEachPhoneUsedIsKnownRightAfterARestart(t *testing.T) {
	onMachine(t, everything, func(m *machine) {
		m.fill()
		b := m.start()
		if u := b.account().Usage(); len(u.Phones) == 0 {
			t.Errorf("nothing is known of phones: %+v", u)
		}
		m.stop(b)
	})
}

func TestTheFirstScrapeAfterARestartDoesNotWaitForTheAPI(t *testing.T) {
	for name, tt := range map[string]struct {
		phones int
		down   time.Duration
		waits  bool
	}{
		"while all is current":         {120, time.Minute, false},
		"while one is, which is all":   {1, time.Minute, false},
		"when something is not known":  {120, 11 * time.Minute, true},
		"when nothing was kept at all": {120, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, geelarktest.Config{Phones: tt.phones, Still: true}, func(m *machine) {
				if tt.down > 0 {
					b := m.start()
					b.scrapeFor(10 * time.Minute)
					m.stop(b)
					time.Sleep(tt.down)
				}
				m.sim.Inject(geelarktest.Fault{Latency: 2500 * time.Millisecond})
				b := m.start()
				start := time.Now()
				b.poll()
				if took := time.Since(start); (took > 0) != tt.waits {
					t.Errorf("it took %s", took)
				}
				if s := b.account().Snapshot(); s.Phones != tt.phones || s.Current != tt.phones {
					t.Errorf("%d of %d phones are current", s.Current, s.Phones)
				}
				// The next waits for what is due.
				synctest.Wait()
				time.Sleep(time.Minute)
				start = time.Now()
				b.poll()
				if time.Since(start) == 0 {
					t.Error("the second did not wait either")
				}
				m.stop(b)
			})
		})
	}
}

func TestACrashLosesAtMostAMinuteOfStatusesAndNoScrapeIsAWrite(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 20, Still: true}, func(m *machine) {
		m.accounts[0].IDs = m.sim.IDs()
		b := m.start()
		file := filepath.Join(m.dir, "phones.default")
		b.pollAndList()
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("written at the first scrape: %v", err)
		}
		time.Sleep(time.Minute)
		for range 5 {
			b.pollAndList()
			written, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				time.Sleep(15 * time.Second)
				b.pollAndList()
			}
			if now, err := os.Stat(file); err != nil || !os.SameFile(now, written) {
				t.Errorf("written again within a minute: %v", err)
			}
			time.Sleep(15 * time.Second)
			b.pollAndList()
			if now, err := os.Stat(file); err != nil || os.SameFile(now, written) {
				t.Errorf("not written after a minute: %v", err)
			}
			time.Sleep(time.Minute)
		}
		m.kill(b)
		b = m.start()
		if s := b.account().Snapshot(); s.Current != 20 || s.Oldest > 2*time.Minute {
			t.Errorf("%d are current, the oldest for %s", s.Current, s.Oldest)
		}
		m.stop(b)
	})
}

func openFiles(t *testing.T, dir string) (open []string) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, fd := range fds {
		if file, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil && filepath.Dir(file) == dir {
			open = append(open, filepath.Base(file))
		}
	}
	return open
}

func TestAnAccountThatGoesLeavesNoFileOpen(t *testing.T) {
	onMachine(t, everything, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = Collectors() }
		b := m.start()
		for range 3 {
			if err := b.Reload(m.accounts); err != nil {
				t.Fatal(err)
			}
			b.pollAndList()
			m.sim.Remove(m.sim.IDs()[0])
			b.scrapeFor(10 * time.Minute)
			if err := b.Reload(nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range openFiles(t, m.dir) {
			if strings.HasSuffix(file, ".default") {
				t.Errorf("%s is open", file)
			}
		}
		m.stop(b)
	})
}

// What a crash before the first listing leaves has phones and no listing.
func TestARestartTakesTheListingOfItsOwnSelectionOnly(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 60, Still: true}, func(m *machine) {
		b := m.start()
		b.pollAndList()
		m.stop(b)
		lists := m.sim.Requests(listing)
		time.Sleep(2 * time.Minute)
		b = m.start()
		b.pollAndList()
		if n := m.sim.Requests(listing); n != lists {
			t.Errorf("%d listings more with the same selection", n-lists)
		}
		if n, ok := b.account().Listed(); !ok || n != 60 {
			t.Errorf("%d listed, %v", n, ok)
		}
		m.stop(b)
		m.accounts[0].Discovery.Groups = []string{"farm-1"}
		b = m.start()
		if _, ok := b.account().Listed(); ok {
			t.Error("another selection has a listing")
		}
		b.pollAndList()
		if n := m.sim.Requests(listing); n == lists {
			t.Error("the phones of another selection are not listed")
		}
		// What a reload chooses is what the next process goes on with.
		m.accounts[0].Discovery.Groups = []string{"farm-2"}
		b.reload(func(c *AccountConfig) { *c = m.accounts[0] })
		time.Sleep(6 * time.Minute)
		b.pollAndList()
		lists = m.sim.Requests(listing)
		m.stop(b)
		time.Sleep(2 * time.Minute)
		b = m.start()
		if _, ok := b.account().Listed(); !ok {
			t.Error("the selection of a reload has no listing")
		}
		b.pollAndList()
		if n := m.sim.Requests(listing); n != lists {
			t.Errorf("%d listings more with the selection of a reload", n-lists)
		}
		m.stop(b)
	})
}

// Both are written as they are learned, also after a reload.
func TestWhatWasUsedAndWhichTasksEndedIsKnownRightUpToACrash(t *testing.T) {
	onMachine(t, everything, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorUsage, CollectorTasks} }
		b := m.start()
		for i := range 3 {
			b.scrapeFor(time.Hour)
			used, ended := b.account().Usage().Groups, b.account().Tasks().Ended
			m.kill(b)
			b = m.start()
			if got := b.account().Usage().Groups; len(used) == 0 || !maps.Equal(got, used) {
				t.Errorf("crash %d: used %v, %v before", i, got, used)
			}
			if got := b.account().Tasks().Ended; len(ended) == 0 || !maps.Equal(got, ended) {
				t.Errorf("crash %d: ended %v, %v before", i, got, ended)
			}
			b.reload(func(c *AccountConfig) { c.CacheTTL++ })
			m.accounts[0] = b.account().Config()
		}
		m.stop(b)
	})
}
