package ledger

import (
	"maps"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

func flow(id, phone string, at int64, amount geelark.Amount) geelark.Flow {
	return geelark.Flow{ID: id, PhoneID: phone, Kind: geelark.FlowPhone, Charge: geelark.ChargeBalance, Amount: amount, Used: time.Minute, Created: time.Unix(at, 0)}
}

var byBalance = Use{geelark.FlowPhone, geelark.ChargeBalance}

func TestAFlowCountsOnce(t *testing.T) {
	var changes []Change
	l := New(time.Unix(100, 0), func(c Change) { changes = append(changes, c) })
	count := func(flows ...geelark.Flow) int { return l.Count(flows, noGroup) }
	for name, test := range map[string]struct{ got, want int }{
		"new ones":            {count(flow("1", "a", 100, 7), flow("2", "a", 150, 5)), 2},
		"the same again":      {count(flow("1", "a", 100, 7)), 0},
		"twice in one answer": {count(flow("3", "b", 120, 1), flow("3", "b", 120, 1)), 1},
		"before the start":    {count(flow("4", "b", 99, 1)), 0},
		"late":                {count(flow("5", "b", 101, 1)), 1},
		"ids that are no numbers, or not written as such": {count(flow("x", "b", 150, 1), flow("0x1", "b", 150, 1), flow("01", "b", 150, 1), flow("1", "b", 150, 1)), 4},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %d, want %d", name, test.got, test.want)
		}
	}
	want := Sum{8 * time.Minute, 18}
	if got := uses(l)[byBalance]; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(changes) != 4 || l.Last() != time.Unix(150, 0) || l.Known(100, 101) != 2 || l.Known(151, 200) != 0 || l.Known(5, 4) != 0 {
		t.Errorf("%d changes, last %v, known %d", len(changes), l.Last(), l.Known(100, 101))
	}
	again := New(time.Unix(500, 0), nil)
	for _, c := range changes {
		again.Restore(c)
	}
	whole := New(time.Unix(500, 0), nil)
	whole.Restore(again.Whole())
	for _, l := range []*Ledger{again, whole} {
		if got := uses(l)[byBalance]; got != want || l.Floor() != 100 || l.Count([]geelark.Flow{flow("1", "a", 100, 7)}, noGroup) != 0 {
			t.Errorf("restored: got %v from %d", got, l.Floor())
		}
	}
}

func TestAPhoneCountsWithTheGroupThatItHad(t *testing.T) {
	l := New(time.Unix(0, 0), nil)
	group, known := "one", true
	groupOf := func(string) (string, bool) { return group, known }
	l.Count([]geelark.Flow{flow("1", "a", 10, 1)}, groupOf)
	group = "two"
	l.Count([]geelark.Flow{flow("2", "a", 20, 10)}, groupOf)
	group, known = "", false // the phone is gone
	l.Count([]geelark.Flow{flow("3", "a", 30, 100), flow("4", "never seen", 30, 1000)}, groupOf)
	want := map[GroupUse]Sum{
		{"one", byBalance}: {time.Minute, 1},
		{"two", byBalance}: {2 * time.Minute, 110},
		{"", byBalance}:    {time.Minute, 1000},
	}
	if got := l.Groups(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatTheVendorHasForgottenIsForgotten(t *testing.T) {
	l := New(time.Unix(0, 0), nil)
	l.Count([]geelark.Flow{flow("1", "gone", 10, 1), flow("2", "tracked", 10, 1), flow("3", "used", 10, 1), flow("4", "used", 30, 1)}, noGroup)
	l.Forget(time.Unix(20, 0), func(phone string) bool { return phone == "tracked" })
	got := make(map[string]Sum)
	l.Phones(func(id string, p Phone) bool {
		got[id] = p.Sum
		return true
	})
	if want := (map[string]Sum{"tracked": {time.Minute, 1}, "used": {2 * time.Minute, 2}}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if l.Count([]geelark.Flow{flow("1", "gone", 10, 1), flow("5", "new", 19, 1)}, noGroup) != 0 || l.Known(0, 100) != 1 {
		t.Error("what is forgotten counts again")
	}
	if got := uses(l)[byBalance]; got != (Sum{4 * time.Minute, 4}) {
		t.Errorf("a sum went back: %v", got)
	}
	n := 0
	l.Phones(func(string, Phone) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d phones after the last", n)
	}
}

func TestALedgerRemembersNoMoreThanItsCapacity(t *testing.T) {
	l := New(time.Unix(0, 0), nil)
	entries := make([]entry, Capacity)
	for i := range entries {
		entries[i] = entry{int64(i / 1000), uint64(i)}
	}
	l.Restore(Change{Entries: entries})
	l.Count([]geelark.Flow{flow("99999999", "a", 5000, 1)}, noGroup)
	if l.Floor() != 1 || l.Known(0, 10_000) != Capacity-1000+1 || l.Known(0, 0) != 0 {
		t.Errorf("floor %d, %d known", l.Floor(), l.Known(0, 10_000))
	}
}

func TestPointsAreNoMoney(t *testing.T) {
	l := New(time.Unix(0, 0), nil)
	points := flow("2", "a", 10, 1000)
	points.Kind, points.Charge = geelark.FlowRPA, geelark.ChargePoints
	l.Count([]geelark.Flow{flow("1", "a", 10, 7), points}, noGroup)
	l.Phones(func(id string, p Phone) bool {
		if want := (Sum{2 * time.Minute, 7}); p.Sum != want {
			t.Errorf("phone %s: got %v, want %v", id, p.Sum, want)
		}
		return true
	})
	if got, want := uses(l)[Use{geelark.FlowRPA, geelark.ChargePoints}], (Sum{time.Minute, 1000}); got != want {
		t.Errorf("points by themselves: got %v, want %v", got, want)
	}
}
