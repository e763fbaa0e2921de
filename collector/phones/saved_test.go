package phones

import (
	"bytes"
	"encoding/gob"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// kept is what another process finds of a store.
func kept(t *testing.T, s *Store) []Saved {
	t.Helper()
	var all []Saved
	for some := range s.Save() {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(some); err != nil {
			t.Fatal(err)
		}
		var again []Saved
		if err := gob.NewDecoder(&b).Decode(&again); err != nil {
			t.Fatal(err)
		}
		all = append(all, again...)
	}
	return all
}

func TestWhatWasKnownIsKnownToALaterProcess(t *testing.T) {
	now := at(1_000_000)
	random := rand.New(rand.NewPCG(1, 2))
	store := NewStore(at(0))
	round := store.NewRound()
	var ids []string
	for i := range 3000 {
		id := strconv.Itoa(i)
		ids = append(ids, id)
		if i%3 == 0 {
			continue
		}
		store.TrackListed(round, []geelark.ListedPhone{{At: at(random.IntN(900_000)), Phone: geelark.Phone{
			ID: id, SerialName: "name " + id, SerialNo: id, Group: geelark.Some("group " + strconv.Itoa(i%7)), Tags: []string{"b", "a"},
			Status: geelark.Some(geelark.Status(i % 3)), Bound: geelark.Some(i%2 == 0), MonthlyExpire: at(2_000_000 + i), CreateTime: at(i),
			RPARunning: geelark.Some(i%5 == 0), Country: "DE", NetType: geelark.Some(geelark.NetMobile),
		}}}, i%4 != 0)
	}
	store.TrackOnly(ids)
	for range 20 {
		batch := store.Take(100)
		when := at(900_000 + random.IntN(90_000))
		for i, id := range batch {
			o := Observation{ID: id, At: when, SerialName: "seen " + id, Status: geelark.Status(i % 5)}
			if i%10 == 0 {
				o = Observation{ID: id, At: when, Failure: FailedWith(geelark.CodePhoneNotFound)}
			}
			store.Observe([]Observation{o})
		}
		store.GiveBack(batch, when)
	}
	lifetimes := Lifetimes{Status: 50_000 * time.Second, RPA: 100_000 * time.Second}
	want := store.Snapshot(now, lifetimes)

	again := NewStore(now)
	again.Restore(kept(t, store), now)
	got := again.Snapshot(now, lifetimes)
	if !maps.Equal(got.Standings, want.Standings) || got.Phones != want.Phones || got.Current != want.Current || got.Oldest != want.Oldest || got.Median != want.Median {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	known := func(s *Store) map[string]Record {
		m := make(map[string]Record)
		for r := range s.All(now, lifetimes) {
			m[r.ID] = *r
		}
		return m
	}
	if g, w := known(again), known(store); !reflect.DeepEqual(g, w) {
		for id := range w {
			if !reflect.DeepEqual(g[id], w[id]) {
				t.Fatalf("got  %+v\nwant %+v", g[id], w[id])
			}
		}
	}
	if reason := again.contradiction(got, now, lifetimes); reason != "" {
		t.Error(reason)
	}
	if g, w := again.Take(3000), store.Take(3000); len(g) != len(w) {
		t.Errorf("%d phones in turn, want %d", len(g), len(w))
	}
}

func TestAClockThatWasSetBackMakesNothingNewerThanNow(t *testing.T) {
	store := NewStore(at(0))
	store.Restore([]Saved{{ID: "1", Status: geelark.StatusStarted, ObservedAt: at(500).UnixMilli(), PolledAt: at(500).UnixMilli(), DescribedAt: at(500).UnixMilli()}}, at(100))
	for r := range store.All(at(100), Lifetimes{Status: time.Hour, RPA: time.Hour}) {
		if !r.ObservedAt.Equal(at(100)) || !r.PolledAt.Equal(at(100)) || !r.DescribedAt.Equal(at(100)) {
			t.Errorf("got %+v", r)
		}
	}
	store.Observe([]Observation{{ID: "1", At: at(101), Status: geelark.StatusShutDown}})
	if got := store.Snapshot(at(101), Lifetimes{Status: time.Hour}); got.Standings[Standing{Listed: true, Knowledge: Current, Status: geelark.StatusShutDown}] != 1 {
		t.Errorf("got %+v", got.Standings)
	}
}

func TestPhonesAreRestoredInTheOrderOfTheirTurn(t *testing.T) {
	var saved []Saved
	for i := range 500 {
		polled := int64(0)
		if i%5 > 0 {
			polled = at((i * 7919) % 1000).UnixMilli()
		}
		saved = append(saved, Saved{ID: strconv.Itoa(i), PolledAt: polled})
	}
	store := NewStore(at(2000))
	store.Restore(saved, at(2000))
	var times []int64
	of := make(map[string]int64)
	for _, p := range saved {
		of[p.ID] = p.PolledAt
	}
	for _, id := range store.Take(1000) {
		times = append(times, of[id])
	}
	if len(times) != 500 || !slices.IsSorted(times) || times[99] != 0 || times[100] == 0 {
		t.Errorf("got %v", times)
	}
}

func TestAPhoneThatWasNeverPolledNorListedIsRestoredAsThat(t *testing.T) {
	store := NewStore(at(100))
	store.Restore([]Saved{{ID: "b", SerialName: "name"}}, at(100))
	store.TrackOnly([]string{"b", "a"})
	for r := range store.All(at(100), Lifetimes{time.Hour, time.Hour}) {
		if r.Knowledge != Pending || !r.ObservedAt.IsZero() || !r.PolledAt.IsZero() || !r.DescribedAt.IsZero() {
			t.Errorf("got %+v", r)
		}
	}
	if got := store.Take(2); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("got %q, want them in the order of tracking", got)
	}
}
