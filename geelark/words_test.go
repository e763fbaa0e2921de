package geelark

import (
	"fmt"
	"testing"
	"time"
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

func TestBoundsAreThoseOfTheDocuments(t *testing.T) {
	for name, test := range map[string]struct{ got, want int }{
		"ids of a call to phone/status":    {MaxStatusIDs, 100},
		"phones on a page of phone/list":   {MaxListPageSize, 100},
		"ids of a call to phone/list":      {MaxListIDs, 100},
		"proxies of a call to phone/list":  {MaxListProxyIDs, 10},
		"serial numbers of the same":       {MaxListSerialNos, 100},
		"flows on a page":                  {MaxFlows, 1000},
		"tasks on a page":                  {MaxTasks, 100},
		"hours that flows are remembered":  {int(FlowMemory / time.Hour), 3 * 24},
		"hours that tasks are remembered":  {int(TaskMemory / time.Hour), 7 * 24},
		"requests to an endpoint a minute": {VendorLimits().PerMinute, 200},
		"requests to an endpoint an hour":  {VendorLimits().PerHour, 24000},
		"programs that share these limits": {VendorLimits().Share, 1},
	} {
		if test.got != test.want {
			t.Errorf("%s: %d, want %d", name, test.got, test.want)
		}
	}
}
