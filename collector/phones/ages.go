package phones

import (
	"cmp"
	"slices"
	"time"
)

// ages counts statuses by the time at which they were told. Phones share these
// times: an answer tells those of up to a hundred.
type ages struct {
	told []cohort // in the order of time
	n    int
}

type cohort struct {
	at instant
	n  int
}

func (a *ages) find(at instant) (int, bool) {
	return slices.BinarySearchFunc(a.told, at, func(c cohort, at instant) int { return cmp.Compare(c.at, at) })
}

func (a *ages) add(at instant) {
	i, found := a.find(at)
	if !found {
		a.told = slices.Insert(a.told, i, cohort{at: at})
	}
	a.told[i].n++
	a.n++
}

func (a *ages) remove(at instant) {
	i, _ := a.find(at)
	a.n--
	if a.told[i].n--; a.told[i].n == 0 {
		a.told = slices.Delete(a.told, i, i+1)
	}
}

// of returns the greatest age and the median one, zero when there is none.
func (a *ages) of(now instant) (oldest, median time.Duration) {
	if a.n == 0 {
		return 0, 0
	}
	age := func(at instant) time.Duration { return max(time.Duration(now-at), 0) }
	return age(a.told[0].at), (age(a.nth((a.n-1)/2)) + age(a.nth(a.n/2))) / 2
}

// nth returns when the status was told that has i older ones.
func (a *ages) nth(i int) instant {
	for _, c := range a.told {
		if i -= c.n; i < 0 {
			return c.at
		}
	}
	return never
}
