package watch

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A machine runs processes, one after the other, that watch the same accounts.
type machine struct {
	t        *testing.T
	sim      *geelarktest.Server
	dir      string // "" for no state
	set      func(*Options)
	accounts []AccountConfig
}

// start begins a process.
func (m *machine) start() *bench {
	m.t.Helper()
	return newBench(m.t, m.sim.RoundTripper(), func(o *Options) {
		o.Doubt = true
		if m.set != nil {
			m.set(o)
		}
		if m.dir == "" {
			return
		}
		d, err := state.Open(m.dir, log.NewNopLogger(), time.Now)
		if err != nil {
			m.t.Fatal(err)
		}
		o.State = d
	}, m.accounts...)
}

// kill ends a process that does nothing more: what it wrote so far is what the next
// one finds.
func (m *machine) kill(b *bench) {
	m.t.Helper()
	if m.dir == "" {
		b.Close()
		return
	}
	synctest.Wait() // it does nothing any more at this moment
	left := m.t.TempDir()
	if err := os.CopyFS(left, os.DirFS(m.dir)); err != nil {
		m.t.Fatal(err)
	}
	b.Close()
	b.State().Close()
	m.dir = left
}

// stop ends a process that has the time to end itself.
func (m *machine) stop(b *bench) {
	b.Close()
	if s := b.State(); s != nil {
		s.Close()
	}
}

func onMachine(t *testing.T, cfg geelarktest.Config, f func(m *machine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Seed, cfg.Now, cfg.Token = 1, time.Now, testToken
		m := &machine{t: t, sim: geelarktest.New(cfg), dir: t.TempDir(), accounts: []AccountConfig{testConfig()}}
		f(m)
	})
}

func TestProcessesThatAreKilledBreakNoLimit(t *testing.T) {
	for name, test := range map[string]struct {
		stateless bool
		most      int
	}{"with state": {false, 150}, "without": {true, 200}} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, geelarktest.Config{Phones: 15_000, Still: true}, func(m *machine) {
				if test.stateless {
					m.dir = ""
				}
				m.accounts[0].CacheTTL = 0
				random := rand.New(rand.NewPCG(1, 2))
				for range 25 {
					b := m.start()
					life := time.Duration(random.Int64N(int64(20 * time.Second)))
					if random.IntN(6) == 0 {
						life = time.Duration(random.Int64N(int64(3 * time.Minute)))
					}
					for died := time.Now().Add(life); time.Now().Before(died); {
						b.poll()
						time.Sleep(time.Second)
					}
					m.kill(b)
				}
				for _, api := range []string{status, listing} {
					if got := m.sim.MostIn(api, time.Minute); got > test.most || got < 50 {
						t.Errorf("%s: %d requests within a minute, want at most %d", api, got, test.most)
					}
				}
				for _, api := range []string{walletEndpoint, planEndpoint} {
					if got := m.sim.MostIn(api, time.Minute); got > map[string]int{walletEndpoint: 10, planEndpoint: 1}[api] {
						t.Errorf("%s: %d requests within a minute", api, got)
					}
				}
			})
		})
	}
}

func TestATokenThatIsRotatedJustBeforeARestartBreaksNoLimit(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 15_000, Still: true}, func(m *machine) {
		m.accounts[0].CacheTTL = 0
		m.accounts[0].IDs = m.sim.IDs()
		first := m.start() // which does not know what was spent before
		first.poll()
		time.Sleep(61 * time.Second)
		m.kill(first)
		for i := range 5 {
			b := m.start()
			b.poll()
			token := fmt.Sprintf("%s-%d", testToken, i)
			m.sim.SetCredentials(token, "", "")
			m.accounts[0].Credentials = geelark.Credentials{Token: geelark.Secret(token)}
			if err := b.Reload(m.accounts); err != nil {
				t.Fatal(err)
			}
			b.poll()
			m.kill(b)
		}
		if got := m.sim.MostIn(status, time.Minute); got > 150 || got < 100 {
			t.Errorf("%d requests within a minute, want at most 150", got)
		}
	})
}

func TestSpendingThatWasCutOffBreaksNoLimitOfTheVendors(t *testing.T) {
	for tenth := range 11 {
		t.Run(fmt.Sprintf("%d tenths are left", tenth), func(t *testing.T) {
			onMachine(t, geelarktest.Config{Phones: 15_000, Still: true}, func(m *machine) {
				m.accounts[0].CacheTTL = 0
				m.accounts[0].IDs = m.sim.IDs()
				b := m.start() // which knows nothing
				b.poll()
				time.Sleep(61 * time.Second)
				for range 5 {
					b.poll()
				}
				m.kill(b)
				file := filepath.Join(m.dir, "budgets")
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(file, int64(len(content)*tenth/10)); err != nil {
					t.Fatal(err)
				}
				b = m.start()
				for range 6 {
					b.poll()
				}
				m.stop(b)
				if got := m.sim.MostIn(status, time.Minute); got > 200 || got < 150 {
					t.Errorf("%d requests within a minute, want 150 to 200", got)
				}
			})
		})
	}
}

func TestTheStateHoldsNoSecretAndNothingPersonal(t *testing.T) {
	cfg := geelarktest.Config{Phones: 60, TasksPerDay: 6, Usage: geelarktest.Usage{Every: 5 * time.Minute}}
	onMachine(t, cfg, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = Collectors() }
		b := m.start()
		b.scrapeFor(2 * time.Hour)
		m.stop(b)
		files, err := os.ReadDir(m.dir)
		if err != nil || len(files) < 5 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for _, f := range files {
			content, err := os.ReadFile(filepath.Join(m.dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range m.sim.Secrets() {
				if bytes.Contains(content, []byte(secret)) {
					t.Errorf("%s holds %q", f.Name(), secret)
				}
			}
		}
	})
}

func TestALockedAPIIsNotAskedAgainAfterARestart(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 10, Still: true}, func(m *machine) {
		m.accounts[0].IDs = m.sim.IDs()
		m.set = func(o *Options) { o.Collectors = []string{CollectorStatus} }
		m.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeHourLimit})
		for range 6 {
			b := m.start()
			b.poll()
			b.poll()
			if up, _ := b.account().Up(); up {
				t.Error("a locked account is up")
			}
			m.kill(b)
			time.Sleep(10 * time.Minute)
		}
		if n := m.sim.Requests(status); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		time.Sleep(time.Hour + time.Minute)
		b := m.start()
		b.poll()
		m.stop(b)
		if n := m.sim.Requests(status); n != 2 {
			t.Errorf("%d requests after two hours, want 2", n)
		}
	})
}

func TestALimitThatOthersSpendFromStaysLowerAfterARestart(t *testing.T) {
	for name, end := range map[string]func(*machine, *bench){"a kill": (*machine).kill, "a stop": (*machine).stop} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, geelarktest.Config{Phones: 10, Still: true}, func(m *machine) {
				m.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeRateLimited, Times: 1})
				for i, want := range []int{75, 75, 90, 150} {
					b := m.start()
					b.scrapeFor(2 * time.Minute)
					if got := b.account().Budget(geelark.EndpointPhoneStatus).Limits.PerMinute; got != want {
						t.Errorf("process %d may ask %d times a minute, want %d", i, got, want)
					}
					end(m, b)
					if i == 2 {
						time.Sleep(time.Hour)
					}
				}
			})
		})
	}
}

func TestARestartForgetsNothingThatIsWithinItsStaleness(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 400, Still: true}, func(m *machine) {
		b := m.start()
		for range 8 {
			b.pollAndList()
			time.Sleep(15 * time.Second)
		}
		before := b.account().Snapshot()
		wallet, plan := b.account().Billing()
		lists := m.sim.Requests(listing)
		if before.Current != 400 || wallet == nil || plan == nil {
			t.Fatalf("%d of 400 are known, %v, %v", before.Current, wallet, plan)
		}
		m.kill(b)
		// Nothing answers the next process.
		m.sim.Inject(geelarktest.Fault{Endpoint: status, Code: geelark.CodeInternal})
		b = m.start()
		after := b.account().Snapshot()
		if after.Current != 400 || !maps.Equal(after.Standings, before.Standings) {
			t.Errorf("%d of 400 are known\n%v\n%v", after.Current, after.Standings, before.Standings)
		}
		if w, p := b.account().Billing(); w == nil || *w != *wallet || p == nil || *p != *plan {
			t.Errorf("got %v, %v", w, p)
		}
		b.pollAndList()
		if n := m.sim.Requests(listing); n != lists {
			t.Errorf("%d phones were listed again", n-lists)
		}
		m.stop(b)
		// What is too old is not.
		time.Sleep(11 * time.Minute)
		b = m.start()
		if got := b.account().Snapshot(); got.Current != 0 || got.Phones != 400 {
			t.Errorf("%d of %d are known after eleven minutes", got.Current, got.Phones)
		}
		m.stop(b)
	})
}

func TestPhonesThatAreNotSelectedAnyMoreAreGivenUpAfterARestart(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 400, Still: true}, func(m *machine) {
		b := m.start()
		for range 4 {
			b.pollAndList()
			time.Sleep(30 * time.Second)
		}
		group := ""
		for g := range b.account().overview().Groups {
			group = g
		}
		m.stop(b)
		m.accounts[0].Discovery.Groups = []string{group}
		b = m.start()
		for range 3 {
			b.pollAndList()
			time.Sleep(5 * time.Minute)
		}
		if got := b.account().Phones().Len(); got == 0 || got > 200 {
			t.Errorf("%d phones are tracked", got)
		}
		m.stop(b)
	})
}

func TestWhatWasUsedCountsOnceOverRestarts(t *testing.T) {
	cfg := geelarktest.Config{Phones: 30, TasksPerDay: 6, Usage: geelarktest.Usage{Every: 5 * time.Minute, Bonus: 60}}
	onMachine(t, cfg, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorUsage, CollectorTasks} }
		random := rand.New(rand.NewPCG(1, 2))
		follow := func(b *bench, d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				b.pollAndList()
				time.Sleep(time.Minute)
			}
		}
		for range 12 {
			b := m.start()
			follow(b, time.Duration(random.Int64N(int64(2*time.Hour))))
			if random.IntN(2) == 0 {
				m.kill(b)
			} else {
				m.stop(b)
			}
			time.Sleep(time.Duration(random.Int64N(int64(4 * time.Hour))))
		}
		truth := func() (used time.Duration, paid geelark.Amount) {
			for _, sum := range m.sim.Ledger() {
				used += time.Duration(sum.Seconds) * time.Second
				paid += geelark.Amount(sum.Micros) * 1000
			}
			return used, paid
		}
		b := m.start()
		follow(b, 20*time.Minute)
		leastUsed, leastPaid := truth()
		follow(b, 2*usageInterval)
		used, paid := time.Duration(0), geelark.Amount(0)
		for _, sum := range b.account().Usage().Groups {
			used += sum.Used
			paid += sum.Amount
		}
		mostUsed, mostPaid := truth()
		if used < leastUsed || used > mostUsed || paid < leastPaid || paid > mostPaid || used == 0 {
			t.Errorf("used %s, paid %d, want %s to %s, %d to %d", used, paid, leastUsed, mostUsed, leastPaid, mostPaid)
		}
		ended, most := 0, 0
		for _, n := range b.account().Tasks().Ended {
			ended += n
		}
		for _, n := range m.sim.TaskEnds() {
			most += n
		}
		if ended < most-5 || ended > most {
			t.Errorf("%d tasks have ended, want %d", ended, most)
		}
		m.stop(b)
	})
}

// The bench's clock begins at midnight.
func TestWhatWasUsedTodayOutlivesARestart(t *testing.T) {
	cfg := geelarktest.Config{Phones: 30, TasksPerDay: 6, Usage: geelarktest.Usage{Every: 5 * time.Minute, Bonus: 60}}
	onMachine(t, cfg, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorUsage} }
		follow := func(b *bench, d time.Duration) Usage {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Minute) {
				b.pollAndList()
			}
			return b.account().Usage()
		}
		total := func(u Usage) (used time.Duration) {
			for _, sum := range u.Today {
				used += sum.Used
			}
			return used
		}
		b := m.start()
		before := follow(b, 6*time.Hour)
		for name, end := range map[string]func(*bench){"killed": m.kill, "stopped": m.stop} {
			end(b)
			b = m.start()
			after := follow(b, 10*time.Minute)
			if !after.TodayFrom.Equal(before.TodayFrom) || total(before) == 0 || total(after) < total(before) {
				t.Errorf("%s: %s used since %s, and %s since %s before", name, total(after), after.TodayFrom, total(before), before.TodayFrom)
			}
		}
		if next := follow(b, 20*time.Hour); next.TodayFrom.Hour() != 0 || next.TodayFrom.Day() != before.TodayFrom.Day()+1 {
			t.Errorf("the next day is counted from %s", next.TodayFrom)
		}
		m.stop(b)
		time.Sleep(40 * time.Hour)
		b = m.start()
		if later := follow(b, 10*time.Minute); time.Since(later.TodayFrom) > 48*time.Hour {
			t.Errorf("after two days, what was used is counted from %s", later.TodayFrom)
		}
		m.stop(b)
	})
}

func TestADiskThatTakesNothingIsAsIfThereWasNoState(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 15_000, Still: true}, func(m *machine) {
		m.accounts[0].CacheTTL = 0
		b := m.start()
		b.poll()
		m.stop(b)
		// The directory cannot be written: a folder stands where a file should.
		for _, name := range []string{"budgets", "phones.default"} {
			path := filepath.Join(m.dir, name)
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			b := m.start()
			b.poll()
			b.poll()
			m.stop(b)
		}
		if got := m.sim.MostIn(status, time.Minute); got > 200 {
			t.Errorf("%d requests within a minute", got)
		}
	})
}

// No file may be longer than the process that the test starts allows, so that
// writes fail, some of them half way, as they do on a disk that is full.
func TestADiskThatFillsBreaksNoLimit(t *testing.T) {
	const full = "A_DISK_IS_FULL"
	if os.Getenv(full) == "" {
		t.Parallel()
		for _, blocks := range []int{2, 8} {
			t.Run(fmt.Sprint(blocks), func(t *testing.T) {
				cmd := exec.Command("sh", "-c", `ulimit -f "$1"; shift; exec "$@"`, "sh", strconv.Itoa(blocks), os.Args[0], "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$")
				cmd.Env = append(os.Environ(), full+"=1")
				out, err := cmd.CombinedOutput()
				if !bytes.HasPrefix(out, []byte("PASS\n")) { // its coverage finds no room either
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
		return
	}
	onMachine(t, geelarktest.Config{Phones: 15_000, Still: true}, func(m *machine) {
		m.accounts[0].CacheTTL = 0
		unwritten := false
		for i := range 20 {
			b := m.start()
			for range 1 + i*i*i%41 {
				b.poll()
				time.Sleep(time.Second)
			}
			unwritten = unwritten || !b.State().Writable()
			m.kill(b)
		}
		if !unwritten {
			t.Error("everything was written")
		}
		if got := m.sim.MostIn(status, time.Minute); got > 200 || got < 40 {
			t.Errorf("%d requests within a minute", got)
		}
	})
}

func TestCollectorsThatAreOffHoldNothingInMemoryNorOnDisk(t *testing.T) {
	for name, test := range map[string]struct {
		collectors []string
		held       bool
	}{"off": {DefaultCollectors(), false}, "on": {Collectors(), true}} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, geelarktest.Config{Phones: 10, Usage: geelarktest.Usage{Every: time.Minute}, TasksPerDay: 48}, func(m *machine) {
				m.set = func(o *Options) { o.Collectors = test.collectors }
				b := m.start()
				for range 10 {
					b.pollAndList()
					time.Sleep(3 * time.Minute)
				}
				b.reload(func(*AccountConfig) {})
				if a := b.account(); (a.usage != nil) != test.held || (a.tasks != nil) != test.held {
					t.Errorf("usage %v, tasks %v", a.usage, a.tasks)
				}
				m.stop(b)
				for _, of := range []string{"usage", "tasks"} {
					kept, err := filepath.Glob(filepath.Join(m.dir, "*"+of+"*"))
					if err != nil || (len(kept) > 0) != test.held {
						t.Errorf("%s: %v, %v", of, kept, err)
					}
				}
			})
		})
	}
}

func TestAProcessThatDoesNotKnowWhatWasSpentLetsNoLaterOneBelieveSo(t *testing.T) {
	for name, forget := range map[string]func(m *machine, i int){
		"a process without state before": func(m *machine, i int) {
			if i == 0 {
				m.dir = m.t.TempDir()
			}
		},
		"a file that goes at times": func(m *machine, i int) {
			if i%4 == 0 {
				_ = os.Remove(filepath.Join(m.dir, "budgets"))
			}
		},
		"a file that is cut at times": func(m *machine, i int) {
			file := filepath.Join(m.dir, "budgets")
			if info, err := os.Stat(file); err == nil && i%4 == 0 {
				_ = os.Truncate(file, info.Size()/2)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			onMachine(t, geelarktest.Config{Phones: 15_000, Still: true}, func(m *machine) {
				m.accounts[0].CacheTTL = 0
				if name == "a process without state before" {
					m.dir = ""
				}
				live := func(d time.Duration) {
					b := m.start()
					for died := time.Now().Add(d); time.Now().Before(died); {
						b.poll()
						time.Sleep(time.Second)
					}
					m.kill(b)
				}
				live(70 * time.Second)
				for i := range 12 {
					forget(m, i)
					live(time.Duration(2+i%7) * time.Second)
				}
				for api, most := range map[string]int{status: 200, listing: 200, walletEndpoint: 10, planEndpoint: 1} {
					if got := m.sim.MostIn(api, time.Minute); got > most {
						t.Errorf("%s: %d requests within a minute, want at most %d", api, got, most)
					}
				}
			})
		})
	}
}
