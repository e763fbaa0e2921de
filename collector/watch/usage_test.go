package watch

import (
	"maps"
	"testing"
	"time"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/collector/tasks"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const transactions = "billing/transaction/detail"

// phonesOf adds up the phones of what was used.
func phonesOf(u Usage) (sums map[string]ledger.Sum, total time.Duration) {
	sums = make(map[string]ledger.Sum)
	for _, chunk := range u.Phones {
		for id, sum := range chunk.All() {
			sums[id] = sum
			total += sum.Used
		}
	}
	return sums, total
}

func groupsOf(u Usage) (total time.Duration) {
	for _, sum := range u.Groups {
		total += sum.Used
	}
	return total
}

func wantSameUsage(t *testing.T, when string, got, want Usage) {
	t.Helper()
	phones, total := phonesOf(got)
	before, _ := phonesOf(want)
	if !maps.Equal(got.Groups, want.Groups) || !maps.Equal(phones, before) || !maps.Equal(got.Today, want.Today) {
		t.Errorf("%s: used %v, %v and %v today, before %v, %v and %v", when, got.Groups, phones, got.Today, want.Groups, before, want.Today)
	}
	if len(before) < 2 || total != groupsOf(got) {
		t.Errorf("%s: phones used %s, their groups %s", when, total, groupsOf(got))
	}
	if !got.Last.Equal(want.Last) || got.Behind != want.Behind || !got.TodayFrom.Equal(want.TodayFrom) {
		t.Errorf("%s: up to %s, %s behind, today from %s, before %s, %s, %s", when, got.Last, got.Behind, got.TodayFrom, want.Last, want.Behind, want.TodayFrom)
	}
}

func TestUsageIsKnownAtOnceHoweverTheAccountGoesOn(t *testing.T) {
	cfg := geelarktest.Config{Phones: 10, Usage: geelarktest.Usage{Every: 5 * time.Minute}}
	onMachine(t, cfg, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorUsage} }
		follow := func(b *bench, d time.Duration) Usage {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Minute) {
				b.pollAndList()
			}
			return b.account().Usage()
		}
		b := m.start()
		if d := b.account().Usage().Behind; d != 0 {
			t.Errorf("counting begins %s behind", d)
		}
		before := follow(b, time.Hour)
		wantSameUsage(t, "at first", before, before)
		old := b.account()
		b.reload(func(c *AccountConfig) { c.CacheTTL++ })
		wantSameUsage(t, "after a reload", b.account().Usage(), before)
		wantSameUsage(t, "of a scrape that began before", old.Usage(), before)
		asked := m.sim.Requests(transactions)
		b.pollAndList() // a minute after the last turn
		if n := m.sim.Requests(transactions) - asked; n != 0 {
			t.Errorf("%d requests sooner than they were due", n)
		}
		used := groupsOf(before)
		if before = follow(b, time.Hour); groupsOf(before) <= used {
			t.Errorf("an hour later the groups have used %s, before %s", groupsOf(before), used)
		}
		m.kill(b)
		for range 2 { // the second time nothing was asked meanwhile
			b = m.start()
			wantSameUsage(t, "after a crash", b.account().Usage(), before)
			m.kill(b)
		}
		b = m.start()
		before = follow(b, 20*time.Minute)
		m.kill(b)
		b = m.start()
		wantSameUsage(t, "after a crash soon after another", b.account().Usage(), before)
		before = follow(b, time.Hour)
		m.stop(b)
		b = m.start()
		wantSameUsage(t, "after a restart", b.account().Usage(), before)
		m.stop(b)
	})
}

func TestTheDayThatHasJustBegunOutlivesACrash(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 3, Usage: geelarktest.Usage{Every: 5 * time.Minute}}, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorUsage} }
		b := m.start()
		b.pollAndList()
		began := b.account().Usage().TodayFrom
		time.Sleep(time.Hour)
		m.kill(b)
		b = m.start()
		b.pollAndList()
		if from := b.account().Usage().TodayFrom; began.IsZero() || !from.Equal(began) {
			t.Errorf("the day is counted from %s, from %s before", from, began)
		}
		m.stop(b)
	})
}

// The vendor forgets after three days, by its own clock.
func TestPhonesThatAreGoneAreForgottenWhenTheVendorHasForgottenThem(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 10, Usage: geelarktest.Usage{Every: 5 * time.Minute}}, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorUsage} }
		m.accounts[0].IDs = m.sim.IDs()
		b := m.start()
		follow := func(d time.Duration) map[string]ledger.Sum {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Minute) {
				b.pollAndList()
			}
			used, _ := phonesOf(b.account().Usage())
			return used
		}
		used := follow(time.Hour)
		gone := time.Now()
		m.sim.Remove(m.sim.IDs()...)
		for id := range used {
			b.reload(func(c *AccountConfig) { c.IDs = []string{id} })
		}
		all := len(follow(10 * time.Minute))
		if all < 2 {
			m.t.Fatalf("%d phones have used something", all)
		}
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{72*time.Hour + 10*time.Minute, all}, {73*time.Hour + 20*time.Minute, 1}} {
			time.Sleep(time.Until(gone.Add(step.after)))
			if n := len(follow(5 * time.Minute)); n != step.want {
				t.Errorf("after %s: %d phones, want %d", step.after, n, step.want)
			}
		}
		m.stop(b)
	})
}

func TestTasksAreKnownAtOnceHoweverTheAccountGoesOn(t *testing.T) {
	onMachine(t, geelarktest.Config{Phones: 10, TasksPerDay: 48}, func(m *machine) {
		m.set = func(o *Options) { o.Collectors = []string{CollectorTasks} }
		b := m.start()
		for range 3 {
			for range 60 {
				b.pollAndList()
				time.Sleep(time.Minute)
			}
			before := b.account().Tasks()
			if len(before.Ended) == 0 {
				t.Error("no task has ended")
			}
			b.reload(func(c *AccountConfig) { c.CacheTTL++ })
			if got := b.account().Tasks(); !maps.Equal(got.Ended, before.Ended) || !maps.Equal(got.Open, before.Open) {
				t.Errorf("after a reload %v and %v, before %v and %v", got.Ended, got.Open, before.Ended, before.Open)
			}
			b.pollAndList()
			asked := m.sim.Requests("task/historyRecords")
			time.Sleep(30 * time.Second)
			b.reload(func(c *AccountConfig) { c.CacheTTL++ })
			b.pollAndList()
			if n := m.sim.Requests("task/historyRecords") - asked; n != 0 {
				t.Errorf("%d requests sooner than they were due", n)
			}
			before = b.account().Tasks()
			m.kill(b)
			b = m.start()
			if got := b.account().Tasks(); !maps.Equal(got.Ended, before.Ended) || !maps.Equal(got.Failed, before.Failed) {
				t.Errorf("after a crash %v and %v, before %v and %v", got.Ended, got.Failed, before.Ended, before.Failed)
			}
		}
		m.stop(b)
	})
}

func TestATaskIsOverdueWhenItHasWaitedForMoreThanTenMinutes(t *testing.T) {
	inBubbleWith(t, 1, func(o *Options) { o.Collectors = []string{CollectorTasks} }, nil, func(b *bench) {
		a := b.account()
		due := time.Now()
		a.tasks.tracker.Restore(tasks.Change{Open: []geelark.Task{{ID: "1", Status: geelark.TaskWaiting, Scheduled: due}}})
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{10 * time.Minute, 0}, {10*time.Minute + 1, 1}} {
			time.Sleep(time.Until(due.Add(step.after)))
			if n := a.Tasks().Overdue[0]; n != step.want {
				t.Errorf("after %s: %d are overdue, want %d", step.after, n, step.want)
			}
		}
		b.reload(func(c *AccountConfig) { c.CacheTTL++ })
		if n := b.account().Tasks().Overdue[0]; n != 1 {
			t.Errorf("after a reload: %d are overdue", n)
		}
	})
}
