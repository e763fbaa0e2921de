package phones

import (
	"maps"
	"slices"
	"time"
)

// ages counts statuses by the time at which they were told. Phones share these
// times: an answer tells those of up to a hundred.
type ages struct {
	told map[instant]int
	n    int
}

func (a *ages) add(at instant) {
	a.told[at]++
	a.n++
}

func (a *ages) remove(at instant) {
	a.n--
	if a.told[at]--; a.told[at] == 0 {
		delete(a.told, at)
	}
}

// of returns the greatest age and the median one, zero when there is none.
func (a *ages) of(now instant) (oldest, median time.Duration) {
	if a.n == 0 {
		return 0, 0
	}
	times := slices.Sorted(maps.Keys(a.told))
	age := func(at instant) time.Duration { return max(time.Duration(now-at), 0) }
	nth := func(i int) instant { // the one that has i older ones
		for _, at := range times {
			if i -= a.told[at]; i < 0 {
				return at
			}
		}
		return never
	}
	return age(times[0]), (age(nth((a.n-1)/2)) + age(nth(a.n/2))) / 2
}
