// Package tasks follows the automation tasks of an account and counts each end of
// one once.
//
// The vendor lists the tasks of the last seven days, in an order that it does not
// document, and tells of a hundred at once what became of them. So a [Tracker]
// follows those that are open by their ids. New ones it looks for at both ends of
// the list: from the front until a page has nothing new, and behind the last task
// that it has read. The number of tasks that the vendor lists tells whether that
// was enough; otherwise, and every few hours, it goes through the whole list, as
// slowly as the calls that it is given ask for.
//
// A task that had ended before counting began does not count. The vendor does not
// tell when a task ended: one that is met for the first time when it has ended
// counts when it was scheduled, or must have ended, after counting began.
//
// A tracker remembers the tasks of seven days, some 30 bytes for each that has
// ended, and no more than [Capacity] of them, and the phones whose tasks failed within
// the last hour.
package tasks

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"geelark_exporter/geelark"
)

// Capacity is the most tasks that are remembered: ten times a hundred thousand a
// week. Of an account that has more, the oldest are forgotten and may count again.
const Capacity = 1_000_000

// An End is what ended tasks are counted by.
type End struct {
	Type   geelark.TaskType
	Status geelark.TaskStatus
}

// A Cause is what failed tasks are counted by.
type Cause struct {
	Type geelark.TaskType
	Code geelark.Code
}

// A Change is what a tracker learned at once. Changes in their order make the
// tracker anew.
type Change struct {
	Start  time.Time      // when counting began; zero: as before
	Open   []geelark.Task // as they are now
	Ended  []Ended
	Ends   map[End]int // what was added
	Causes map[Cause]int

	Failing []Failing
}

// Failing is a phone with a task that failed.
type Failing struct {
	Phone string
	Cause geelark.TaskCause
	At    int64 // Unix seconds, of the latest of them
}

// failingFor is how long a phone counts after a task of it failed.
const failingFor = time.Hour

// Ended is a task that has ended.
type Ended struct {
	ID        uint64 // a hash
	Scheduled int64  // Unix seconds
}

// A Failure is a task that failed.
type Failure struct {
	geelark.Task
	Seen time.Time
}

// margin is how far the vendor's clock can be behind: what it still lists must not
// be forgotten.
const margin = 24 * time.Hour

// OtherCode stands for the codes of failures beyond the first hundred different
// ones: the vendor's documents have fewer.
const OtherCode geelark.Code = -1

const maxCodes = 100

// mostFailures is about what a person reads.
const mostFailures = 20

type open struct {
	geelark.Task
	followed time.Time // when it was last asked for
	absent   bool      // from the last answer about it
}

// A Tracker knows tasks. It is safe for concurrent use.
type Tracker struct {
	start time.Time
	keep  func(Change)
	took  func(geelark.TaskType, geelark.TaskStatus, time.Duration)

	mu     sync.Mutex
	open   map[string]*open
	ended  map[uint64]int64 // by hash of the id: for when it was scheduled
	ends   map[End]int
	causes map[Cause]int
	failed []Failure // the latest last
	// failing has when a task of the phone failed last for the cause.
	failing map[phoneCause]int64
}

type phoneCause struct {
	phone string
	cause geelark.TaskCause
}

// New returns a tracker that counts what ends from start on. Each change is handed
// to keep after it was made, and what an ended task took to took; either can be
// nil.
func New(start time.Time, keep func(Change), took func(geelark.TaskType, geelark.TaskStatus, time.Duration)) *Tracker {
	if keep == nil {
		keep = func(Change) {}
	}
	if took == nil {
		took = func(geelark.TaskType, geelark.TaskStatus, time.Duration) {}
	}
	return &Tracker{
		start: start, keep: keep, took: took, open: make(map[string]*open), ended: make(map[uint64]int64),
		ends: make(map[End]int), causes: make(map[Cause]int), failing: make(map[phoneCause]int64),
	}
}

// Restore takes in a change of an earlier tracker.
func (t *Tracker) Restore(c Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !c.Start.IsZero() {
		t.start = c.Start
	}
	for _, task := range c.Open {
		t.open[task.ID] = &open{Task: task}
	}
	for _, e := range c.Ended {
		t.ended[e.ID] = e.Scheduled
	}
	for id := range t.open {
		if _, ended := t.ended[xxhash.Sum64String(id)]; ended {
			delete(t.open, id)
		}
	}
	for e, n := range c.Ends {
		t.ends[e] += n
	}
	for e, n := range c.Causes {
		t.causes[e] += n
	}
	for _, f := range c.Failing {
		t.fails(f)
	}
}

func (t *Tracker) fails(f Failing) {
	k := phoneCause{f.Phone, f.Cause}
	t.failing[k] = max(t.failing[k], f.At)
}

// Whole is a change that makes the tracker as it is.
func (t *Tracker) Whole() Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Change{Start: t.start, Ends: maps.Clone(t.ends), Causes: maps.Clone(t.causes)}
	for _, o := range t.open {
		c.Open = append(c.Open, o.Task)
	}
	for id, scheduled := range t.ended {
		c.Ended = append(c.Ended, Ended{id, scheduled})
	}
	for k, at := range t.failing {
		c.Failing = append(c.Failing, Failing{k.phone, k.cause, at})
	}
	return c
}

// learn takes in tasks as they were at a time, and returns how many of them were
// not known.
func (t *Tracker) learn(tasks []geelark.Task, now time.Time) (unknown int) {
	c := Change{Ends: make(map[End]int), Causes: make(map[Cause]int)}
	var took []geelark.Task
	t.mu.Lock()
	for _, task := range tasks {
		hash := xxhash.Sum64String(task.ID)
		if _, ended := t.ended[hash]; ended {
			continue
		}
		o := t.open[task.ID]
		if o == nil {
			unknown++
		}
		if !task.Status.Ended() {
			switch {
			case o == nil:
				t.open[task.ID] = &open{Task: task, followed: now}
			case o.Task != task:
				o.Task = task
			default:
				continue
			}
			c.Open = append(c.Open, task)
			continue
		}
		delete(t.open, task.ID)
		t.ended[hash] = task.Scheduled.Unix()
		c.Ended = append(c.Ended, Ended{hash, task.Scheduled.Unix()})
		if o == nil && task.Scheduled.Add(task.Took).Before(t.start) {
			continue
		}
		took = append(took, task)
		c.Ends[End{task.Type, task.Status}]++
		t.ends[End{task.Type, task.Status}]++
		if task.Status == geelark.TaskFailed {
			cause := Cause{task.Type, t.codeOf(task)}
			c.Causes[cause]++
			t.causes[cause]++
			t.failed = append(t.failed, Failure{task, now})
			t.failed = slices.Delete(t.failed, 0, max(0, len(t.failed)-mostFailures))
			if task.PhoneID != "" {
				f := Failing{task.PhoneID, task.FailCode.TaskCause(), endOf(task, o, now).Unix()}
				c.Failing = append(c.Failing, f)
				t.fails(f)
			}
		}
	}
	t.mu.Unlock()
	if len(c.Open)+len(c.Ended) > 0 {
		t.keep(c)
	}
	for _, task := range took {
		if task.Took > 0 {
			t.took(task.Type, task.Status, task.Took)
		}
	}
	return unknown
}

// endOf is the earliest time at which a task can have ended that has now: the vendor
// does not tell. What ended while nobody looked is no news.
func endOf(task geelark.Task, before *open, now time.Time) time.Time {
	at := task.Scheduled.Add(task.Took)
	if before != nil && before.followed.After(at) {
		at = before.followed
	}
	if at.After(now) {
		return now
	}
	return at
}

// codeOf is the code by which a failure is counted.
func (t *Tracker) codeOf(task geelark.Task) geelark.Code {
	codes := make(map[geelark.Code]bool)
	for cause := range t.causes {
		codes[cause.Code] = true
	}
	if !codes[task.FailCode] && len(codes) >= maxCodes {
		return OtherCode
	}
	return task.FailCode
}

// forget drops tasks that the vendor does not list any more.
func (t *Tracker) forget(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := now.Add(-geelark.TaskMemory - margin).Unix()
	if len(t.ended) > Capacity {
		scheduled := slices.Sorted(maps.Values(t.ended))
		oldest = max(oldest, scheduled[len(scheduled)-Capacity])
	}
	for id, scheduled := range t.ended {
		if scheduled < oldest {
			delete(t.ended, id)
		}
	}
	maps.DeleteFunc(t.failing, func(_ phoneCause, at int64) bool { return !isFailing(at, now) })
}

func isFailing(at int64, now time.Time) bool { return time.Unix(at, 0).After(now.Add(-failingFor)) }

// known returns how many tasks are known that the vendor lists.
func (t *Tracker) known(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	oldest := now.Add(-geelark.TaskMemory)
	for _, scheduled := range t.ended {
		if scheduled >= oldest.Unix() {
			n++
		}
	}
	for _, o := range t.open {
		if !o.Scheduled.Before(oldest) {
			n++
		}
	}
	return n
}

// due returns ids of open tasks to ask for: those that were not asked for the
// longest. A task whose time has not come is asked for less often.
func (t *Tracker) due(now time.Time, most int) []string {
	const soon, later = 30 * time.Second, 10 * time.Minute
	t.mu.Lock()
	defer t.mu.Unlock()
	var due []*open
	for _, o := range t.open {
		wait := soon
		if o.Scheduled.After(now) {
			wait = later
		}
		if now.Sub(o.followed) >= wait {
			due = append(due, o)
		}
	}
	slices.SortFunc(due, func(a, b *open) int {
		return cmp.Or(a.followed.Compare(b.followed), cmp.Compare(a.ID, b.ID))
	})
	var ids []string
	for _, o := range due[:min(most, len(due))] {
		ids = append(ids, o.ID)
	}
	return ids
}

// answered takes in that tasks were asked for. One that is absent from two answers
// is gone.
func (t *Tracker) answered(ids []string, tasks []geelark.Task, now time.Time) {
	present := make(map[string]bool, len(tasks))
	for _, task := range tasks {
		present[task.ID] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		o := t.open[id]
		if o == nil {
			continue
		}
		o.followed = now
		if !present[id] && o.absent {
			delete(t.open, id)
		}
		o.absent = !present[id]
	}
}

// Open returns the numbers of open tasks, and of those that have waited for longer
// than patience since the time for which they were scheduled.
func (t *Tracker) Open(now time.Time, patience time.Duration) (open map[End]int, overdue map[geelark.TaskType]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	open, overdue = make(map[End]int), make(map[geelark.TaskType]int)
	for _, o := range t.open {
		open[End{o.Type, o.Status}]++
		if o.Status == geelark.TaskWaiting && !o.Scheduled.IsZero() && now.Sub(o.Scheduled) > patience {
			overdue[o.Type]++
		}
	}
	return open, overdue
}

// Ends returns how many tasks have ended.
func (t *Tracker) Ends() map[End]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.ends)
}

// Causes returns how many tasks have failed.
func (t *Tracker) Causes() map[Cause]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.causes)
}

// Failing returns how many phones had a task that failed within the last hour, by the
// cause.
func (t *Tracker) Failing(now time.Time) map[geelark.TaskCause]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	failing := make(map[geelark.TaskCause]int)
	for k, at := range t.failing {
		if isFailing(at, now) {
			failing[k.cause]++
		}
	}
	return failing
}

// Failures returns the last failures, the latest first.
func (t *Tracker) Failures() []Failure {
	t.mu.Lock()
	defer t.mu.Unlock()
	failed := slices.Clone(t.failed)
	slices.Reverse(failed)
	return failed
}
