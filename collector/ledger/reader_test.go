package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// A vendor lists flows in one of the ways that its documents leave open.
type vendor struct {
	now    time.Time
	skew   time.Duration
	random *rand.Rand

	order    string // ascending, descending, by id
	fragile  bool   // the place on which a listing goes on is a position: new entries move it
	doubles  bool   // a flow can stand on two pages
	open     bool   // a span's last second is not counted
	wrong    bool   // totals are those of the page
	fails    int    // calls out of a hundred that fail
	most     int    // on a page, whatever is asked for; 0 for what is asked for
	calls    int
	arrivals []arrival // in the order of appearance
	visible  int
	sorted   []geelark.Flow // the visible ones
}

type arrival struct {
	at   time.Time // when it appears
	flow geelark.Flow
}

func (v *vendor) Transactions(_ context.Context, q geelark.FlowQuery) (*geelark.FlowPage, error) {
	v.calls++
	v.now = v.now.Add(time.Duration(v.random.IntN(500)) * time.Millisecond)
	if v.random.IntN(100) < v.fails {
		return nil, errors.New("50000")
	}
	theirs := v.now.Add(v.skew)
	for ; v.visible < len(v.arrivals) && !v.arrivals[v.visible].at.After(theirs); v.visible++ {
		f := v.arrivals[v.visible].flow
		at, _ := slices.BinarySearchFunc(v.sorted, f, byTime)
		v.sorted = slices.Insert(v.sorted, at, f)
	}
	since := theirs.Add(-geelark.FlowMemory)
	if q.Start.After(since) {
		since = q.Start
	}
	from, _ := slices.BinarySearchFunc(v.sorted, geelark.Flow{Created: since}, byTime)
	to := len(v.sorted)
	if end := q.End; !end.IsZero() {
		if !v.open {
			end = end.Add(time.Second)
		}
		to, _ = slices.BinarySearchFunc(v.sorted, geelark.Flow{Created: end}, byTime)
	}
	found := slices.Clone(v.sorted[min(from, to):to])
	switch v.order {
	case "descending":
		slices.Reverse(found)
	case "by id":
		key := func(f geelark.Flow) uint64 { return identify(f.ID) * 0x9e3779b97f4a7c15 }
		slices.SortFunc(found, func(a, b geelark.Flow) int { return cmp.Compare(key(a), key(b)) })
	}
	if v.most > 0 {
		q.Limit = min(q.Limit, v.most)
	}
	at := 0
	if q.After != "" {
		if v.fragile {
			at, _ = strconv.Atoi(q.After)
		} else {
			at = 1 + slices.IndexFunc(found, func(f geelark.Flow) bool { return f.ID == q.After })
		}
	}
	at = min(at, len(found))
	if v.doubles && at > 0 && v.random.IntN(2) == 0 {
		at--
	}
	page := &geelark.FlowPage{Total: len(found), Flows: found[at:min(at+q.Limit, len(found))]}
	if n := len(page.Flows); n > 0 {
		page.Last = page.Flows[n-1].ID
		if v.fragile {
			page.Last = strconv.Itoa(at + n)
		}
	}
	if v.wrong {
		page.Total = len(page.Flows)
	}
	return page, nil
}

func byTime(a, b geelark.Flow) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// bill makes the flows of a fleet from a time on, of which some appear late.
func (v *vendor) bill(from time.Time, d time.Duration, flows int, lateness time.Duration) {
	for i := range flows {
		created := from.Add(time.Duration(v.random.Int64N(int64(d)))).Truncate(time.Second)
		at := created
		if lateness > 0 && v.random.IntN(5) == 0 {
			at = at.Add(time.Duration(v.random.Int64N(int64(lateness))))
		}
		v.arrivals = append(v.arrivals, arrival{at, geelark.Flow{
			ID: strconv.Itoa(1e9 + i), PhoneID: "phone-" + strconv.Itoa(v.random.IntN(50)),
			Kind: geelark.FlowKind(1 + v.random.IntN(2)), Charge: geelark.ChargeType(1 + v.random.IntN(8)),
			Amount: geelark.Amount(v.random.IntN(1000)) * 7_000_000, Used: time.Duration(v.random.IntN(60)) * time.Minute,
			Created: created,
		}})
	}
	slices.SortFunc(v.arrivals, func(a, b arrival) int { return a.at.Compare(b.at) })
}

// truth is what the flows sum up to that were created from a time on.
func (v *vendor) truth(from time.Time) map[Use]Sum {
	sums := make(map[Use]Sum)
	for _, a := range v.arrivals {
		if !a.flow.Created.Before(from.Truncate(time.Second)) {
			use := Use{a.flow.Kind, a.flow.Charge}
			s := sums[use]
			s.add(Sum{a.flow.Used, a.flow.Amount})
			sums[use] = s
		}
	}
	return sums
}

func uses(l *Ledger) map[Use]Sum {
	sums := make(map[Use]Sum)
	for g, sum := range l.Groups() {
		s := sums[g.Use]
		s.add(sum)
		sums[g.Use] = s
	}
	return sums
}

func noGroup(string) (string, bool) { return "", false }

// A process reads a vendor until it is restarted; what it learned is kept.
type process struct {
	ledger  *Ledger
	reader  *Reader
	changes [][]byte
}

func (p *process) start(t *testing.T, v *vendor, begin time.Time) {
	read, caughtUp := begin, begin
	if p.reader != nil {
		read, caughtUp = p.reader.Read(), p.reader.CaughtUp()
	}
	keep := func(c Change) {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(c); err != nil {
			t.Fatal(err)
		}
		p.changes = append(p.changes, b.Bytes())
	}
	p.ledger = New(begin, keep)
	for _, b := range p.changes {
		var c Change
		if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&c); err != nil {
			t.Fatal(err)
		}
		p.ledger.Restore(c)
	}
	if len(p.changes) > 20 {
		p.changes = nil
		keep(p.ledger.Whole())
	}
	p.reader = NewReader(p.ledger, v, read, caughtUp, noGroup, func() time.Time { return v.now })
}

func TestAMonthsBillIsCountedExactly(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	n := 0
	for _, order := range []string{"ascending", "descending", "by id"} {
		for _, fragile := range []bool{false, true} {
			for _, late := range []time.Duration{0, 5 * time.Minute, 48 * time.Hour} {
				n++
				name := fmt.Sprintf("%s, fragile %v, late by %s", order, fragile, late)
				t.Run(name, func(t *testing.T) {
					v := &vendor{
						now: epoch, random: rand.New(rand.NewPCG(1, uint64(n))), order: order, fragile: fragile,
						doubles: n%2 == 0, open: n%3 == 0, fails: 3, most: 20, skew: time.Duration(n%3-1) * 2 * time.Minute,
					}
					const days = 30
					v.bill(epoch.Add(-time.Hour), days*24*time.Hour, 2_500, late)
					// Counting begins by the vendor's clock.
					begin := epoch.Add(v.skew)
					var p process
					p.start(t, v, begin)
					for end := epoch.Add((days + 3) * 24 * time.Hour); v.now.Before(end); {
						err := p.reader.Turn(t.Context(), 40)
						p.ledger.Forget(v.now.Add(-geelark.FlowMemory-time.Hour), func(string) bool { return false })
						pause := 5 * time.Hour
						// What is this late can be told for less than an outage lasts.
						if late < 20*time.Hour && err == nil && p.reader.Behind() < time.Minute && v.random.IntN(40) == 0 {
							pause = 50 * time.Hour // an outage
						}
						if v.random.IntN(25) == 0 {
							p.start(t, v, begin)
						}
						v.now = v.now.Add(pause)
					}
					if got, want := uses(p.ledger), v.truth(begin); !maps.Equal(got, want) {
						t.Errorf("got  %v\nwant %v", got, want)
					}
				})
			}
		}
	}
}

func TestLateEntriesOfDaysAreFoundWithFewCalls(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	for _, open := range []bool{false, true} {
		v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, 2)), order: "descending", open: open}
		v.bill(epoch, 4*24*time.Hour, 3_000, 70*time.Hour)
		var p process
		p.start(t, v, epoch)
		turns := 0
		for end := epoch.Add(7 * 24 * time.Hour); v.now.Before(end); turns++ {
			if err := p.reader.Turn(t.Context(), 40); err != nil {
				t.Fatal(err)
			}
			v.now = v.now.Add(20 * time.Minute)
		}
		if got, want := uses(p.ledger), v.truth(epoch); !maps.Equal(got, want) {
			t.Errorf("open %v: got  %v\nwant %v", open, got, want)
		}
		if most := 12 * turns; v.calls > most {
			t.Errorf("%d calls in %d turns, want at most %d", v.calls, turns, most)
		}
	}
}

// TestLateEntriesAreFoundSoonWhateverAQueryEndsWith has so many flows in a second
// that those of the last one are as many as are late.
func TestLateEntriesAreFoundSoonWhateverAQueryEndsWith(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	for seed := range uint64(4) {
		for _, open := range []bool{false, true} {
			v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, seed)), order: "ascending", open: open, fails: 3}
			v.bill(epoch.Add(10*time.Second), 15*time.Minute, 15*60*8, 5*time.Minute)
			var p process
			p.start(t, v, epoch)
			for end := epoch.Add(30 * time.Minute); v.now.Before(end); {
				began := v.now
				_ = p.reader.Turn(t.Context(), 40)
				v.now = began.Add(2 * time.Minute)
			}
			if got, want := uses(p.ledger), v.truth(epoch); !maps.Equal(got, want) {
				t.Errorf("open %v, seed %d: got  %v\nwant %v", open, seed, got, want)
			}
		}
	}
}

// TestFlowsThatComeWhileTheirPagesAreReadAreNoFailure has a fleet whose flows come
// all the time.
func TestFlowsThatComeWhileTheirPagesAreReadAreNoFailure(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	for _, order := range []string{"ascending", "descending", "by id"} {
		for _, fragile := range []bool{false, true} {
			v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, 2)), order: order, fragile: fragile}
			v.bill(epoch, 20*time.Minute, 20*60*40, 0)
			var p process
			p.start(t, v, epoch)
			for v.now.Before(epoch.Add(18 * time.Minute)) {
				v.now = v.now.Add(2 * time.Minute)
				if err := p.reader.Turn(t.Context(), 40); err != nil {
					t.Fatalf("%s, fragile %v, after %v: %v", order, fragile, v.now.Sub(epoch), err)
				}
			}
			v.now = epoch.Add(21 * time.Minute)
			for range 3 {
				if err := p.reader.Turn(t.Context(), 40); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := uses(p.ledger), v.truth(epoch); !maps.Equal(got, want) {
				t.Errorf("%s, fragile %v: got  %v\nwant %v", order, fragile, got, want)
			}
		}
	}
}

func TestNothingNewTakesTwoCalls(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	for name, v := range map[string]*vendor{
		"no flow":      {},
		"flows":        {arrivals: []arrival{{epoch, geelark.Flow{ID: "1", Created: epoch}}, {epoch.Add(time.Hour), geelark.Flow{ID: "2", Created: epoch.Add(time.Hour)}}}},
		"wrong totals": {wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			v.now, v.random, v.order = epoch.Add(5*time.Hour), rand.New(rand.NewPCG(1, 2)), "ascending"
			var p process
			p.start(t, v, epoch)
			for range 10 {
				before := v.calls
				if err := p.reader.Turn(t.Context(), 40); err != nil || v.calls > before+2 {
					t.Fatalf("%d calls, %v", v.calls-before, err)
				}
				v.now = v.now.Add(2 * time.Minute)
			}
			if p.reader.Behind() > 2*time.Minute+time.Second {
				t.Errorf("%s behind", p.reader.Behind())
			}
		})
	}
}

// A bill of every minute is made as it is asked for: that of a large fleet is too
// long to keep.
type busyVendor struct {
	now   time.Time
	fleet int
	calls int
}

func (v *busyVendor) Transactions(_ context.Context, q geelark.FlowQuery) (*geelark.FlowPage, error) {
	v.calls++
	v.now = v.now.Add(200 * time.Millisecond)
	end := v.now.Unix()
	if !q.End.IsZero() {
		end = min(end, q.End.Unix())
	}
	// Flow n is created at minute n/fleet.
	first := (q.Start.Unix() + 59) / 60 * int64(v.fleet)
	last := (end/60 + 1) * int64(v.fleet) // behind the end
	page := &geelark.FlowPage{Total: int(max(last-first, 0))}
	at := first
	if q.After != "" {
		at, _ = strconv.ParseInt(q.After, 10, 64)
		at++
	}
	for ; at < last && len(page.Flows) < q.Limit; at++ {
		page.Last = strconv.FormatInt(at, 10)
		page.Flows = append(page.Flows, geelark.Flow{
			ID: page.Last, PhoneID: strconv.FormatInt(at%int64(v.fleet), 10), Kind: geelark.FlowPhone, Charge: geelark.ChargeBalance,
			Amount: 7_000_000, Used: time.Minute, Created: time.Unix(at/int64(v.fleet)*60, 0),
		})
	}
	return page, nil
}

func TestALargeFleetWithAFlowAMinuteIsKeptUpWith(t *testing.T) {
	epoch := time.Unix(1_790_000_040, 0)
	v := &busyVendor{now: epoch, fleet: 10_000}
	l := New(epoch, nil)
	r := NewReader(l, v, epoch, epoch, noGroup, func() time.Time { return v.now })
	const turns = 15
	for range turns {
		v.now = v.now.Add(2*time.Minute - time.Duration(v.now.Unix()%120)*time.Second)
		if err := r.Turn(t.Context(), 40); err != nil {
			t.Fatal(err)
		}
		if r.Behind() > 3*time.Minute {
			t.Fatalf("%s behind", r.Behind())
		}
	}
	if perMinute := v.calls / (2 * turns); perMinute > 20 {
		t.Errorf("%d calls a minute", perMinute)
	}
	got := uses(l)[Use{geelark.FlowPhone, geelark.ChargeBalance}]
	minutes := int64(got.Amount) / 7_000_000 / 10_000
	if want := (v.now.Unix() - epoch.Unix()) / 60; minutes < want-3 || minutes > want+1 || int64(got.Used/time.Minute) != minutes*10_000 {
		t.Errorf("%d minutes of %d", minutes, want)
	}
}

func TestADayWithoutAProcessIsFilledFromThreeDays(t *testing.T) {
	epoch := time.Unix(1_790_000_040, 0)
	v := &busyVendor{now: epoch.Add(24 * time.Hour), fleet: 300}
	l := New(epoch, nil)
	r := NewReader(l, v, epoch, epoch, noGroup, func() time.Time { return v.now })
	for turn := 0; r.Behind() > 3*time.Minute; turn++ {
		if turn > 60 {
			t.Fatalf("%s behind after two hours", r.Behind())
		}
		if err := r.Turn(t.Context(), 40); err != nil {
			t.Fatal(err)
		}
		v.now = v.now.Add(2 * time.Minute)
	}
	got := uses(l)[Use{geelark.FlowPhone, geelark.ChargeBalance}]
	if minutes := int64(got.Used / time.Minute / 300); minutes < 24*60 {
		t.Errorf("%d minutes", minutes)
	}
}

func TestWhatTheVendorForgotBeforeItWasReadIsSaidOnce(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, 2)), order: "ascending"}
	v.bill(epoch, 10*24*time.Hour, 1000, 0)
	var p process
	p.start(t, v, epoch)
	if err := p.reader.Turn(t.Context(), 40); err != nil {
		t.Fatal(err)
	}
	v.now = epoch.Add(5 * 24 * time.Hour)
	oldest := v.now.Add(margin - geelark.FlowMemory)
	v.fails = 100
	if err := p.reader.Turn(t.Context(), 40); err == nil || errors.Is(err, ErrForgotten) {
		t.Errorf("while nothing works: %v", err)
	}
	v.fails = 0
	err := p.reader.Turn(t.Context(), 40)
	if !errors.Is(err, ErrForgotten) || !strings.Contains(err.Error(), epoch.UTC().Format(time.RFC3339)+" to "+oldest.UTC().Format(time.RFC3339)[:16]) {
		t.Errorf("after five days: %v", err)
	}
	if got := p.ledger.Known(0, v.now.Unix()); got == 0 {
		t.Error("the last three days are not counted")
	}
	for range 3 {
		v.now = v.now.Add(2 * time.Minute)
		if err := p.reader.Turn(t.Context(), 40); err != nil {
			t.Errorf("said again: %v", err)
		}
	}
}

func TestWhereNothingIsUsedNothingIsForgotten(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, 2)), order: "ascending"}
	v.bill(epoch, time.Hour, 10, 0)
	var p process
	p.start(t, v, epoch)
	for end := epoch.Add(10 * 24 * time.Hour); v.now.Before(end); v.now = v.now.Add(20 * time.Hour) {
		if err := p.reader.Turn(t.Context(), 40); err != nil {
			t.Fatalf("after %v: %v", v.now.Sub(epoch), err)
		}
		p.start(t, v, epoch)
	}
}

func TestATotalThatIsThePagesHidesNoPage(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	v := &vendor{now: epoch.Add(time.Hour), random: rand.New(rand.NewPCG(1, 2)), order: "ascending", wrong: true}
	v.bill(epoch, time.Hour, 3*geelark.MaxFlows, 0)
	var p process
	p.start(t, v, epoch)
	if err := p.reader.Turn(t.Context(), 40); err != nil {
		t.Fatal(err)
	}
	if got, want := uses(p.ledger), v.truth(epoch); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
