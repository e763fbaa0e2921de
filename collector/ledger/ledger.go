// Package ledger counts what an account used and paid for, each flow of its bill
// once.
//
// The vendor forgets a flow after three days, and documents neither the order in
// which flows are listed, nor whether one can appear later than it was created,
// nor whether the place on which a listing goes on survives new entries. So a
// [Ledger] counts by the flow's id, and a [Reader] goes by time: it reads what was
// created since it read last, and compares for everything older how many flows the
// vendor has with how many are known, which takes one call. Where the two differ
// it looks closer.
//
// A ledger remembers the ids of the last three days, 16 bytes each, and no more
// than [Capacity] of them: of a fleet that has more flows than that in three days,
// one that appears after it could be remembered is not counted.
package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"geelark_exporter/geelark"
)

// Capacity is the most flows that are remembered, 32 MB: those of 10,000 phones
// with a flow a minute over more than three hours.
const Capacity = 2_000_000

// A Use is what time and money are counted by.
type Use struct {
	Kind   geelark.FlowKind
	Charge geelark.ChargeType
}

// A Sum is of time and money. Where it is of the charge type points alone, the
// amount is of points.
type Sum struct {
	Used   time.Duration
	Amount geelark.Amount
}

// Plus returns the sum of both.
func (s Sum) Plus(t Sum) Sum { return Sum{s.Used + t.Used, s.Amount + t.Amount} }

func (s *Sum) add(t Sum) { *s = s.Plus(t) }

// A GroupUse is a use by the phones of a group.
type GroupUse struct {
	Group string
	Use
}

// A Phone is what a phone used and paid.
type Phone struct {
	Group string // as last known
	Last  int64  // when its last flow was created, in Unix seconds
	Sum
}

// An entry is a flow that was counted.
type entry struct {
	Created int64 // Unix seconds
	ID      uint64
}

func (e entry) compare(o entry) int {
	return cmp.Or(cmp.Compare(e.Created, o.Created), cmp.Compare(e.ID, o.ID))
}

// A Ledger counts flows. It is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries []entry // in order
	// floor is the creation before which flows are not counted: when counting
	// began, or what could not be remembered any more.
	floor  int64
	groups map[GroupUse]Sum
	phones map[string]*Phone
	last   int64 // the latest creation of all
	keep   func(Change)

	restored bool // from an earlier ledger, which began to count when that says
}

// A Change is what a ledger learned at once. Changes in their order make the
// ledger anew.
type Change struct {
	Floor   int64 // not lower than before
	Entries []entry
	Groups  map[GroupUse]Sum // what was added
	Phones  map[string]Phone // what was added, the other fields as they are now
}

// New returns a ledger that counts what was created from start on. Each change is
// handed to keep, unless that is nil, after it was made.
func New(start time.Time, keep func(Change)) *Ledger {
	if keep == nil {
		keep = func(Change) {}
	}
	return &Ledger{floor: start.Unix(), groups: make(map[GroupUse]Sum), phones: make(map[string]*Phone), keep: keep}
}

// Restore takes in a change of an earlier ledger, with the time from which that
// counted.
func (l *Ledger) Restore(c Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.restored {
		l.restored, l.floor = true, c.Floor
	}
	l.apply(c)
}

// Whole is a change that makes the ledger as it is.
func (l *Ledger) Whole() Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Change{Floor: l.floor, Entries: slices.Clone(l.entries), Groups: maps.Clone(l.groups), Phones: make(map[string]Phone, len(l.phones))}
	for id, p := range l.phones {
		c.Phones[id] = *p
	}
	return c
}

// identify makes a number of a flow's id: the vendor's are numbers.
func identify(id string) uint64 {
	if n, err := strconv.ParseUint(id, 10, 64); err == nil && strconv.FormatUint(n, 10) == id {
		return n
	}
	return xxhash.Sum64String(id)
}

// Count counts the flows that were not counted yet, and returns how many those
// were. The group of a phone that groupOf does not know is the one that was known
// last.
func (l *Ledger) Count(flows []geelark.Flow, groupOf func(phone string) (string, bool)) int {
	c := l.count(flows, groupOf)
	if len(c.Entries) > 0 {
		l.keep(c)
	}
	return len(c.Entries)
}

func (l *Ledger) count(flows []geelark.Flow, groupOf func(phone string) (string, bool)) Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Change{Floor: l.floor, Groups: make(map[GroupUse]Sum), Phones: make(map[string]Phone)}
	for _, f := range flows {
		e := entry{f.Created.Unix(), identify(f.ID)}
		if e.Created < l.floor || l.knows(e) {
			continue
		}
		at, found := slices.BinarySearchFunc(c.Entries, e, entry.compare)
		if found {
			continue
		}
		c.Entries = slices.Insert(c.Entries, at, e)
		p, known := c.Phones[f.PhoneID]
		if !known && l.phones[f.PhoneID] != nil {
			p = *l.phones[f.PhoneID]
			p.Sum = Sum{}
		}
		if g, ok := groupOf(f.PhoneID); ok {
			p.Group = g
		}
		add := Sum{f.Used, f.Amount}
		p.Last = max(p.Last, e.Created)
		if f.Charge == geelark.ChargePoints {
			p.add(Sum{Used: f.Used}) // an amount of points is no money
		} else {
			p.add(add)
		}
		c.Phones[f.PhoneID] = p
		use := GroupUse{p.Group, Use{f.Kind, f.Charge}}
		sum := c.Groups[use]
		sum.add(add)
		c.Groups[use] = sum
	}
	l.apply(c)
	return c
}

func (l *Ledger) knows(e entry) bool {
	_, found := slices.BinarySearchFunc(l.entries, e, entry.compare)
	return found
}

func (l *Ledger) apply(c Change) {
	l.merge(c.Entries)
	for use, sum := range c.Groups {
		s := l.groups[use]
		s.add(sum)
		l.groups[use] = s
	}
	for id, add := range c.Phones {
		p := l.phones[id]
		if p == nil {
			p = new(Phone)
			l.phones[id] = p
		}
		p.Group, p.Last = add.Group, max(p.Last, add.Last)
		p.add(add.Sum)
	}
	if n := len(l.entries); n > 0 {
		l.last = max(l.last, l.entries[n-1].Created)
	}
	l.floor = max(l.floor, c.Floor)
	if over := len(l.entries) - Capacity; over > 0 {
		// All of a second stay or go.
		l.floor = max(l.floor, l.entries[over-1].Created+1)
	}
	l.forget(l.floor)
}

// merge puts entries that are in order where they belong: nearly always at the end.
func (l *Ledger) merge(entries []entry) {
	if len(entries) == 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(l.entries, entries[0], entry.compare)
	if at == len(l.entries) {
		l.entries = append(l.entries, entries...)
		return
	}
	later := slices.Clone(l.entries[at:])
	l.entries = l.entries[:at]
	for len(later) > 0 && len(entries) > 0 {
		if later[0].compare(entries[0]) < 0 {
			l.entries, later = append(l.entries, later[0]), later[1:]
		} else {
			l.entries, entries = append(l.entries, entries[0]), entries[1:]
		}
	}
	l.entries = append(append(l.entries, later...), entries...)
}

// forget drops the ids of what was created before t.
func (l *Ledger) forget(t int64) {
	n, _ := slices.BinarySearchFunc(l.entries, entry{Created: t}, entry.compare)
	if n > len(l.entries)/2 {
		l.entries = slices.Clone(l.entries[n:]) // the rest is garbage
	} else {
		l.entries = l.entries[n:]
	}
}

// Forget drops what the vendor has forgotten: flows that were created before t,
// which are not counted any more, and phones without a later one that tracked does
// not have.
func (l *Ledger) Forget(t time.Time, tracked func(phone string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.floor = max(l.floor, t.Unix())
	l.forget(l.floor)
	for id, p := range l.phones {
		if p.Last < l.floor && !tracked(id) {
			delete(l.phones, id)
		}
	}
}

// Known returns how many flows are known that were created from the one second to
// the other, both included.
func (l *Ledger) Known(from, to int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, _ := slices.BinarySearchFunc(l.entries, entry{Created: from}, entry.compare)
	end, _ := slices.BinarySearchFunc(l.entries, entry{Created: to + 1}, entry.compare)
	return max(0, end-first)
}

// Floor returns the creation before which flows are not counted, in Unix seconds.
func (l *Ledger) Floor() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.floor
}

// Last returns when the latest flow was created, zero when there was none.
func (l *Ledger) Last() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == 0 {
		return time.Time{}
	}
	return time.Unix(l.last, 0)
}

// Groups returns what the groups used. A phone counts with the group that it had
// then.
func (l *Ledger) Groups() map[GroupUse]Sum {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.groups)
}

// Phones calls f for each phone that is known, until f returns false. It must not
// use the ledger.
func (l *Ledger) Phones(f func(id string, p Phone) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range l.phones {
		if !f(id, *p) {
			return
		}
	}
}
