package phones

import (
	"slices"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// polled is a store of two phones that were asked for at 5 and 6, and answered at 10
// and 9.
func polled() *Store {
	s := NewStore(at(0))
	s.TrackOnly([]string{"a", "b"})
	s.Take(2)
	s.Observe([]Observation{{ID: "a", At: at(5), SerialName: "name", Status: geelark.StatusStarted}, {ID: "b", At: at(6), Status: geelark.StatusStarted}})
	s.GiveBack([]string{"b"}, at(9))
	s.GiveBack([]string{"a"}, at(10))
	return s
}

func TestAListingTakesAPhonesTurnOnlyWhenItIsNewerThanThePoll(t *testing.T) {
	for _, test := range []struct {
		name  string
		phone string
		at    int
		want  []string
	}{
		{"before the poll's answer", "a", 7, []string{"b", "a"}},
		{"at the time of the poll's answer", "b", 9, []string{"b", "a"}},
		{"after it", "b", 20, []string{"a", "b"}},
	} {
		s := polled()
		s.TrackListed(s.NewRound(), []geelark.ListedPhone{{At: at(test.at), Phone: geelark.Phone{ID: test.phone, Status: geelark.Some(geelark.StatusStarting)}}}, true)
		if got := s.Take(2); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestAListingWithoutANameKeepsTheKnownOne(t *testing.T) {
	for _, described := range []bool{false, true} {
		s := polled()
		s.TrackListed(s.NewRound(), []geelark.ListedPhone{{At: at(20), Phone: geelark.Phone{ID: "a", Group: geelark.Some("g")}}}, described)
		for r := range s.All(at(20), Lifetimes{Status: 1 << 40, RPA: 1 << 40}) {
			if r.ID == "a" && (r.SerialName != "name" || r.Listed != described) {
				t.Errorf("described %v: got %+v", described, r)
			}
		}
	}
}

func TestAListingThatDescribesNothingTellsNames(t *testing.T) {
	s := polled()
	list := func(second int, name string, described bool) {
		s.TrackListed(s.NewRound(), []geelark.ListedPhone{{At: at(second), Phone: geelark.Phone{ID: "a", SerialName: name, Group: geelark.Some("g")}}}, described)
	}
	for _, test := range []struct {
		name      string
		described bool
		want      string
		listed    bool
	}{
		{"renamed", false, "renamed", false},
		{"described", true, "described", true},
		{"renamed again", false, "renamed again", true},
	} {
		list(20, test.name, test.described)
		if got := s.NameOf("a"); got != test.want {
			t.Errorf("listed as %q: got %q", test.name, got)
		}
		if group, listed := s.GroupOf("a"); listed != test.listed || listed && group != "g" {
			t.Errorf("listed as %q: in the group %q, %v, want %v", test.name, group, listed, test.listed)
		}
	}
}

func TestAListingTakesNoTurnOfAPhoneOfWhichItTellsNothingNew(t *testing.T) {
	listed := func(s *Store, id string, second int, status geelark.Status) {
		s.TrackListed(s.NewRound(), []geelark.ListedPhone{{At: at(second), Phone: geelark.Phone{ID: id, Status: geelark.Some(status)}}}, true)
	}
	for name, test := range map[string]struct {
		list func(s *Store)
		want []string
	}{
		"its status cannot be trusted": {func(s *Store) { listed(s, "b", 20, geelark.StatusShutDown) }, []string{"b", "a"}},
		"it is being polled": {func(s *Store) {
			s.Take(1)
			listed(s, "b", 20, geelark.StatusStarted)
		}, []string{"a"}},
		"something newer is known": {func(s *Store) {
			taken := s.Take(1)
			listed(s, "b", 20, geelark.StatusStarted)
			s.GiveBack(taken, time.Time{})
			listed(s, "b", 15, geelark.StatusStarted)
		}, []string{"b", "a"}},
		"another phone was polled at the same time": {func(s *Store) {
			s.GiveBack(s.Take(2), at(30))
			listed(s, "b", 30, geelark.StatusStarted)
		}, []string{"b", "a"}},
	} {
		s := polled()
		test.list(s)
		for r := range s.All(at(20), Lifetimes{time.Hour, time.Hour}) {
			if r.Status != geelark.StatusStarted || r.Knowledge != Current {
				t.Errorf("%s: got %+v", name, r)
			}
		}
		if got := s.Take(2); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
