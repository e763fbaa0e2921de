package watch

import (
	"testing"
	"time"

	"geelark_exporter/collector/ledger"
	"geelark_exporter/geelark"
)

func TestADayOfUsage(t *testing.T) {
	midnight := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)
	groups := func(a, b geelark.Amount) map[ledger.GroupUse]ledger.Sum {
		return map[ledger.GroupUse]ledger.Sum{
			{Group: "a", Use: ledger.Use{Kind: 1}}:                               {Amount: a},
			{Group: "b", Use: ledger.Use{Kind: 1}}:                               {Amount: b},
			{Group: "b", Use: ledger.Use{Kind: 2}}:                               {Amount: b},
			{Group: "b", Use: ledger.Use{Kind: 2, Charge: geelark.ChargePoints}}: {Amount: 1000 * b}, // no money
		}
	}
	var d today
	if got := d.used(groups(0, 0)); len(got) != 0 || !d.From.IsZero() {
		t.Errorf("before counting begins: %v since %s", got, d.From)
	}
	for _, step := range []struct {
		name      string
		now, last time.Duration // from midnight
		counted   map[ledger.GroupUse]ledger.Sum
		after     map[ledger.GroupUse]ledger.Sum
		from      time.Duration
		a, b      geelark.Amount
		begins    bool
	}{
		{"counting begins, or goes on from a state", -2 * time.Hour, -2 * time.Hour, groups(10, 20), groups(11, 22), -2 * time.Hour, 1, 4, true},
		{"it goes on", -time.Minute, -3 * time.Minute, groups(11, 22), groups(12, 22), -2 * time.Hour, 2, 4, false},
		{"another day begins", time.Minute, -time.Minute, groups(12, 22), groups(12, 23), 0, 0, 2, true},
		{"it goes on too", 3 * time.Minute, time.Minute, groups(12, 23), groups(15, 23), 0, 3, 2, false},
		{"nothing was counted about midnight", 27 * time.Hour, 22 * time.Hour, groups(15, 23), groups(16, 23), 22 * time.Hour, 1, 0, true},
		{"nothing was counted for ten minutes before midnight", 48 * time.Hour, 48*time.Hour - 10*time.Minute, groups(15, 23), groups(16, 23), 48 * time.Hour, 1, 0, true},
		{"nor for a moment more", 72 * time.Hour, 72*time.Hour - 10*time.Minute - 1, groups(15, 23), groups(16, 23), 72*time.Hour - 10*time.Minute - 1, 1, 0, true},
	} {
		if begins := d.begin(midnight.Add(step.now), midnight.Add(step.last), step.counted); begins != step.begins {
			t.Errorf("%s: a day begins: %v", step.name, begins)
		}
		got := d.used(step.after)
		if _, told := got["b"]; told != (step.b != 0) {
			t.Errorf("%s: the group that used nothing is among %v", step.name, got)
		}
		if got["a"].Amount != step.a || got["b"].Amount != step.b || !d.From.Equal(midnight.Add(step.from)) {
			t.Errorf("%s: %v since %s", step.name, got, d.From)
		}
	}
}
