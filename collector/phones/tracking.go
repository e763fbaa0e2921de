package phones

import (
	"slices"

	"geelark_exporter/geelark"
)

// A Round is one going through of all phones that are to be tracked.
type Round int32

// NewRound begins a round of tracking.
func (s *Store) NewRound() Round {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round++
	return s.round
}

// track returns the row of a phone, which it adds if there is none.
func (s *Store) track(id string, round Round) *row {
	r := s.table.byID[id]
	if r == nil {
		r = s.table.add(id)
		s.schedule.add(r)
	}
	r.round = round
	return r
}

// TrackListed adds phones of a listing, those that are tracked already too: the
// listing has news of them. Unless described is true, that is of their names and
// statuses only.
func (s *Store) TrackListed(round Round, phones []geelark.ListedPhone, described bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range phones {
		r := s.track(l.ID, round)
		r.unlisted = false
		s.learn(r, l, described)
	}
}

// DescribeListed takes in a listing of phones that are tracked anyway.
func (s *Store) DescribeListed(page *geelark.PhonePage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range page.Phones {
		if r := s.table.byID[l.ID]; r != nil {
			s.learn(r, geelark.ListedPhone{Phone: l, At: page.At}, true)
		}
	}
}

// TrackOnly tracks exactly these phones.
func (s *Store) TrackOnly(ids []string) {
	round := s.NewRound()
	for batch := range slices.Chunk(ids, chunkSize) {
		s.mu.Lock()
		for _, id := range batch {
			s.track(id, round)
		}
		s.mu.Unlock()
	}
	s.removeFunc(func(r *row) bool { return r.round != round })
}

// RetainListed ends the tracking of phones that a whole listing did not hold. A
// listing of a fleet that changes meanwhile can skip a phone, so its absence is
// believed when the next listing or the phone's own lookup agrees.
func (s *Store) RetainListed(round Round) {
	s.removeFunc(func(r *row) bool {
		if r.round == round {
			return false
		}
		gone := r.unlisted || r.condition.Value().Failure == FailedWith(geelark.CodePhoneNotFound)
		r.unlisted = true
		return gone
	})
}

// removeFunc ends the tracking of phones, a few at a time.
func (s *Store) removeFunc(gone func(*row) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for some := range slices.Chunk(slices.Clone(s.table.rows), chunkSize) {
		for _, r := range some {
			if s.table.byID[r.id] == r && gone(r) {
				s.schedule.drop(r)
				s.table.remove(r)
			}
		}
		s.yield()
	}
}
