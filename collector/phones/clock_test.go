package phones

import (
	"testing"
	"time"
	"unsafe"

	"geelark_exporter/geelark"
)

// clocks returns a time of a machine whose wall clock and whose monotonic clock have
// gone on so far. Package time makes such times and has no way to ask for one.
func clocks(wall, monotonic time.Duration) time.Time {
	const hasMonotonic = 1 << 63
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(wall)
	since := at.Unix() - time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	var t time.Time
	*(*struct {
		wall uint64
		ext  int64
	})(unsafe.Pointer(&t)) = struct {
		wall uint64
		ext  int64
	}{hasMonotonic | uint64(since)<<30 | uint64(at.Nanosecond()), int64(monotonic) + 1}
	return t
}

func TestWhatIsKnownGrowsOlderByTheClockThatGoesOnFurther(t *testing.T) {
	const second, hour = time.Second, time.Hour
	type reading struct{ wall, monotonic, slept, age time.Duration }
	for name, readings := range map[string][]reading{
		"both go on":                          {{10 * second, 10 * second, 0, 10 * second}, {20 * second, 20 * second, 0, 20 * second}},
		"the wall clock is a little ahead":    {{12*second - 1, 10 * second, 0, 10 * second}, {22*second - 1, 20 * second, 0, 20 * second}},
		"it goes two seconds ahead":           {{12 * second, 10 * second, 2 * second, 12 * second}, {22 * second, 20 * second, 0, 22 * second}},
		"it goes an hour ahead":               {{hour + 10*second, 10 * second, hour, hour + 10*second}, {hour + 20*second, 20 * second, 0, hour + 20*second}},
		"it goes ahead while nothing passes":  {{hour, 0, hour, hour}},
		"it goes ahead little by little":      {{11 * second, 10 * second, 0, 10 * second}, {22 * second, 20 * second, 0, 20 * second}, {33 * second, 30 * second, 0, 30 * second}},
		"it goes an hour back":                {{-hour, 10 * second, 0, 10 * second}, {10*second - hour, 20 * second, 0, 20 * second}},
		"it goes back and ahead":              {{-hour, 10 * second, 0, 10 * second}, {20 * second, 20 * second, hour + 10*second, hour + 30*second}},
		"it goes ahead twice":                 {{hour, 10 * second, hour - 10*second, hour}, {2 * hour, 20 * second, hour - 10*second, 2 * hour}},
		"a call was overtaken, and comes now": {{20 * second, 20 * second, 0, 20 * second}, {hour, 10 * second, 0, 10 * second}, {30 * second, 30 * second, 0, 30 * second}},
	} {
		store := NewStore(clocks(0, 0))
		store.TrackOnly([]string{"a"})
		store.Observe([]Observation{{ID: "a", At: clocks(0, 0), Status: geelark.StatusStarted}})
		for i, r := range readings {
			now := clocks(r.wall, r.monotonic)
			if got := store.KeepTime(now); got != r.slept {
				t.Errorf("%s, reading %d: slept %s, want %s", name, i, got, r.slept)
			}
			if got := store.Snapshot(now, Lifetimes{Status: 100 * hour}).Oldest; got != r.age {
				t.Errorf("%s, reading %d: %s old, want %s", name, i, got, r.age)
			}
		}
	}
}
