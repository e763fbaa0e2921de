package tasks

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
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"geelark_exporter/geelark"
)

// A vendor has tasks that are scheduled, run and end.
type vendor struct {
	now    time.Time
	random *rand.Rand
	order  string // ascending, descending, by id
	forget bool   // the place on which a listing goes on must be listed still
	fails  int    // calls out of a hundred that fail
	calls  int
	plans  []plan // in the order of their times

	listedAt time.Time
	list     []*plan
}

type plan struct {
	geelark.Task           // as it ends
	begins, ends time.Time // begins is when it starts to run
	made         time.Time // when the team made it, up to which nobody lists it
}

func (p *plan) at(now time.Time) geelark.Task {
	t := p.Task
	if now.Before(p.ends) {
		t.Status, t.FailCode, t.Took = geelark.TaskInProgress, 0, 0
	}
	if now.Before(p.begins) {
		t.Status = geelark.TaskWaiting
	}
	return t
}

func (v *vendor) plan(from time.Time, d time.Duration, n int) {
	for i := range n {
		at := from.Add(time.Duration(i) * (d / time.Duration(n))).Truncate(time.Second)
		p := plan{Task: geelark.Task{
			ID: strconv.Itoa(1e9 + i*7), PhoneID: strconv.Itoa(i % 100), Type: []geelark.TaskType{1, 2, 42, 99}[i%4],
			Status: []geelark.TaskStatus{3, 3, 3, 4, 7}[v.random.IntN(5)], Scheduled: at,
		}}
		p.made = at.Add(-time.Duration(v.random.IntN(3600)) * time.Second)
		if v.random.IntN(4) == 0 {
			p.made = at.Add(time.Duration(v.random.IntN(3600)) * time.Second) // for a time that has passed
		}
		p.begins = at
		if p.made.After(at) {
			p.begins = p.made
		}
		p.begins = p.begins.Add(time.Duration(v.random.IntN(900)) * time.Second)
		p.Took = time.Duration(1+v.random.IntN(1800)) * time.Second
		p.ends = p.begins.Add(p.Took)
		switch p.Status {
		case geelark.TaskFailed:
			p.FailCode = []geelark.Code{20100, 20110, 29997}[v.random.IntN(3)]
		case geelark.TaskCancelled:
			p.Took = 0
		}
		v.plans = append(v.plans, p)
	}
}

func (v *vendor) call() error {
	v.calls++
	v.now = v.now.Add(time.Duration(v.random.IntN(300)) * time.Millisecond)
	if v.random.IntN(100) < v.fails {
		return errors.New("50000")
	}
	return nil
}

func (v *vendor) TaskHistory(_ context.Context, last string, size int) (*geelark.TaskPage, error) {
	if err := v.call(); err != nil {
		return nil, err
	}
	listed := v.listed()
	at := 0
	if last != "" {
		at = 1 + slices.IndexFunc(listed, func(p *plan) bool { return p.ID == last })
		if at == 0 && v.forget {
			return nil, &geelark.APIError{Code: geelark.CodeParameter}
		}
	}
	page := &geelark.TaskPage{Total: len(listed)}
	for _, p := range listed[at:min(at+size, len(listed))] {
		page.Tasks = append(page.Tasks, p.at(v.now))
	}
	if n := len(page.Tasks); n > 0 {
		page.Last = page.Tasks[n-1].ID
	}
	return page, nil
}

// listed changes every ten seconds.
func (v *vendor) listed() []*plan {
	now := v.now.Truncate(10 * time.Second)
	if v.listedAt.Equal(now) {
		return v.list
	}
	v.listedAt, v.list = now, nil
	first, _ := slices.BinarySearchFunc(v.plans, now.Add(-geelark.TaskMemory), func(p plan, t time.Time) int { return p.Scheduled.Compare(t) })
	for i := first; i < len(v.plans) && !v.plans[i].Scheduled.After(now); i++ {
		if !v.plans[i].made.After(now) {
			v.list = append(v.list, &v.plans[i])
		}
	}
	switch v.order {
	case "descending":
		slices.Reverse(v.list)
	case "by id":
		slices.SortFunc(v.list, func(a, b *plan) int { return cmp.Compare(xxhash.Sum64String(a.ID), xxhash.Sum64String(b.ID)) })
	}
	return v.list
}

func (v *vendor) Tasks(_ context.Context, ids []string) ([]geelark.Task, error) {
	if len(ids) == 0 || len(ids) > geelark.MaxTasks {
		return nil, fmt.Errorf("%d ids", len(ids))
	}
	if err := v.call(); err != nil {
		return nil, err
	}
	var tasks []geelark.Task
	for _, id := range ids {
		at, _ := slices.BinarySearchFunc(v.plans, id, func(p plan, id string) int { return cmp.Compare(p.ID, id) })
		tasks = append(tasks, v.plans[at].at(v.now))
	}
	return tasks, nil
}

func encode(t *testing.T, c Change) []byte {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheEndOfEachTaskCountsOnce(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	n := 0
	for _, order := range []string{"ascending", "descending", "by id"} {
		for _, forget := range []bool{false, true} {
			n++
			t.Run(fmt.Sprintf("%s, forgets %v", order, forget), func(t *testing.T) {
				v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, uint64(n))), order: order, forget: forget, fails: 3}
				const days = 14
				v.plan(epoch.Add(-7*24*time.Hour), (7+days)*24*time.Hour, 3000)
				// What ends while counting begins can be met as ended only.
				v.plans = slices.DeleteFunc(v.plans, func(p plan) bool {
					return p.Scheduled.Before(epoch) && p.ends.After(epoch) && p.ends.Before(epoch.Add(20*time.Minute))
				})
				var changes [][]byte
				var tr *Tracker
				var r *Reader
				start := func() {
					keep := func(c Change) { changes = append(changes, encode(t, c)) }
					tr = New(epoch, keep, nil)
					for _, b := range changes {
						var c Change
						if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&c); err != nil {
							t.Fatal(err)
						}
						tr.Restore(c)
					}
					if len(changes) > 20 {
						changes = nil
						keep(tr.Whole())
					}
					r = NewReader(tr, v, func() time.Time { return v.now })
				}
				start()
				for end := epoch.Add((days + 1) * 24 * time.Hour); v.now.Before(end); {
					_ = r.Turn(t.Context(), 20)
					switch v.random.IntN(60) {
					case 0:
						start()
					case 1:
						v.now = v.now.Add(50 * time.Hour) // an outage
					}
					v.now = v.now.Add(30 * time.Minute)
				}
				for range 10 {
					_ = r.Turn(t.Context(), 100)
					v.now = v.now.Add(7 * time.Hour)
				}
				want := make(map[End]int)
				causes := make(map[Cause]int)
				for _, p := range v.plans {
					if !p.ends.After(epoch) {
						continue
					}
					want[End{p.Type, p.Status}]++
					if p.Status == geelark.TaskFailed {
						causes[Cause{p.Type, p.FailCode}]++
					}
				}
				if got := tr.Ends(); !maps.Equal(got, want) {
					t.Errorf("got  %v\nwant %v", got, want)
				}
				if got := tr.Causes(); !maps.Equal(got, causes) {
					t.Errorf("got  %v\nwant %v", got, causes)
				}
			})
		}
	}
}

func TestAHundredThousandTasksAWeekAreFollowedWithinTwentyCallsAMinute(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, 2)), order: "descending"}
	v.plan(epoch.Add(-7*24*time.Hour), 9*24*time.Hour, 128_000)
	tr := New(epoch, nil, nil)
	r := NewReader(tr, v, func() time.Time { return v.now })
	const minutes = 60
	for range minutes {
		if err := r.Turn(t.Context(), 20); err != nil {
			t.Fatal(err)
		}
		v.now = v.now.Add(time.Minute)
	}
	if v.calls > 20*minutes {
		t.Errorf("%d calls in %d minutes", v.calls, minutes)
	}
	// All that has ended for five minutes is counted, and nothing that goes on. When a
	// cancelled task ended is not told: those of before may not count.
	known, late, ended := 0, 0, 0
	for _, p := range v.plans {
		switch age := v.now.Sub(p.ends); {
		case !p.ends.After(epoch):
		case age >= 5*time.Minute:
			if ended++; p.Took > 0 || p.Scheduled.After(epoch) {
				known++
			}
			if _, open := tr.open[p.ID]; open {
				late++
			}
		case age >= 0:
			ended++
		}
	}
	total := 0
	for _, n := range tr.Ends() {
		total += n
	}
	if late > 0 || total < known || total > ended {
		t.Errorf("%d of %d to %d ends are counted, %d are late", total, known, ended, late)
	}
}

func TestFewTasksTakeFewCalls(t *testing.T) {
	epoch := time.Unix(1_790_000_000, 0)
	for _, order := range []string{"ascending", "descending", "by id"} {
		v := &vendor{now: epoch, random: rand.New(rand.NewPCG(1, 2)), order: order}
		v.plan(epoch.Add(-7*24*time.Hour), 6*24*time.Hour, 3000)
		tr := New(epoch, nil, nil)
		r := NewReader(tr, v, func() time.Time { return v.now })
		for range 10 {
			_ = r.Turn(t.Context(), 20)
			v.now = v.now.Add(time.Minute)
		}
		if n := maps.Collect(maps.All(tr.Ends())); len(n) != 0 {
			t.Errorf("%s: the past counts: %v", order, n)
		}
		before := v.calls
		for range 60 {
			_ = r.Turn(t.Context(), 20)
			v.now = v.now.Add(time.Minute)
		}
		if most := 60*3 + 40; v.calls-before > most {
			t.Errorf("%s: %d calls in an hour without news, want at most %d", order, v.calls-before, most)
		}
	}
}

// half is a vendor of which one API does not work.
type half struct {
	*vendor
	query error
}

func (h half) Tasks(context.Context, []string) ([]geelark.Task, error) { return nil, h.query }

func TestWhileTasksCannotBeAskedForNewOnesAreFoundAndEndsAreSeenInTheList(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	v := &vendor{now: begin, random: rand.New(rand.NewPCG(1, 1)), order: "descending"}
	v.plan(begin, 6*time.Hour, 60)
	now := func() time.Time { return v.now }
	tracker := New(begin, nil, nil)
	down := errors.New("down")
	r := NewReader(tracker, half{v, down}, now)
	failed := 0
	for range 9 * 60 {
		v.now = v.now.Add(time.Minute)
		if err := r.Turn(t.Context(), 20); err != nil {
			failed++
			if !errors.Is(err, down) {
				t.Fatal(err)
			}
		}
	}
	ended := 0
	for _, n := range tracker.Ends() {
		ended += n
	}
	if ended != len(v.plans) || failed == 0 {
		t.Errorf("%d of %d ends are known, %d turns failed", ended, len(v.plans), failed)
	}
}
