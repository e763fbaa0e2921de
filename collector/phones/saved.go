package phones

import (
	"cmp"
	"iter"
	"slices"
	"time"
	"unique"

	"geelark_exporter/geelark"
)

// Saved is what is known of a phone as it is kept for a later process. Times are
// Unix times in milliseconds, 0 for never.
type Saved struct {
	ID                                string
	Status                            geelark.Status
	Failure                           Failure
	ObservedAt, PolledAt, DescribedAt int64

	SerialName, SerialNo, Group string
	Tags                        []string
	RPARunning                  Flag
	Traits                      Traits
	SubscriptionEnds, Created   int64
}

// savedAtOnce is how many phones are copied while the store is locked.
const savedAtOnce = 1000

// Save returns what is known of each phone, some at a time.
func (s *Store) Save() iter.Seq[[]Saved] {
	return func(yield func([]Saved) bool) {
		s.mu.Lock()
		rows := slices.Clone(s.table.rows)
		s.mu.Unlock()
		for some := range slices.Chunk(rows, savedAtOnce) {
			saved := make([]Saved, 0, len(some))
			for _, r := range s.records(some) {
				saved = append(saved, save(&r))
			}
			if !yield(saved) {
				return
			}
		}
	}
}

func save(r *Record) Saved {
	return Saved{
		ID: r.ID, Status: r.Status, Failure: r.Failure,
		ObservedAt: unixMilli(r.ObservedAt), PolledAt: unixMilli(r.PolledAt), DescribedAt: unixMilli(r.DescribedAt),
		SerialName: r.SerialName, SerialNo: r.SerialNo, Group: r.Group, Tags: r.Tags.Names(), RPARunning: r.RPARunning,
		Traits: r.Traits(), SubscriptionEnds: r.subscriptionEnds, Created: r.created,
	}
}

// Restore tracks phones as an earlier process knew them, which it brings into
// another order. Times that lie ahead, of a clock that was set back, count as now.
func (s *Store) Restore(saved []Saved, now time.Time) {
	// In the order of their queue, each comes at its end.
	slices.SortStableFunc(saved, func(a, b Saved) int { return cmp.Compare(a.PolledAt, b.PolledAt) })
	s.mu.Lock()
	defer s.mu.Unlock()
	at := func(ms int64) instant { return min(s.instant(ofUnixMilli(ms)), s.instant(now)) }
	for i := range saved {
		p := &saved[i]
		r := s.track(p.ID, s.round)
		s.table.update(r, func(r *row) {
			c := Condition{Knowledge: Current, Status: p.Status}
			switch {
			case p.ObservedAt == 0:
				c = Condition{}
			case p.Failure != (Failure{}):
				c = Condition{Knowledge: Failed, Status: p.Status, Failure: p.Failure}
			}
			r.condition, r.observedAt, r.describedAt = unique.Make(c), at(p.ObservedAt), at(p.DescribedAt)
			if d := p.description(); d != (Description{}) {
				r.description = &d
			}
		})
		if p.PolledAt != 0 {
			s.schedule.polledNow(r, at(p.PolledAt))
		}
	}
}

func (p *Saved) description() Description {
	if p.DescribedAt == 0 {
		return Description{SerialName: p.SerialName}
	}
	return Description{
		SerialName: p.SerialName, Listed: true,
		SerialNo: p.SerialNo, Group: unique.Make(p.Group).Value(), Tags: NewTags(p.Tags), RPARunning: p.RPARunning,
		traits: unique.Make(p.Traits), subscriptionEnds: p.SubscriptionEnds, created: p.Created,
	}
}
