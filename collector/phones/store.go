package phones

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
	"unique"

	"geelark_exporter/geelark"
)

// A Store holds what is known of an account's tracked phones, and the order in
// which they are to be polled. It is safe for concurrent use and calls nobody:
// it can be used whatever lock is held.
type Store struct {
	mu        sync.Mutex // guards what is below and the rows
	epoch     time.Time
	seen      time.Time // by KeepTime, at last
	table     table
	schedule  schedule
	round     Round
	selection selection
	lifetimes Lifetimes // that the table was settled by
}

// NewStore returns an empty store. Times far from now are less exact.
func NewStore(now time.Time) *Store { return &Store{epoch: now, seen: now, table: newTable()} }

// leap is how far the wall clock must go ahead at once to tell something: clocks
// are set right by little all the time.
const leap = 2 * time.Second

// KeepTime takes in that it is now. The monotonic clock, which ages go by, stands
// still while the machine is suspended, and the wall clock, which is right after
// that, can be set back at any time: what is known grows older by whichever goes on
// further. KeepTime returns how much further the wall clock did since it was last
// called, zero for not at all.
func (s *Store) KeepTime(now time.Time) (slept time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	passed := now.Sub(s.seen)
	if passed < 0 {
		return 0 // of a call that was overtaken
	}
	ahead := wall(now).Sub(wall(s.seen)) - passed
	s.seen = now
	if ahead.Abs() < leap {
		return 0
	}
	slept = max(ahead, 0)
	s.epoch = now.Add(-now.Sub(s.epoch) - slept)
	return slept
}

// instant goes by the clock that says that t is longer ago: t may be of before the
// last leap.
func (s *Store) instant(t time.Time) instant {
	if t.IsZero() {
		return never
	}
	return instant(min(t.Sub(s.epoch), wall(t).Sub(wall(s.epoch))))
}

// wall is a time by the wall clock alone.
func wall(t time.Time) time.Time { return t.Round(0) }

func (s *Store) time(i instant) time.Time {
	if i == never {
		return time.Time{}
	}
	return s.epoch.Add(time.Duration(i))
}

// yield lets others have the lock.
func (s *Store) yield() {
	s.mu.Unlock()
	s.mu.Lock()
}

// Due reports whether at least n phones were last polled before t, or never.
func (s *Store) Due(t time.Time, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule.due(s.instant(t), n)
}

// Take hands out the n phones that are the next to poll, or as many as there are,
// until they are given back.
func (s *Store) Take(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule.take(n)
}

// GiveBack takes phones back after a poll that ended at t, or that was not sent
// when t is zero: then they keep their turn.
func (s *Store) GiveBack(ids []string, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.IsZero() {
		for _, id := range slices.Backward(ids) {
			if r := s.handedOut(id); r != nil {
				s.schedule.putBack(r)
			}
		}
		return
	}
	for _, id := range ids {
		if r := s.handedOut(id); r != nil {
			s.schedule.polledNow(r, s.instant(t))
		}
	}
}

// handedOut returns the row of a phone that was handed out. It can have been
// forgotten, and tracked anew.
func (s *Store) handedOut(id string) *row {
	if r := s.table.byID[id]; r != nil && r.queue == nil {
		return r
	}
	return nil
}

// Observe takes in what was found out, unless something newer is known. What
// concerns no tracked phone is left out.
func (s *Store) Observe(observations []Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range observations {
		if r := s.table.byID[o.ID]; r != nil {
			s.observe(r, o)
		}
	}
}

// observe reports whether it took in the observation: not when something newer is
// known.
func (s *Store) observe(r *row, o Observation) bool {
	at := s.instant(o.At)
	if at < r.observedAt {
		return false
	}
	s.table.update(r, func(r *row) {
		c := Condition{Knowledge: Current, Status: o.Status}
		if o.Failure != (Failure{}) {
			c = Condition{Knowledge: Failed, Status: r.condition.Value().Status, Failure: o.Failure}
		}
		r.observedAt, r.condition = at, unique.Make(c)
		r.rename(o.SerialName)
	})
	return true
}

// rename takes in a phone's name unless that is "".
func (r *row) rename(name string) {
	var d Description
	if r.description != nil {
		d = *r.description
	}
	if name != "" && name != d.SerialName {
		d.SerialName = name
		r.description = &d
	}
}

// learn takes in what a listing tells of a phone. A status that can be trusted
// is as good as a poll's.
func (s *Store) learn(r *row, l geelark.ListedPhone, described bool) {
	at := s.instant(l.At)
	s.table.update(r, func(r *row) {
		if !described {
			r.rename(l.SerialName)
			return
		}
		d := describe(l)
		if r.description != nil && d.SerialName == "" {
			d.SerialName = r.description.SerialName
		}
		r.describedAt = at
		if r.description == nil || *r.description != d {
			r.description = &d
		}
	})
	status, ok := listedStatus(r.condition.Value(), l)
	if !ok || !s.observe(r, Observation{At: l.At, Status: status}) {
		return
	}
	if r.queue != nil && at > r.polledAt {
		s.schedule.polledNow(r, at)
	}
}

// settle brings what depends on time up to date. The lock is given up between
// blocks, but not after the last look at all of them.
func (s *Store) settle(now time.Time, l Lifetimes) {
	if s.lifetimes != l {
		s.lifetimes = l
		for i := range s.table.blocks {
			s.table.blocks[i].observed, s.table.blocks[i].described = never, never
		}
	}
	t := s.instant(now)
	c := cutoffs{t - instant(l.Status), t - instant(l.RPA)}
	for again := true; again && s.lifetimes == l; {
		again = false
		for i := 0; i < len(s.table.blocks); i++ {
			if s.table.blocks[i].isOld(c) {
				s.table.settle(i, c)
				s.yield()
				again = true
			}
		}
	}
}

// Tracks reports whether a phone is tracked.
func (s *Store) Tracks(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.byID[id] != nil
}

// Len returns how many phones are tracked.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.table.rows)
}

// GroupOf returns the group of a phone, if it is tracked and was listed.
func (s *Store) GroupOf(id string) (group string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.table.byID[id]; r != nil && r.description != nil && r.description.Listed {
		return r.description.Group, true
	}
	return "", false
}

// NameOf returns the serial name of a phone, "" when none is known.
func (s *Store) NameOf(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.table.byID[id]; r != nil && r.description != nil {
		return r.description.SerialName
	}
	return ""
}

// IDs returns the ids of the tracked phones in ascending order.
func (s *Store) IDs() []string {
	s.mu.Lock()
	rows := slices.Clone(s.table.rows)
	s.mu.Unlock()
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return ids
}

// Snapshot returns what is known now.
func (s *Store) Snapshot(now time.Time, l Lifetimes) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(now, l)
	snapshot := &Snapshot{Standings: maps.Clone(s.table.standings), Phones: len(s.table.rows), Current: s.table.ages.n}
	snapshot.Conditions, snapshot.Descriptions = s.table.chunks()
	snapshot.Oldest, snapshot.Median = s.table.ages.of(s.instant(now))
	return snapshot
}

// All returns what is known of each phone. Phones come and go meanwhile: each that
// is tracked throughout is there once.
func (s *Store) All(now time.Time, l Lifetimes) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		s.mu.Lock()
		s.settle(now, l)
		rows := slices.Clone(s.table.rows)
		s.mu.Unlock()
		for some := range slices.Chunk(rows, blockSize) {
			for _, r := range s.records(some) {
				if !yield(&r) {
					return
				}
			}
		}
	}
}

// records returns what is known of those of some phones that are still tracked.
func (s *Store) records(rows []*row) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var records []Record
	for _, r := range rows {
		if s.table.byID[r.id] != r {
			continue
		}
		record := Record{
			ID: r.id, Condition: r.condition.Value(),
			ObservedAt: s.time(r.observedAt), DescribedAt: s.time(r.describedAt), PolledAt: s.time(r.polledAt),
			Waiting: r.queue != nil, Unlisted: r.unlistedAt != never,
		}
		if r.description != nil {
			record.Description = *r.description
		}
		records = append(records, record)
	}
	return records
}

// ObservedSince reports whether each of these phones that is still tracked was
// observed at t or later.
func (s *Store) ObservedSince(ids []string, t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.instant(t)
	for _, id := range ids {
		if r := s.table.byID[id]; r != nil && r.observedAt < at {
			return false
		}
	}
	return true
}
