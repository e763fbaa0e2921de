package geelarktest_test

import (
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func living(phones int, seed uint64) (*geelarktest.Server, *clock) {
	c := newClock()
	return geelarktest.New(geelarktest.Config{Phones: phones, Seed: seed, Now: c.Now, Token: token}), c
}

func statuses(t *testing.T, s *geelarktest.Server) []int {
	t.Helper()
	var all []int
	for _, p := range phones(t, s) {
		all = append(all, p.Status)
	}
	return all
}

func TestAFleetOf250ChangesEveryMinute(t *testing.T) {
	s, c := living(250, 1)
	last, total := statuses(t, s), 0
	for minute := range 60 {
		c.Advance(time.Minute)
		now, changes := statuses(t, s), 0
		for i := range now {
			if now[i] != last[i] {
				changes++
			}
		}
		if changes == 0 {
			t.Errorf("nothing changed in minute %d", minute)
		}
		last, total = now, total+changes
	}
	if total < 200 || total > 800 {
		t.Errorf("%d changes in an hour", total)
	}
}

func TestPhonesOnlyChangeAsPhonesDo(t *testing.T) {
	s, c := living(60, 1)
	allowed := map[[2]int]bool{
		{0, 2}: true, {2, 1}: true, {1, 0}: true, // the round
		{0, 3}: true, {1, 3}: true, {2, 3}: true, // the month's end
	}
	seen := map[[2]int]bool{}
	for last := statuses(t, s); c.Now().Before(noon.Add(4 * time.Hour)); {
		c.Advance(5 * time.Second) // the shortest span
		now := statuses(t, s)
		for i := range now {
			step := [2]int{last[i], now[i]}
			if step[0] != step[1] && !allowed[step] {
				t.Fatalf("a phone went from %d to %d", step[0], step[1])
			}
			seen[step] = true
		}
		last = now
	}
	for _, step := range [][2]int{{0, 2}, {2, 1}, {1, 0}} {
		if !seen[step] {
			t.Errorf("no phone went from %d to %d", step[0], step[1])
		}
	}
}

func TestAboutThreeFifthsOfAFleetRun(t *testing.T) {
	s, c := living(1000, 1)
	for range 12 {
		c.Advance(time.Hour)
		n := byStatus(t, s)
		if share := float64(n[0]) / float64(n[0]+n[1]+n[2]); share < 0.55 || share > 0.68 || n[1] == 0 {
			t.Errorf("by status %v: %.0f%% run", n, share*100)
		}
	}
}

func TestMonthlyPhonesExpireForGood(t *testing.T) {
	s, c := living(150, 1)
	expired := func() int { return byStatus(t, s)[3] }
	first := expired()
	for _, p := range phones(t, s) {
		s.Rename(p.ID, "renamed") // which must not disturb their schedules
	}
	c.Advance(4 * 24 * time.Hour)
	some := expired()
	c.Advance(61 * 24 * time.Hour)
	if last := expired(); first >= some || some >= last {
		t.Errorf("expired: %d, then %d, then %d", first, some, last)
	}
	for _, p := range phones(t, s) {
		equal(t, "expired", p.Status == 3, p.ChargeMode == 1)
	}
	p := pick(t, s, func(p geelarktest.Phone) bool { return p.Status == 3 })
	b := get[batch](t, s, "phone/start", ids(p.ID))
	equal(t, "start", b.FailDetails[0].Code, geelark.CodePhoneExpired)
	s.Edit(p.ID, func(p *geelarktest.Phone) { p.MonthlyExpire += 1e7 })
	equal(t, "status after its month was extended", status(t, s, p.ID), 3)
}

func TestAMonthEndsOnTime(t *testing.T) {
	s, c := living(1, 1)
	id := s.IDs()[0]
	end := noon.Add(90 * time.Second)
	s.Edit(id, func(p *geelarktest.Phone) { p.ChargeMode, p.MonthlyExpire = 1, end.Unix() })
	c.Advance(90*time.Second - 1)
	if status(t, s, id) == 3 {
		t.Error("expired too early")
	}
	c.Advance(1)
	equal(t, "status", status(t, s, id), 3)
}

func TestLifeDoesNotDependOnWhoLooks(t *testing.T) {
	often, c1 := living(100, 5)
	seldom, c2 := living(100, 5)
	for c1.Now().Before(noon.Add(48 * time.Hour)) {
		c1.Advance(7 * time.Minute)
		often.Phone(often.IDs()[0])
	}
	c2.Advance(c1.Now().Sub(noon))
	equal(t, "phones", phones(t, often), phones(t, seldom))

	other, c3 := living(100, 6)
	c3.Advance(c1.Now().Sub(noon))
	if encode(t, statuses(t, other)) == encode(t, statuses(t, seldom)) {
		t.Error("another seed gives the same life")
	}
}

func TestSetStatusEndsAPhonesLife(t *testing.T) {
	s, c := living(50, 1)
	for i, id := range s.IDs() {
		s.SetStatus(id, i%5)
	}
	before := statuses(t, s)
	c.Advance(100 * 24 * time.Hour)
	equal(t, "statuses", statuses(t, s), before)
}

func TestAStillFleetStandsStill(t *testing.T) {
	s, c := still(100)
	s.Add(10)
	before := statuses(t, s)
	c.Advance(100 * 24 * time.Hour)
	equal(t, "statuses", statuses(t, s), before)
}

func TestAddedPhonesLive(t *testing.T) {
	s, c := living(0, 1)
	s.Add(20)
	c.Advance(12 * time.Hour)
	if n := byStatus(t, s); n[0] == 0 {
		t.Errorf("by status %v", n)
	}
	s.Remove(s.IDs()[:10]...)
	c.Advance(12 * time.Hour) // the removed ones' schedules are void
	equal(t, "phones", len(phones(t, s)), 10)
}

func TestRunningPhonesMayRunATask(t *testing.T) {
	s, _ := living(200, 1)
	tasks := 0
	for _, p := range phones(t, s) {
		tasks += p.RPAStatus
		if p.RPAStatus == 1 && p.Status != 0 {
			t.Errorf("a phone of status %d runs a task", p.Status)
		}
	}
	if tasks == 0 {
		t.Error("no task runs")
	}
}

func BenchmarkAdvance100000Phones(b *testing.B) {
	c := newClock()
	s := geelarktest.New(geelarktest.Config{Phones: 100_000, Now: c.Now})
	for b.Loop() {
		c.Advance(time.Second)
		s.Phone("")
	}
}
