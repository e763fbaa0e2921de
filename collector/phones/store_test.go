package phones

import (
	"fmt"
	"maps"
	"math"
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
	store := NewStore(at(0))
	store.TrackOnly([]string{"a", "b", "c", "d", "e"})
	steps := []struct {
		name string
		do   func()
		take int
		want []string
	}{
		{"never polled ones first, as tracked", func() {}, 2, []string{"a", "b"}},
		{"those in flight are not taken twice", func() {}, 2, []string{"c", "d"}},
		{"never polled and not sent, they are first again", func() {
			store.GiveBack([]string{"a", "b", "c", "d"}, time.Time{})
		}, 4, []string{"a", "b", "c", "d"}},
		{"given back, they queue by the end of their poll", func() {
			store.GiveBack([]string{"c", "d"}, at(10))
			store.GiveBack([]string{"a", "b"}, at(11))
		}, 4, []string{"e", "c", "d", "a"}},
		{"not sent, they keep their turn", func() {
			store.GiveBack([]string{"e", "c", "d", "a"}, time.Time{})
		}, 9, []string{"e", "c", "d", "a", "b"}},
	}
	for _, s := range steps {
		s.do()
		if got := store.Take(s.take); !slices.Equal(got, s.want) {
			t.Errorf("%s: got %q, want %q", s.name, got, s.want)
		}
	}
}

func TestPhonesAreDueWhenTheirLastPollIsOlder(t *testing.T) {
	store := NewStore(at(0))
	for _, tt := range []struct {
		do     func()
		before time.Time
		n      int
		want   bool
	}{
		{func() {}, at(9), 1, false},
		{func() { store.TrackOnly([]string{"a", "b", "c"}) }, at(0), 3, true},
		{func() {}, at(0), 4, false},
		{func() { store.GiveBack(store.Take(2), at(5)) }, at(5), 1, true},
		{func() {}, at(5), 2, false},
		{func() {}, at(6), 3, true},
		{func() { store.GiveBack(store.Take(1), at(7)) }, at(7), 2, true},
		{func() {}, at(7), 3, false},
	} {
		tt.do()
		if got := store.Due(tt.before, tt.n); got != tt.want {
			t.Errorf("%d due before %s: %v, want %v", tt.n, tt.before, got, tt.want)
		}
	}
}

func TestAPhoneForgottenDuringItsPollStaysForgotten(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"a", "b"})
	taken := store.Take(2)
	store.TrackOnly([]string{"b"})
	store.TrackOnly([]string{"b", "a"}) // tracked anew: it has to be polled anew
	store.Observe([]Observation{{ID: "x", At: at(1)}})
	store.GiveBack(taken, at(1))
	if got := store.Take(2); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q, want a first", got)
	}
	store.GiveBack([]string{"a", "b"}, time.Time{})
	store.TrackOnly(nil)
	store.GiveBack([]string{"a", "b"}, at(2))
	if store.Len() != 0 || store.Due(at(9), 1) {
		t.Error("a forgotten phone came back")
	}
}

func TestTheNewestObservationCounts(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"a"})
	for _, tt := range []struct {
		Observation
		status  geelark.Status
		failure Failure
		name    string
	}{
		{Observation{ID: "a", At: at(5), SerialName: "one", Status: 1}, 1, Failure{}, "one"},
		{Observation{ID: "a", At: at(4), SerialName: "old", Status: 3}, 1, Failure{}, "one"},
		{Observation{ID: "a", At: at(6), Failure: FailedWith(42001)}, 1, FailedWith(42001), "one"},
		{Observation{ID: "a", At: at(6), Status: 2}, 2, Failure{}, "one"},
		{Observation{ID: "a", At: at(7), SerialName: "two", Status: 0}, 0, Failure{}, "two"},
	} {
		store.Observe([]Observation{tt.Observation})
		p := store.everything()[0]
		if p.Status != tt.status || p.Failure != tt.failure || p.SerialName != tt.name {
			t.Errorf("after %+v: status %d, failure %v, name %q", tt.Observation, p.Status, p.Failure, p.SerialName)
		}
	}
}

func TestAListedPhoneIsForgottenWhenASecondWitnessAgrees(t *testing.T) {
	store := NewStore(at(0))
	list := func(ids ...string) {
		round := store.NewRound()
		store.TrackListed(round, listedPhones(ids...), false)
		store.RetainListed(round, at(0), false)
	}
	list("a", "b", "c")
	store.Observe([]Observation{{ID: "c", At: at(1), Failure: FailedWith(42001)}})
	list("a")
	if got := store.IDs(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("b absent once, c not found: %q is tracked, want a and b", got)
	}
	list("b")
	if got := store.IDs(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("b is back, a absent once: %q is tracked, want a and b", got)
	}
	list("b")
	if got := store.IDs(); !slices.Equal(got, []string{"b"}) {
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
func TestTheStoreHoldsAgainstRandomUse(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		store := NewStore(at(0))
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
				store.TrackOnly(set)
			case 1, 2:
				oldest := oldestWaiting(store)
				batch := store.Take(1 + r.IntN(100))
				for i, id := range batch {
					if polled := store.table.byID[id].polledAt; i == 0 && polled > oldest {
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
					store.GiveBack(flights[i], end)
					flights = slices.Delete(flights, i, i+1)
				}
			case 4, 5:
				o := Observation{ID: id(), At: at(now - r.IntN(5)), Status: geelark.Status(r.IntN(6)), SerialName: []string{"", "one", "two"}[r.IntN(3)]}
				if r.IntN(3) == 0 {
					o.Failure = Failure{Kind: Missing}
				}
				store.Observe([]Observation{o})
			case 6:
				l := geelark.ListedPhone{At: at(now - r.IntN(5)), Phone: geelark.Phone{ID: id(), Group: geelark.Some([]string{"", "a", "b"}[r.IntN(3)]), Status: geelark.Some(geelark.Status(r.IntN(3))), RPARunning: geelark.Some(r.IntN(2) > 0)}}
				store.TrackListed(store.NewRound(), []geelark.ListedPhone{l}, r.IntN(4) > 0)
			case 7:
				if r.IntN(10) == 0 {
					store.RetainListed(store.NewRound(), at(now), false)
				}
			case 8:
				l := Lifetimes{Status: time.Duration(50+50*r.IntN(2)) * time.Second, RPA: 70 * time.Second}
				if err := store.contradiction(store.Snapshot(at(now), l), at(now), l); err != "" {
					t.Fatalf("seed %d, step %d: %s", seed, now, err)
				}
			}
			inFlight := 0
			for _, p := range store.table.rows {
				if p.queue == nil {
					inFlight++
				}
			}
			if got := store.schedule.fresh.n + store.schedule.polled.n + inFlight; got != len(store.table.rows) {
				t.Fatalf("seed %d: %d phones in queues or in flight, %d tracked", seed, got, len(store.table.rows))
			}
		}
	}
}

// contradiction compares a snapshot with what is known of each phone.
func (s *Store) contradiction(snapshot *Snapshot, now time.Time, l Lifetimes) string {
	standings := make(map[Standing]int)
	var ages []time.Duration
	phones := 0
	var described []string
	var descriptions []*Description
	for _, chunk := range snapshot.Descriptions {
		described, descriptions = append(described, chunk.ids...), append(descriptions, chunk.values...)
	}
	for i, chunk := range snapshot.Conditions {
		for j, id := range chunk.ids {
			r := s.table.byID[id]
			if r == nil || phones >= len(described) || described[phones] != id || r.place != phones || s.table.rows[phones] != r {
				return fmt.Sprintf("place %d of chunk %d is not that of %s", j, i, id)
			}
			v, d, age := chunk.values[j].Value(), descriptions[phones], now.Sub(s.time(r.observedAt))
			phones++
			at := Standing{Knowledge: v.Knowledge}
			if v.Knowledge == Current {
				ages = append(ages, max(age, 0))
				at.Status = v.Status
			}
			if (v.Knowledge == Current || v.Knowledge == Outdated) && (v.Knowledge == Current) != (age <= l.Status) {
				return fmt.Sprintf("%s was seen %s ago and is %d", id, age, v.Knowledge)
			}
			if d != nil {
				at.Listed, at.Group = d.Listed, d.Group
				if age := now.Sub(s.time(r.describedAt)); at.Listed && d.RPAOutdated != (age > l.RPA) {
					return fmt.Sprintf("%s was listed %s ago, outdated: %v", id, age, d.RPAOutdated)
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
	case phones != len(s.table.byID) || phones != snapshot.Phones || phones != len(described):
		return fmt.Sprintf("%d phones in chunks, %d tracked", phones, len(s.table.byID))
	case !maps.Equal(standings, snapshot.Standings):
		return fmt.Sprintf("counted %v, there are %v", snapshot.Standings, standings)
	case snapshot.Current != len(ages) || snapshot.Oldest != oldest || snapshot.Median != median:
		return fmt.Sprintf("ages of %d: at most %s, median %s, want %d: %s, %s", snapshot.Current, snapshot.Oldest, snapshot.Median, len(ages), oldest, median)
	}
	return ""
}

func oldestWaiting(s *Store) instant {
	oldest := ever
	for _, r := range s.table.rows {
		if r.queue != nil {
			oldest = min(oldest, r.polledAt)
		}
	}
	return oldest
}

func (s *Store) everything() (all []Record) {
	for r := range s.All(at(0), Lifetimes{math.MaxInt64 / 4, math.MaxInt64 / 4}) {
		all = append(all, *r)
	}
	return all
}

func TestChunksAreInTheOrderOfIDs(t *testing.T) {
	const n = 20 * blockSize
	store := NewStore(at(0))
	snapshot := func() (ids []string, chunks []*Conditions) {
		s := store.Snapshot(at(1), Lifetimes{time.Hour, time.Hour})
		if said := store.contradiction(s, at(1), Lifetimes{time.Hour, time.Hour}); said != "" {
			t.Error(said)
		}
		for _, c := range s.Conditions {
			ids = append(ids, c.ids...)
		}
		return ids, s.Conditions
	}
	var tracked []string
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(n) {
		tracked = append(tracked, strconv.Itoa(10_000+i))
	}
	store.TrackOnly(tracked)
	ids, before := snapshot()
	if !slices.IsSorted(ids) {
		t.Errorf("phones that were tracked in any order are in the order %.100q", ids)
	}
	// Some that come and go take along few others.
	tracked = slices.DeleteFunc(tracked, func(id string) bool { return id == "10100" })
	store.TrackOnly(append(tracked, "10000a", "10000b"))
	ids, after := snapshot()
	if slices.IsSorted(ids) {
		t.Error("few phones have changed the places of all")
	}
	same := 0
	for i, c := range after {
		if i < len(before) && c == before[i] {
			same++
		}
	}
	if same < len(before)-2 {
		t.Errorf("%d of %d chunks are the same", same, len(before))
	}
	// Many put everything into order again.
	for _, i := range rand.New(rand.NewPCG(2, 2)).Perm(n / 2) {
		tracked = append(tracked, "10000x"+strconv.Itoa(i))
	}
	store.TrackOnly(tracked)
	if ids, _ := snapshot(); !slices.IsSorted(ids) {
		t.Error("many new phones have not brought about a new order")
	}
	// So do many that go, whose places others fill.
	store.TrackOnly(slices.DeleteFunc(tracked, func(id string) bool { return id < "10000y" || id[len(id)-1] == '7' }))
	if ids, _ := snapshot(); !slices.IsSorted(ids) || len(ids) < n/2 {
		t.Errorf("%d phones that were left are not in a new order", len(ids))
	}
}

// What moves when an eighth of the phones do not follow on those before them.
func TestPhonesAreOrderedWhenMoreThanAnEighthIsOutOfOrder(t *testing.T) {
	ascending := func(from, n int) (ids []string) {
		for i := range n {
			ids = append(ids, strconv.Itoa(from+i))
		}
		return ids
	}
	shown := func(s *Store) (ids []string) {
		for _, c := range s.Snapshot(at(0), Lifetimes{}).Conditions {
			ids = append(ids, c.ids...)
		}
		return ids
	}
	for name, test := range map[string]struct {
		ids     []string
		ordered bool
	}{
		"two the other way round":    {[]string{"b", "a"}, true},
		"an eighth of them, exactly": {slices.Concat(ascending(300, 6), ascending(200, 5), ascending(100, 5)), false},
		"more than an eighth":        {slices.Concat(ascending(300, 5), ascending(200, 5), ascending(100, 5)), true},
	} {
		s := NewStore(at(0))
		s.TrackOnly(test.ids)
		if got := shown(s); slices.IsSorted(got) != test.ordered {
			t.Errorf("%s: got %q", name, got)
		}
	}
	// From then on it takes as many again.
	s := NewStore(at(0))
	ids := append(ascending(200, 7), ascending(100, 7)...)
	for _, more := range []struct {
		ids     []string
		ordered bool
	}{{nil, false}, {[]string{"050"}, true}, {[]string{"040"}, false}, {[]string{"030"}, false}, {[]string{"020"}, true}} {
		ids = append(ids, more.ids...)
		s.TrackOnly(ids)
		if got := shown(s); slices.IsSorted(got) != more.ordered {
			t.Errorf("with %q more: got %q", more.ids, got)
		}
	}
}

func TestAPhoneThatFillsAGapGrowsOldAmongNewerOnes(t *testing.T) {
	store := NewStore(at(0))
	var phones []geelark.ListedPhone
	for i := range blockSize + 1 {
		phones = append(phones, geelark.ListedPhone{At: at(50), Phone: geelark.Phone{ID: strconv.Itoa(1000 + i), Status: geelark.Some(geelark.StatusStarted), RPARunning: geelark.Some(true)}})
	}
	last := &phones[blockSize]
	last.At = at(10)
	store.TrackListed(store.NewRound(), phones, true)
	var ids []string
	for _, p := range phones[1:] {
		ids = append(ids, p.ID)
	}
	lifetimes := Lifetimes{Status: 40 * time.Second, RPA: 40 * time.Second}
	store.Snapshot(at(50), lifetimes) // none is old
	store.TrackOnly(ids)
	for r := range store.All(at(60), lifetimes) {
		if old := r.ID == last.ID; (r.Knowledge == Outdated) != old || r.RPAOutdated != old {
			t.Errorf("%s, of the place %d: got %+v", r.ID, store.table.byID[r.ID].place, r)
		}
	}
}

func TestIDsAreInAscendingOrder(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"c", "a", "b"})
	if got := store.IDs(); !slices.Equal(got, []string{"a", "b", "c"}) || store.Len() != 3 {
		t.Errorf("got %q of %d", got, store.Len())
	}
}

func TestARecordTellsWhereAPhoneStands(t *testing.T) {
	store := NewStore(at(0))
	round := store.NewRound()
	phones := listedPhones("there", "gone", "asked")
	for i := range phones {
		phones[i].At, phones[i].Status, phones[i].RPARunning = at(1), geelark.Some(geelark.StatusStarted), geelark.Some(true)
	}
	store.TrackListed(round, phones, true)
	store.RetainListed(round, at(1), false)
	store.Take(1)
	round = store.NewRound()
	store.TrackListed(round, listedPhones("there", "asked"), false)
	store.RetainListed(round, at(2), false)
	store.track("named", round)
	store.Observe([]Observation{{ID: "named", At: at(1), SerialName: "name"}})
	for _, tt := range []struct {
		now            int
		knowledge      Knowledge
		taskIsOutdated bool
	}{{10, Current, false}, {11, Current, false}, {12, Outdated, false}, {21, Outdated, false}, {22, Outdated, true}} {
		for r := range store.All(at(tt.now), Lifetimes{Status: 10 * time.Second, RPA: 20 * time.Second}) {
			if r.Knowledge != tt.knowledge || r.RPAOutdated != (tt.taskIsOutdated && r.Listed) || r.Listed != (r.ID != "named") {
				t.Errorf("at %d: got %+v", tt.now, r)
			}
			if r.Unlisted != (r.ID == "gone") || r.Waiting != (r.ID != "there") {
				t.Errorf("at %d: %s is absent: %v, waits: %v", tt.now, r.ID, r.Unlisted, r.Waiting)
			}
		}
	}
}

func TestGroupsAndNamesAreThoseOfListedPhones(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"named", "unknown"})
	store.Observe([]Observation{{ID: "named", At: at(1), SerialName: "name"}})
	store.TrackListed(store.NewRound(), []geelark.ListedPhone{
		{At: at(1), Phone: geelark.Phone{ID: "listed", SerialName: "other name", Group: geelark.Some("group")}},
		{At: at(1), Phone: geelark.Phone{ID: "alone", Group: geelark.Some("")}},
	}, true)
	for id, want := range map[string]struct {
		group string
		ok    bool
		name  string
	}{
		"named": {"", false, "name"}, "unknown": {}, "listed": {"group", true, "other name"}, "alone": {"", true, ""}, "untracked": {},
	} {
		if group, ok := store.GroupOf(id); group != want.group || ok != want.ok {
			t.Errorf("%s: group %q, %v, want %q, %v", id, group, ok, want.group, want.ok)
		}
		if name := store.NameOf(id); name != want.name {
			t.Errorf("%s: name %q, want %q", id, name, want.name)
		}
		if got := store.Tracks(id); got != (id != "untracked") {
			t.Errorf("%s is tracked: %v", id, got)
		}
	}
}

func TestPhonesThatAreTrackedWereObservedSinceATime(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"a", "b", "never"})
	store.Observe([]Observation{{ID: "a", At: at(5)}, {ID: "b", At: at(9)}})
	for _, tt := range []struct {
		ids   []string
		since int
		want  bool
	}{
		{nil, 9, true},
		{[]string{"a", "b"}, 5, true},
		{[]string{"a", "b"}, 6, false},
		{[]string{"b"}, 9, true},
		{[]string{"b"}, 10, false},
		{[]string{"b", "a"}, 9, false},
		{[]string{"never"}, 0, false},
		{[]string{"untracked"}, 9, true},
	} {
		if got := store.ObservedSince(tt.ids, at(tt.since)); got != tt.want {
			t.Errorf("%q since %d: %v, want %v", tt.ids, tt.since, got, tt.want)
		}
	}
}

// Putting a large fleet in order holds the lock: it must not take long.
func BenchmarkOrder(b *testing.B) {
	ids := make([]string, 100_000)
	for i := range ids {
		ids[i] = strconv.Itoa(500_000_000_000_000_000 + i*7_919_123_456_789%99_999_999_999_999)
	}
	store := NewStore(at(0))
	store.TrackOnly(ids)
	tracked := slices.Clone(store.table.rows)
	for b.Loop() {
		b.StopTimer()
		copy(store.table.rows, tracked)
		store.table.descents = len(ids)
		b.StartTimer()
		store.table.order()
	}
}
