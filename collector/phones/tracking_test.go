package phones

import (
	"fmt"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// A fleet of n phones that listings lack from some time on.
func TestWhenPhonesLeave(t *testing.T) {
	const minute = 60
	at := func(minutes int) time.Time { return at(minutes * minute) }
	for _, tt := range []struct {
		name       string
		n, lacking int
		notFound   int // of the lacking, by their own lookups
		filtered   bool
		other      bool // another selection from then on
		alive      bool // lookups still work
		losses     map[int]Loss
	}{
		{"a few are absent twice", 50, 5, 0, false, false, false, map[int]Loss{0: {Tracked: 50}, 5: {Tracked: 50, Unlisted: 5}}},
		{"half of them", 50, 25, 0, false, false, false, map[int]Loss{0: {Tracked: 50}, 5: {Tracked: 50, Unlisted: 25}}},
		{"more than half, but fewer than ten", 12, 9, 0, false, false, false, map[int]Loss{0: {Tracked: 12}, 5: {Tracked: 12, Unlisted: 9}}},
		{"more than half and ten", 12, 10, 0, false, false, false, map[int]Loss{
			0: {Tracked: 12}, 5: {Tracked: 12, Doubted: 10}, 55: {Tracked: 12, Doubted: 10}, 60: {Tracked: 12, Unlisted: 10},
		}},
		{"all of them", 50, 50, 0, false, false, true, map[int]Loss{
			0: {Tracked: 50}, 5: {Tracked: 50, Doubted: 50}, 59: {Tracked: 50, Doubted: 50}, 60: {Tracked: 50, Unlisted: 50},
		}},
		{"all of them, and their lookups agree", 50, 50, 50, false, false, false, map[int]Loss{0: {Tracked: 50, NotFound: 50}}},
		{"all of them, and some lookups agree", 50, 50, 30, false, false, false, map[int]Loss{
			0: {Tracked: 50, NotFound: 30}, 5: {Tracked: 20, Doubted: 20}, 60: {Tracked: 20, Unlisted: 20},
		}},
		{"by a filter, a few that can be looked up", 50, 5, 0, true, false, true, map[int]Loss{0: {Tracked: 50}, 5: {Tracked: 50, Unselected: 5}}},
		{"by a filter, a few of which nobody knows", 50, 5, 0, true, false, false, map[int]Loss{0: {Tracked: 50}, 5: {Tracked: 50, Unlisted: 5}}},
		{"by another selection, all", 50, 50, 0, true, true, true, map[int]Loss{0: {Tracked: 50}, 5: {Tracked: 50, Unselected: 50}}},
	} {
		store := NewStore(at(-100))
		list := func(minutes, n int) Loss {
			round := store.NewRound()
			var listed []geelark.ListedPhone
			for i := range n {
				listed = append(listed, geelark.ListedPhone{At: at(minutes), Phone: geelark.Phone{ID: fmt.Sprint(i)}})
			}
			store.TrackListed(round, listed, true)
			return store.RetainListed(round, at(minutes), tt.filtered)
		}
		list(0, tt.n)
		if tt.other {
			store.NewSelection()
		}
		for minutes := 0; minutes <= 60; minutes++ {
			for i := tt.n - tt.lacking; i < tt.n; i++ {
				o := Observation{ID: fmt.Sprint(i), At: at(minutes).Add(-time.Second)}
				if i >= tt.n-tt.notFound {
					o.Failure = FailedWith(geelark.CodePhoneNotFound)
				}
				if tt.alive || o.Failure != (Failure{}) {
					store.Observe([]Observation{o})
				}
			}
			want, listed := tt.losses[minutes]
			if !listed {
				continue
			}
			if got := list(minutes, tt.n-tt.lacking); got != want {
				t.Errorf("%s, after %d minutes: %+v, want %+v", tt.name, minutes, got, want)
			}
		}
	}
}

func TestAPhoneThatIsListedAgainHasNotBeenAbsent(t *testing.T) {
	store := NewStore(at(0))
	for i, n := range []int{20, 0, 20, 0, 20, 0, 1, 20} {
		round := store.NewRound()
		var listed []geelark.ListedPhone
		for id := range n {
			listed = append(listed, geelark.ListedPhone{At: at(i), Phone: geelark.Phone{ID: fmt.Sprint(id)}})
		}
		store.TrackListed(round, listed, true)
		if loss := store.RetainListed(round, at(3600*i), false); loss.Phones() != 0 && n != 1 {
			t.Errorf("listing %d: %+v", i, loss)
		}
	}
}

func TestWhatNothingNamesAnyMoreWasGivenUp(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"a", "b", "c"})
	if got, want := store.TrackOnly([]string{"b", "d"}), (Loss{Tracked: 4, Unselected: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestALossIsOfPhonesThatLeft(t *testing.T) {
	if got := (Loss{Tracked: 16, NotFound: 1, Unlisted: 2, Unselected: 4, Doubted: 8}).Phones(); got != 7 {
		t.Errorf("got %d, want 7", got)
	}
}

func TestManyThatAreAbsentForTheFirstTimeDoNotKeepAFewThatWereBefore(t *testing.T) {
	store := NewStore(at(0))
	list := func(second, n int) Loss {
		round := store.NewRound()
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprint(i))
		}
		store.TrackListed(round, listedPhones(ids...), false)
		return store.RetainListed(round, at(second), false)
	}
	list(0, 50)
	list(1, 45)
	if got, want := list(2, 5), (Loss{Tracked: 50, Unlisted: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAPhoneIsNotSelectedWhenItAnswersAfterTheFilterLackedIt(t *testing.T) {
	for seen, want := range map[int]Loss{9: {Tracked: 2, Unlisted: 1}, 10: {Tracked: 2, Unlisted: 1}, 11: {Tracked: 2, Unselected: 1}} {
		store := NewStore(at(0))
		list := func(second int, ids ...string) Loss {
			round := store.NewRound()
			store.TrackListed(round, listedPhones(ids...), false)
			return store.RetainListed(round, at(second), true)
		}
		list(0, "a", "b")
		list(10, "a")
		store.Observe([]Observation{{ID: "b", At: at(seen)}})
		if got := list(20, "a"); got != want {
			t.Errorf("looked up at %d, absent at 10 and 20: %+v, want %+v", seen, got, want)
		}
	}
}

func TestAListingDescribesPhonesThatAreTrackedAnyway(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"a", "b"})
	store.DescribeListed(&geelark.PhonePage{At: at(5), Phones: []geelark.Phone{
		{ID: "a", SerialName: "name", Group: geelark.Some("group"), Status: geelark.Some(geelark.StatusStarted)},
		{ID: "another"},
	}})
	if store.Len() != 2 {
		t.Errorf("%q are tracked", store.IDs())
	}
	for r := range store.All(at(5), Lifetimes{time.Hour, time.Hour}) {
		listed := r.ID == "a"
		if r.Listed != listed || r.DescribedAt.Equal(at(5)) != listed || (r.Group == "group") != listed || (r.Knowledge == Current) != listed || r.Unlisted {
			t.Errorf("got %+v", r)
		}
	}
}
