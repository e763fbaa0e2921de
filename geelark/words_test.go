package geelark

import (
	"fmt"
	"testing"
)

// What the vendor's documents have numbers for, and the words of labels.
func TestNumbersOfTheDocumentsHaveTheirWords(t *testing.T) {
	words := func(of func(int) fmt.Stringer, want map[int]string, other string) {
		t.Helper()
		for n := -1; n < 60; n++ {
			w, documented := want[n]
			if !documented {
				w = other
			}
			if got := of(n).String(); got != w {
				t.Errorf("%T of %d: %q, want %q", of(n), n, got, w)
			}
		}
	}
	words(func(n int) fmt.Stringer { return Status(n) }, map[int]string{0: "started", 1: "starting", 2: "shut_down", 3: "expired"}, "unknown")
	words(func(n int) fmt.Stringer { return NetType(n) }, map[int]string{0: "wifi", 1: "mobile"}, "unknown")
	words(func(n int) fmt.Stringer { return Plan(n) }, map[int]string{0: "base", 1: "pro"}, "unknown")
	words(func(n int) fmt.Stringer { return FlowKind(n) }, map[int]string{1: "phone", 2: "rpa"}, "unknown")
	words(func(n int) fmt.Stringer { return ChargeType(n) }, map[int]string{
		1: "points", 2: "balance", 3: "bonus", 4: "time_addon", 5: "bonus_minutes", 6: "monthly_rental", 7: "parallels", 8: "daily_cap",
	}, "unknown")
	words(func(n int) fmt.Stringer { return TaskType(n) }, map[int]string{
		1: "tiktok_video", 2: "tiktok_warmup", 3: "tiktok_carousel", 4: "tiktok_login", 6: "tiktok_profile", 42: "custom",
	}, "other")
	words(func(n int) fmt.Stringer { return TaskStatus(n) }, map[int]string{
		1: "waiting", 2: "in_progress", 3: "completed", 4: "failed", 7: "cancelled",
	}, "unknown")
}
