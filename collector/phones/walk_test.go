package phones

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The last phones fill the gaps that the first ones leave.
func TestWhoeverWalksSeesEachPhoneThatWasThereThroughoutOnce(t *testing.T) {
	var all []string
	for i := range 2000 {
		all = append(all, strconv.Itoa(10000+i))
	}
	stay := all[1000:]
	forever := Lifetimes{1 << 62, 1 << 62}
	store := NewStore(at(0))
	for range 50 {
		store.TrackOnly(all)
		var wg sync.WaitGroup
		wg.Go(func() { store.TrackOnly(stay) })
		walks := map[string][]string{"a record of each": nil, "a snapshot": nil, "ids": nil}
		for r := range store.All(at(0), forever) {
			walks["a record of each"] = append(walks["a record of each"], r.ID)
		}
		for _, c := range store.Snapshot(at(0), forever).Conditions {
			for id := range c.All() {
				walks["a snapshot"] = append(walks["a snapshot"], id)
			}
		}
		walks["ids"] = store.IDs()
		wg.Wait()
		for name, ids := range walks {
			seen := make(map[string]int)
			for _, id := range ids {
				seen[id]++
			}
			if i := slices.IndexFunc(stay, func(id string) bool { return seen[id] != 1 }); i >= 0 {
				t.Fatalf("%s: phone %s is there %d times", name, stay[i], seen[stay[i]])
			}
		}
	}
}

func TestAWalkGoesOnWhilePhonesComeAndGo(t *testing.T) {
	var all []string
	for i := range 1000 {
		all = append(all, strconv.Itoa(10000+i))
	}
	forever := Lifetimes{1 << 62, 1 << 62}
	for at := 0; at < 1000; at += 50 { // where the walk is when they do
		store := NewStore(time.Unix(1, 0))
		store.TrackOnly(all)
		seen := make(map[string]int)
		n := 0
		for r := range store.All(time.Unix(1, 0), forever) {
			if seen[r.ID]++; n == at {
				store.TrackOnly(all[500:])
				store.TrackOnly(all[250:])
			}
			n++
		}
		for _, id := range all[500:] {
			if seen[id] != 1 {
				t.Fatalf("%d phones into the walk half went and some came: phone %s is there %d times", at, id, seen[id])
			}
		}
	}
}

func TestAWalkLeavesOutPhonesThatWentBeforeIt(t *testing.T) {
	var all []string
	for i := range 3 * blockSize {
		all = append(all, strconv.Itoa(10000+i))
	}
	store := NewStore(at(0))
	store.TrackOnly(all)
	seen := 0
	for range store.All(at(0), Lifetimes{1 << 62, 1 << 62}) {
		if seen++; seen == 1 {
			store.TrackOnly(all[:1])
		}
	}
	if seen > blockSize {
		t.Errorf("%d phones, want no more than were looked at with the first", seen)
	}
}
