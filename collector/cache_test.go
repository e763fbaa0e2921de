package collector

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// at is a time of a clock that begins with 1: at(0) is no time's zero.
func at(s int) time.Time { return time.Unix(int64(1+s), 0) }

func TestPhonesArePolledInTheOrderOfTheirLastPoll(t *testing.T) {
	c := newCache(at(0))
	c.trackOnly([]string{"a", "b", "c", "d", "e"})
	steps := []struct {
		name string
		do   func()
		take int
		want []string
	}{
		{"never polled ones first, as tracked", func() {}, 2, []string{"a", "b"}},
		{"those in flight are not taken twice", func() {}, 2, []string{"c", "d"}},
		{"given back, they queue by the end of their poll", func() {
			c.giveBack([]string{"c", "d"}, at(10))
			c.giveBack([]string{"a", "b"}, at(11))
		}, 4, []string{"e", "c", "d", "a"}},
		{"not sent, they keep their turn", func() {
			c.giveBack([]string{"e", "c", "d", "a"}, time.Time{})
		}, 9, []string{"e", "c", "d", "a", "b"}},
	}
	for _, s := range steps {
		s.do()
		if got := c.take(s.take); !slices.Equal(got, s.want) {
			t.Errorf("%s: got %q, want %q", s.name, got, s.want)
		}
	}
}

func TestPhonesAreDueWhenTheirLastPollIsOlder(t *testing.T) {
	c := newCache(at(0))
	for _, tt := range []struct {
		do     func()
		before time.Time
		n      int
		want   bool
	}{
		{func() {}, at(9), 1, false},
		{func() { c.trackOnly([]string{"a", "b", "c"}) }, at(0), 3, true},
		{func() {}, at(0), 4, false},
		{func() { c.giveBack(c.take(2), at(5)) }, at(5), 1, true},
		{func() {}, at(5), 2, false},
		{func() {}, at(6), 3, true},
		{func() { c.giveBack(c.take(1), at(7)) }, at(7), 2, true},
		{func() {}, at(7), 3, false},
	} {
		tt.do()
		if got := c.due(tt.before, tt.n); got != tt.want {
			t.Errorf("%d due before %s: %v, want %v", tt.n, tt.before, got, tt.want)
		}
	}
}

func TestAPhoneForgottenDuringItsPollStaysForgotten(t *testing.T) {
	c := newCache(at(0))
	c.trackOnly([]string{"a", "b"})
	taken := c.take(2)
	c.trackOnly([]string{"b"})
	c.trackOnly([]string{"b", "a"}) // tracked anew: it has to be polled anew
	c.observe([]observation{{id: "x", at: at(1)}})
	c.giveBack(taken, at(1))
	if got := c.take(2); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q, want a first", got)
	}
	c.giveBack([]string{"a", "b"}, time.Time{})
	c.trackOnly(nil)
	c.giveBack([]string{"a", "b"}, at(2))
	if c.len() != 0 || c.due(at(9), 1) {
		t.Error("a forgotten phone came back")
	}
}

func TestTheNewestObservationCounts(t *testing.T) {
	c := newCache(at(0))
	c.trackOnly([]string{"a"})
	for _, tt := range []struct {
		observation
		status  geelark.Status
		failure string
		name    string
	}{
		{observation{id: "a", at: at(5), name: "one", status: 1}, 1, "", "one"},
		{observation{id: "a", at: at(4), name: "old", status: 3}, 1, "", "one"},
		{observation{id: "a", at: at(6), failure: "42001"}, 1, "42001", "one"},
		{observation{id: "a", at: at(6), status: 2}, 2, "", "one"},
		{observation{id: "a", at: at(7), name: "two", status: 0}, 0, "", "two"},
	} {
		c.observe([]observation{tt.observation})
		p := c.records()[0]
		if p.status != tt.status || p.failure != tt.failure || p.name != tt.name {
			t.Errorf("after %+v: status %d, failure %q, name %q", tt.observation, p.status, p.failure, p.name)
		}
	}
}

func TestAListedPhoneIsForgottenWhenASecondWitnessAgrees(t *testing.T) {
	c := newCache(at(0))
	list := func(ids ...string) {
		round := c.newRound()
		c.trackListed(round, listedPhones(ids...), false)
		c.retainListed(round)
	}
	list("a", "b", "c")
	c.observe([]observation{{id: "c", at: at(1), failure: "42001"}})
	list("a")
	if got := c.ids(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("b absent once, c not found: %q is tracked, want a and b", got)
	}
	list("b")
	if got := c.ids(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("b is back, a absent once: %q is tracked, want a and b", got)
	}
	list("b")
	if got := c.ids(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("a absent twice: %q is tracked, want b", got)
	}
}

func listedPhones(ids ...string) []geelark.ListedPhone {
	var l []geelark.ListedPhone
	for _, id := range ids {
		l = append(l, geelark.ListedPhone{Phone: geelark.Phone{ID: id}})
	}
	return l
}

// Whatever happens, every phone is in exactly one queue or in flight, no phone
// waits while one that was polled later is taken, and what is counted as it
// changes is what counting anew finds.
func TestTheCacheHoldsAgainstRandomUse(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		c := newCache(at(0))
		id := func() string { return strconv.Itoa(r.IntN(200)) }
		var flights [][]string
		for now := range 200 {
			switch r.IntN(9) {
			case 0:
				var set []string
				for id := range 200 {
					if r.IntN(3) > 0 {
						set = append(set, strconv.Itoa(id))
					}
				}
				c.trackOnly(set)
			case 1, 2:
				oldest := oldestWaiting(c)
				batch := c.take(1 + r.IntN(100))
				for i, id := range batch {
					if polled := c.phones[id].polledAt; i == 0 && polled > oldest {
						t.Fatalf("seed %d: took one polled at %d, one of %d waits", seed, polled, oldest)
					}
				}
				flights = append(flights, batch)
			case 3:
				if len(flights) > 0 {
					i := r.IntN(len(flights))
					end := at(now)
					if r.IntN(3) == 0 {
						end = time.Time{}
					}
					c.giveBack(flights[i], end)
					flights = slices.Delete(flights, i, i+1)
				}
			case 4, 5:
				o := observation{id: id(), at: at(now - r.IntN(5)), status: geelark.Status(r.IntN(6)), name: []string{"", "one", "two"}[r.IntN(3)]}
				if r.IntN(3) == 0 {
					o.failure = FailureMissing
				}
				c.observe([]observation{o})
			case 6:
				l := geelark.ListedPhone{At: at(now - r.IntN(5)), Phone: geelark.Phone{ID: id(), Group: []string{"", "a", "b"}[r.IntN(3)], Status: geelark.Status(r.IntN(3)), HasStatus: true, RPARunning: r.IntN(2) > 0}}
				c.trackListed(c.newRound(), []geelark.ListedPhone{l}, r.IntN(4) > 0)
			case 7:
				if r.IntN(10) == 0 {
					c.retainListed(c.newRound())
				}
			case 8:
				l := lifetimes{status: time.Duration(50+50*r.IntN(2)) * time.Second, rpa: 70 * time.Second}
				if err := c.contradiction(c.snapshot(at(now), l), at(now), l); err != "" {
					t.Fatalf("seed %d, step %d: %s", seed, now, err)
				}
			}
			inFlight := 0
			for _, p := range c.phones {
				if p.queue == nil {
					inFlight++
				}
			}
			if got := c.fresh.n + c.polled.n + inFlight; got != len(c.phones) {
				t.Fatalf("seed %d: %d phones in queues or in flight, %d tracked", seed, got, len(c.phones))
			}
		}
	}
}

// contradiction compares a snapshot with what is known of each phone.
func (c *cache) contradiction(s *snapshot, now time.Time, l lifetimes) string {
	standings := make(map[standing]int)
	var ages []time.Duration
	phones := 0
	for i, page := range s.conditions {
		for j, e := range page.entries {
			p, d := e.phone, s.descriptions[i].entries[j]
			phones++
			if c.phones[p.id] != p || d.phone != p || p.place != i*pageSize+j {
				return fmt.Sprintf("place %d of page %d is not that of %s", j, i, p.id)
			}
			v, age := e.value.Value(), now.Sub(c.time(p.observedAt))
			at := standing{knowledge: v.knowledge}
			if v.knowledge == current {
				ages = append(ages, max(age, 0))
				at.status = v.status
			}
			if (v.knowledge == current || v.knowledge == outdated) && (v.knowledge == current) != (age <= l.status) {
				return fmt.Sprintf("%s was seen %s ago and is %s", p.id, age, v.state())
			}
			if d.value != nil {
				at.listed, at.group = d.value.listed, d.value.group
				if age := now.Sub(c.time(p.describedAt)); at.listed && d.value.rpaOutdated != (age > l.rpa) {
					return fmt.Sprintf("%s was listed %s ago, outdated: %v", p.id, age, d.value.rpaOutdated)
				}
			}
			standings[at]++
		}
	}
	slices.Sort(ages)
	var oldest, median time.Duration
	if n := len(ages); n > 0 {
		oldest, median = ages[n-1], (ages[(n-1)/2]+ages[n/2])/2
	}
	switch {
	case phones != len(c.phones) || phones != s.phones:
		return fmt.Sprintf("%d phones in pages, %d tracked", phones, len(c.phones))
	case !maps.Equal(standings, s.standings):
		return fmt.Sprintf("counted %v, there are %v", s.standings, standings)
	case s.current != len(ages) || s.oldest != oldest || s.median != median:
		return fmt.Sprintf("ages of %d: at most %s, median %s, want %d: %s, %s", s.current, s.oldest, s.median, len(ages), oldest, median)
	}
	return ""
}

func oldestWaiting(c *cache) instant {
	oldest := ever
	for _, p := range c.phones {
		if p.queue != nil {
			oldest = min(oldest, p.polledAt)
		}
	}
	return oldest
}

func (c *cache) records() (all []record) {
	c.each(func(r *record) { all = append(all, *r) })
	return all
}
