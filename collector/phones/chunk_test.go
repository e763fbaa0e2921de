package phones

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestChunksThatHaveTheSameAreUsedAgain(t *testing.T) {
	var ids []string
	for i := range descriptionsSize + 2 {
		ids = append(ids, strconv.Itoa(1000+i))
	}
	of := func(id string) int { return len(id) }
	before := Chunks(nil, ids, of)
	for name, tt := range map[string]struct {
		ids  []string
		of   func(id string) int
		same []bool // as the chunk at this place
	}{
		"nothing changed":                {ids, of, []bool{true, true}},
		"a value of the first":           {ids, func(id string) int { return len(id) + map[string]int{"1000": 1}[id] }, []bool{false, true}},
		"a phone of the first":           {append([]string{"0999"}, ids[1:]...), of, []bool{false, true}},
		"a phone less at the end":        {ids[:len(ids)-1], of, []bool{true, false}},
		"the second is gone":             {ids[:descriptionsSize], of, []bool{true}},
		"there is one more":              {append(slices.Clone(ids), slices.Repeat([]string{"2000"}, descriptionsSize)...), of, []bool{true, false, false}},
		"the same values, other phones":  {slices.Repeat([]string{"2000"}, len(ids)), of, []bool{false, false}},
		"the same phones, other values":  {ids, func(string) int { return 7 }, []bool{false, false}},
		"a chunk of the same at its end": {slices.Concat(ids[:descriptionsSize], ids[:descriptionsSize]), of, []bool{true, false}},
	} {
		got := Chunks(before, tt.ids, tt.of)
		var same []bool
		var all []string
		for i, c := range got {
			same = append(same, i < len(before) && c == before[i])
			for id, v := range c.All() {
				if v != tt.of(id) {
					t.Errorf("%s: %s has %d, want %d", name, id, v, tt.of(id))
				}
				all = append(all, id)
			}
		}
		if !slices.Equal(same, tt.same) {
			t.Errorf("%s: chunks that are used again: %v, want %v", name, same, tt.same)
		}
		if !slices.Equal(all, tt.ids) {
			t.Errorf("%s: %d phones, want %d", name, len(all), len(tt.ids))
		}
	}
}

func TestWhoeverWalksMayStop(t *testing.T) {
	store := NewStore(at(0))
	var ids []string
	for i := range 2*savedAtOnce + 1 {
		ids = append(ids, strconv.Itoa(i))
	}
	store.TrackOnly(ids)
	forever := Lifetimes{time.Hour, time.Hour}
	for range store.Snapshot(at(0), forever).Conditions[0].All() {
		break
	}
	for range store.All(at(0), forever) {
		break
	}
	for range store.Save() {
		break
	}
	for range store.walk() {
		break
	}
	if got := store.Take(len(ids)); len(got) != len(ids) {
		t.Errorf("of %d phones %d are left", len(ids), len(got))
	}
}

func TestSnapshotsHaveNoMoreChunksThanTheirPhonesNeed(t *testing.T) {
	for _, tt := range []struct{ phones, conditions, descriptions int }{
		{0, 0, 0},
		{1, 1, 1},
		{conditionsSize, 1, 1},
		{conditionsSize + 1, 2, 1},
		{descriptionsSize, 2, 1},
		{descriptionsSize + 1, 3, 2},
	} {
		store := NewStore(at(0))
		var ids []string
		for i := range tt.phones {
			ids = append(ids, strconv.Itoa(i))
		}
		store.TrackOnly(append([]string{"gone"}, ids...))
		store.Snapshot(at(0), Lifetimes{})
		store.TrackOnly(ids)
		s := store.Snapshot(at(0), Lifetimes{})
		if len(s.Conditions) != tt.conditions || len(s.Descriptions) != tt.descriptions {
			t.Errorf("%d phones: %d chunks of conditions, want %d; %d of descriptions, want %d",
				tt.phones, len(s.Conditions), tt.conditions, len(s.Descriptions), tt.descriptions)
		}
	}
}

func TestWhatIsMadeOfAChunkIsKeptWithWhatItDependsOn(t *testing.T) {
	var c Conditions
	if got := c.Made(1); got != nil {
		t.Errorf("before anything was made: %v", got)
	}
	c.Keep(1, "one")
	if got := c.Made(1); got != "one" {
		t.Errorf("got %v", got)
	}
	if got := c.Made(2); got != nil {
		t.Errorf("made of something else: %v", got)
	}
}

func TestAStatusOfALaterTimeHasNoAge(t *testing.T) {
	store := NewStore(at(0))
	store.TrackOnly([]string{"a"})
	store.Observe([]Observation{{ID: "a", At: at(5)}})
	if s := store.Snapshot(at(4), Lifetimes{Status: time.Hour}); s.Oldest != 0 || s.Median != 0 {
		t.Errorf("at most %s, median %s", s.Oldest, s.Median)
	}
}
